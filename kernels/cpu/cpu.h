/*
 * cpu: what the files of this folder share: the backend, and the product that all of them are
 * built on. Every operation is compiled once an instruction set; table.c of each build fills a
 * struct ops. The backend itself (backend.c, threads.c) is compiled once.
 */
#ifndef KERNELS_CPU_CPU_H
#define KERNELS_CPU_CPU_H

#include "kernels/cpu/lanes.h"
#include "kernels/cpu/threads.h"
#include "kernels/ops.h"

struct arena;

/* Below this many multiply-adds (some ten microseconds) waking a thread costs more than it gives.
 */
enum { CPU_WORTH_A_THREAD = 1 << 20 };

struct backend {
    struct threads *threads;
    float *transpose;         /* [threads][CPU_TRANSPOSE] scratch of linear_input, norms */
    float *attention;         /* [threads][attention_floats] scratch of attention */
    size_t attention_floats;  /* of one thread */
    size_t attention_keys, d; /* what it was prepared for */
    struct cpu_block *blocks; /* what allocate gave */
};

/*
 * linear_input transposes this many rows of a weight matrix at a time, 32 columns wide;
 * tensor_norms 16 rows of up to CPU_COLUMNS.
 */
enum {
    CPU_TRANSPOSE_ROWS = 1024,
    CPU_NORM_ROWS = 16,
    CPU_COLUMNS = 1 << 16,
    CPU_TRANSPOSE = CPU_NORM_ROWS * CPU_COLUMNS
};

/*
 * c[i][0..31] = (add ? c[i][0..31] : 0) + Σ a(i, j) · b[j][0..31] in the order that ops.h gives
 * products. a(i, j) is a[i · a_row + j · a_step]; one of the two is 1.
 */
struct product {
    const float *a;
    size_t a_row, a_step;
    const float *b;
    size_t b_step;
    float *c;
    size_t c_row;
    size_t m, k;
    bool add;
};

void NAMED(product)(const struct product *p);

/*
 * out[j · out_row + i] = in[i · in_row + j] for i below m, zero from `rows` on, and j below n.
 * Reads and writes m and n rounded up to multiples of 16.
 */
struct transpose {
    const float *in;
    size_t in_row, rows;
    float *out;
    size_t out_row;
    size_t m, n;
};

void NAMED(transpose)(const struct transpose *t);

/* Runs task for every index below n: in this thread where cost (multiply-adds) is small. */
static inline void cpu_run(struct backend *be, size_t n, size_t cost, threads_task *task,
                           void *context)
{
    if (cost >= CPU_WORTH_A_THREAD) {
        threads_run(be->threads, n, task, context);
        return;
    }
    for (size_t i = 0; i < n; i++)
        task(context, i, 0);
}

void NAMED(linear)(struct backend *be, const struct linear_args *a);
void NAMED(linear_input)(struct backend *be, const struct linear_input_args *a);
void NAMED(linear_weight)(struct backend *be, const struct linear_weight_args *a);
void NAMED(norm)(struct backend *be, const struct norm_args *a);
void NAMED(norm_backward)(struct backend *be, const struct norm_backward_args *a);
void NAMED(gelu)(struct backend *be, const struct gelu_args *a);
void NAMED(gelu_backward)(struct backend *be, const struct gelu_backward_args *a);
void NAMED(attention)(struct backend *be, const struct attention_args *a);
void NAMED(attention_backward)(struct backend *be, const struct attention_backward_args *a);
void NAMED(embed)(struct backend *be, const struct embed_args *a);
void NAMED(embed_backward)(struct backend *be, const struct embed_backward_args *a);
void NAMED(take_rows)(struct backend *be, const struct rows_args *a);
void NAMED(put_rows)(struct backend *be, const struct rows_args *a);
void NAMED(cross_entropy)(struct backend *be, const struct cross_entropy_args *a);
void NAMED(tensor_norms)(struct backend *be, const struct tensor_norms_args *a);
void NAMED(fill)(struct backend *be, const struct fill_args *a);
void NAMED(adamw)(struct backend *be, const struct adamw_args *a);

/*
 * Scratch of one (sequence, head) of attention, in floats: five copies [keys][d] of rows, two
 * transposed ones, and two matrices [keys][keys], all with their sides rounded up to 32.
 */
static inline size_t cpu_attention_floats(size_t keys, size_t d)
{
    const size_t t = (keys + OPS_PANEL - 1) / OPS_PANEL * OPS_PANEL;
    const size_t w = (d + OPS_PANEL - 1) / OPS_PANEL * OPS_PANEL;

    return 7 * t * w + 2 * t * t;
}

/* cpu/memory.c: compiled once. */
enum status cpu_allocate(struct backend *be, size_t bytes, void **out, struct error *err);
enum status cpu_prepare(struct backend *be, size_t keys, size_t d, struct error *err);
enum status cpu_sync(struct backend *be, struct error *err);

#endif
