/* bf16_pack: rounding to bfloat16, and pairs of two rows. */
#include "kernels/cpu/bf16.h"

void NAMED(bf16_round)(const float *x, size_t n, bf16 *out)
{
    const size_t whole = n / LANES * LANES;
    float last[LANES] = {0};
    bf16 rounded[LANES];

    for (size_t j = 0; j < whole; j += LANES)
        lanes_store_bf16(out + j, lanes_load(x + j));
    if (whole == n)
        return;
    memcpy(last, x + whole, (n - whole) * sizeof *x);
    lanes_store_bf16(rounded, lanes_load(last));
    memcpy(out + whole, rounded, (n - whole) * sizeof *out);
}

#if HPO_DOT

void NAMED(bf16_interleave)(const bf16 *even, const bf16 *odd, size_t n, float *out)
{
    const __m512i first =
        _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6,
                         37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16));

    for (size_t j = 0; j < n; j += 32) {
        const __m512i low = _mm512_loadu_si512(even + j);
        const __m512i high = odd ? _mm512_loadu_si512(odd + j) : _mm512_setzero_si512();
        _mm512_storeu_si512(out + j, _mm512_permutex2var_epi16(low, first, high));
        _mm512_storeu_si512(out + j + 16, _mm512_permutex2var_epi16(low, second, high));
    }
}

#else

/* Pairs are stored in arrays of float: this type may alias them. */
typedef uint32_t __attribute__((may_alias)) word;

void NAMED(bf16_interleave)(const bf16 *even, const bf16 *odd, size_t n, float *out)
{
    word *to = (word *)out;

    for (size_t j = 0; j < n; j++)
        to[j] = even[j];
    for (size_t j = 0; odd && j < n; j++)
        to[j] |= (word)odd[j] << 16;
}

#endif
