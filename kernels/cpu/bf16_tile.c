/*
 * bf16_tile: the product of pairs in the order of AMX: a tile instruction multiplies 16 rows, 16
 * columns and a block (Intel SDM 2, TDPBF16PS). Without AMX, fused multiply-adds compute the same
 * sums.
 */
#include "kernels/cpu/bf16.h"

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

void NAMED(bf16_tile)(const struct bf16_product *p)
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

/* Not inlined: see bf16_flush. */
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

void NAMED(bf16_tile)(const struct bf16_product *p)
{
    const unsigned mode = bf16_flush();

    blocks(p);
    bf16_put_back(mode);
}

#endif
