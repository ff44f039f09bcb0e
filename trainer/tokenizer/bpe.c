/*
 * bpe: every pair of neighbouring tokens has a count; a heap holds the pairs that could be next,
 * each with the pieces where it may stand. A merge visits those pieces alone, and what it changes
 * becomes new candidates. Start at bpe_train.
 */
#include "trainer/tokenizer/bpe.h"

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "trainer/tokenizer/alphabet.h"
#include "trainer/tokenizer/strings.h"
#include "trainer/tokenizer/vocabulary.h"

#define NONE UINT32_MAX

/* What the splitting of a tokenizer brings with it. */
struct family {
    size_t n_special;
    const char *special[4]; /* none begins with another */
    bool finds_special;     /* in texts, as pieces; all begin with '<' */
};

static const struct family families[] = {
    [SPLITTING_BLOOM] = {4, {"<unk>", "<s>", "</s>", "<pad>"}, true},
    [SPLITTING_GPT2] = {1, {"<|endoftext|>"}, false},
};

struct bpe {
    struct arena *arena;
    enum splitting splitting;
    struct strings pieces;
    int64_t *counts; /* of each piece */
    size_t n_counts, room;
};

/* ---- texts ---- */

size_t bpe_vocabulary_min(enum splitting splitting)
{
    return families[splitting].n_special + ALPHABET_SIZE;
}

enum status bpe_open(enum splitting splitting, struct bpe **out, struct error *err)
{
    struct arena *arena = arena_open();
    struct bpe *b = arena ? arena_alloc(arena, sizeof *b) : NULL;

    if (!b) {
        arena_close(arena);
        return error_memory(err);
    }
    b->arena = arena;
    b->splitting = splitting;
    b->pieces = strings_in(arena);
    *out = b;
    return OK;
}

void bpe_close(struct bpe *b)
{
    if (b)
        arena_close(b->arena);
}

static enum status add_piece(struct bpe *b, const char *piece, size_t n, struct error *err)
{
    uint32_t number = NONE;

    TRY(strings_add(&b->pieces, piece, n, &number, err));
    if (number == b->n_counts) {
        int64_t *last = arena_push(b->arena, b->counts, b->n_counts, b->room);
        if (!last)
            return error_memory(err);
        *last = 0;
    }
    b->counts[number]++;
    return OK;
}

static enum status add_section(struct bpe *b, const char *text, size_t n, struct error *err)
{
    uint32_t ends[PIECES_BATCH];
    struct pieces p = pieces_of(b->splitting, text, n);
    size_t found, start = 0;

    while ((found = pieces_next(&p, ends)) > 0)
        for (size_t i = 0; i < found; i++) {
            TRY(add_piece(b, text + start, ends[i] - start, err));
            start = ends[i];
        }
    return OK;
}

/* The length of the special token that the n bytes begin with, or 0. */
static size_t special_at(const struct family *f, const char *text, size_t n)
{
    for (size_t i = 0; i < f->n_special; i++) {
        const size_t length = strlen(f->special[i]);
        if (length <= n && memcmp(text, f->special[i], length) == 0)
            return length;
    }
    return 0;
}

enum status bpe_add(struct bpe *b, const char *text, size_t n, struct error *err)
{
    const struct family *f = &families[b->splitting];
    size_t start = 0;

    if (n > PIECES_TEXT_MAX)
        return error_set(err, ERR_INPUT, NULL, "expected a text of at most %d bytes, found %zu",
                         PIECES_TEXT_MAX, n);
    for (size_t i = 0; i < n && f->finds_special; i++) {
        const size_t length = text[i] == '<' ? special_at(f, text + i, n - i) : 0;
        if (length == 0)
            continue;
        TRY(add_section(b, text + start, i - start, err));
        TRY(add_piece(b, text + i, length, err));
        start = i + length;
        i = start - 1;
    }
    return add_section(b, text + start, n - start, err);
}

/* ---- what is known while learning ---- */

struct word {
    uint32_t *tokens;
    size_t n;
    int64_t count;
};

struct pair {
    uint64_t key;     /* left << 32 | right */
    int64_t count;    /* how often it occurs in the texts; not lowered by its own merge */
    uint32_t places;  /* words where this step made it occur: a list of nodes */
    uint32_t learned; /* its last merge, or NONE */
};

struct node {
    uint32_t word, next;
};

/* A pair that could be merged in the words of a list. A pair may have several, of several steps. */
struct candidate {
    int64_t count; /* as it was when this was queued */
    uint64_t key;
    uint32_t pair, places;
};

struct learner {
    struct arena *arena; /* scratch */
    struct error *err;
    struct word *words;
    struct strings tokens; /* in the arena of the result */
    struct pair *pairs;
    size_t n_pairs, pairs_room;
    uint32_t *slots; /* of pairs: open addressing, number + 1, at most half full */
    size_t n_slots;
    struct node *nodes;
    size_t n_nodes, nodes_room;
    uint32_t unused;   /* a list of nodes that are free again */
    uint32_t *touched; /* pairs whose places are not empty */
    size_t n_touched, touched_room;
    struct candidate *heap;
    size_t n_heap, heap_room;
    struct vocabulary_merge
        *merges; /* in the order learned; left is NONE where the pair was merged again later */
    size_t n_merges, merges_room;
};

static size_t slot_of(const struct learner *l, uint64_t key)
{
    size_t i = (size_t)(key * 0x9e3779b97f4a7c15u >> 32) & (l->n_slots - 1);

    while (l->slots[i] && l->pairs[l->slots[i] - 1].key != key)
        i = (i + 1) & (l->n_slots - 1);
    return i;
}

static enum status widen_slots(struct learner *l)
{
    l->n_slots = l->n_slots ? 2 * l->n_slots : 1024;
    if (!(l->slots = arena_array(l->arena, l->n_slots, sizeof *l->slots)))
        return error_memory(l->err);
    for (size_t p = 0; p < l->n_pairs; p++)
        l->slots[slot_of(l, l->pairs[p].key)] = (uint32_t)p + 1;
    return OK;
}

static enum status find_pair(struct learner *l, uint32_t left, uint32_t right, uint32_t *pair)
{
    const uint64_t key = (uint64_t)left << 32 | right;
    size_t slot;

    if (2 * (l->n_pairs + 1) > l->n_slots)
        TRY(widen_slots(l));
    slot = slot_of(l, key);
    if (!l->slots[slot]) {
        struct pair *last = arena_push(l->arena, l->pairs, l->n_pairs, l->pairs_room);
        if (!last)
            return error_memory(l->err);
        *last = (struct pair){key, 0, NONE, NONE};
        l->slots[slot] = (uint32_t)l->n_pairs;
    }
    *pair = l->slots[slot] - 1;
    return OK;
}

/* Notes that a pair now occurs in a word; once a word, since words are visited one by one. */
static enum status add_place(struct learner *l, uint32_t pair, uint32_t word)
{
    struct pair *p = &l->pairs[pair];
    uint32_t node = l->unused;

    if (p->places != NONE && l->nodes[p->places].word == word)
        return OK;
    if (node != NONE) {
        l->unused = l->nodes[node].next;
    } else {
        const struct node *last = arena_push(l->arena, l->nodes, l->n_nodes, l->nodes_room);
        if (!last)
            return error_memory(l->err);
        node = (uint32_t)l->n_nodes - 1;
    }
    if (p->places == NONE) {
        uint32_t *last = arena_push(l->arena, l->touched, l->n_touched, l->touched_room);
        if (!last)
            return error_memory(l->err);
        *last = pair;
    }
    l->nodes[node] = (struct node){word, p->places};
    p->places = node;
    return OK;
}

/* The pair occurs once more (sign 1) or once less (-1) in a word. */
static enum status count_pair(struct learner *l, uint32_t left, uint32_t right, int sign,
                              uint32_t word)
{
    uint32_t pair = NONE;

    TRY(find_pair(l, left, right, &pair));
    l->pairs[pair].count += sign * l->words[word].count;
    return sign > 0 ? add_place(l, pair, word) : OK;
}

/* ---- the heap: the most frequent first, then the smallest ids ---- */

static bool comes_first(const struct candidate *a, const struct candidate *b)
{
    return a->count != b->count ? a->count > b->count : a->key < b->key;
}

static enum status push(struct learner *l, struct candidate c)
{
    size_t i = l->n_heap;
    const struct candidate *last = arena_push(l->arena, l->heap, l->n_heap, l->heap_room);

    if (!last)
        return error_memory(l->err);
    for (; i > 0 && comes_first(&c, &l->heap[(i - 1) / 2]); i = (i - 1) / 2)
        l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = c;
    return OK;
}

static struct candidate pop(struct learner *l)
{
    const struct candidate top = l->heap[0], last = l->heap[--l->n_heap];
    size_t i = 0;

    for (size_t child; (child = 2 * i + 1) < l->n_heap; i = child) {
        if (child + 1 < l->n_heap && comes_first(&l->heap[child + 1], &l->heap[child]))
            child++;
        if (!comes_first(&l->heap[child], &last))
            break;
        l->heap[i] = l->heap[child];
    }
    l->heap[i] = last;
    return top;
}

static void free_nodes(struct learner *l, uint32_t list)
{
    while (list != NONE) {
        const uint32_t next = l->nodes[list].next;
        l->nodes[list].next = l->unused;
        l->unused = list;
        list = next;
    }
}

/* The pairs that a step has touched become candidates. */
static enum status queue_touched(struct learner *l)
{
    for (size_t i = 0; i < l->n_touched; i++) {
        struct pair *p = &l->pairs[l->touched[i]];
        const struct candidate c = {p->count, p->key, l->touched[i], p->places};
        p->places = NONE;
        if (c.count > 0)
            TRY(push(l, c));
        else
            free_nodes(l, c.places);
    }
    l->n_touched = 0;
    return OK;
}

/* ---- a step: one pair, in the words of its list ---- */

static enum status merge_in_word(struct learner *l, uint32_t word, uint64_t key, uint32_t merged)
{
    struct word *w = &l->words[word];
    uint32_t *t = w->tokens;
    const uint32_t left = (uint32_t)(key >> 32), right = (uint32_t)key;
    size_t kept = 0;

    for (size_t i = 0; i < w->n; i++) {
        if (t[i] != left || i + 1 == w->n || t[i + 1] != right) {
            t[kept++] = t[i];
            continue;
        }
        if (kept > 0) {
            TRY(count_pair(l, t[kept - 1], left, -1, word));
            TRY(count_pair(l, t[kept - 1], merged, 1, word));
        }
        i++;
        if (i + 1 < w->n) {
            TRY(count_pair(l, right, t[i + 1], -1, word));
            TRY(count_pair(l, merged, t[i + 1], 1, word));
        }
        t[kept++] = merged;
    }
    w->n = kept;
    return OK;
}

/* The token that two make together. */
static enum status join(struct learner *l, uint32_t left, uint32_t right, uint32_t *merged)
{
    const struct string a = l->tokens.items[left], b = l->tokens.items[right];
    char spelling[VOCABULARY_SPELLING_MAX];

    if (a.n + b.n > sizeof spelling)
        return error_set(l->err, ERR_INPUT, NULL,
                         "expected texts without long repetitions, found a token of %zu bytes",
                         a.n + b.n);
    memcpy(spelling, a.bytes, a.n);
    memcpy(spelling + a.n, b.bytes, b.n);
    return strings_add(&l->tokens, spelling, a.n + b.n, merged, l->err);
}

static enum status merge(struct learner *l, const struct candidate *c)
{
    const uint32_t left = (uint32_t)(c->key >> 32), right = (uint32_t)c->key;
    struct vocabulary_merge *last;
    uint32_t merged = NONE;

    TRY(join(l, left, right, &merged));
    if (l->pairs[c->pair].learned != NONE)
        l->merges[l->pairs[c->pair].learned].left = NONE;
    if (!(last = arena_push(l->arena, l->merges, l->n_merges, l->merges_room)))
        return error_memory(l->err);
    *last = (struct vocabulary_merge){left, right, merged};
    l->pairs[c->pair].learned = (uint32_t)l->n_merges - 1;
    for (uint32_t node = c->places; node != NONE; node = l->nodes[node].next)
        TRY(merge_in_word(l, l->nodes[node].word, c->key, merged));
    free_nodes(l, c->places);
    return queue_touched(l);
}

static enum status learn(struct learner *l, size_t vocabulary_size, int64_t min_frequency)
{
    while (l->tokens.n < vocabulary_size && l->n_heap > 0) {
        struct candidate top = pop(l);
        if (top.count != l->pairs[top.pair].count) {
            top.count = l->pairs[top.pair].count;
            TRY(push(l, top));
            continue;
        }
        if (top.count < 1 || top.count < min_frequency)
            break;
        TRY(merge(l, &top));
    }
    return OK;
}

/* ---- beginning and end ---- */

/* Special tokens, then the alphabet; ids[byte] is the byte's token. */
static enum status add_first_tokens(struct learner *l, const struct family *f,
                                    uint32_t ids[ALPHABET_SIZE])
{
    unsigned char order[ALPHABET_SIZE];
    uint32_t id;

    for (size_t i = 0; i < f->n_special; i++)
        TRY(strings_add(&l->tokens, f->special[i], strlen(f->special[i]), &id, l->err));
    alphabet_order(order);
    for (size_t i = 0; i < ALPHABET_SIZE; i++) {
        char spelling[3];
        const size_t n = alphabet_spell(order[i], spelling);
        TRY(strings_add(&l->tokens, spelling, n, &ids[order[i]], l->err));
    }
    return OK;
}

static enum status add_words(struct learner *l, const struct bpe *b,
                             const uint32_t ids[ALPHABET_SIZE])
{
    if (!(l->words = arena_array(l->arena, b->pieces.n, sizeof *l->words)))
        return error_memory(l->err);
    for (size_t i = 0; i < b->pieces.n; i++) {
        const struct string *piece = &b->pieces.items[i];
        struct word *w = &l->words[i];
        *w = (struct word){arena_array(l->arena, piece->n, sizeof *w->tokens), piece->n,
                           b->counts[i]};
        if (!w->tokens)
            return error_memory(l->err);
        for (size_t k = 0; k < piece->n; k++)
            w->tokens[k] = ids[(unsigned char)piece->bytes[k]];
        for (size_t k = 0; k + 1 < piece->n; k++)
            TRY(count_pair(l, w->tokens[k], w->tokens[k + 1], 1, (uint32_t)i));
    }
    return queue_touched(l);
}

static enum status hand_over(const struct learner *l, enum splitting splitting, struct arena *arena,
                             struct vocabulary *out)
{
    const size_t n_added = families[splitting].n_special;
    struct vocabulary_token *tokens = arena_array(arena, l->tokens.n, sizeof *tokens);
    struct vocabulary_merge *merges = arena_array(arena, l->n_merges, sizeof *merges);
    struct vocabulary_added *added = arena_array(arena, n_added, sizeof *added);
    size_t n_merges = 0;

    if (!tokens || !merges || !added)
        return error_memory(l->err);
    for (size_t i = 0; i < l->tokens.n; i++)
        tokens[i] = (struct vocabulary_token){l->tokens.items[i].bytes, l->tokens.items[i].n};
    for (size_t i = 0; i < l->n_merges; i++)
        if (l->merges[i].left != NONE)
            merges[n_merges++] = l->merges[i];
    for (uint32_t i = 0; i < n_added; i++)
        added[i] = (struct vocabulary_added){.id = i, .special = true};
    *out = (struct vocabulary){splitting, tokens, l->tokens.n, merges, n_merges, added, n_added};
    return OK;
}

enum status bpe_train(struct bpe *b, size_t vocabulary_size, int64_t min_frequency,
                      struct arena *arena, struct vocabulary *out, struct error *err)
{
    enum status s;
    uint32_t ids[ALPHABET_SIZE];
    struct learner l = {.arena = arena_open(), .err = err, .unused = NONE};

    if (!l.arena)
        return error_memory(err);
    l.tokens = strings_in(arena);
    if ((s = add_first_tokens(&l, &families[b->splitting], ids)) == OK &&
        (s = add_words(&l, b, ids)) == OK && (s = learn(&l, vocabulary_size, min_frequency)) == OK)
        s = hand_over(&l, b->splitting, arena, out);
    arena_close(l.arena);
    return s;
}
