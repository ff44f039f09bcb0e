/*
 * generate: greedy continuation of prompts, with a cache of keys and values.
 *
 * The next token is that of the largest logit (of equal ones the first). A text ends after one of
 * the end tokens, which belongs to it, at its limit, or where the model has no position for more.
 * Up to GENERATE_TEXTS are generated at a time; a text's tokens do not depend on the others.
 *
 * Padding    transformers, given a prompt that is padded on the right, reads the first new token
 *            off the last padding position: a query that sees the prompt and no padding. All such
 *            positions give the same, so one is enough. Later tokens follow the prompt.
 *
 *     struct network_plan plan = {0};
 *     TRY(generate_plan(texts, n, max_new, &layout->config, &plan, err));
 *     TRY(network_open(be, layout, &plan, arena, &n, err));
 *     TRY(generate_open(&n, &plan, arena, &g, err));
 *     TRY(generate_run(&g, texts, n, max_new, err));
 */
#ifndef TRAINER_MODEL_GENERATE_H
#define TRAINER_MODEL_GENERATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "trainer/model/batch.h"
#include "trainer/model/network.h"

enum { GENERATE_TEXTS = 8 };

struct generate_text {
    const int32_t *prompt; /* [n_prompt], n_prompt >= 1 */
    size_t n_prompt;
    const int32_t *padding; /* a token after the prompt, see above; NULL: none */
    int32_t *tokens;        /* [max_new] the caller's; n_tokens of them are written */
    size_t n_tokens;
};

struct generator {
    struct network *network;
    struct batch batch;
    size_t capacity; /* tokens of one text in the cache */
};

/* Widens the plan to what these texts need. ERR_INPUT: a prompt has more tokens than the
 * model has positions. */
enum status generate_plan(const struct generate_text *texts, size_t n, size_t max_new,
                          const struct config *config, struct network_plan *plan,
                          struct error *err) MUST_CHECK;

/* plan: the one that the network was opened with. */
enum status generate_open(struct network *network, const struct network_plan *plan,
                          struct arena *arena, struct generator *out, struct error *err) MUST_CHECK;

/* ERR_INTERRUPTED between two tokens. */
enum status generate_run(struct generator *g, struct generate_text *texts, size_t n, size_t max_new,
                         struct error *err) MUST_CHECK;

#endif
