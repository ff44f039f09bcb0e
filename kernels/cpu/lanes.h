/*
 * lanes: 16 floats that are computed as one, in the instruction set this file is compiled for.
 *
 * Every kernel is written once, over struct-like `lanes`, and compiled three times: HPO_LANES is 0
 * (portable C), 2 (AVX2 with FMA: two halves) or 512 (AVX-512). Each operation here is one IEEE
 * operation a lane, the same in all three, so the three builds give the same bits.
 * NAMED(x) gives x the suffix of its build.
 */
#ifndef KERNELS_CPU_LANES_H
#define KERNELS_CPU_LANES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/cpu/bf16_size.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define NAMED(name) JOIN(name, HPO_ISA)

enum { LANES = 16 };

#if HPO_LANES == 512
#include <immintrin.h>

typedef __m512 lanes;

static inline lanes lanes_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline void lanes_store(float *p, lanes x)
{
    _mm512_storeu_ps(p, x);
}
static inline lanes lanes_all(float x)
{
    return _mm512_set1_ps(x);
}
static inline lanes lanes_add(lanes a, lanes b)
{
    return _mm512_add_ps(a, b);
}
static inline lanes lanes_sub(lanes a, lanes b)
{
    return _mm512_sub_ps(a, b);
}
static inline lanes lanes_mul(lanes a, lanes b)
{
    return _mm512_mul_ps(a, b);
}
static inline lanes lanes_div(lanes a, lanes b)
{
    return _mm512_div_ps(a, b);
}
static inline lanes lanes_sqrt(lanes a)
{
    return _mm512_sqrt_ps(a);
}
static inline lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return _mm512_fmadd_ps(a, b, c);
}
/* a > b ? a : b */
static inline lanes lanes_max(lanes a, lanes b)
{
    return _mm512_max_ps(a, b);
}
/* x < limit ? yes : no */
static inline lanes lanes_if_less(lanes x, lanes limit, lanes yes, lanes no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, limit, _CMP_LT_OQ), no, yes);
}
/* the first n lanes of x, then of fill */
static inline lanes lanes_first(lanes x, size_t n, lanes fill)
{
    return n >= LANES ? x : _mm512_mask_blend_ps((__mmask16)((1u << n) - 1), fill, x);
}
/* |x| and x with the sign of s */
static inline lanes lanes_abs(lanes x)
{
    return _mm512_castsi512_ps(
        _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff)));
}
static inline lanes lanes_sign(lanes x, lanes s)
{
    return _mm512_castsi512_ps(_mm512_or_si512(
        _mm512_castps_si512(x),
        _mm512_and_si512(_mm512_castps_si512(s), _mm512_set1_epi32((int)0x80000000))));
}
/* y · 2^n, where n is the whole number in the low bits of t = n + 1.5·2^23; no overflow */
static inline lanes lanes_scale(lanes y, lanes t)
{
    return _mm512_castsi512_ps(
        _mm512_add_epi32(_mm512_castps_si512(y), _mm512_slli_epi32(_mm512_castps_si512(t), 23)));
}
/* 16 values of bfloat16; rounded to nearest, ties to even, where NaN stays NaN */
static inline lanes lanes_load_bf16(const bf16 *p)
{
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));

    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
static inline void lanes_store_bf16(bf16 *p, lanes x)
{
    const __m512i bits = _mm512_castps_si512(x), high = _mm512_srli_epi32(bits, 16);
    const __m512i tie = _mm512_and_si512(high, _mm512_set1_epi32(1));
    const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(bits, tie), _mm512_set1_epi32(0x7fff));
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    const __m512i rounded =
        _mm512_mask_or_epi32(_mm512_srli_epi32(sum, 16), nan, high, _mm512_set1_epi32(0x40));

    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(rounded));
}
/* The bits of *p in every lane; the low and the high half of each lane's bits as bfloat16. */
static inline lanes lanes_all_bits(const float *p)
{
    int bits;

    memcpy(&bits, p, sizeof bits);
    return _mm512_castsi512_ps(_mm512_set1_epi32(bits));
}
static inline lanes lanes_low_half(lanes x)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(x), 16));
}
static inline lanes lanes_high_half(lanes x)
{
    return _mm512_castsi512_ps(
        _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32((int)0xffff0000)));
}

#elif HPO_LANES == 2
#include <immintrin.h>

typedef struct {
    __m256 a, b;
} lanes;

static inline lanes lanes_load(const float *p)
{
    return (lanes){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
static inline void lanes_store(float *p, lanes x)
{
    _mm256_storeu_ps(p, x.a);
    _mm256_storeu_ps(p + 8, x.b);
}
static inline lanes lanes_all(float x)
{
    return (lanes){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
static inline lanes lanes_add(lanes x, lanes y)
{
    return (lanes){_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
static inline lanes lanes_sub(lanes x, lanes y)
{
    return (lanes){_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)};
}
static inline lanes lanes_mul(lanes x, lanes y)
{
    return (lanes){_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
static inline lanes lanes_div(lanes x, lanes y)
{
    return (lanes){_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)};
}
static inline lanes lanes_sqrt(lanes x)
{
    return (lanes){_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b)};
}
static inline lanes lanes_fma(lanes x, lanes y, lanes z)
{
    return (lanes){_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
static inline lanes lanes_max(lanes x, lanes y)
{
    return (lanes){_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)};
}
static inline lanes lanes_if_less(lanes x, lanes limit, lanes yes, lanes no)
{
    return (lanes){_mm256_blendv_ps(no.a, yes.a, _mm256_cmp_ps(x.a, limit.a, _CMP_LT_OQ)),
                   _mm256_blendv_ps(no.b, yes.b, _mm256_cmp_ps(x.b, limit.b, _CMP_LT_OQ))};
}
static inline lanes lanes_first(lanes x, size_t n, lanes fill)
{
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i low = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), index);
    const __m256i high = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - 8), index);

    return n >= LANES ? x
                      : (lanes){_mm256_blendv_ps(fill.a, x.a, _mm256_castsi256_ps(low)),
                                _mm256_blendv_ps(fill.b, x.b, _mm256_castsi256_ps(high))};
}
static inline lanes lanes_abs(lanes x)
{
    const __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));

    return (lanes){_mm256_and_ps(x.a, mask), _mm256_and_ps(x.b, mask)};
}
static inline lanes lanes_sign(lanes x, lanes s)
{
    const __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32((int)0x80000000));

    return (lanes){_mm256_or_ps(x.a, _mm256_and_ps(s.a, mask)),
                   _mm256_or_ps(x.b, _mm256_and_ps(s.b, mask))};
}
static inline lanes lanes_all_bits(const float *p)
{
    int bits;

    memcpy(&bits, p, sizeof bits);
    return (lanes){_mm256_castsi256_ps(_mm256_set1_epi32(bits)),
                   _mm256_castsi256_ps(_mm256_set1_epi32(bits))};
}
static inline lanes lanes_low_half(lanes x)
{
    return (lanes){_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(x.a), 16)),
                   _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(x.b), 16))};
}
static inline lanes lanes_high_half(lanes x)
{
    const __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000));

    return (lanes){_mm256_and_ps(x.a, mask), _mm256_and_ps(x.b, mask)};
}
static inline lanes lanes_load_bf16(const bf16 *p)
{
    const __m256i low = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    const __m256i high = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(p + 8)));

    return (lanes){_mm256_castsi256_ps(_mm256_slli_epi32(low, 16)),
                   _mm256_castsi256_ps(_mm256_slli_epi32(high, 16))};
}
/* Rounded bits, each in 32. */
static inline __m256i lanes_round_half(__m256 x)
{
    const __m256i bits = _mm256_castps_si256(x), high = _mm256_srli_epi32(bits, 16);
    const __m256i tie = _mm256_and_si256(high, _mm256_set1_epi32(1));
    const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(bits, tie), _mm256_set1_epi32(0x7fff));
    const __m256i quiet = _mm256_or_si256(high, _mm256_set1_epi32(0x40));

    return _mm256_blendv_epi8(_mm256_srli_epi32(sum, 16), quiet,
                              _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
}
static inline void lanes_store_bf16(bf16 *p, lanes x)
{
    const __m256i both = _mm256_packus_epi32(lanes_round_half(x.a), lanes_round_half(x.b));

    _mm256_storeu_si256((__m256i *)p, _mm256_permute4x64_epi64(both, 0xd8));
}
static inline __m256 lanes_scale_half(__m256 y, __m256 t)
{
    return _mm256_castsi256_ps(
        _mm256_add_epi32(_mm256_castps_si256(y), _mm256_slli_epi32(_mm256_castps_si256(t), 23)));
}
static inline lanes lanes_scale(lanes y, lanes t)
{
    return (lanes){lanes_scale_half(y.a, t.a), lanes_scale_half(y.b, t.b)};
}

#else

typedef struct {
    float x[LANES];
} lanes;

#define LANES_EACH(expression)                                                                     \
    do {                                                                                           \
        lanes result;                                                                              \
        for (int l = 0; l < LANES; l++)                                                            \
            result.x[l] = (expression);                                                            \
        return result;                                                                             \
    } while (0)

static inline uint32_t lanes_bits(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}
static inline float lanes_float(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}
static inline lanes lanes_load(const float *p)
{
    LANES_EACH(p[l]);
}
static inline void lanes_store(float *p, lanes x)
{
    memcpy(p, x.x, sizeof x.x);
}
static inline lanes lanes_all(float x)
{
    LANES_EACH(x);
}
static inline lanes lanes_add(lanes a, lanes b)
{
    LANES_EACH(a.x[l] + b.x[l]);
}
static inline lanes lanes_sub(lanes a, lanes b)
{
    LANES_EACH(a.x[l] - b.x[l]);
}
static inline lanes lanes_mul(lanes a, lanes b)
{
    LANES_EACH(a.x[l] * b.x[l]);
}
static inline lanes lanes_div(lanes a, lanes b)
{
    LANES_EACH(a.x[l] / b.x[l]);
}
static inline lanes lanes_sqrt(lanes a)
{
    LANES_EACH(sqrtf(a.x[l]));
}
static inline lanes lanes_fma(lanes a, lanes b, lanes c)
{
    LANES_EACH(fmaf(a.x[l], b.x[l], c.x[l]));
}
static inline lanes lanes_max(lanes a, lanes b)
{
    LANES_EACH(a.x[l] > b.x[l] ? a.x[l] : b.x[l]);
}
static inline lanes lanes_if_less(lanes x, lanes limit, lanes yes, lanes no)
{
    LANES_EACH(x.x[l] < limit.x[l] ? yes.x[l] : no.x[l]);
}
static inline lanes lanes_first(lanes x, size_t n, lanes fill)
{
    LANES_EACH((size_t)l < n ? x.x[l] : fill.x[l]);
}
static inline lanes lanes_abs(lanes x)
{
    LANES_EACH(lanes_float(lanes_bits(x.x[l]) & 0x7fffffffu));
}
static inline lanes lanes_sign(lanes x, lanes s)
{
    LANES_EACH(lanes_float(lanes_bits(x.x[l]) | (lanes_bits(s.x[l]) & 0x80000000u)));
}
static inline lanes lanes_scale(lanes y, lanes t)
{
    LANES_EACH(lanes_float(lanes_bits(y.x[l]) + (lanes_bits(t.x[l]) << 23)));
}
static inline lanes lanes_load_bf16(const bf16 *p)
{
    LANES_EACH(lanes_float((uint32_t)p[l] << 16));
}
static inline void lanes_store_bf16(bf16 *p, lanes x)
{
    for (int l = 0; l < LANES; l++) {
        const uint32_t bits = lanes_bits(x.x[l]), rounded = bits + 0x7fff + (bits >> 16 & 1);
        p[l] = (bf16)((bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : rounded >> 16);
    }
}
static inline lanes lanes_all_bits(const float *p)
{
    LANES_EACH(*p);
}
static inline lanes lanes_low_half(lanes x)
{
    LANES_EACH(lanes_float(lanes_bits(x.x[l]) << 16));
}
static inline lanes lanes_high_half(lanes x)
{
    LANES_EACH(lanes_float(lanes_bits(x.x[l]) & 0xffff0000u));
}
#endif

/* Eight lanes, for the one sum whose order is another's (gradient_norms). */
enum { LANES8 = 8 };

#if HPO_LANES > 0

typedef __m256 lanes8;

static inline lanes8 lanes8_zero(void)
{
    return _mm256_setzero_ps();
}
static inline lanes8 lanes8_add_square(lanes8 sum, const float *x)
{
    return _mm256_fmadd_ps(_mm256_loadu_ps(x), _mm256_loadu_ps(x), sum);
}
static inline void lanes8_store(float *p, lanes8 x)
{
    _mm256_storeu_ps(p, x);
}

#else

typedef struct {
    float x[LANES8];
} lanes8;

static inline lanes8 lanes8_zero(void)
{
    return (lanes8){{0}};
}
static inline lanes8 lanes8_add_square(lanes8 sum, const float *x)
{
    for (int l = 0; l < LANES8; l++)
        sum.x[l] = fmaf(x[l], x[l], sum.x[l]);
    return sum;
}
static inline void lanes8_store(float *p, lanes8 x)
{
    memcpy(p, x.x, sizeof x.x);
}

#endif

/* The fixed tree over the lanes: l and l+8, then l+4, l+2, l+1. */
static inline float lanes_sum(lanes x)
{
    float s[LANES];

    lanes_store(s, x);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            s[l] += s[l + half];
    return s[0];
}

static inline float lanes_largest(lanes x)
{
    float s[LANES];

    lanes_store(s, x);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            s[l] = s[l] > s[l + half] ? s[l] : s[l + half];
    return s[0];
}

#define FORMULA static inline
#include "kernels/formulas.h"

#endif
