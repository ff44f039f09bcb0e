/*
 * pieces: for BLOOM 64 bytes become masks of bits (which bytes are separators, which are spaces),
 * and the cuts follow from the masks by shifts. Start at cuts_of. GPT-2's cut is pieces_gpt2.c.
 */
#include "trainer/tokenizer/pieces.h"

#include <string.h>

#include "trainer/tokenizer/pieces_gpt2.h"

#if defined(__SSE2__) && !defined(HPO_SMALL) /* the small build tries the other way */
#include <emmintrin.h>
#define CLASSIFY_16 1
#endif

enum { BLOCK = 64, PADDING = '\n' }; /* behind the text: separators, and none of them a space */

struct ascii_masks {
    uint64_t separators, spaces;
    uint64_t leads; /* first bytes of characters beyond ASCII: C0-FF */
};

#ifdef CLASSIFY_16

static uint64_t mask_of(__m128i bytes, size_t lane)
{
    return (uint64_t)(unsigned)_mm_movemask_epi8(bytes) << 16 * lane;
}

static __m128i equals(__m128i v, int byte)
{
    return _mm_cmpeq_epi8(v, _mm_set1_epi8((char)byte));
}

/* True where byte | bits == value. */
static __m128i equals_with(__m128i v, int bits, int value)
{
    return equals(_mm_or_si128(v, _mm_set1_epi8((char)bits)), value);
}

static struct ascii_masks classify_ascii(const unsigned char *p)
{
    struct ascii_masks m = {0, 0, 0};

    for (size_t lane = 0; lane < BLOCK / 16; lane++) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * lane));
        const __m128i from_tab = _mm_sub_epi8(v, _mm_set1_epi8('\t'));
        __m128i s = _mm_cmpeq_epi8(_mm_min_epu8(from_tab, _mm_set1_epi8('\r' - '\t')), from_tab);
        s = _mm_or_si128(s, equals_with(v, 1, '!')); /* with ' ' */
        s = _mm_or_si128(s, equals_with(v, 1, ')')); /* with '(' */
        s = _mm_or_si128(s, equals_with(v, 2, '.')); /* with ',' */
        s = _mm_or_si128(s, _mm_or_si128(equals(v, '?'), equals(v, '|')));
        m.separators |= mask_of(s, lane);
        m.spaces |= mask_of(equals(v, ' '), lane);
        m.leads |= mask_of(_mm_and_si128(v, _mm_slli_epi16(v, 1)), lane);
    }
    return m;
}

#else

static struct ascii_masks classify_ascii(const unsigned char *p)
{
    struct ascii_masks m = {0, 0, 0};

    for (int i = 0; i < BLOCK; i++) {
        const unsigned char c = p[i];
        const bool separator = (c >= '\t' && c <= '\r') || c == ' ' || c == '!' || c == '(' ||
                               c == ')' || c == ',' || c == '.' || c == '?' || c == '|';
        m.separators |= (uint64_t)separator << i;
        m.spaces |= (uint64_t)(c == ' ') << i;
        m.leads |= (uint64_t)(c >= 0xc0) << i;
    }
    return m;
}

#endif

/* The bytes of the separator beyond ASCII that begins at p, of at most n; 0 where none does. */
static unsigned wide_separator(const unsigned char *p, size_t n)
{
    if (n < 2)
        return 0;
    switch (p[0] << 8 | p[1]) {
    case 0xc285: /* U+0085 */
    case 0xc2a0: /* U+00A0 */
    case 0xd88c: /* U+060C */
    case 0xdb94: /* U+06D4 */
        return 2;
    case 0xe0a5: /* U+0964 */
        return n > 2 && p[2] == 0xa4 ? 3 : 0;
    case 0xe19a: /* U+1680 */
        return n > 2 && p[2] == 0x80 ? 3 : 0;
    case 0xe280: /* U+2000-200A 2026 2028 2029 202F */
        return n > 2 && ((p[2] >= 0x80 && p[2] <= 0x8a) || p[2] == 0xa6 || p[2] == 0xa8 ||
                         p[2] == 0xa9 || p[2] == 0xaf)
                   ? 3
                   : 0;
    case 0xe281: /* U+205F */
        return n > 2 && p[2] == 0x9f ? 3 : 0;
    case 0xe380: /* U+3000-3002 */
        return n > 2 && p[2] >= 0x80 && p[2] <= 0x82 ? 3 : 0;
    case 0xefbc: /* U+FF0C */
        return n > 2 && p[2] == 0x8c ? 3 : 0;
    default:
        return 0;
    }
}

/* The block of text that begins at `at`, which may lie wholly or partly behind the end. */
static struct pieces_block classify(const struct pieces *p, size_t at, uint64_t spilled)
{
    unsigned char copy[BLOCK];
    const size_t left = at < p->n ? p->n - at : 0;
    const unsigned char *bytes = p->text + (left > 0 ? at : p->n);
    struct pieces_block b;
    struct ascii_masks m;

    if (left < BLOCK) {
        memset(copy, PADDING, sizeof copy);
        if (left > 0)
            memcpy(copy, bytes, left);
        m = classify_ascii(copy);
    } else {
        m = classify_ascii(bytes);
    }
    b = (struct pieces_block){m.separators | spilled, m.spaces, 0};
    for (; m.leads; m.leads &= m.leads - 1) {
        const unsigned i = (unsigned)__builtin_ctzll(m.leads);
        const unsigned n = wide_separator(bytes + i, left - i);
        const uint64_t covers = ((uint64_t)1 << n) - 1;
        b.separators |= covers << i;
        if (i + n > BLOCK)
            b.spill |= covers >> (BLOCK - i);
    }
    return b;
}

/*
 * Where pieces begin in the block. A run of separators begins one; a word begins one, at the space
 * before it where there is one. A space that is a whole run is both, and one bit.
 */
static uint64_t cuts_of(const struct pieces *p, const struct pieces_block *next)
{
    const uint64_t separators = p->block.separators, spaces = p->block.spaces;
    const uint64_t before = separators << 1 | p->after_separator;
    const uint64_t words = ~separators & before;
    const uint64_t next_word = ~next->separators & separators >> (BLOCK - 1) & 1;
    const uint64_t runs = separators & ~before;

    return runs | (words & ~(spaces << 1 | p->after_space)) |
           (spaces & (words >> 1 | next_word << (BLOCK - 1)));
}

struct pieces pieces_of(enum splitting splitting, const char *text, size_t n)
{
    struct pieces p = {.text = (const unsigned char *)text, .n = n, .splitting = splitting};

    if (n == 0)
        p.at = SIZE_MAX;
    else if (splitting == SPLITTING_BLOOM)
        p.block = classify(&p, 0, 0);
    return p;
}

static size_t bloom_next(struct pieces *p, uint32_t ends[PIECES_BATCH])
{
    size_t found = 0;

    while (p->at < p->n && found + BLOCK < PIECES_BATCH) {
        const struct pieces_block next = classify(p, p->at + BLOCK, p->block.spill);
        uint64_t cuts = cuts_of(p, &next);
        if (p->at == 0)
            cuts &= ~(uint64_t)1; /* a beginning, no end */
        if (p->n - p->at < BLOCK)
            cuts &= ((uint64_t)1 << (p->n - p->at)) - 1;
        for (; cuts; cuts &= cuts - 1)
            ends[found++] = (uint32_t)(p->at + (unsigned)__builtin_ctzll(cuts));
        p->after_separator = p->block.separators >> (BLOCK - 1);
        p->after_space = p->block.spaces >> (BLOCK - 1);
        p->block = next;
        p->at += BLOCK;
    }
    if (p->at >= p->n && p->at != SIZE_MAX) {
        ends[found++] = (uint32_t)p->n;
        p->at = SIZE_MAX;
    }
    return found;
}

size_t pieces_next(struct pieces *p, uint32_t ends[PIECES_BATCH])
{
    return p->splitting == SPLITTING_GPT2 ? pieces_gpt2_next(p, ends) : bloom_next(p, ends);
}
