/*
 * amx: the tile instructions of AMX in plain C (Intel SDM 2), for a build of the kernels that is
 * tested where no processor has them. Included before all else by the compiler's command line.
 *
 * Eight tiles of 16 rows of 64 bytes, as bf16_tile.c configures them. A row that a load or a store
 * names is read or written whole, so a sanitizer sees what the instruction would touch.
 */
#ifndef TESTS_UNIT_KERNELS_AMX_H
#define TESTS_UNIT_KERNELS_AMX_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { AMX_TILES = 8, AMX_ROWS = 16, AMX_COLUMNS = 16 /* of 32 bits */ };

static _Thread_local uint32_t amx_tiles[AMX_TILES][AMX_ROWS][AMX_COLUMNS];

static inline void amx_load(int tile, const void *from, size_t stride)
{
    for (size_t i = 0; i < AMX_ROWS; i++)
        memcpy(amx_tiles[tile][i], (const char *)from + i * stride, sizeof amx_tiles[tile][i]);
}

static inline void amx_store(int tile, void *to, size_t stride)
{
    for (size_t i = 0; i < AMX_ROWS; i++)
        memcpy((char *)to + i * stride, amx_tiles[tile][i], sizeof amx_tiles[tile][i]);
}

static inline void amx_clear(int tile)
{
    memset(amx_tiles[tile], 0, sizeof amx_tiles[tile]);
}

/* Denormals are zero, with their sign. */
static inline float amx_flush(float x)
{
    return fpclassify(x) == FP_SUBNORMAL ? copysignf(0, x) : x;
}

static inline float amx_float(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Two sums of a block, of the even places and of the odd ones, then these and the accumulator. */
static inline void amx_multiply(int sums, int left, int right)
{
    for (size_t i = 0; i < AMX_ROWS; i++)
        for (size_t n = 0; n < AMX_COLUMNS; n++) {
            float even = 0, odd = 0, sum;
            for (size_t k = 0; k < AMX_COLUMNS; k++) {
                const uint32_t a = amx_tiles[left][i][k], b = amx_tiles[right][k][n];
                even = amx_flush(
                    fmaf(amx_flush(amx_float(a << 16)), amx_flush(amx_float(b << 16)), even));
                odd = amx_flush(fmaf(amx_flush(amx_float(a & 0xffff0000)),
                                     amx_flush(amx_float(b & 0xffff0000)), odd));
            }
            sum = amx_flush(amx_flush(amx_float(amx_tiles[sums][i][n])) + amx_flush(even + odd));
            memcpy(&amx_tiles[sums][i][n], &sum, sizeof sum);
        }
}

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbf16ps
#undef _tile_loadconfig
#undef _tile_release
#define _tile_loadd(tile, from, stride) amx_load(tile, from, stride)
#define _tile_stored(tile, to, stride) amx_store(tile, to, stride)
#define _tile_zero(tile) amx_clear(tile)
#define _tile_dpbf16ps(sums, left, right) amx_multiply(sums, left, right)
#define _tile_loadconfig(config) ((void)(config))
#define _tile_release() ((void)0)

#endif
