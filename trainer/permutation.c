/*
 * permutation: NumPy's SeedSequence, PCG64 and shuffle; and MT19937 with torch's randperm. Each is
 * the published algorithm; the constants are theirs. Start at the two functions at the end.
 */
#include "trainer/permutation.h"

#include "base/arena.h"

/* ---- NumPy: SeedSequence (M. O'Neill's seed_seq_fe) feeds PCG64 (XSL RR 128/64) ---- */

__extension__ typedef unsigned __int128 uint128; /* of GNU C, on both compilers */

enum { POOL = 4 };

struct pcg64 {
    uint128 state, increment;
    uint32_t kept; /* the high half of a draw of which only the low half was used */
    int has_kept;
};

/* The pool's hash; its key h changes at every call. */
static uint32_t hash_word(uint32_t v, uint32_t *h)
{
    v ^= *h;
    *h *= 0x931e8875u;
    v *= *h;
    return v ^ v >> 16;
}

static uint32_t mix_words(uint32_t x, uint32_t y)
{
    uint32_t r = 0xca01f9ddu * x - 0x4973f715u * y;

    return r ^ r >> 16;
}

/* SeedSequence(seed).generate_state(4, uint64) */
static void seed_sequence(uint64_t seed, uint64_t out[POOL])
{
    uint32_t pool[POOL] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t words[2 * POOL];
    uint32_t h = 0x43b0d7e5u;

    for (int i = 0; i < POOL; i++)
        pool[i] = hash_word(pool[i], &h);
    for (int from = 0; from < POOL; from++)
        for (int to = 0; to < POOL; to++)
            if (from != to)
                pool[to] = mix_words(pool[to], hash_word(pool[from], &h));
    h = 0x8b51f9ddu;
    for (int i = 0; i < 2 * POOL; i++) {
        uint32_t v = pool[i % POOL] ^ h;
        h *= 0x58f38dedu;
        v *= h;
        words[i] = v ^ v >> 16;
    }
    for (size_t i = 0; i < POOL; i++)
        out[i] = (uint64_t)words[2 * i + 1] << 32 | words[2 * i];
}

static void pcg64_step(struct pcg64 *g)
{
    const uint64_t high = 0x2360ed051fc65da4u, low = 0x4385df649fccf645u;

    g->state = g->state * ((uint128)high << 64 | low) + g->increment;
}

static void pcg64_seed(struct pcg64 *g, uint64_t seed)
{
    uint64_t s[POOL];

    seed_sequence(seed, s);
    *g = (struct pcg64){0};
    g->increment = ((uint128)s[2] << 64 | s[3]) << 1 | 1;
    pcg64_step(g);
    g->state += (uint128)s[0] << 64 | s[1];
    pcg64_step(g);
}

/* 32 bits: a draw of 64 serves two calls, its low half first. */
static uint32_t pcg64_next32(struct pcg64 *g)
{
    uint64_t x;
    unsigned turn;

    if (g->has_kept) {
        g->has_kept = 0;
        return g->kept;
    }
    pcg64_step(g);
    x = (uint64_t)(g->state >> 64) ^ (uint64_t)g->state;
    turn = (unsigned)(g->state >> 122);
    x = x >> turn | x << (-turn & 63);
    g->kept = (uint32_t)(x >> 32);
    g->has_kept = 1;
    return (uint32_t)x;
}

/* Uniform in 0..max, by rejection of masked draws. */
static uint32_t pcg64_upto(struct pcg64 *g, uint32_t max)
{
    uint32_t mask = max, x;

    for (int shift = 1; shift < 32; shift *= 2)
        mask |= mask >> shift;
    do
        x = pcg64_next32(g) & mask;
    while (x > max);
    return x;
}

/* ---- MT19937 (Matsumoto & Nishimura 1998), as torch's CPU generator seeds it ---- */

enum { MT_WORDS = 624, MT_MIDDLE = 397 };

struct mt19937 {
    uint32_t word[MT_WORDS];
    int at;
};

static void mt19937_seed(struct mt19937 *g, uint32_t seed)
{
    g->word[0] = seed;
    for (uint32_t i = 1; i < MT_WORDS; i++)
        g->word[i] = 1812433253u * (g->word[i - 1] ^ g->word[i - 1] >> 30) + i;
    g->at = MT_WORDS;
}

static void mt19937_twist(struct mt19937 *g)
{
    for (int i = 0; i < MT_WORDS; i++) {
        uint32_t y = (g->word[i] & 0x80000000u) | (g->word[(i + 1) % MT_WORDS] & 0x7fffffffu);
        g->word[i] = g->word[(i + MT_MIDDLE) % MT_WORDS] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    g->at = 0;
}

static uint32_t mt19937_next(struct mt19937 *g)
{
    uint32_t y;

    if (g->at == MT_WORDS)
        mt19937_twist(g);
    y = g->word[g->at++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

/* ---- the two orders ---- */

static enum status identity(size_t n, struct arena *arena, int64_t **out, struct error *err)
{
    int64_t *order;

    if (n > PERMUTATION_MAX) {
        (void)error_set(err, ERR_INPUT, NULL, "expected at most %d items to shuffle, found %zu",
                        PERMUTATION_MAX, n);
        return ERR_INPUT;
    }
    if (!(order = arena_array(arena, n, sizeof *order)))
        return error_memory(err);
    for (size_t i = 0; i < n; i++)
        order[i] = (int64_t)i;
    *out = order;
    return OK;
}

static void swap(int64_t *a, int64_t *b)
{
    int64_t kept = *a;

    *a = *b;
    *b = kept;
}

enum status permutation_shuffle(uint64_t seed, size_t n, struct arena *arena, int64_t **out,
                                struct error *err)
{
    struct pcg64 g;

    TRY(identity(n, arena, out, err));
    pcg64_seed(&g, seed);
    for (size_t i = n; i-- > 1;)
        swap(&(*out)[i], &(*out)[pcg64_upto(&g, (uint32_t)i)]);
    return OK;
}

enum status permutation_randperm(uint64_t seed, size_t n, struct arena *arena, int64_t **out,
                                 struct error *err)
{
    struct mt19937 g;

    TRY(identity(n, arena, out, err));
    mt19937_seed(&g, (uint32_t)seed);
    for (size_t i = 0; i + 1 < n; i++)
        swap(&(*out)[i], &(*out)[i + mt19937_next(&g) % (n - i)]);
    return OK;
}
