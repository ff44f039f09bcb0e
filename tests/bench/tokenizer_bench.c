/*
 * tokenizer_bench TOKENIZER.json TEXTS.json [PASSES]: encodes a list of texts, again and again, on
 * one thread, and prints one line of JSON: {"bytes", "ids", "open_seconds", "seconds": [...]}.
 * The first pass meets every piece for the first time. tests/bench/tokenizer sets it beside others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "trainer/tokenizer/tokenizer.h"

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of one pass over all texts; 0 is a failure. */
static double pass(struct tokenizer *t, const struct json *texts, size_t *bytes, size_t *n_ids,
                   struct error *err)
{
    struct arena *arena = arena_open();
    const double start = now();
    double seconds = 0;

    *bytes = *n_ids = 0;
    for (size_t i = 0; arena && i < texts->n; i++) {
        int32_t *ids;
        size_t n;
        if (tokenizer_encode(t, texts->items[i].string, texts->items[i].n, arena, &ids, &n, err))
            goto out;
        *bytes += texts->items[i].n;
        *n_ids += n;
    }
    seconds = now() - start;
out:
    arena_close(arena);
    return seconds;
}

static enum status bench(const char *tokenizer, const char *path, int passes, struct arena *arena,
                         struct error *err)
{
    struct tokenizer *t;
    struct json *texts;
    char *file;
    size_t n, bytes = 0, n_ids = 0;
    double opened = now();

    TRY(tokenizer_open(tokenizer, &t, err));
    opened = now() - opened;
    TRY(file_read(path, (size_t)1 << 32, arena, &file, &n, err));
    TRY(json_parse(file, n, path, JSON_STRICT, arena, &texts, err));
    (void)printf("{\"open_seconds\": %.6f, \"seconds\": [", opened);
    for (int i = 0; i < passes; i++)
        (void)printf("%s%.6f", i > 0 ? ", " : "", pass(t, texts, &bytes, &n_ids, err));
    (void)printf("], \"bytes\": %zu, \"ids\": %zu}\n", bytes, n_ids);
    tokenizer_close(t);
    return OK;
}

int main(int argc, char **argv)
{
    struct error err = {.where = ""};
    struct arena *arena = arena_open();
    enum status s = ERR_INPUT;

    if (arena && (argc == 3 || argc == 4))
        s = bench(argv[1], argv[2], argc == 4 ? (int)strtol(argv[3], NULL, 10) : 5, arena, &err);
    if (s != OK)
        (void)fprintf(stderr, "tokenizer_bench: %s: %s\n", err.where, err.text);
    arena_close(arena);
    return s == OK ? 0 : 1;
}
