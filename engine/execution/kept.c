/* kept: rows beside a study's answers: one that lists, and one for each table, which builds of one
 * day share where they left the same. Start at kept_put. */
#include "engine/execution/kept.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/execution/build.h"
#include "engine/graph/snapshot.h"

static enum status list_key(int64_t run, struct digest *key, struct error *err)
{
    char text[64];

    (void)snprintf(text, sizeof text, "kept build 1\n%lld\n", (long long)run);
    return digest_bytes(text, strlen(text), key, err);
}

/* ---- put ---- */

/* "lib.lua": the path in the recipe's folder, where it lies in there. */
static const char *path_inside(const struct build *b, const char *path, struct arena *arena)
{
    const char *folder = recipe_folder(b->recipe);
    const size_t n = strlen(folder);
    struct error ignored;
    char *absolute;

    if (file_absolute(path, arena, &absolute, &ignored) != OK)
        return path;
    return strncmp(absolute, folder, n) == 0 && absolute[n] == '/' ? absolute + n + 1 : absolute;
}

static void add_file(const struct build *b, struct text *t, const char *path,
                     const struct digest *digest)
{
    char hex[DIGEST_HEX + 1];

    digest_hex(digest, hex);
    text_add(t, "{\"file\": ");
    json_write_string(t, path_inside(b, path, b->arena));
    text_printf(t, ", \"digest\": \"%s\"}", hex);
}

static enum status add_files(const struct build *b, struct text *t, struct error *err)
{
    const struct snapshot *past = b->recall.past;
    struct recipe_origins o = {0};
    struct digest digest;

    for (size_t i = 0; past && i < past->n_files; i++) {
        text_add(t, i ? ", " : "");
        add_file(b, t, past->files[i].path, &past->files[i].digest);
    }
    if (past)
        return OK;
    (void)recipe_origins(b->recipe, &o);
    for (size_t i = 0; i < o.n_sources; i++) {
        text_add(t, i ? ", " : "");
        TRY(digest_bytes(o.sources[i].bytes, o.sources[i].n, &digest, err));
        add_file(b, t, o.sources[i].chunk + 1, &digest);
    }
    return OK;
}

/* A table's row has the day in its key: it goes no earlier than the builds that name it. */
static enum status put_table(struct build *b, const struct study_table *table, struct text *t,
                             struct error *err)
{
    char hex[DIGEST_HEX + 1], *text;
    struct digest key;

    text = arena_printf(b->arena, "kept table 1\n%lld\n%s", (long long)b->today, table->body);
    if (!text)
        return error_memory(err);
    TRY(digest_bytes(text, strlen(text), &key, err));
    digest_hex(&key, hex);
    text_add(t, "{\"study\": ");
    json_write_string(t, table->study);
    text_printf(t, ", \"table\": \"%s\"}", hex);
    return history_journal_put(b->store, &key, table->body, b->today, err);
}

enum status kept_put(struct build *b, const struct study_table *tables, size_t n, struct error *err)
{
    struct text t = text_in(b->arena);
    struct digest key;
    char *list;

    text_add(&t, "{\"files\": [");
    TRY(add_files(b, &t, err));
    text_add(&t, "], \"tables\": [");
    for (size_t i = 0; i < n; i++) {
        text_add(&t, i ? ", " : "");
        TRY(put_table(b, &tables[i], &t, err));
    }
    text_add(&t, "]}");
    TRY(text_finish(&t, &list, NULL, err));
    TRY(list_key(b->run, &key, err));
    return history_journal_put(b->store, &key, list, b->today, err);
}

/* ---- find ---- */

enum status kept_run(struct store *store, int64_t id, struct arena *arena, struct run *out,
                     struct error *err)
{
    struct run *runs;
    size_t n;

    TRY(history_runs(store, NULL, SIZE_MAX, arena, &runs, &n, err));
    for (size_t i = 0; i < n; i++)
        if (runs[i].id == id) {
            *out = runs[i];
            return OK;
        }
    (void)error_set(err, ERR_INPUT, "", "there is no run %lld here", (long long)id);
    error_hint(err, "hpo runs lists the builds so far");
    return ERR_INPUT;
}

/* Of a build that ended otherwise, or by an older hpo: the tables that no newer one replaced. */
static enum status take_newest(struct store *store, struct arena *arena, struct kept_build *out,
                               struct error *err)
{
    size_t n, kept = 0;

    TRY(history_tables(store, out->run.recipe, out->run.arguments, NULL, arena, &out->tables, &n,
                       err));
    for (size_t i = 0; i < n; i++)
        if (out->tables[i].run == out->run.id)
            out->tables[kept++] = out->tables[i];
    out->n_tables = kept;
    return OK;
}

static enum status nothing_left(const struct run *run, struct error *err)
{
    if (!run->status)
        return error_set(err, ERR_INPUT, "",
                         "run %lld has left nothing: it was killed, or it goes on",
                         (long long)run->id);
    (void)error_set(err, ERR_INPUT, "", "what run %lld left is not in the store any more",
                    (long long)run->id);
    error_hint(err, "hpo cache gc --max-days removes what older builds left; hpo 0.1.0 left only "
                    "its last table");
    return ERR_INPUT;
}

static enum status read_files(const struct json *list, struct arena *arena, struct kept_build *out,
                              struct error *err)
{
    if (!(out->files = arena_array(arena, list->n + 1, sizeof *out->files)))
        return error_memory(err);
    for (; out->n_files < list->n; out->n_files++) {
        struct kept_file *f = &out->files[out->n_files];
        TRY(json_want_string(&list->items[out->n_files], "kept build", "file", &f->path, err));
        TRY(json_want_string(&list->items[out->n_files], "kept build", "digest", &f->digest, err));
    }
    return OK;
}

static enum status read_tables(struct store *store, const struct json *list, struct arena *arena,
                               struct kept_build *out, struct error *err)
{
    if (!(out->tables = arena_array(arena, list->n + 1, sizeof *out->tables)))
        return error_memory(err);
    for (; out->n_tables < list->n; out->n_tables++) {
        const struct json *item = &list->items[out->n_tables];
        struct study_table *t = &out->tables[out->n_tables];
        struct digest key;
        const char *hex;
        enum status s;
        *t = (struct study_table){
            .recipe = out->run.recipe, .arguments = out->run.arguments, .run = out->run.id};
        TRY(json_want_string(item, "kept build", "study", &t->study, err));
        TRY(json_want_string(item, "kept build", "table", &hex, err));
        if (!digest_parse(hex, &key))
            return error_set(err, ERR_CORRUPT, "kept build", "expected a digest, found %s", hex);
        s = history_journal_get(store, &key, arena, &t->body, err);
        if (s == ERR_NOT_FOUND)
            return nothing_left(&out->run, err);
        TRY(s);
    }
    return OK;
}

enum status kept_find(struct store *store, int64_t run, struct arena *arena, struct kept_build *out,
                      struct error *err)
{
    const struct json *files, *tables;
    const char *text;
    struct json *list;
    struct digest key;
    enum status s;

    *out = (struct kept_build){.n_files = 0};
    TRY(kept_run(store, run, arena, &out->run, err));
    TRY(list_key(run, &key, err));
    s = history_journal_get(store, &key, arena, &text, err);
    if (s == ERR_NOT_FOUND) {
        TRY(take_newest(store, arena, out, err));
        return out->n_tables > 0 ? OK : nothing_left(&out->run, err);
    }
    TRY(s);
    TRY(json_parse(text, strlen(text), "kept build", JSON_STRICT, arena, &list, err));
    TRY(json_want_array(list, "kept build", "files", &files, err));
    TRY(json_want_array(list, "kept build", "tables", &tables, err));
    TRY(read_files(files, arena, out, err));
    return read_tables(store, tables, arena, out, err);
}
