/* examples: what a data file gives stays inside its lists and its vocabulary. */
#include "base/arena.h"
#include "memory_file.h"
#include "trainer/model/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { VOCAB = 100 };

static void check(const struct example *e)
{
    size_t labels = 0;

    for (size_t i = 0; i < e->n; i++)
        if (e->ids[i] < 0 || e->ids[i] >= VOCAB)
            abort();
    for (size_t i = 0; i < e->n_queries; i++) {
        if (e->places[i] < 0 || (size_t)e->places[i] >= e->n || e->targets[i] >= VOCAB)
            abort();
        if (i > 0 && e->places[i] <= e->places[i - 1])
            abort();
        labels += e->targets[i] >= 0;
    }
    if (labels != e->n_labels || (e->n > 0 && (size_t)e->places[e->n_queries - 1] != e->n - 1))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct memory_file file = memory_file_open(bytes, n);
    struct arena *arena = arena_open();
    struct error err = {0};
    const struct batch_rules rules = {VOCAB, 0};
    struct dataset data;

    if (!arena)
        abort();
    if (batch_read(file.path, "train.jsonl", &rules, arena, &data, &err) == OK) {
        struct batch_limits limits = {0};
        struct batch batch;
        for (size_t i = 0; i < data.n; i++)
            check(&data.examples[i]);
        if (batch_measure(&data, data.n, &limits, &err) != OK ||
            batch_open(&limits, arena, &batch, &err) != OK)
            abort();
        batch_fill(&batch, data.order, data.n);
        if (batch.n_tokens > limits.tokens || batch.n_queries > limits.queries)
            abort();
    } else if (!err.where[0] || !err.text[0]) {
        abort();
    }
    arena_close(arena);
    memory_file_close(&file);
    return 0;
}
