/*
 * small_tokenizer: a tokenizer.json made in the test: <unk> <s> </s> <pad>, the 256 characters, and
 * the merges given as "left right" in the alphabet's spelling.
 */
#ifndef TESTS_UNIT_TRAINER_SMALL_TOKENIZER_H
#define TESTS_UNIT_TRAINER_SMALL_TOKENIZER_H

#include "tests/unit/trainer/fixture.h"

#include "base/text.h"
#include "trainer/tokenizer/alphabet.h"
#include "trainer/tokenizer/vocabulary.h"

enum { SMALL_FIRST_MERGE = 4 + ALPHABET_SIZE };

static inline uint32_t small_find(const struct vocabulary *v, const char *spelling, size_t n)
{
    for (size_t id = 0; id < v->n_tokens; id++)
        if (v->tokens[id].n == n && memcmp(v->tokens[id].spelling, spelling, n) == 0)
            return (uint32_t)id;
    return UINT32_MAX;
}

/* Room for 1,000 merges. A merge whose result exists already makes no new token. */
static inline struct vocabulary small_vocabulary(const char *const *merges, size_t n_merges,
                                                 struct arena *arena)
{
    static const char *const special[] = {"<unk>", "<s>", "</s>", "<pad>"};
    struct vocabulary_token *tokens = arena_array(arena, 2000, sizeof *tokens);
    struct vocabulary_merge *made = arena_array(arena, n_merges, sizeof *made);
    struct vocabulary_added *added = arena_array(arena, 4, sizeof *added);
    struct vocabulary v = {SPLITTING_BLOOM, tokens, 0, made, n_merges, added, 4};
    unsigned char order[ALPHABET_SIZE];

    for (uint32_t i = 0; i < 4; i++) {
        tokens[v.n_tokens++] = (struct vocabulary_token){special[i], strlen(special[i])};
        added[i] = (struct vocabulary_added){.id = i, .special = true};
    }
    alphabet_order(order);
    for (size_t i = 0; i < ALPHABET_SIZE; i++) {
        char *spelling = arena_alloc(arena, 3);
        const size_t n = alphabet_spell(order[i], spelling);
        tokens[v.n_tokens++] = (struct vocabulary_token){spelling, n};
    }
    for (size_t i = 0; i < n_merges; i++) {
        const char *space = strchr(merges[i], ' ');
        const size_t left = (size_t)(space - merges[i]), right = strlen(space + 1);
        const char *both = arena_printf(arena, "%.*s%s", (int)left, merges[i], space + 1);
        made[i].left = small_find(&v, merges[i], left);
        made[i].right = small_find(&v, space + 1, right);
        made[i].merged = small_find(&v, both, left + right);
        if (made[i].merged == UINT32_MAX) {
            made[i].merged = (uint32_t)v.n_tokens;
            tokens[v.n_tokens++] = (struct vocabulary_token){both, left + right};
        }
    }
    return v;
}

static inline char *small_file_of(enum splitting splitting, const char *const *merges,
                                  size_t n_merges, struct arena *arena)
{
    struct error err = {0};
    struct vocabulary v = small_vocabulary(merges, n_merges, arena);
    struct text t = text_in(arena);
    char *string;

    v.splitting = splitting;
    vocabulary_format(&v, &t);
    ASSERT_OK(text_finish(&t, &string, NULL, &err));
    return string;
}

static inline char *small_file(const char *const *merges, size_t n_merges, struct arena *arena)
{
    return small_file_of(SPLITTING_BLOOM, merges, n_merges, arena);
}

/* The text with `from` replaced by `to`; from must be there. */
static inline char *replaced(const char *text, const char *from, const char *to,
                             struct arena *arena)
{
    const size_t at = (size_t)((const char *)memmem(text, strlen(text), from, strlen(from)) - text);

    if (at >= strlen(text))
        fail_msg("%s is not in the text", from);
    return arena_printf(arena, "%.*s%s%s", (int)at, text, to, text + at + strlen(from));
}

#endif
