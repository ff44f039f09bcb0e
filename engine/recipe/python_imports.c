/* python_imports: a reader of Python that knows strings, brackets and import. Start at
 * python_imports_read. */
#include "engine/recipe/python_imports.h"

#include <string.h>

#include "base/arena.h"
#include "base/text.h"

struct reader {
    const char *at;
    int line, depth; /* of brackets */
    const char *where;
    struct arena *arena;
    struct python_imports *out;
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_part(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9');
}

static size_t name_length(const char *at)
{
    size_t n = 0;

    if (is_letter(*at))
        while (is_part(at[n]))
            n++;
    return n;
}

static enum status refuse(const struct reader *r, int line, const char *what, struct error *err)
{
    (void)error_set(err, ERR_INPUT, "", "%s", what);
    error_place(err, "%s:%d", r->where, line);
    error_hint(err, "hpo.python reads the imports of a script, which has to be Python");
    return ERR_INPUT;
}

/* ---- what is passed over ---- */

/* Blanks, a backslash at the end of a line, and where `lines` is set comments and ends of lines. */
static void skip_blanks(struct reader *r, bool lines)
{
    for (;;) {
        const char *at = r->at;
        const size_t joined = *at != '\\'                      ? 0
                              : at[1] == '\n'                  ? 2
                              : at[1] == '\r' && at[2] == '\n' ? 3
                                                               : 0;
        if (!joined && !(lines && (*at == '#' || *at == '\n')) && *at != ' ' && *at != '\t' &&
            *at != '\f' && *at != '\r')
            return;
        r->line += joined || *at == '\n';
        r->at += joined ? joined : *at == '#' ? strcspn(at, "\n") : 1;
    }
}

/* A string that begins here, behind its prefix. One that its line does not end is passed over to
 * the end of the line: since 3.12 an f-string may have its own quotes in it. */
static enum status skip_string(struct reader *r, struct error *err)
{
    const char quote = *r->at;
    const bool triple = r->at[1] == quote && r->at[2] == quote;
    const int line = r->line;

    for (r->at += triple ? 3 : 1; *r->at; r->at++) {
        if (*r->at == '\n' && !triple)
            return OK;
        if (*r->at == quote && (!triple || (r->at[1] == quote && r->at[2] == quote))) {
            r->at += triple ? 3 : 1;
            return OK;
        }
        if (*r->at == '\\' && r->at[1])
            r->at++;
        r->line += *r->at == '\n';
    }
    return triple ? refuse(r, line, "the string that begins here has no end", err) : OK;
}

/* Whether the n letters before a quote are a string's prefix: r, b, f, u, t, or two of them. */
static bool is_prefix(const char *at, size_t n)
{
    return n <= 2 && strspn(at, "rRbBuUfFtT") >= n;
}

/* ---- import ---- */

/* "a.b.c", with blanks around the dots; "" where no name stands here. */
static enum status read_dotted(struct reader *r, bool lines, const char **out, struct error *err)
{
    struct text t = text_in(r->arena);
    size_t n;

    while ((n = name_length(r->at)) > 0) {
        text_add_bytes(&t, r->at, n);
        r->at += n;
        skip_blanks(r, lines);
        if (*r->at != '.')
            break;
        text_add(&t, ".");
        r->at++;
        skip_blanks(r, lines);
    }
    return text_finish(&t, (char **)out, NULL, err);
}

static bool take_word(struct reader *r, const char *word, bool lines)
{
    const size_t n = strlen(word);

    if (name_length(r->at) != n || strncmp(r->at, word, n) != 0)
        return false;
    r->at += n;
    skip_blanks(r, lines);
    return true;
}

static enum status add_import(struct reader *r, const struct python_import *import,
                              struct error *err)
{
    struct python_import *last = arena_push(r->arena, r->out->list, r->out->n, r->out->capacity);

    if (!last)
        return error_memory(err);
    *last = *import;
    return OK;
}

static enum status expected_name(struct reader *r, struct error *err)
{
    return refuse(r, r->line, "expected the name of a module, as in \"import NAME\"", err);
}

/* Behind "import": names with commas between them, each with an "as" or not. */
static enum status read_import(struct reader *r, struct error *err)
{
    struct python_import import = {.level = 0};
    const char *alias;

    do {
        r->at += *r->at == ',';
        skip_blanks(r, false);
        TRY(read_dotted(r, false, &import.module, err));
        if (!*import.module)
            return expected_name(r, err);
        TRY(add_import(r, &import, err));
        if (take_word(r, "as", false))
            TRY(read_dotted(r, false, &alias, err));
    } while (*r->at == ',');
    return OK;
}

/* The names behind "from X import", in brackets or not. */
static enum status read_names(struct reader *r, struct python_import *import, struct error *err)
{
    const bool bracket = *r->at == '(';
    const char *alias;

    for (r->at += bracket, skip_blanks(r, bracket); *r->at != ')'; skip_blanks(r, bracket)) {
        const char **last = arena_push(r->arena, import->names, import->n_names, import->capacity);
        if (!last)
            return error_memory(err);
        TRY(read_dotted(r, bracket, last, err));
        if (!**last)
            return expected_name(r, err);
        if (take_word(r, "as", bracket))
            TRY(read_dotted(r, bracket, &alias, err));
        if (*r->at != ',')
            break;
        r->at++;
    }
    if (bracket && *r->at != ')')
        return refuse(r, r->line, "expected \")\" behind the names of an import", err);
    r->at += bracket;
    return OK;
}

/* Behind "from". */
static enum status read_from(struct reader *r, struct error *err)
{
    struct python_import import = {.level = 0};

    for (skip_blanks(r, false); *r->at == '.'; skip_blanks(r, false), import.level++)
        r->at++;
    if (strncmp(r->at, "import", 6) == 0 && !is_part(r->at[6]) && import.level > 0)
        import.module = "";
    else
        TRY(read_dotted(r, false, &import.module, err));
    if ((!*import.module && import.level == 0) || !take_word(r, "import", false))
        return refuse(r, r->line, "expected \"from MODULE import NAME\"", err);
    import.star = *r->at == '*';
    if (import.star)
        r->at++;
    else
        TRY(read_names(r, &import, err));
    return add_import(r, &import, err);
}

/* ---- the rest ---- */

/* A name: the beginning of an import where a statement can begin, or the prefix of a string. */
static enum status read_name(struct reader *r, bool begins, struct error *err)
{
    const char *name = r->at;
    const size_t n = name_length(name);

    r->at += n;
    if ((*r->at == '"' || *r->at == '\'') && is_prefix(name, n))
        return skip_string(r, err);
    if (begins && n == 6 && strncmp(name, "import", n) == 0)
        return read_import(r, err);
    if (begins && n == 4 && strncmp(name, "from", n) == 0)
        return read_from(r, err);
    return OK;
}

enum status python_imports_read(const char *text, const char *where, struct arena *arena,
                                struct python_imports *out, struct error *err)
{
    struct reader r = {.at = text, .line = 1, .where = where, .arena = arena, .out = out};
    bool begins = true;

    *out = (struct python_imports){.n = 0};
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
        r.at += 3;
    for (skip_blanks(&r, r.depth > 0); *r.at; skip_blanks(&r, r.depth > 0)) {
        const char c = *r.at;
        if (is_letter(c)) {
            TRY(read_name(&r, begins, err));
            begins = false;
        } else if (c == '"' || c == '\'') {
            TRY(skip_string(&r, err));
            begins = false;
        } else if (c == '#') {
            r.at += strcspn(r.at, "\n");
        } else {
            if (c == '(' || c == '[' || c == '{')
                r.depth++;
            else if ((c == ')' || c == ']' || c == '}') && r.depth > 0)
                r.depth--;
            begins = r.depth == 0 && (c == '\n' || c == ';' || c == ':');
            r.line += c == '\n';
            r.at++;
            while (is_part(c) && is_part(*r.at)) /* a number, and what letters belong to it */
                r.at++;
        }
    }
    return OK;
}
