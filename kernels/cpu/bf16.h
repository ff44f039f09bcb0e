/*
 * bf16: the products of a linear layer with operands rounded to bfloat16, in either order of sums
 * (cpu.h).
 *
 * Along the index that a product sums over, two neighbours are a pair, which is moved as one float:
 * the value with the even place is its low half. `tile` is what AMX computes with tiles of pairs,
 * and `dot` what AVX512-BF16 computes with vectors of pairs; both read the same operands, which
 * bf16_linear.c brings into place. Without AMX, fused multiply-adds compute the sums of tile
 * (bf16_tile.c); without AVX512-BF16, the fp32 product computes those of dot (bf16_wide.c).
 */
#ifndef KERNELS_CPU_BF16_H
#define KERNELS_CPU_BF16_H

#include "kernels/cpu/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* c[i][0..columns) = (add ? c[i][0..columns) : 0) + Σ a[i] · b. */
struct bf16_product {
    const float *a; /* [m] rows of k pairs; tile reads bf16_tiles(m) rows, and drops the others */
    size_t a_row;
    const float *b; /* [k] rows of pairs of the columns */
    size_t b_row;
    float *c; /* [m] rows */
    size_t c_row;
    size_t m, k; /* k not 0; of tile a multiple of BF16_BLOCK; dot: no more than BF16_DOT_BLOCK */
    size_t columns; /* 32; of dot also 16 */
    bool add;
    bool stream; /* dot may write past the caches: c is aligned, and `add` false */
};

enum { BF16_DOT_BLOCK = 256 }; /* pairs of a block of dot's sum */

void NAMED(bf16_tile)(const struct bf16_product *p);
#if HPO_DOT
void NAMED(bf16_dot)(const struct bf16_product *p);
#endif

/* Denormals become zero, in and out, until the mode that this returns is put back. The arithmetic
 * must be in functions that are not inlined between the two. */
static inline unsigned bf16_flush(void)
{
#if defined(__x86_64__)
    const unsigned mode = _mm_getcsr();

    _mm_setcsr(mode | 0x8040);
    return mode;
#else
    return 0;
#endif
}

static inline void bf16_put_back(unsigned mode)
{
#if defined(__x86_64__)
    _mm_setcsr(mode);
#else
    (void)mode;
#endif
}

static inline size_t bf16_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* out[j] = x[j], rounded. */
void NAMED(bf16_round)(const float *x, size_t n, bf16 *out);

/* out[j] = the pair even[j], odd[j] for j below n, a multiple of 32; odd NULL: zeros. */
void NAMED(bf16_interleave)(const bf16 *even, const bf16 *odd, size_t n, float *out);

/* Row i of an operand, columns [from, from + n): where it lies, or rounded into scratch. */
static inline const bf16 *bf16_operand(struct ops_rows r, size_t i, size_t from, size_t n,
                                       bf16 *scratch)
{
    if (r.type == OPS_BF16)
        return (const bf16 *)r.at + i * r.stride + from;
    NAMED(bf16_round)(cpu_row(r, i) + from, n, scratch);
    return scratch;
}

void NAMED(bf16_linear)(struct linear_task *t);
void NAMED(bf16_linear_input)(struct linear_input_task *t);
void NAMED(bf16_linear_weight)(struct linear_weight_task *t);

/* dot, without an instruction for it. */
void NAMED(bf16_wide_linear)(struct linear_task *t);
void NAMED(bf16_wide_linear_input)(struct linear_input_task *t);
void NAMED(bf16_wide_linear_weight)(struct linear_weight_task *t);

#endif
