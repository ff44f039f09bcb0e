/*
 * generate: a text owns `capacity` rows of the cache. The first batch brings whole prompts, each
 * later one the newest token of every text that goes on. Start at run_texts.
 */
#include "trainer/model/generate.h"

#include <stdbool.h>

#include "base/arena.h"
#include "trainer/interrupt.h"

static size_t max(size_t a, size_t b)
{
    return a > b ? a : b;
}

enum status generate_plan(const struct generate_text *texts, size_t n, size_t max_new,
                          const struct config *config, struct network_plan *plan, struct error *err)
{
    struct batch_limits *l = &plan->limits;
    size_t longest = 1;

    for (size_t i = 0; i < n; i++)
        longest = max(longest, texts[i].n_prompt);
    if (config->positions > 0 && longest > config->positions) {
        (void)error_set(err, ERR_INPUT, "prompts",
                        "the longest has %zu tokens, the model has %zu positions", longest,
                        config->positions);
        error_hint(err, "squad --max-length %zu makes shorter ones", config->positions);
        return ERR_INPUT;
    }
    l->tokens = max(l->tokens, GENERATE_TEXTS * (longest + 1)); /* one of padding */
    l->queries = max(l->queries, GENERATE_TEXTS);
    l->sequences = max(l->sequences, GENERATE_TEXTS);
    l->keys = max(l->keys, longest + max_new);
    l->cache_rows = max(l->cache_rows, GENERATE_TEXTS * (longest + max_new));
    return OK;
}

enum status generate_open(struct network *network, const struct network_plan *plan,
                          struct arena *arena, struct generator *out, struct error *err)
{
    out->network = network;
    out->capacity = plan->limits.cache_rows / GENERATE_TEXTS;
    TRY(batch_open(&plan->limits, arena, &out->batch, err));
    out->batch.cached = true;
    return OK;
}

/* Adds tokens of the text in this slot, which follow `past` earlier ones, and queries the last. */
static void add_tokens(struct generator *g, size_t slot, const int32_t *tokens, size_t n,
                       size_t past)
{
    struct batch *b = &g->batch;
    const int32_t key_first = (int32_t)(slot * g->capacity), keys = (int32_t)(past + n);

    b->sequences[b->n_sequences] =
        (struct attention_sequence){(int32_t)b->n_tokens, (int32_t)n, key_first, keys};
    b->query_sequences[b->n_sequences++] =
        (struct attention_sequence){(int32_t)b->n_queries, 1, key_first, keys};
    for (size_t i = 0; i < n; i++, b->n_tokens++) {
        b->ids[b->n_tokens] = tokens[i];
        b->token_rows[b->n_tokens] = (int32_t)b->n_tokens;
        b->token_places[b->n_tokens] = (int32_t)(past + i);
        b->positions[b->n_tokens] = (int32_t)(past + i);
        b->cache_rows[b->n_tokens] = key_first + (int32_t)(past + i);
    }
    b->query_rows[b->n_queries] = (int32_t)b->n_tokens - 1;
    b->query_places[b->n_queries++] = keys - 1;
}

/*
 * Queries a padding token after the prompt, instead of the prompt's last token. Its own key is in
 * the cache where the first new token's will be, after the keys that it sees.
 */
static void add_padding(struct generator *g, int32_t token)
{
    struct batch *b = &g->batch;
    const size_t row = b->n_tokens++;

    b->sequences[b->n_sequences - 1].query_count++;
    b->sequences[b->n_sequences - 1].key_count++;
    b->ids[row] = token;
    b->token_rows[row] = (int32_t)row;
    b->token_places[row] = b->token_places[row - 1];
    b->positions[row] = 1; /* transformers' position of whatever is masked */
    b->cache_rows[row] = b->cache_rows[row - 1] + 1;
    b->query_rows[b->n_queries - 1] = (int32_t)row;
}

/* Whether the text ends with its newest token: one that ends texts, or that has no position. */
static bool ends(const struct config *config, const struct generate_text *t)
{
    const int32_t token = t->tokens[t->n_tokens - 1];

    if (config->positions > 0 && t->n_prompt + t->n_tokens > config->positions)
        return true;
    for (size_t i = 0; i < config->n_eos; i++)
        if (config->eos[i] == token)
            return true;
    return false;
}

/* At most GENERATE_TEXTS texts, each in the slot of its number. */
static enum status run_texts(struct generator *g, struct generate_text *texts, size_t n,
                             size_t max_new, struct error *err)
{
    struct network *network = g->network;
    struct backend *be = network->be;
    size_t going[GENERATE_TEXTS], n_going = n;
    int32_t chosen[GENERATE_TEXTS];

    for (size_t i = 0; i < n; i++)
        going[i] = i;
    for (size_t step = 0; step < max_new && n_going > 0; step++) {
        size_t left = 0;
        TRY(interrupt_check(err));
        g->batch.n_tokens = g->batch.n_queries = g->batch.n_sequences = 0;
        for (size_t i = 0; i < n_going; i++) {
            const struct generate_text *t = &texts[going[i]];
            if (step > 0)
                add_tokens(g, going[i], &t->tokens[step - 1], 1, t->n_prompt + step - 1);
            else
                add_tokens(g, going[i], t->prompt, t->n_prompt, 0);
            if (step == 0 && t->padding)
                add_padding(g, *t->padding);
        }
        network_forward(network, &g->batch);
        network_choose(network, &g->batch, chosen);
        TRY(be->ops->sync(be, err));
        for (size_t i = 0; i < n_going; i++) {
            struct generate_text *t = &texts[going[i]];
            t->tokens[step] = chosen[i];
            t->n_tokens = step + 1;
            if (!ends(&network->layout->config, t))
                going[left++] = going[i];
        }
        n_going = left;
    }
    return OK;
}

enum status generate_run(struct generator *g, struct generate_text *texts, size_t n, size_t max_new,
                         struct error *err)
{
    for (size_t i = 0; i < n; i += GENERATE_TEXTS)
        TRY(run_texts(g, texts + i, n - i < GENERATE_TEXTS ? n - i : GENERATE_TEXTS, max_new, err));
    return OK;
}
