/*
 * bf16_product: rounding to bfloat16, and the product of pairs. With AMX one tile instruction
 * multiplies 16 rows, 16 columns and a block; without, fused multiply-adds compute the same sums.
 */
#include "kernels/cpu/bf16.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Pairs are stored in arrays of float: this type may alias them. */
typedef uint32_t __attribute__((may_alias)) word;

/* Rounds to nearest, ties to even; NaN stays NaN. */
static inline uint32_t bfloat16(uint32_t bits)
{
    const uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);

    return (bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : rounded >> 16;
}

void NAMED(bf16_pack_row)(const float *x, size_t n, float *out, size_t pairs)
{
    const word *in = (const word *)x;
    word *to = (word *)out;

    for (size_t j = 0; j < n / 2; j++)
        to[j] = bfloat16(in[2 * j]) | bfloat16(in[2 * j + 1]) << 16;
    if (n % 2)
        to[n / 2] = bfloat16(in[n - 1]);
    for (size_t j = (n + 1) / 2; j < pairs; j++)
        to[j] = 0;
}

void NAMED(bf16_pack_two_rows)(const float *even, const float *odd, size_t n, float *out)
{
    const word *low = (const word *)even, *high = (const word *)odd;
    word *to = (word *)out;

    for (size_t j = 0; j < n; j++)
        to[j] = bfloat16(low[j]) | (odd ? bfloat16(high[j]) << 16 : 0);
}

#if HPO_AMX

enum { TWO_TILES = 2 * BF16_BLOCK };

struct tile_config {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* 32 rows where `both`, else 16. */
static inline __attribute__((always_inline)) void
tiles(const struct bf16_product *p, const float *a, float *c, size_t c_row, bool both)
{
    const size_t in = p->a_row * sizeof(float), with = p->b_row * sizeof(float);
    const size_t out = c_row * sizeof(float);
    float *below = c + BF16_BLOCK * c_row;

    if (p->add) {
        _tile_loadd(0, c, out);
        _tile_loadd(1, c + BF16_BLOCK, out);
    } else {
        _tile_zero(0);
        _tile_zero(1);
    }
    if (both && p->add) {
        _tile_loadd(2, below, out);
        _tile_loadd(3, below + BF16_BLOCK, out);
    } else {
        _tile_zero(2);
        _tile_zero(3);
    }
    for (size_t j = 0; j < p->k; j += BF16_BLOCK) {
        const float *b = p->b + j * p->b_row;
        _tile_loadd(6, b, with);
        _tile_loadd(7, b + BF16_BLOCK, with);
        _tile_loadd(4, a + j, in);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if (both) {
            _tile_loadd(5, a + BF16_BLOCK * p->a_row + j, in);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, c, out);
    _tile_stored(1, c + BF16_BLOCK, out);
    if (both) {
        _tile_stored(2, below, out);
        _tile_stored(3, below + BF16_BLOCK, out);
    }
}

/* Up to 32 rows. Where they do not fill their tiles, results go through a buffer: c ends before. */
static void rows_of_tiles(const struct bf16_product *p, const float *a, float *c, size_t rows)
{
    float whole[TWO_TILES][CPU_PANEL];
    const bool full = rows % BF16_BLOCK == 0;

    for (size_t i = 0; i < rows && !full && p->add; i++)
        memcpy(whole[i], c + i * p->c_row, sizeof whole[i]);
    if (rows > BF16_BLOCK)
        tiles(p, a, full ? c : whole[0], full ? p->c_row : CPU_PANEL, true);
    else
        tiles(p, a, full ? c : whole[0], full ? p->c_row : CPU_PANEL, false);
    for (size_t i = 0; i < rows && !full; i++)
        memcpy(c + i * p->c_row, whole[i], sizeof whole[i]);
}

void NAMED(bf16_product)(const struct bf16_product *p)
{
    struct tile_config config = {.palette = 1};

    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = BF16_BLOCK * sizeof(float);
        config.rows[i] = BF16_BLOCK;
    }
    _tile_loadconfig(&config);
    for (size_t i = 0; i < p->m; i += TWO_TILES)
        rows_of_tiles(p, p->a + i * p->a_row, p->c + i * p->c_row,
                      p->m - i < TWO_TILES ? p->m - i : TWO_TILES);
    _tile_release();
}

#else

#if HPO_LANES == 512
enum { ROWS = 6, COLUMNS = CPU_PANEL };
#elif HPO_LANES == 2
enum { ROWS = 2, COLUMNS = LANES };
#else
enum { ROWS = 1, COLUMNS = LANES };
#endif

enum { AT_ONCE = COLUMNS / LANES };

/* A block for `rows` rows and COLUMNS columns, whose sums are registers. */
static inline __attribute__((always_inline)) void
block(const struct bf16_product *p, const float *a, const float *b, float *c, size_t rows, bool add)
{
    float a_even[ROWS][BF16_BLOCK], a_odd[ROWS][BF16_BLOCK];
    lanes even[ROWS][AT_ONCE], odd[ROWS][AT_ONCE];

    for (size_t i = 0; i < rows; i++) {
        const lanes pairs = lanes_load(a + i * p->a_row);
        lanes_store(a_even[i], lanes_low_half(pairs));
        lanes_store(a_odd[i], lanes_high_half(pairs));
        for (size_t l = 0; l < AT_ONCE; l++)
            even[i][l] = odd[i][l] = lanes_all(0.0f);
    }
    for (size_t j = 0; j < BF16_BLOCK; j++)
        for (size_t l = 0; l < AT_ONCE; l++) {
            const lanes pairs = lanes_load(b + j * p->b_row + l * LANES);
            const lanes b_even = lanes_low_half(pairs), b_odd = lanes_high_half(pairs);
            for (size_t i = 0; i < rows; i++) {
                even[i][l] = lanes_fma(lanes_all(a_even[i][j]), b_even, even[i][l]);
                odd[i][l] = lanes_fma(lanes_all(a_odd[i][j]), b_odd, odd[i][l]);
            }
        }
    for (size_t i = 0; i < rows; i++)
        for (size_t l = 0; l < AT_ONCE; l++) {
            float *at = c + i * p->c_row + l * LANES;
            const lanes before = add ? lanes_load(at) : lanes_all(0.0f);
            lanes_store(at, lanes_add(before, lanes_add(even[i][l], odd[i][l])));
        }
}

/* Not inlined: its arithmetic must stay between the two writes of the control register. */
static __attribute__((noinline)) void blocks(const struct bf16_product *p)
{
    for (size_t j = 0; j < p->k; j += BF16_BLOCK)
        for (size_t l = 0; l < CPU_PANEL; l += COLUMNS) {
            const float *b = p->b + j * p->b_row + l;
            size_t i = 0;
            for (; i + ROWS <= p->m; i += ROWS)
                block(p, p->a + i * p->a_row + j, b, p->c + i * p->c_row + l, ROWS, p->add || j);
            for (; i < p->m; i++)
                block(p, p->a + i * p->a_row + j, b, p->c + i * p->c_row + l, 1, p->add || j);
        }
}

void NAMED(bf16_product)(const struct bf16_product *p)
{
#if defined(__x86_64__)
    const unsigned mode = _mm_getcsr();

    _mm_setcsr(mode | 0x8040); /* denormals are zero, in and out */
    blocks(p);
    _mm_setcsr(mode);
#else
    blocks(p);
#endif
}

#endif
