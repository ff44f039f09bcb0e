/*
 * merges: two tables and two loops. Pairs of bytes have a dense table, all pairs a hashed one; what
 * both give is a rank. Start at merges_apply.
 */
#include "trainer/tokenizer/merges.h"

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "trainer/tokenizer/alphabet.h"
#include "trainer/tokenizer/vocabulary.h"

#ifdef HPO_SMALL
enum { SHORT = 3 };
#else
enum { SHORT = 48 }; /* bytes of a piece from which on the heap wins */
#endif

enum { NO_RANK = INT32_MAX, RANK_BITS = 22, RANK_MASK = (1 << RANK_BITS) - 1 };

_Static_assert((int)VOCABULARY_TOKENS_MAX < (int)RANK_MASK, "a rank and 1 fit their bits");

/* Of the long way: a token, its neighbours, and the rank of the pair it begins. */
struct link {
    int32_t id, rank;
    uint32_t before, after; /* places; NONE at the ends */
};

#define NONE UINT32_MAX

struct merges {
    struct arena *arena;
    int32_t byte_id[ALPHABET_SIZE];
    int32_t *byte_ranks;             /* [256 × 256] of the pair of two bytes' tokens */
    uint32_t *slots;                 /* see rank_of */
    size_t mask;                     /* slots - 1 */
    struct vocabulary_merge *merges; /* by rank */
    struct link *links;              /* scratch of the long way, for `room` bytes */
    uint64_t *heap;                  /* rank << 32 | place; 2 × room */
    size_t room;
};

static uint64_t hash_of(int32_t left, int32_t right)
{
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    const uint64_t h = pair * 0x9e3779b97f4a7c15u;

    return h ^ h >> 32;
}

/* The bits of a hash that stand in its slot. */
static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 40) << RANK_BITS;
}

static bool is_pair(const struct vocabulary_merge *m, int32_t left, int32_t right)
{
    return m->left == (uint32_t)left && m->right == (uint32_t)right;
}

/*
 * Open addressing, at most half full. A slot is 0, or a rank and 1 under ten bits of the hash:
 * four bytes, so that the many pairs that do not merge are rejected in the processor's cache,
 * without a look at the merges.
 */
static int32_t rank_of(const struct merges *m, int32_t left, int32_t right)
{
    const uint64_t hash = hash_of(left, right);

    for (size_t i = hash & m->mask; m->slots[i]; i = (i + 1) & m->mask) {
        const int32_t rank = (int32_t)(m->slots[i] & RANK_MASK) - 1;
        if ((m->slots[i] & ~(uint32_t)RANK_MASK) == tag_of(hash) &&
            is_pair(&m->merges[rank], left, right))
            return rank;
    }
    return NO_RANK;
}

/* ---- building ---- */

/* A pair that is there already has its new rank from now on. */
static void insert(struct merges *m, int32_t rank)
{
    const int32_t left = (int32_t)m->merges[rank].left, right = (int32_t)m->merges[rank].right;
    const uint64_t hash = hash_of(left, right);
    size_t i = hash & m->mask;

    while (m->slots[i] && !is_pair(&m->merges[(m->slots[i] & RANK_MASK) - 1], left, right))
        i = (i + 1) & m->mask;
    m->slots[i] = tag_of(hash) | (uint32_t)(rank + 1);
}

/* The tokens that are one character of the alphabet. vocabulary_parse saw to it that all exist. */
static void find_bytes(struct merges *m, const struct vocabulary *v)
{
    for (size_t id = 0; id < v->n_tokens; id++) {
        const struct vocabulary_token *token = &v->tokens[id];
        unsigned char byte[2];
        char spelling[3];
        if (token->n <= 2 && alphabet_decode(token->spelling, token->n, byte) == 1 &&
            alphabet_spell(byte[0], spelling) == token->n &&
            memcmp(spelling, token->spelling, token->n) == 0)
            m->byte_id[byte[0]] = (int32_t)id;
    }
}

enum status merges_build(const struct vocabulary *v, struct arena *arena, struct merges **out,
                         struct error *err)
{
    struct merges *m = arena_alloc(arena, sizeof *m);
    size_t size = 2;

    if (!m)
        return error_memory(err);
    while (size < 2 * v->n_merges)
        size *= 2;
    m->arena = arena;
    m->mask = size - 1;
    m->slots = arena_array(arena, size, sizeof *m->slots);
    m->merges = arena_array(arena, v->n_merges, sizeof *m->merges);
    m->byte_ranks =
        arena_array(arena, (size_t)ALPHABET_SIZE * ALPHABET_SIZE, sizeof *m->byte_ranks);
    if (!m->slots || !m->merges || !m->byte_ranks)
        return error_memory(err);
    for (size_t rank = 0; rank < v->n_merges; rank++) {
        m->merges[rank] = v->merges[rank];
        insert(m, (int32_t)rank);
    }
    find_bytes(m, v);
    for (size_t a = 0; a < ALPHABET_SIZE; a++)
        for (size_t b = 0; b < ALPHABET_SIZE; b++)
            m->byte_ranks[a * ALPHABET_SIZE + b] = rank_of(m, m->byte_id[a], m->byte_id[b]);
    *out = m;
    return OK;
}

/* ---- short pieces: look at all pairs, merge the best ---- */

static size_t apply_short(const struct merges *m, const unsigned char *piece, size_t n,
                          int32_t *ids)
{
    int32_t ranks[SHORT]; /* of the pair that begins at each token; none at the last */

    for (size_t i = 0; i < n; i++)
        ids[i] = m->byte_id[piece[i]];
    for (size_t i = 0; i + 1 < n; i++)
        ranks[i] = m->byte_ranks[(size_t)piece[i] * ALPHABET_SIZE + piece[i + 1]];
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            best = ranks[i] < ranks[best] ? i : best;
        if (ranks[best] == NO_RANK)
            break;
        ids[best] = (int32_t)m->merges[ranks[best]].merged;
        n--;
        memmove(ids + best + 1, ids + best + 2, (n - best - 1) * sizeof *ids);
        memmove(ranks + best, ranks + best + 1, (n - best - 1) * sizeof *ranks);
        if (best > 0)
            ranks[best - 1] = rank_of(m, ids[best - 1], ids[best]);
        if (best + 1 < n)
            ranks[best] = rank_of(m, ids[best], ids[best + 1]);
    }
    return n;
}

/* ---- long pieces: a heap of pairs; an entry counts while its place still has its rank ---- */

static void sift_down(uint64_t *heap, size_t n, size_t i)
{
    const uint64_t x = heap[i];

    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && heap[child + 1] < heap[child])
            child++;
        if (x <= heap[child])
            break;
        heap[i] = heap[child];
    }
    heap[i] = x;
}

static void sift_up(uint64_t *heap, size_t i)
{
    const uint64_t x = heap[i];

    for (; i > 0 && x < heap[(i - 1) / 2]; i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = x;
}

/* Ranks the pair that begins at a place, and queues it where it merges. */
static void rank_pair(struct merges *m, uint32_t place, size_t *n_heap)
{
    struct link *link = &m->links[place];

    link->rank = link->after == NONE ? NO_RANK : rank_of(m, link->id, m->links[link->after].id);
    if (link->rank == NO_RANK)
        return;
    m->heap[*n_heap] = (uint64_t)(uint32_t)link->rank << 32 | place;
    sift_up(m->heap, (*n_heap)++);
}

/* Takes the next token into the one at place. */
static void merge_at(struct merges *m, uint32_t place, size_t *n_heap)
{
    struct link *left = &m->links[place], *right = &m->links[left->after];

    left->id = (int32_t)m->merges[left->rank].merged;
    left->after = right->after;
    right->rank = NO_RANK;
    if (left->after != NONE)
        m->links[left->after].before = place;
    if (left->before != NONE)
        rank_pair(m, left->before, n_heap);
    rank_pair(m, place, n_heap);
}

static enum status reserve(struct merges *m, size_t n, struct error *err)
{
    size_t room = m->room;

    if (n <= room)
        return OK;
    if (!(m->links = arena_grow(m->arena, NULL, 0, n, sizeof *m->links, &room)) ||
        !(m->heap = arena_array(m->arena, room, 2 * sizeof *m->heap))) {
        m->room = 0;
        return error_memory(err);
    }
    m->room = room;
    return OK;
}

static enum status apply_long(struct merges *m, const unsigned char *piece, size_t n, int32_t *ids,
                              size_t *made, struct error *err)
{
    size_t n_heap = 0;

    TRY(reserve(m, n, err));
    for (size_t i = 0; i < n; i++)
        m->links[i] = (struct link){m->byte_id[piece[i]], NO_RANK, i > 0 ? (uint32_t)i - 1 : NONE,
                                    i + 1 < n ? (uint32_t)i + 1 : NONE};
    for (size_t i = 0; i + 1 < n; i++)
        rank_pair(m, (uint32_t)i, &n_heap);
    while (n_heap > 0) {
        const uint64_t top = m->heap[0];
        m->heap[0] = m->heap[--n_heap];
        if (n_heap > 0)
            sift_down(m->heap, n_heap, 0);
        if (m->links[(uint32_t)top].rank == (int32_t)(top >> 32))
            merge_at(m, (uint32_t)top, &n_heap);
    }
    *made = 0;
    for (uint32_t i = 0; i != NONE; i = m->links[i].after)
        ids[(*made)++] = m->links[i].id;
    return OK;
}

enum status merges_apply(struct merges *m, const unsigned char *piece, size_t n, int32_t *out,
                         size_t *made, struct error *err)
{
    if (n > SHORT)
        return apply_long(m, piece, n, out, made, err);
    *made = apply_short(m, piece, n, out);
    return OK;
}
