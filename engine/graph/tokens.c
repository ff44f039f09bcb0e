/*
 * tokens: a reader of Python's tokens that gives up where it is not sure.
 *
 * Digested   A letter and the bytes of each token, and a NUL: w a word, n a number (with all that
 *            stands to it without a gap), s a string with its prefix, o an operator, ! the first
 *            line where it is no comment. N ends a logical line, I and D are indentation.
 * Start      at tokens_digest.
 */
#include "engine/graph/tokens.h"

#include <string.h>

enum { DEEPEST = 100 }; /* brackets, and indentation: as Python itself has it */

struct reader {
    const char *at, *end;
    struct hasher *hasher;
    char closing[DEEPEST]; /* of the brackets that are open */
    int open;
    int columns[DEEPEST + 1]; /* of the blocks that are open; the first is 0 */
    int blocks;
    char indented_by; /* a tab or a blank, once one has been seen */
    bool in_line;     /* a token of this logical line has been read */
    bool lost;        /* there is something that we do not know */
};

static char peek(const struct reader *r, size_t ahead)
{
    if ((size_t)(r->end - r->at) > ahead)
        return r->at[ahead];
    return '\0';
}

static void lose(struct reader *r)
{
    r->lost = true;
    r->at = r->end;
}

static void emit(struct reader *r, char kind, const char *bytes, size_t n)
{
    hasher_add(r->hasher, &kind, 1);
    hasher_add(r->hasher, bytes, n);
    hasher_add(r->hasher, "", 1);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* ---- strings ---- */

/* One of '...' or '''...'''. */
struct quote {
    char c;
    size_t n; /* 1 or 3 */
    bool fields;
};

static bool ends_here(const struct reader *r, const struct quote *q)
{
    return peek(r, 0) == q->c && (q->n == 1 || (peek(r, 1) == q->c && peek(r, 2) == q->c));
}

/* A string inside of a {}: only a plain one of the other quote, which all Pythons read alike. */
static bool skip_inner(struct reader *r, const struct quote *q)
{
    const char quote = *r->at++;

    if (quote == q->c)
        return false;
    for (; r->at < r->end && *r->at != quote; r->at++)
        if (*r->at == q->c || strchr("\\{}\n#", *r->at))
            return false;
    if (r->at < r->end)
        r->at++;
    return true;
}

/* What stands between { and }, both included. Before 3.12 its end was that of the string. */
static bool skip_field(struct reader *r, const struct quote *q)
{
    int depth = 0;

    do {
        const char c = peek(r, 0);
        if (c == '\'' || c == '"') {
            if (!skip_inner(r, q))
                return false;
            continue;
        }
        if (c == '\0' || c == '\\' || c == '#' || (c == '\n' && q->n == 1))
            return false;
        depth += (c == '{') - (c == '}');
        r->at++;
    } while (depth > 0);
    return true;
}

/* The next part of a string; false: it is not known where it ends. */
static bool skip_part(struct reader *r, const struct quote *q)
{
    const char c = peek(r, 0);

    if (c == '\0' || (c == '\n' && q->n == 1))
        return false;
    if (c == '\\' && (peek(r, 1) == '\0' || (q->fields && strchr("{}", peek(r, 1)))))
        return false;
    if (q->fields && (c == '{' || c == '}')) {
        if (peek(r, 1) != c)
            return c == '{' && skip_field(r, q);
        r->at++;
    }
    r->at += c == '\\' ? 2 : 1;
    return true;
}

/* From the prefix, whose first byte is at start, to the last quote. */
static void read_string(struct reader *r, const char *start)
{
    struct quote q = {.c = *r->at, .n = 1};

    for (const char *c = start; c < r->at; c++)
        q.fields = q.fields || strchr("fFtT", *c);
    if (peek(r, 1) == q.c && peek(r, 2) == q.c)
        q.n = 3;
    r->at += q.n;
    if (q.n == 1 && peek(r, 0) == q.c) { /* '' */
        r->at++;
        emit(r, 's', start, (size_t)(r->at - start));
        return;
    }
    while (r->at < r->end && !ends_here(r, &q))
        if (!skip_part(r, &q)) {
            lose(r);
            return;
        }
    if (r->at == r->end) {
        lose(r);
        return;
    }
    r->at += q.n;
    emit(r, 's', start, (size_t)(r->at - start));
}

/* ---- other tokens ---- */

static bool is_prefix(const char *word, size_t n)
{
    static const char *const prefixes[] = {"r",  "u",  "b",  "f",  "t", "br",
                                           "rb", "fr", "rf", "tr", "rt"};

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t k = 0;
        while (k < n && (word[k] | 0x20) == prefixes[i][k])
            k++;
        if (k == n && !prefixes[i][k])
            return true;
    }
    return false;
}

static void read_word(struct reader *r)
{
    const char *start = r->at;

    while (r->at < r->end && is_word(*r->at))
        r->at++;
    if ((peek(r, 0) == '\'' || peek(r, 0) == '"') && r->at - start <= 2 &&
        is_prefix(start, (size_t)(r->at - start)))
        read_string(r, start);
    else
        emit(r, 'w', start, (size_t)(r->at - start));
}

/* With what stands to it: 1.5e-3, but also 1if, which Python would part. */
static void read_number(struct reader *r)
{
    const char *start = r->at;
    const bool based = *start == '0' && strchr("xXoObB", peek(r, 1)) && peek(r, 1);

    while (r->at < r->end && (is_word(*r->at) || *r->at == '.')) {
        const bool exponent = !based && (*r->at == 'e' || *r->at == 'E');
        r->at++;
        if (exponent && (peek(r, 0) == '-' || peek(r, 0) == '+') && is_digit(peek(r, 1)))
            r->at++;
    }
    emit(r, 'n', start, (size_t)(r->at - start));
}

/* The longest that Python knows; 0: none. */
static size_t operator_at(const struct reader *r)
{
    static const char *const all[] = {
        "**=", "//=", ">>=", "<<=", "...", "!=", "->", ":=", "==", "<=", ">=", "**",
        "//",  "<<",  ">>",  "+=",  "-=",  "*=", "/=", "%=", "&=", "|=", "^=", "@="};
    const size_t left = (size_t)(r->end - r->at);

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (left >= strlen(all[i]) && memcmp(r->at, all[i], strlen(all[i])) == 0)
            return strlen(all[i]);
    if (left > 1 && memcmp(r->at, "<>", 2) == 0)
        return 0;
    return strchr("+-*/%@&|^~<>()[]{},:.;=", *r->at) ? 1 : 0;
}

/* Opens or closes what the operator says. */
static void nest(struct reader *r, char c)
{
    static const char opening[] = "([{", closing[] = ")]}";
    const char *opens = strchr(opening, c), *closes = strchr(closing, c);

    if (opens && r->open < DEEPEST)
        r->closing[r->open++] = closing[opens - opening];
    else if (opens || (closes && (r->open == 0 || r->closing[--r->open] != c)))
        lose(r);
}

static void read_operator(struct reader *r)
{
    const size_t n = operator_at(r);
    const char *start = r->at;

    if (n == 0) {
        lose(r);
        return;
    }
    r->at += n;
    emit(r, 'o', start, n);
    if (n == 1)
        nest(r, *start);
}

/* ---- lines ---- */

static bool holds(const char *from, const char *to, const char *word)
{
    const size_t n = strlen(word);

    for (; (size_t)(to - from) >= n; from++)
        if (memcmp(from, word, n) == 0)
            return true;
    return false;
}

/* How far the first token of a line stands in. */
static void indent(struct reader *r, const char *start)
{
    const int column = (int)(r->at - start);

    for (const char *c = start; c < r->at; c++) {
        if (r->indented_by && *c != r->indented_by) {
            lose(r);
            return;
        }
        r->indented_by = *c;
    }
    if (column > r->columns[r->blocks]) {
        if (r->blocks == DEEPEST) {
            lose(r);
            return;
        }
        r->columns[++r->blocks] = column;
        emit(r, 'I', "", 0);
    }
    for (; column < r->columns[r->blocks]; r->blocks--)
        emit(r, 'D', "", 0);
    if (column != r->columns[r->blocks])
        lose(r);
}

static void skip_blanks(struct reader *r)
{
    while (peek(r, 0) == ' ' || peek(r, 0) == '\t')
        r->at++;
}

static void skip_comment(struct reader *r)
{
    while (r->at < r->end && *r->at != '\n')
        r->at++;
}

static void end_line(struct reader *r)
{
    if (r->in_line && r->open == 0) {
        emit(r, 'N', "", 0);
        r->in_line = false;
    }
}

/* A backslash at the end of a line; a comment or nothing behind it is read in several ways. */
static void join_lines(struct reader *r)
{
    const bool joins = r->in_line && peek(r, 1) == '\n';

    r->at += joins ? 2 : 0;
    skip_blanks(r);
    if (!joins || r->at == r->end || peek(r, 0) == '#' || peek(r, 0) == '\n')
        lose(r);
}

/* A token, or what lies between two; a line begins where in_line is false. */
static void read_next(struct reader *r)
{
    const char *start = r->at;
    char c;

    skip_blanks(r);
    c = peek(r, 0);
    if (r->at == r->end)
        return;
    if (c == '#') {
        skip_comment(r);
        if (r->at == r->end) /* without a newline: Pythons differ */
            lose(r);
        return;
    }
    if (c == '\n') {
        r->at++;
        end_line(r);
        return;
    }
    if (c == '\\') {
        join_lines(r);
        return;
    }
    if (!r->in_line)
        indent(r, start);
    if (r->lost)
        return;
    r->in_line = true;
    if (is_digit(c) || (c == '.' && is_digit(peek(r, 1))))
        read_number(r);
    else if (is_word(c))
        read_word(r);
    else if (c == '\'' || c == '"')
        read_string(r, r->at);
    else
        read_operator(r);
}

/* What would be read in another way than as bytes of ASCII and UTF-8. */
static bool is_plain(const char *source, size_t n)
{
    const char *line = source, *end = source + n;

    for (size_t i = 0; i < n; i++)
        if ((unsigned char)source[i] < ' ' && source[i] != '\t' && source[i] != '\n')
            return false;
    for (int i = 0; i < 2; i++) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        if (holds(line, newline ? newline : end, "coding"))
            return false;
        line = newline ? newline + 1 : end;
    }
    return n < 3 || memcmp(source, "\xef\xbb\xbf", 3) != 0;
}

static void read_all(struct reader *r)
{
    if (peek(r, 0) == '#' && peek(r, 1) == '!') {
        const char *start = r->at;
        skip_comment(r);
        emit(r, '!', start, (size_t)(r->at - start));
    }
    while (r->at < r->end)
        read_next(r);
    r->lost = r->lost || r->open > 0;
    end_line(r);
}

enum status tokens_digest(const char *source, size_t n, bool *known, struct digest *out,
                          struct error *err)
{
    struct reader r = {.at = source, .end = source + n};
    enum status s;

    *known = is_plain(source, n);
    if (!*known)
        return OK;
    TRY(hasher_open(&r.hasher, err));
    read_all(&r);
    s = hasher_finish(r.hasher, out, err);
    hasher_close(r.hasher);
    *known = !r.lost;
    return s;
}
