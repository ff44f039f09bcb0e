/*
 * memory: the backend of the processor: its threads, its memory, its parameters. Compiled once, for
 * all instruction sets.
 *
 * Memory     is mapped, not allocated: zeroed by the kernel, aligned to pages, huge ones where they
 *            help. What would not fit is refused before it is touched.
 * Parameters Each part (values, gradients, ...) is one slab of floats. A matrix [n][k] lies in
 *            panels: float [ceil(n / 32)][k][32], where panel p holds rows 32p..32p+31 (rows from n
 *            on are zero). So the three products of a linear layer read it without copying it
 *            first. A vector [n] is padded with zeros to a multiple of 32. Where products are in
 *            bfloat16 a second slab, at the same offsets, holds the values rounded to it: what
 *            changes a value writes both.
 * Snapshots  are the slabs themselves: settle waits until they are released.
 */
#ifndef KERNELS_CPU_MEMORY_H
#define KERNELS_CPU_MEMORY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "kernels/cpu/bf16_size.h"
#include "kernels/cpu/threads.h"
#include "kernels/ops.h"

enum { CPU_PANEL = BF16_PANEL };

struct cpu_parameter {
    size_t offset; /* floats from the start of a slab */
    size_t n, k;   /* k 1: a vector */
    size_t floats; /* with padding */
};

struct snapshot {
    struct cpu *cpu;
};

struct cpu {
    struct backend base;
    struct threads *threads;
    struct cpu_block *blocks; /* what allocate gave */
    size_t taken, available;  /* bytes of them; what there was before the first */

    float *transpose;        /* [threads][CPU_TRANSPOSE] scratch of linear_input, norms */
    float *attention;        /* [threads][attention_floats] scratch of attention */
    size_t attention_floats; /* of one thread */
    float *bf16_a, *bf16_b;  /* operands of a product in bfloat16, for all threads: see bf16.h */
    size_t bf16_a_floats, bf16_b_floats;

    enum ops_product product;
    struct cpu_parameter *parameters;
    size_t n_parameters;
    size_t floats; /* of a slab */
    float *value, *moment1, *moment2;
    bf16 *rounded;   /* value; NULL where products are in fp32 */
    float *gradient; /* of the micro-batch: backward operations write it */
    float *window;   /* of all micro-batches so far; NULL: the micro-batch is the window */
    bool first;      /* the micro-batch is the first of its window */

    pthread_mutex_t mutex;
    pthread_cond_t released;
    struct snapshot snapshot;
    int snapshots; /* that are held */
};

/*
 * linear_input transposes this many rows of a weight matrix at a time, 32 columns wide;
 * gradient_norms 16 rows of up to CPU_COLUMNS.
 */
enum {
    CPU_TRANSPOSE_ROWS = 1024,
    CPU_NORM_ROWS = 16,
    CPU_COLUMNS = 1 << 16,
    CPU_TRANSPOSE = CPU_NORM_ROWS * CPU_COLUMNS
};

static inline struct cpu *cpu_of(struct backend *be)
{
    return (struct cpu *)be;
}

static inline size_t cpu_size(enum ops_type type)
{
    return type == OPS_BF16 ? sizeof(bf16) : sizeof(float);
}

/* The row stride of activations: whole panels, and never a multiple of 256 (rows that far apart
 * would share the same few cache sets). */
static inline size_t cpu_fp32_stride(size_t width)
{
    const size_t stride = (width + CPU_PANEL - 1) / CPU_PANEL * CPU_PANEL;

    return stride % 256 == 0 ? stride + CPU_PANEL : stride;
}

/* Floats of a matrix in panels, or, with k 1, of a padded vector. */
static inline size_t cpu_panels(size_t n, size_t k)
{
    return (n + CPU_PANEL - 1) / CPU_PANEL * CPU_PANEL * k;
}

/* Where element [row][column] of a matrix with k columns lies in its panels. */
static inline size_t cpu_panel_at(size_t row, size_t column, size_t k)
{
    return (row / CPU_PANEL * k + column) * CPU_PANEL + row % CPU_PANEL;
}

/* The slab of a part; gradients are those that AdamW reads. */
static inline float *cpu_part(const struct cpu *c, enum ops_part part)
{
    switch (part) { /* only what is asked for: others may change in another thread */
    case OPS_GRADIENT:
        return c->window ? c->window : c->gradient;
    case OPS_MOMENT1:
        return c->moment1;
    case OPS_MOMENT2:
        return c->moment2;
    case OPS_VALUE:
    default:
        return c->value;
    }
}

/* ops: the table of one instruction set. ERR_INPUT: threads out of range. */
enum status cpu_open(const struct ops *ops, size_t threads, struct backend **out,
                     struct error *err) MUST_CHECK;

/* For struct ops. */
void cpu_close(struct backend *be);
enum status cpu_allocate(struct backend *be, size_t bytes, void **out, struct error *err);
size_t cpu_stride(size_t width, enum ops_type type);
size_t cpu_matrix_bytes(size_t m, size_t width, enum ops_type type);
enum status cpu_prepare(struct backend *be, const struct ops_limits *limits, struct error *err);
void cpu_copy(struct backend *be, void *to, const void *from, size_t bytes);
enum status cpu_sync(struct backend *be, struct error *err);
enum status cpu_parameters(struct backend *be, const struct ops_parameters *p, struct error *err);
enum status cpu_snapshot(struct backend *be, struct snapshot **out, struct error *err);
void cpu_release(struct snapshot *s);
void cpu_settle(struct backend *be);
void cpu_clear(struct backend *be, int parameter);
void cpu_micro_batch(struct backend *be, bool first, size_t present);

#endif
