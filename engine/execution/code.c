/* code: rows of the journal, from a content's digest to that of its tokens. Start at code_note. */
#include "engine/execution/code.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/records/history.h"
#include "engine/graph/key.h"
#include "engine/graph/tokens.h"

enum { LARGEST = 4 * 1024 * 1024 }; /* a larger file is known by its content alone */

static const char unknown[] = "-"; /* of a source that tokens.h does not read */

static bool is_python(const char *path)
{
    const size_t n = strlen(path);

    return n > 3 && strcmp(path + n - 3, ".py") == 0;
}

/* ---- rows ---- */

static enum status name_row(const struct digest *content, struct digest *out, struct error *err)
{
    char text[32 + DIGEST_HEX], hex[DIGEST_HEX + 1];

    digest_hex(content, hex);
    (void)snprintf(text, sizeof text, "python tokens 1\n%s\n", hex);
    return digest_bytes(text, strlen(text), out, err);
}

/* NULL: nothing is remembered. */
static enum status get(struct build *b, const struct digest *content, struct arena *arena,
                       const char **tokens, struct error *err)
{
    struct digest row;
    enum status s;

    TRY(name_row(content, &row, err));
    s = history_journal_get(b->store, &row, arena, tokens, err);
    if (s == ERR_NOT_FOUND)
        *tokens = NULL;
    return s == ERR_NOT_FOUND ? OK : s;
}

static enum status put(struct build *b, const struct digest *content, const char *tokens,
                       struct error *err)
{
    struct digest row;

    TRY(name_row(content, &row, err));
    return history_journal_put(b->store, &row, tokens, b->today, err);
}

/* ---- reading ---- */

/* The tokens of a file that shall have this content; *tokens NULL: it has another by now. */
static enum status read_file(struct build *b, const char *path, const struct digest *content,
                             struct arena *arena, const char **tokens, struct error *err)
{
    char *bytes, *hex = arena_alloc(arena, DIGEST_HEX + 1);
    struct digest found;
    bool known;
    enum status s;
    size_t n;

    *tokens = NULL;
    if (!hex)
        return error_memory(err);
    s = file_read(path, LARGEST, arena, &bytes, &n, err);
    if (s != OK)
        return s == ERR_MEMORY ? s : OK;
    TRY(digest_bytes(bytes, n, &found, err));
    if (!digest_equal(&found, content))
        return OK;
    TRY(tokens_digest(bytes, n, &known, &found, err));
    digest_hex(&found, hex);
    *tokens = known ? hex : unknown;
    return put(b, content, *tokens, err);
}

/* The same from what is remembered, where that can be. */
static enum status find_file(struct build *b, const char *path, const struct digest *content,
                             struct arena *arena, const char **tokens, struct error *err)
{
    TRY(get(b, content, arena, tokens, err));
    return *tokens ? OK : read_file(b, path, content, arena, tokens, err);
}

/* A line of the text that is hashed for a folder. */
static enum status add_entry(struct build *b, const char *folder, const struct tree_entry *e,
                             struct arena *arena, struct text *t, struct error *err)
{
    const bool file = e->kind == TREE_FILE || e->kind == TREE_EXECUTABLE;
    const char *tokens = NULL, *path = file_join(arena, folder, e->path);
    char hex[DIGEST_HEX + 1] = "";

    if (!path)
        return error_memory(err);
    if (file && is_python(e->path) && e->size <= LARGEST)
        TRY(find_file(b, path, &e->digest, arena, &tokens, err));
    if (file)
        digest_hex(&e->digest, hex);
    if (tokens && strcmp(tokens, unknown) != 0)
        text_printf(t, "tokens %c %s %s\n", e->kind, tokens, e->path);
    else
        text_printf(t, "%c %s %s\n", e->kind, e->target ? e->target : hex, e->path);
    return OK;
}

static enum status read_folder(struct build *b, const char *path, const struct source *source,
                               struct arena *arena, struct error *err)
{
    struct text t = text_in(arena);
    char hex[DIGEST_HEX + 1], *text;
    struct digest digest;
    size_t n;

    for (size_t i = 0; i < source->tree->n; i++)
        TRY(add_entry(b, path, &source->tree->entries[i], arena, &t, err));
    TRY(text_finish(&t, &text, &n, err));
    TRY(digest_bytes(text, n, &digest, err));
    digest_hex(&digest, hex);
    return put(b, &source->digest, hex, err);
}

static bool has_python(const struct source *source, const char *path)
{
    if (!source->folder)
        return is_python(path) && source->size <= LARGEST;
    for (size_t i = 0; i < source->tree->n; i++)
        if (is_python(source->tree->entries[i].path))
            return true;
    return false;
}

static enum status note(struct build *b, const char *path, const struct source *source,
                        struct arena *arena, struct error *err)
{
    const char *tokens;

    TRY(get(b, &source->digest, arena, &tokens, err));
    if (tokens)
        return OK;
    return source->folder ? read_folder(b, path, source, arena, err)
                          : read_file(b, path, &source->digest, arena, &tokens, err);
}

enum status code_note(struct build *b, int node, struct error *err)
{
    const struct content *c = &work_of(b, node)->content;
    struct arena *arena;
    enum status s;

    if (b->replays || !has_python(&c->source, c->path)) /* a replay may have a store to read only */
        return OK;
    arena = arena_open();
    s = arena ? note(b, c->path, &c->source, arena, err) : error_memory(err);
    arena_close(arena);
    return s;
}

/* ---- comparing ---- */

/* The digest in "file 5891…", as JSON. */
static bool read_content(const struct key_field *f, struct digest *content)
{
    char hex[DIGEST_HEX + 1];

    if (f->n_value < DIGEST_HEX + 1)
        return false;
    memcpy(hex, f->value + f->n_value - 1 - DIGEST_HEX, DIGEST_HEX);
    hex[DIGEST_HEX] = '\0';
    return digest_parse(hex, content);
}

enum status code_is_same(struct build *b, const struct key_field *was, const struct key_field *is,
                         bool *same, struct error *err)
{
    const char *before, *after;
    struct digest x, y;

    *same = false;
    if (!read_content(was, &x) || !read_content(is, &y))
        return OK;
    TRY(get(b, &x, b->arena, &before, err));
    TRY(get(b, &y, b->arena, &after, err));
    *same = before && after && strcmp(before, unknown) != 0 && strcmp(before, after) == 0;
    return OK;
}
