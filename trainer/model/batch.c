/* batch: a line of JSON → an example → rows of a batch. Start at batch_example. */
#include "trainer/model/batch.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "trainer/model/jsonl.h"

enum { TOKENS_MAX = 1 << 20, IGNORED = -100 };

static enum status check_lists(const struct example_lists *l, const char *where, struct error *err)
{
    if (!l->ids || l->ids->kind != JSON_ARRAY)
        return error_set(err, ERR_INPUT, where, "input_ids: expected a list, found %s",
                         json_kind_name(l->ids));
    if (l->ids->n > TOKENS_MAX)
        return error_set(err, ERR_INPUT, where, "input_ids: expected at most %d tokens, found %zu",
                         TOKENS_MAX, l->ids->n);
    if (l->labels && (l->labels->kind != JSON_ARRAY || l->labels->n != l->ids->n))
        return error_set(err, ERR_INPUT, where,
                         "labels: expected a list as long as input_ids (%zu)", l->ids->n);
    if (l->mask && (l->mask->kind != JSON_ARRAY || l->mask->n != l->ids->n))
        return error_set(err, ERR_INPUT, where,
                         "attention_mask: expected a list as long as input_ids (%zu)", l->ids->n);
    return OK;
}

static enum status want_whole(const struct json *list, size_t i, int64_t low, int64_t high,
                              const char *where, const char *name, int64_t *out, struct error *err)
{
    const struct json *value = &list->items[i];

    if (value->kind != JSON_NUMBER)
        return error_set(err, ERR_INPUT, where, "%s[%zu]: expected a whole number, found %s", name,
                         i, json_kind_name(value));
    if (!value->whole || value->integer < low || value->integer > high)
        return error_set(err, ERR_INPUT, where,
                         "%s[%zu]: expected a whole number from %lld to %lld, found %.15g", name, i,
                         (long long)low, (long long)high, value->number);
    *out = value->integer;
    return OK;
}

/* Label p: a token, or -1. */
static enum status label_of(const struct example_lists *l, size_t p, size_t vocab,
                            const char *where, int32_t *out, struct error *err)
{
    int64_t label = IGNORED;

    *out = -1;
    if (!l->labels || p >= l->labels->n)
        return OK;
    TRY(want_whole(l->labels, p, IGNORED, (int64_t)vocab - 1, where, "labels", &label, err));
    if (label == IGNORED)
        return OK;
    if (label < 0)
        return error_set(err, ERR_INPUT, where, "labels[%zu]: expected a token or -100, found %lld",
                         p, (long long)label);
    *out = (int32_t)label;
    return OK;
}

enum status batch_example(const struct example_lists *lists, const struct batch_rules *rules,
                          bool with_last, const char *where, struct arena *arena,
                          struct example *out, struct error *err)
{
    const size_t vocab = rules->vocab;
    size_t kept = 0;
    int32_t first;

    TRY(check_lists(lists, where, err));
    TRY(label_of(lists, 0, vocab, where, &first, err));
    out->ids = arena_array(arena, lists->ids->n, sizeof *out->ids);
    out->places = arena_array(arena, lists->ids->n, sizeof *out->places);
    out->targets = arena_array(arena, lists->ids->n, sizeof *out->targets);
    out->n_queries = out->n_labels = 0;
    if (!out->ids || !out->places || !out->targets)
        return error_memory(err);
    for (size_t p = 0; p < lists->ids->n; p++) {
        int64_t id = 0, seen = 1;
        int32_t target;
        TRY(want_whole(lists->ids, p, 0, (int64_t)vocab - 1, where, "input_ids", &id, err));
        TRY(label_of(lists, p + 1, vocab, where, &target, err)); /* what p predicts */
        if (lists->mask)
            TRY(want_whole(lists->mask, p, 0, 1, where, "attention_mask", &seen, err));
        if (!seen && target >= 0)
            return error_set(err, ERR_INPUT, where,
                             "labels[%zu]: its position is predicted from a masked one", p + 1);
        if (!seen)
            continue;
        if (target >= 0) {
            out->places[out->n_queries] = (int32_t)kept;
            out->targets[out->n_queries++] = target;
            out->n_labels++;
        }
        out->ids[kept++] = (int32_t)id;
    }
    if (with_last && kept > 0 &&
        (out->n_queries == 0 || out->places[out->n_queries - 1] != (int32_t)kept - 1)) {
        out->places[out->n_queries] = (int32_t)kept - 1;
        out->targets[out->n_queries++] = -1;
    }
    out->n_marked = out->n_labels + (first >= 0);
    out->n = out->n_queries ? (size_t)out->places[out->n_queries - 1] + 1 : 0;
    if (rules->positions > 0 && out->n > rules->positions)
        return error_set(err, ERR_INPUT, where,
                         "input_ids: expected at most %zu tokens, the model's positions, found %zu",
                         rules->positions, out->n);
    return OK;
}

/* The next line of a data file; *more is false behind the last. The parsed tree dies here. */
static enum status read_line(struct jsonl *file, const struct batch_rules *rules,
                             struct arena *arena, struct example *out, bool *more,
                             struct error *err)
{
    struct arena *one = arena_open();
    struct json *tree = NULL;
    enum status s = one ? jsonl_next(file, one, &tree, err) : error_memory(err);

    *more = s == OK && tree;
    if (*more && (!json_get(tree, "input_ids") || !json_get(tree, "labels")))
        s = error_set(err, ERR_INPUT, file->where, "expected an object with input_ids and labels");
    else if (*more)
        s = batch_example(&(struct example_lists){json_get(tree, "input_ids"),
                                                  json_get(tree, "labels"),
                                                  json_get(tree, "attention_mask")},
                          rules, false, file->where, arena, out, err);
    arena_close(one);
    return s;
}

enum status batch_order(struct dataset *data, struct arena *arena, struct error *err)
{
    if (!(data->order = arena_array(arena, data->n, sizeof(void *))))
        return error_memory(err);
    for (size_t i = 0; i < data->n; i++)
        data->order[i] = &data->examples[i];
    return OK;
}

static enum status read_lines(struct jsonl *file, const struct batch_rules *rules,
                              struct arena *arena, struct dataset *out, struct error *err)
{
    size_t capacity = 0;

    for (bool more = true; more;) {
        struct example *last = arena_push(arena, out->examples, out->n, capacity);
        if (!last)
            return error_memory(err);
        TRY(read_line(file, rules, arena, last, &more, err));
        out->n -= !more; /* behind the last line nothing was read into it */
    }
    if (out->n == 0)
        return error_set(err, ERR_INPUT, file->path, "expected at least one example, found none");
    return batch_order(out, arena, err);
}

enum status batch_read(const char *path, const char *name, const struct batch_rules *rules,
                       struct arena *arena, struct dataset *out, struct error *err)
{
    struct arena *scratch = arena_open();
    struct jsonl file;
    enum status s;

    if (!scratch)
        return error_memory(err);
    *out = (struct dataset){.n = 0};
    if (file_is_folder(path) && !(path = file_join(scratch, path, name)))
        s = error_memory(err);
    else if ((s = jsonl_open(path, scratch, &file, err)) == OK)
        s = read_lines(&file, rules, arena, out, err);
    arena_close(scratch);
    return s;
}

static int descending(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* The sum of the `size` largest. */
static size_t largest(size_t *values, size_t n, size_t size)
{
    size_t sum = 0;

    qsort(values, n, sizeof *values, descending);
    for (size_t i = 0; i < n && i < size; i++)
        sum += values[i];
    return sum;
}

static size_t max(size_t a, size_t b)
{
    return a > b ? a : b;
}

enum status batch_measure(const struct dataset *data, size_t size, struct batch_limits *io,
                          struct error *err)
{
    struct arena *scratch = arena_open();
    size_t *values = scratch ? arena_array(scratch, data->n, sizeof *values) : NULL;

    if (!values) {
        arena_close(scratch);
        return error_memory(err);
    }
    for (size_t i = 0; i < data->n; i++) {
        values[i] = data->examples[i].n;
        io->keys = max(io->keys, values[i]);
    }
    io->tokens = max(io->tokens, largest(values, data->n, size));
    for (size_t i = 0; i < data->n; i++)
        values[i] = data->examples[i].n_queries;
    io->queries = max(io->queries, largest(values, data->n, size));
    io->sequences = max(io->sequences, size < data->n ? size : data->n);
    arena_close(scratch);
    return OK;
}

/* A piece of the array, at *at. */
static int32_t *piece(int32_t *words, size_t *at, size_t n)
{
    const size_t from = *at;

    *at += n;
    return words ? words + from : NULL;
}

size_t batch_words(const struct batch_limits *l)
{
    struct batch b;

    if (l->tokens > INT32_MAX || l->queries > INT32_MAX || l->sequences > INT32_MAX)
        return SIZE_MAX / 8;
    batch_place(l, NULL, &b);
    return b.n_words;
}

void batch_place(const struct batch_limits *l, int32_t *words, struct batch *out)
{
    const size_t sequences = l->sequences * (sizeof *out->sequences / sizeof *words);
    size_t at = 0;

    *out = (struct batch){.words = words};
    out->ids = piece(words, &at, l->tokens);
    out->positions = piece(words, &at, l->tokens);
    out->token_rows = piece(words, &at, l->tokens);
    out->token_places = piece(words, &at, l->tokens);
    out->sequences = (struct attention_sequence *)piece(words, &at, sequences);
    out->query_rows = piece(words, &at, l->queries);
    out->query_places = piece(words, &at, l->queries);
    out->targets = piece(words, &at, l->queries);
    out->query_sequences = (struct attention_sequence *)piece(words, &at, sequences);
    out->cache_rows = piece(words, &at, l->cache_rows > 0 ? l->tokens : 0);
    out->cached = l->cache_rows > 0;
    out->n_words = at;
}

enum status batch_open(const struct batch_limits *l, struct arena *arena, struct batch *out,
                       struct error *err)
{
    int32_t *words;

    if (l->tokens > INT32_MAX)
        return error_set(err, ERR_INPUT, NULL,
                         "a batch could have %zu tokens, at most %d can be counted", l->tokens,
                         INT32_MAX);
    if (!(words = arena_array(arena, batch_words(l), sizeof *words)))
        return error_memory(err);
    batch_place(l, words, out);
    out->cached = false; /* unless generation asks for it */
    return OK;
}

void batch_fill(struct batch *b, const struct example *const *examples, size_t n)
{
    b->n_tokens = b->n_queries = b->n_labels = b->n_sequences = 0;
    for (size_t i = 0; i < n; i++) {
        const struct example *e = examples[i];
        const int32_t first = (int32_t)b->n_tokens;
        if (e->n == 0)
            continue;
        b->sequences[b->n_sequences] =
            (struct attention_sequence){first, (int32_t)e->n, first, (int32_t)e->n};
        b->query_sequences[b->n_sequences++] = (struct attention_sequence){
            (int32_t)b->n_queries, (int32_t)e->n_queries, first, (int32_t)e->n};
        for (size_t j = 0; j < e->n; j++, b->n_tokens++) {
            b->ids[b->n_tokens] = e->ids[j];
            b->positions[b->n_tokens] = (int32_t)j;
            b->token_rows[b->n_tokens] = (int32_t)b->n_tokens;
            b->token_places[b->n_tokens] = (int32_t)j;
        }
        for (size_t j = 0; j < e->n_queries; j++, b->n_queries++) {
            b->query_rows[b->n_queries] = first + e->places[j];
            b->query_places[b->n_queries] = e->places[j];
            b->targets[b->n_queries] = e->targets[j];
        }
        b->n_labels += e->n_labels;
    }
}
