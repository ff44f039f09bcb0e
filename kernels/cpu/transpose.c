/* transpose: up to 32 rows of a matrix become the columns of another, 16 × 16 at a time. */
#include "kernels/cpu/cpu.h"

#if HPO_LANES == 512

static void transpose_16(const float *in, size_t in_row, size_t rows, float *out, size_t out_row)
{
    __m512 r[16], t[16];

    for (size_t i = 0; i < 16; i++)
        r[i] = i < rows ? _mm512_loadu_ps(in + i * in_row) : _mm512_setzero_ps();
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    /* r[4g + c]: in each quarter q, column 4q + c of rows 4g..4g+3 */
    for (int g = 0; g < 16; g += 4) {
        const __m512d a = _mm512_castps_pd(t[g]), b = _mm512_castps_pd(t[g + 1]);
        const __m512d c = _mm512_castps_pd(t[g + 2]), d = _mm512_castps_pd(t[g + 3]);
        r[g] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        r[g + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        r[g + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        r[g + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
    for (size_t c = 0; c < 4; c++) {
        const __m512 even = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88);
        const __m512 odd = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xdd);
        const __m512 even_high = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88);
        const __m512 odd_high = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xdd);
        _mm512_storeu_ps(out + c * out_row, _mm512_shuffle_f32x4(even, even_high, 0x88));
        _mm512_storeu_ps(out + (4 + c) * out_row, _mm512_shuffle_f32x4(odd, odd_high, 0x88));
        _mm512_storeu_ps(out + (8 + c) * out_row, _mm512_shuffle_f32x4(even, even_high, 0xdd));
        _mm512_storeu_ps(out + (12 + c) * out_row, _mm512_shuffle_f32x4(odd, odd_high, 0xdd));
    }
}

#else

static void transpose_16(const float *in, size_t in_row, size_t rows, float *out, size_t out_row)
{
    for (size_t j = 0; j < 16; j++)
        for (size_t i = 0; i < 16; i++)
            out[j * out_row + i] = i < rows ? in[i * in_row + j] : 0.0f;
}

#endif

void NAMED(transpose)(const struct transpose *t)
{
    for (size_t i = 0; i < t->m; i += 16)
        for (size_t j = 0; j < t->n; j += 16)
            transpose_16(t->in + i * t->in_row + j, t->in_row, t->rows > i ? t->rows - i : 0,
                         t->out + j * t->out_row + i, t->out_row);
}
