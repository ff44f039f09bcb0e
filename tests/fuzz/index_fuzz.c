/*
 * index: whatever bytes are the file index.db of a store, opening and reading it ends with a status
 * and a sentence. The store lies in memory, one a process.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/maintenance/gc.h"
#include "cache/maintenance/statistics.h"
#include "cache/maintenance/verify.h"
#include "cache/records/history.h"
#include "cache/results/index.h"
#include "cache/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static char folder[64];

static void insist(int holds)
{
    if (!holds)
        abort();
}

static void insist_on_a_sentence(enum status s, const struct error *err)
{
    insist(s == OK || err->text[0] != '\0' || s == ERR_MEMORY);
}

static void remove_folder(void)
{
    struct error err;

    insist(file_remove(folder, &err) == OK);
}

static void write_file(const char *name, const void *bytes, size_t n)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "wb");
    insist(file && fwrite(bytes, 1, n, file) == n);
    insist(fclose(file) == 0);
}

static void make_folder(void)
{
    char path[128];
    struct error err;

    (void)snprintf(folder, sizeof folder, "%s/hpo_index_fuzz.XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    insist(mkdtemp(folder) != NULL);
    insist(atexit(remove_folder) == 0);
    (void)snprintf(path, sizeof path, "%s/blobs", folder);
    insist(file_make_folders(path, &err) == OK);
    write_file("version", "hpo store 3\n", 12);
    write_file("lock", "", 0);
}

static void read_results(struct store *store, struct arena *arena)
{
    struct error err = {0};
    struct digest after;
    struct result r, *others;
    size_t n;
    enum status s = OK;

    for (int i = 0; s == OK && i < 100; i++) {
        s = index_result_next(store, i ? &after : NULL, arena, &r, &err);
        if (s == OK) {
            after = r.key;
            s = index_result_others(store, &after, arena, &others, &n, &err);
        }
    }
    insist_on_a_sentence(s, &err);
}

static void read_all(struct store *store, struct arena *arena)
{
    const struct digest zero = {{0}};
    struct study_table *tables;
    struct verify_report report;
    struct cache_stat stat;
    struct failure failure;
    struct error err = {0};
    struct node_key *keys;
    struct digest *found;
    const char *answer;
    struct run *runs;
    size_t n;

    read_results(store, arena);
    insist_on_a_sentence(index_result_find(store, "0", 9, arena, &found, &n, &err), &err);
    insist_on_a_sentence(history_runs(store, NULL, 9, arena, &runs, &n, &err), &err);
    insist_on_a_sentence(history_node_keys(store, "r", "n", 9, arena, &keys, &n, &err), &err);
    insist_on_a_sentence(history_tables(store, "r", NULL, NULL, arena, &tables, &n, &err), &err);
    insist_on_a_sentence(history_journal_get(store, &zero, arena, &answer, &err), &err);
    insist_on_a_sentence(history_failure_get(store, &zero, arena, &failure, &err), &err);
    insist_on_a_sentence(cache_verify(store, arena, &report, &err), &err);
    insist_on_a_sentence(cache_stat(store, arena, &stat, &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct error err = {0};
    struct arena *arena = arena_open();
    struct store *store = NULL;
    enum status s;

    insist(arena != NULL);
    if (!folder[0])
        make_folder();
    write_file("index.db", bytes, n);
    s = store_open(folder, STORE_READ, NULL, &store, &err);
    insist_on_a_sentence(s, &err);
    if (s == OK)
        read_all(store, arena);
    store_close(store);
    arena_close(arena);
    return 0;
}
