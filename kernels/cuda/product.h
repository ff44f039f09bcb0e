/*
 * product: c(i, j) = Σ a(i, s) · b(s, j) in fp32, in the order of the processor's products
 * (cpu/cpu.h): s in blocks of 512, in a block one chain of fused multiply-adds from 0, the block
 * sums added in order.
 *
 * A block of threads computes a tile of the result, a thread R × C neighbours of it; STEP places of
 * s at a time lie in shared memory. What is computed, a job says: job.begin(p) fills a struct
 * product from the place of the block, or returns false where there is nothing to do.
 */
#ifndef KERNELS_CUDA_PRODUCT_H
#define KERNELS_CUDA_PRODUCT_H

#include "kernels/cuda/rows.h"

/* One of a_row and a_step, and of b_step and b_column, is 1. */
struct product {
    const float *a, *b;
    size_t a_row, a_step, b_step, b_column;
    const int32_t *a_rows, *b_rows; /* which row of a is i, of b is s; NULL: itself */
    struct ops_rows c;              /* of any type */
    size_t c_first, c_column;       /* of the first result, in c */
    const int32_t *c_rows;          /* which row of c is i; NULL: c_first + i */
    size_t m, n, k;                 /* rows, columns, places of s */
    size_t columns;                 /* n, and the zeros behind it */
    struct ops_rows add;            /* fp32, before the first block's sum; or nowhere */
    const float *bias;              /* [n], behind the last block's sum; or NULL */
    struct ops_rows residual;       /* fp32, behind the bias; or nowhere */
};

/* Threads in 16 columns and TY rows; R and C results of each. */
template <int TY_, int R_, int C_, bool A_BY_SUM_, bool B_BY_SUM_> struct product_shape {
    enum {
        TY = TY_,
        R = R_,
        C = C_,
        A_BY_SUM = A_BY_SUM_, /* a lies along s, not along its rows */
        B_BY_SUM = B_BY_SUM_,
        THREADS = TY_ * 16,
        ROWS = TY_ * R_,
        COLUMNS = 16 * C_,
        STEP = 16,
        PAD = 4, /* so that neighbours along s lie in different banks */
    };
    struct shared {
        float a[STEP][ROWS + PAD], b[STEP][COLUMNS + PAD];
    };
};

/* STEP places of s from `at` on, of which `left` are there, into shared memory. */
template <class S>
FORMULA void product_load(typename S::shared *tile, const struct product &p, size_t row,
                          size_t column, size_t at, size_t left)
{
    for (unsigned e = threadIdx.x; e < S::ROWS * S::STEP; e += S::THREADS) {
        const unsigned s = S::A_BY_SUM ? e % S::STEP : e / S::ROWS;
        const unsigned i = S::A_BY_SUM ? e / S::STEP : e % S::ROWS;
        float x = 0;
        if (row + i < p.m && s < left) {
            const size_t from = p.a_rows ? (size_t)p.a_rows[row + i] : row + i;
            x = p.a[from * p.a_row + (at + s) * p.a_step];
        }
        tile->a[s][i] = x;
    }
    for (unsigned e = threadIdx.x; e < S::COLUMNS * S::STEP; e += S::THREADS) {
        const unsigned s = S::B_BY_SUM ? e % S::STEP : e / S::COLUMNS;
        const unsigned j = S::B_BY_SUM ? e / S::STEP : e % S::COLUMNS;
        float x = 0;
        if (column + j < p.n && s < left) {
            const size_t from = p.b_rows ? (size_t)p.b_rows[at + s] : at + s;
            x = p.b[from * p.b_step + (column + j) * p.b_column];
        }
        tile->b[s][j] = x;
    }
}

template <class S>
FORMULA void product_step(const typename S::shared *tile, unsigned s, unsigned y, unsigned x,
                          float (&sum)[S::R][S::C])
{
    float a[S::R], b[S::C];

    UNROLL
    for (unsigned i = 0; i < S::R; i++)
        a[i] = tile->a[s][y * S::R + i];
    UNROLL
    for (unsigned j = 0; j < S::C; j++)
        b[j] = tile->b[s][x * S::C + j];
    UNROLL
    for (unsigned i = 0; i < S::R; i++)
        UNROLL
    for (unsigned j = 0; j < S::C; j++)
        sum[i][j] = __fmaf_rn(a[i], b[j], sum[i][j]);
}

/* The sums of all blocks become results. */
template <class S>
FORMULA void product_store(const struct product &p, size_t row, size_t column,
                           const float (&total)[S::R][S::C])
{
    UNROLL
    for (unsigned r = 0; r < S::R; r++) {
        const size_t i = row + r;
        if (i >= p.m)
            break;
        const size_t to = p.c_rows ? (size_t)p.c_rows[i] : p.c_first + i;
        UNROLL
        for (unsigned q = 0; q < S::C; q++) {
            const size_t j = column + q;
            float x = total[r][q];
            if (j >= p.columns)
                break;
            if (j >= p.n)
                x = 0;
            if (j < p.n && p.bias)
                x += p.bias[j];
            if (j < p.n && p.residual.at)
                x += cuda_row(p.residual, i)[j];
            cuda_put(p.c, to, p.c_column + j, x);
        }
    }
}

/* What the block sums are added to; the first is only taken, where there is nothing. */
template <class S>
FORMULA void product_add(const struct product &p, size_t row, size_t column,
                         float (&total)[S::R][S::C])
{
    UNROLL
    for (unsigned r = 0; r < S::R; r++)
        UNROLL
    for (unsigned q = 0; q < S::C; q++)
        if (row + r < p.m && column + q < p.n)
            total[r][q] = cuda_row(p.add, row + r)[column + q];
}

template <class S, class Job>
__global__ void __launch_bounds__(S::THREADS, 1) product_kernel(Job job)
{
    SHARED(typename S::shared, tile);
    const unsigned y = threadIdx.x / 16, x = threadIdx.x % 16;
    const size_t row = (size_t)blockIdx.y * S::ROWS, column = (size_t)blockIdx.x * S::COLUMNS;
    float total[S::R][S::C] = {};
    struct product p;

    if (!job.begin(p, row) || row >= p.m || column >= p.columns)
        return;
    if (p.add.at)
        product_add<S>(p, row + y * S::R, column + x * S::C, total);
    for (size_t from = 0; from < p.k || from == 0; from += CUDA_SUM_BLOCK) {
        const size_t end = p.k - from < CUDA_SUM_BLOCK ? p.k : from + CUDA_SUM_BLOCK;
        float sum[S::R][S::C] = {};
        for (size_t at = from; at < end; at += S::STEP) {
            product_load<S>(tile, p, row, column, at, end - at);
            __syncthreads();
            if (end - at >= S::STEP) {
                UNROLL
                for (unsigned s = 0; s < S::STEP; s++)
                    product_step<S>(tile, s, y, x, sum);
            } else {
                for (unsigned s = 0; s < end - at; s++)
                    product_step<S>(tile, s, y, x, sum);
            }
            __syncthreads();
        }
        const bool only = from == 0 && !p.add.at; /* 0 + x is not x where x is -0 */
        UNROLL
        for (unsigned i = 0; i < S::R; i++)
            UNROLL
        for (unsigned j = 0; j < S::C; j++)
            total[i][j] = only ? sum[i][j] : total[i][j] + sum[i][j];
    }
    product_store<S>(p, row + y * S::R, column + x * S::C, total);
}

/* Tiles of an m × n result, and `batch` of them. */
template <class S> static inline dim3 product_grid(size_t m, size_t n, size_t batch)
{
    return dim3(cuda_blocks(n, S::COLUMNS), cuda_blocks(m, S::ROWS), (unsigned)batch);
}

#endif
