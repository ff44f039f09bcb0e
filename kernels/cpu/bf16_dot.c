/*
 * bf16_dot: the product of pairs by vdpbf16ps, which adds the product of the odd places, then that
 * of the even ones, each fused, to every one of 16 sums (Intel SDM 2, VDPBF16PS). A tile of 12 × 32
 * sums lives in registers.
 */
#include "kernels/cpu/bf16.h"
#include "kernels/cpu/tiles.h"

#if HPO_DOT

/* rows and vectors are constants where this is expanded. */
INLINE void tile(size_t rows, size_t vectors, const struct bf16_product *p, size_t first)
{
    const float *a = p->a + first * p->a_row, *b = p->b;
    float *c = p->c + first * p->c_row;
    __m512 sum[TILE_ROWS][2];

    UNROLLED
    for (size_t i = 0; i < rows; i++) {
        UNROLLED
        for (size_t l = 0; l < vectors; l++)
            sum[i][l] = _mm512_setzero_ps();
    }
    for (size_t j = 0; j < p->k; j++) {
        __m512bh column[2];
        UNROLLED
        for (size_t l = 0; l < vectors; l++)
            column[l] = (__m512bh)lanes_load(b + l * LANES);
        UNROLLED
        for (size_t i = 0; i < rows; i++) {
            const __m512bh pair = (__m512bh)lanes_all_bits(a + i * p->a_row + j);
            UNROLLED
            for (size_t l = 0; l < vectors; l++)
                sum[i][l] = _mm512_dpbf16_ps(sum[i][l], pair, column[l]);
        }
        b += p->b_row;
    }
    UNROLLED
    for (size_t i = 0; i < rows; i++) {
        UNROLLED
        for (size_t l = 0; l < vectors; l++) {
            float *at = c + i * p->c_row + l * LANES;
            if (p->stream)
                _mm512_stream_ps(at, sum[i][l]);
            else
                lanes_store(at, p->add ? lanes_add(lanes_load(at), sum[i][l]) : sum[i][l]);
        }
    }
}

#define TILE_CASE(n)                                                                               \
    case n:                                                                                        \
        tile(n, vectors, p, first);                                                                \
        break;

INLINE void tile_of(size_t rows, size_t vectors, const struct bf16_product *p, size_t first)
{
    switch (rows) {
        TILE_CASES
    default:
        break;
    }
}

INLINE void all_tiles(size_t vectors, const struct bf16_product *p)
{
    for (size_t t = 0, done = 0, rows; done < p->m; t++, done += rows) {
        rows = tile_rows(p->m, done, t);
        tile_of(rows, vectors, p, done);
    }
}

/* Not inlined: see bf16_flush. */
static __attribute__((noinline)) void by_vector(const struct bf16_product *p)
{
    all_tiles(1, p);
}

static __attribute__((noinline)) void by_two(const struct bf16_product *p)
{
    all_tiles(2, p);
}

void NAMED(bf16_dot)(const struct bf16_product *p)
{
    const unsigned mode = bf16_flush(); /* for the sums of blocks: the instruction always does */

    if (p->columns > LANES)
        by_two(p);
    else
        by_vector(p);
    if (p->stream)
        _mm_sfence(); /* before others are told that this panel is there */
    bf16_put_back(mode);
}

#endif
