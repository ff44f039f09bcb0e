/*
 * memory: the backend of the processor, and its slabs. Compiled once, for all instruction sets.
 *
 * A slab is mapped, not allocated: zeroed by the kernel, aligned to pages, huge ones where they
 * help. What would not fit is refused before it is touched.
 */
#ifndef KERNELS_CPU_MEMORY_H
#define KERNELS_CPU_MEMORY_H

#include <stddef.h>

#include "base/error.h"
#include "kernels/cpu/threads.h"
#include "kernels/ops.h"

struct backend {
    struct threads *threads;
    float *transpose;        /* [threads][CPU_TRANSPOSE] scratch of linear_input, norms */
    float *attention;        /* [threads][attention_floats] scratch of attention */
    size_t attention_floats; /* of one thread */
    float *bf16_a, *bf16_b;  /* activations in bfloat16, for all threads: see bf16.h */
    size_t bf16_a_floats, bf16_b_floats;
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

/* For struct ops. */
enum status cpu_allocate(struct backend *be, size_t bytes, void **out, struct error *err);
enum status cpu_prepare(struct backend *be, const struct ops_limits *limits, struct error *err);
enum status cpu_sync(struct backend *be, struct error *err);

void cpu_free_blocks(struct backend *be);

#endif
