/*
 * tiles: what the innermost products share: sums of up to TILE_ROWS rows that live in registers. A
 * tile is a function that is expanded for each number of rows, so that its loops are no loops.
 *
 *     #define TILE_CASE(n) case n: tile(n, ...); break;
 *     switch (rows) { TILE_CASES default: break; }
 */
#ifndef KERNELS_CPU_TILES_H
#define KERNELS_CPU_TILES_H

#include <stddef.h>

#define INLINE static inline __attribute__((always_inline))

/* The whole loop: its sums must be registers. */
#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 12")
#endif

/* clang-format off */
#if HPO_LANES == 512
enum { TILE_ROWS = 12, TILE_LANES = 2 };
#define TILE_CASES                                                                                 \
    TILE_CASE(1) TILE_CASE(2) TILE_CASE(3) TILE_CASE(4) TILE_CASE(5) TILE_CASE(6)                  \
    TILE_CASE(7) TILE_CASE(8) TILE_CASE(9) TILE_CASE(10) TILE_CASE(11) TILE_CASE(12)
#elif HPO_LANES == 2
enum { TILE_ROWS = 6, TILE_LANES = 1 };
#define TILE_CASES                                                                                 \
    TILE_CASE(1) TILE_CASE(2) TILE_CASE(3) TILE_CASE(4) TILE_CASE(5) TILE_CASE(6)
#else
enum { TILE_ROWS = 4, TILE_LANES = 1 };
#define TILE_CASES TILE_CASE(1) TILE_CASE(2) TILE_CASE(3) TILE_CASE(4)
#endif
/* clang-format on */

/* The rows of tile t, of m dealt evenly to ceil(m / TILE_ROWS) tiles, behind `done` of them. */
static inline size_t tile_rows(size_t m, size_t done, size_t t)
{
    const size_t tiles = (m + TILE_ROWS - 1) / TILE_ROWS;

    return (m - done + tiles - t - 1) / (tiles - t);
}

#endif
