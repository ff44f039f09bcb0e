/* verify: walks over blobs, trees and results. Start at cache_verify. */
#include "cache/maintenance/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/text.h"
#include "cache/content/blob.h"
#include "cache/content/inventory.h"
#include "cache/content/scan.h"
#include "cache/content/tree.h"
#include "cache/database.h"
#include "cache/records/history.h"
#include "cache/results/index.h"
#include "cache/store.h"

#ifdef HPO_SMALL
enum { SCANS_AT_ONCE = 2 };
#else
enum { SCANS_AT_ONCE = 1024 };
#endif

struct verification {
    struct store *store;
    struct arena *arena; /* of the report */
    struct verify_report *report;
    size_t capacity;
    struct inventory inventory;
    bool rows; /* the index is damaged, not only blobs */
};

/* Adds a sentence to the report. */
static enum status note(struct verification *v, struct error *err, const char *format, ...)
    PRINTF_LIKE(3, 4);

static enum status note(struct verification *v, struct error *err, const char *format, ...)
{
    struct verify_report *r = v->report;
    char sentence[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    if (r->n_damage == v->capacity) {
        const char **more = arena_grow(v->arena, r->damage, r->n_damage, r->n_damage + 1,
                                       sizeof *more, &v->capacity);
        if (!more)
            return error_memory(err);
        r->damage = more;
    }
    if (!(r->damage[r->n_damage] = arena_string(v->arena, sentence)))
        return error_memory(err);
    r->n_damage++;
    return OK;
}

/* ---- blobs ---- */

/* One that nothing names is only a leftover, of a power cut or a killed process: see note_blobs. */
static void judge(struct inventory_blob *blob, const struct digest *found)
{
    if (!digest_equal(found, &blob->digest))
        blob->damage = "its bytes changed";
}

/* One that went away meanwhile is no damage: a result that needs it will say so. */
static enum status judge_scan(struct verification *v, struct inventory_blob *blob,
                              const struct scan *scan, struct error *err)
{
    struct error why;

    if (scan->outcome == SCAN_ABSENT)
        return OK;
    if (scan->outcome == SCAN_CHANGED || scan_status(scan, &why) == OK) {
        judge(blob, &scan->digest); /* changed: by who took another link to it, or replaced it */
        return OK;
    }
    blob->damage = arena_string(v->arena, why.text);
    return blob->damage ? OK : error_memory(err);
}

/* Scans the files among blobs[first …], at most SCANS_AT_ONCE; *next is where to go on. */
static enum status verify_some_files(struct verification *v, size_t first, size_t *next,
                                     struct arena *arena, struct error *err)
{
    struct scan *scans = arena_array(arena, SCANS_AT_ONCE, sizeof *scans);
    size_t *places = arena_array(arena, SCANS_AT_ONCE, sizeof *places);
    size_t n = 0, i;

    if (!scans || !places)
        return error_memory(err);
    for (i = first; i < v->inventory.n && n < SCANS_AT_ONCE; i++) {
        const struct inventory_blob *blob = &v->inventory.blobs[i];
        char name[BLOB_NAME_MAX];
        if (blob->in_index)
            continue;
        places[n] = i;
        store_blob_name(&blob->digest, name);
        scans[n].path = arena_printf(arena, "%s/blobs/%s", store_folder(v->store), name);
        if (!scans[n].path)
            return error_memory(err);
        scans[n].size = blob->size;
        n++;
    }
    *next = i;
    TRY(scan_files(scans, n, store_watch(v->store), err));
    for (size_t k = 0; k < n; k++)
        TRY(judge_scan(v, &v->inventory.blobs[places[k]], &scans[k], err));
    return OK;
}

static enum status verify_files(struct verification *v, struct error *err)
{
    for (size_t next = 0; next < v->inventory.n;) {
        struct arena *arena = arena_open();
        enum status s = arena ? verify_some_files(v, next, &next, arena, err) : error_memory(err);
        arena_close(arena);
        if (s != OK)
            return s;
    }
    return OK;
}

static enum status verify_inline(struct verification *v, struct error *err)
{
    struct statement *st =
        database_statement(store_database(v->store), "SELECT digest, bytes FROM inline_blob");
    enum status s = OK, end;

    while (s == OK && statement_row(st)) {
        struct digest name = statement_digest(st, 0), found;
        size_t n;
        const void *bytes = statement_bytes(st, 1, &n);
        struct inventory_blob *blob = inventory_find(&v->inventory, &name);
        s = digest_bytes(bytes, n, &found, err);
        if (s == OK && blob)
            judge(blob, &found);
    }
    end = statement_end(st, err);
    return s != OK ? s : end;
}

/* ---- results ---- */

/* Whether the row still says so: another process may have dropped the tree while we looked. */
static enum status still_kept(struct verification *v, const struct result *r, bool *kept,
                              struct error *err)
{
    struct statement *st = database_statement(
        store_database(v->store), "SELECT 1 FROM result WHERE key = ?1 AND tree = ?2 AND kept "
                                  "UNION ALL SELECT 1 FROM other_result WHERE key = ?1 AND "
                                  "tree = ?2 AND kept");

    statement_bind_digest(st, 1, &r->key);
    statement_bind_digest(st, 2, &r->tree);
    *kept = statement_row(st);
    return statement_end(st, err);
}

static enum status note_missing(struct verification *v, const struct result *r, const char *what,
                                const struct digest *blob, struct error *err)
{
    char key[DIGEST_HEX + 1], hex[DIGEST_HEX + 1];
    bool kept;

    TRY(still_kept(v, r, &kept, err));
    if (!kept)
        return OK;
    digest_hex(&r->key, key);
    digest_hex(blob, hex);
    return note(v, err, "result %.12s: its %.300s (blob %.12s) is missing", key, what, hex);
}

static enum status verify_tree(struct verification *v, const struct result *r, struct arena *arena,
                               struct error *err)
{
    const struct inventory_blob *listing = inventory_find(&v->inventory, &r->tree);
    const struct tree_entry *missing;
    char key[DIGEST_HEX + 1];
    struct error why;
    struct tree tree;
    bool exists;
    enum status s;

    inventory_need(&v->inventory, &r->tree, 1);
    if (listing && listing->damage)
        return OK; /* it will be said; and reading it would remove it */
    v->report->trees++;
    s = tree_read(v->store, &r->tree, arena, &tree, &why);
    if (s == ERR_NOT_FOUND)
        return note_missing(v, r, "tree", &r->tree, err);
    if (s == ERR_CORRUPT) {
        digest_hex(&r->key, key);
        return note(v, err, "result %.12s: %s", key, why.text);
    }
    if (s != OK) {
        *err = why;
        return s;
    }
    inventory_need_tree(&v->inventory, &tree, 1);
    TRY(tree_exists(v->store, &tree, &exists, &missing, err));
    return exists ? OK : note_missing(v, r, missing->path, &missing->digest, err);
}

static enum status verify_log(struct verification *v, const struct result *r, struct error *err)
{
    char key[DIGEST_HEX + 1];
    bool exists;

    inventory_need(&v->inventory, &r->log, 1);
    TRY(blob_exists(v->store, &r->log, &exists, err));
    digest_hex(&r->key, key);
    return exists ? OK : note(v, err, "result %.12s: its log is missing", key);
}

static enum status verify_result(struct verification *v, const struct result *r,
                                 struct arena *arena, struct error *err)
{
    v->report->results++;
    if (r->kept)
        TRY(verify_tree(v, r, arena, err));
    return r->has_log ? verify_log(v, r, err) : OK;
}

static enum status verify_next(struct verification *v, const struct digest *after,
                               struct digest *key, struct arena *arena, struct error *err)
{
    struct result r, *others;
    size_t n;

    TRY(index_result_next(v->store, after, arena, &r, err));
    *key = r.key;
    TRY(verify_result(v, &r, arena, err));
    TRY(index_result_others(v->store, key, arena, &others, &n, err));
    for (size_t i = 0; i < n; i++)
        TRY(verify_result(v, &others[i], arena, err));
    return OK;
}

static enum status verify_results(struct verification *v, struct error *err)
{
    struct digest key;
    bool first = true;

    for (;;) {
        struct arena *arena = arena_open();
        enum status s =
            arena ? verify_next(v, first ? NULL : &key, &key, arena, err) : error_memory(err);
        arena_close(arena);
        if (s == ERR_NOT_FOUND)
            return OK;
        if (s != OK)
            return s;
        first = false;
    }
}

/* The logs of failures are needed too. */
static enum status need_failures(struct verification *v, struct error *err)
{
    struct arena *arena = arena_open();
    struct failure *failures;
    size_t n = 0;
    enum status s = arena ? history_failures(v->store, INT64_MIN, arena, &failures, &n, err)
                          : error_memory(err);

    for (size_t i = 0; i < n; i++)
        if (failures[i].has_log)
            inventory_need(&v->inventory, &failures[i].log, 1);
    arena_close(arena);
    return s;
}

static enum status note_blobs(struct verification *v, struct error *err)
{
    for (size_t i = 0; i < v->inventory.n; i++) {
        const struct inventory_blob *blob = &v->inventory.blobs[i];
        char hex[DIGEST_HEX + 1];
        if (!blob->damage || blob->needs == 0)
            continue;
        digest_hex(&blob->digest, hex);
        TRY(note(v, err, "blob %.12s: %s", hex, blob->damage));
    }
    return OK;
}

/* ---- the whole ---- */

static enum status verify_index(struct verification *v, struct error *err)
{
    struct statement *st = database_statement(store_database(v->store), "PRAGMA integrity_check");
    enum status s = OK, end;

    while (s == OK && statement_row(st)) {
        const char *line = statement_text(st, 0, v->arena);
        if (line && strcmp(line, "ok") != 0) {
            v->rows = true;
            s = note(v, err, "index: %s", line);
        }
    }
    end = statement_end(st, err);
    return s != OK ? s : end;
}

/* Each row against its guard, each table against its sum, at one moment. */
static enum status verify_rows(struct verification *v, struct error *err)
{
    for (size_t i = 0; i < DATABASE_TABLES; i++) {
        struct table_check t;
        TRY(database_check_table(store_database(v->store), i, &t, err));
        v->rows = v->rows || t.damaged > 0 || t.missing != 0 || t.wrong_sum;
        if (t.damaged > 0)
            TRY(note(v, err, "index: damaged rows in \"%s\" (%s): %lld", t.name, t.what,
                     (long long)t.damaged));
        if (t.missing > 0)
            TRY(note(v, err, "index: missing rows in \"%s\" (%s): %lld", t.name, t.what,
                     (long long)t.missing));
        if (t.missing < 0 || t.wrong_sum)
            TRY(note(v, err, "index: the rows of \"%s\" (%s) are not those that were put there",
                     t.name, t.what));
    }
    return OK;
}

static enum status verify_tables(struct verification *v, struct error *err)
{
    struct database *db = store_database(v->store);
    const bool reading = database_read_begin(db);
    const enum status s = verify_rows(v, err);

    if (reading)
        database_read_end(db);
    return s;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum status verify_all(struct verification *v, struct error *err)
{
    struct verify_report *report = v->report;

    TRY(verify_index(v, err));
    TRY(verify_tables(v, err));
    TRY(inventory_read(v->store, v->arena, &v->inventory, err));
    for (size_t i = 0; i < v->inventory.n; i++)
        report->bytes += v->inventory.blobs[i].size;
    report->blobs = v->inventory.n;
    for (size_t i = 0; i < v->inventory.n_strays; i++)
        TRY(note(v, err, "blobs/%.300s: not a blob", v->inventory.strays[i]));
    TRY(verify_files(v, err));
    TRY(verify_inline(v, err));
    TRY(verify_results(v, err));
    TRY(need_failures(v, err));
    return note_blobs(v, err);
}

enum status cache_verify(struct store *store, struct arena *arena, struct verify_report *report,
                         struct error *err)
{
    struct verification v = {.store = store, .arena = arena, .report = report};
    enum status s;

    *report = (struct verify_report){0};
    database_only_look(store_database(store), true);
    s = verify_all(&v, err);
    database_only_look(store_database(store), false);
    if (s != OK || report->n_damage == 0)
        return s;
    qsort(report->damage, report->n_damage, sizeof *report->damage, compare_strings);
    (void)error_set(err, ERR_CORRUPT, store_folder(store), "the store is damaged in %zu places",
                    report->n_damage);
    error_hint(err, v.rows ? "hpo cache gc drops the rows that are damaged; the next build makes "
                             "again what is missing"
                           : "a damaged blob is made again by the build that needs it");
    return ERR_CORRUPT;
}
