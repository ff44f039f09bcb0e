/*
 * cpu: what the operations share: the product that most of them are built on, and how a task is cut
 * for threads. Every operation is compiled once for each instruction set; table.c of each build
 * fills a struct ops.
 *
 * The order of sums, which is part of the processor's identity:
 *
 * Products   k in blocks of 512; in a block one accumulator for each element, from 0, k ascending,
 *            one fused multiply-add for each step; block sums are added in order. `add` of
 *            linear_input is there before the first; bias and residual come last.
 * bfloat16   Both operands are rounded to it, ties to even: one in fp32 and one in bfloat16 are the
 *            same operand. Denormals are zero, in and out, up to the last block's sum. Then come
 *            `add` of linear_input, bias and residual. The sum of a bias's gradient is that of what
 *            dy holds.
 * dot        of bfloat16: the blocks of fp32, but k goes by pairs: the odd place, then the even
 *            one. A last place without a partner has a zero. It is what vdpbf16ps computes.
 * tile       of bfloat16: blocks of 32; a block's sum is that of its even and that of its odd
 *            places, each like one above. It is what AMX computes.
 * Rows       Sums along a row: 16 lanes (element i belongs to lane i mod 16), then lanes l and l+8,
 *            l+4, l+2, l+1. Sums over rows: rows ascending. exp and tanh are our own (lanes.h).
 * Norms      Squares of a parameter's gradient, row after row (a vector is one) in 8 lanes
 *            (column j belongs to lane j mod 8), one fused multiply-add a square, then the lanes in
 *            order: as PyTorch does it. Over many small numbers this rounds more than blocks of
 *            rows would (2e-4 of the norm), and clipped training that is compared with PyTorch's
 *            step for step must round alike.
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
 * c[i][0..31] = (add ? c[i][0..31] : 0) + Σ a(i, j) · b[j][0..31] in the order of
 * products above. a(i, j) is a[i · a_row + j · a_step]; one of the two is 1.
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

/* A linear layer: the operation's arguments, and where its parameters lie. */
struct linear_task {
    struct cpu *cpu;
    const struct linear_args *a;
    const float *weight, *bias; /* bias: or NULL */
    size_t n, k;
};

struct linear_input_task {
    struct cpu *cpu;
    const struct linear_input_args *a;
    const float *weight;
    size_t n, k;
};

struct linear_weight_task {
    struct cpu *cpu;
    const struct linear_weight_args *a;
    float *dweight, *dbias; /* dbias: or NULL */
    size_t n, k;
};

/* The last step of a product: bias and residual of 32 columns of out; dbias of 32 of dy. */
void NAMED(finish_panel)(const struct linear_task *t, size_t at);
void NAMED(sum_bias)(const struct linear_weight_task *t, size_t at);

/* A thread's own CPU_TRANSPOSE floats. */
static inline float *cpu_scratch(const struct cpu *c, size_t worker)
{
    return c->transpose + worker * CPU_TRANSPOSE;
}

/* Row i of a matrix of fp32. */
static inline float *cpu_row(struct ops_rows r, size_t i)
{
    return (float *)r.at + i * r.stride;
}

/* Elements [i][j..j + 16) of a matrix of any type; they are rounded to it. */
static inline lanes cpu_get(struct ops_rows r, size_t i, size_t j)
{
    return r.type == OPS_BF16 ? lanes_load_bf16((const bf16 *)r.at + i * r.stride + j)
                              : lanes_load(cpu_row(r, i) + j);
}
static inline void cpu_put(struct ops_rows r, size_t i, size_t j, lanes x)
{
    if (r.type == OPS_BF16)
        lanes_store_bf16((bf16 *)r.at + i * r.stride + j, x);
    else
        lanes_store(cpu_row(r, i) + j, x);
}
/* The same of n elements; x NULL: zeros. */
void NAMED(put_row)(struct ops_rows r, size_t i, size_t j, const float *x, size_t n);

/* A parameter's value, rounded value, or gradient of this micro-batch; NULL for OPS_NONE. */
static inline const float *cpu_value(const struct cpu *c, int parameter)
{
    return parameter == OPS_NONE ? NULL : c->value + c->parameters[parameter].offset;
}
static inline const bf16 *cpu_rounded(const struct cpu *c, int parameter)
{
    return c->rounded + c->parameters[parameter].offset;
}
static inline float *cpu_gradient(const struct cpu *c, int parameter)
{
    return parameter == OPS_NONE ? NULL : c->gradient + c->parameters[parameter].offset;
}

/* Runs task for every index below n; in this thread alone where cost (multiply-adds) is small. */
static inline void cpu_run(struct cpu *c, size_t n, size_t cost, threads_task *task, void *context)
{
    if (cost >= CPU_WORTH_A_THREAD) {
        threads_run(c->threads, n, task, context);
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
void NAMED(largest)(struct backend *be, const struct largest_args *a);
void NAMED(add_gradients)(struct backend *be);
void NAMED(gradient_norms)(struct backend *be, const struct gradient_norms_args *a);
void NAMED(adamw)(struct backend *be, const struct adamw_args *a);
void NAMED(upload)(struct backend *be, enum ops_part part, int parameter, size_t first, size_t n,
                   const float *rows);
enum status NAMED(download)(const struct snapshot *s, enum ops_part part, int parameter,
                            size_t first, size_t n, float *rows, struct error *err);

#endif
