/*
 * cpu: what the operations share: the product that most of them are built on, and how a task is cut
 * for threads. Every operation is compiled once for each instruction set; table.c of each build
 * fills a struct ops.
 */
#ifndef KERNELS_CPU_CPU_H
#define KERNELS_CPU_CPU_H

#include "kernels/cpu/lanes.h"
#include "kernels/cpu/memory.h"
#include "kernels/cpu/threads.h"
#include "kernels/ops.h"

/* Below this many multiply-adds (some 40 µs), waking a thread costs more than it saves. */
enum { CPU_WORTH_A_THREAD = 1 << 22 };

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

/* The last step of a product: bias and residual of 32 columns of out; dbias of 32 of dy. */
void NAMED(finish_panel)(const struct linear_args *a, size_t at);
void NAMED(sum_bias)(const struct linear_weight_args *a, size_t at);

/* A thread's own CPU_TRANSPOSE floats. */
static inline float *cpu_scratch(const struct backend *be, size_t worker)
{
    return be->transpose + worker * CPU_TRANSPOSE;
}

/* Runs task for every index below n; in this thread alone where cost (multiply-adds) is small. */
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
void NAMED(to_panels)(struct backend *be, const struct panels_args *a);
void NAMED(from_panels)(struct backend *be, const struct panels_args *a);
void NAMED(fill)(struct backend *be, const struct fill_args *a);
void NAMED(adamw)(struct backend *be, const struct adamw_args *a);

#endif
