/*
 * tensor_norms: the norms that clipping needs. A tensor is one task: its sums are sequential by
 * definition. Panels are converted back to rows, 16 at a time, in scratch memory.
 */
#include "kernels/cpu/cpu.h"

struct norms_task {
    const struct tensor_norms_args *a;
    const struct backend *be;
};

static float root_of(lanes8 sum)
{
    float s[LANES8];

    lanes8_store(s, sum);
    for (int l = 1; l < LANES8; l++)
        s[0] += s[l];
    return sqrtf(s[0]);
}

/* A vector is padded with zeros to a multiple of 32. */
static float vector_norm(const float *x, size_t n)
{
    lanes8 sum = lanes8_zero();

    for (size_t i = 0; i < n; i += LANES8)
        sum = lanes8_add_square(sum, x + i);
    return root_of(sum);
}

/* x: panels. 16 rows at a time become rows of `scratch`, k rounded up to 16, zero after k. */
static float matrix_norm(const float *x, size_t n, size_t k, float *scratch)
{
    const size_t row = (k + LANES - 1) / LANES * LANES;
    lanes8 sum = lanes8_zero();

    for (size_t first = 0; first < n; first += CPU_NORM_ROWS) {
        NAMED(transpose)
        (&(struct transpose){.in = x + ops_panel_at(first, 0, k),
                             .in_row = OPS_PANEL,
                             .rows = k,
                             .out = scratch,
                             .out_row = row,
                             .m = row,
                             .n = CPU_NORM_ROWS});
        /* rows from n on are zero, and change no sum */
        for (size_t i = 0; i < CPU_NORM_ROWS * row; i += LANES8)
            sum = lanes8_add_square(sum, scratch + i);
    }
    return root_of(sum);
}

static void norm_of(void *context, size_t index, size_t worker)
{
    const struct norms_task *task = context;
    const struct ops_tensor *t = &task->a->tensors[index];
    const float *x = task->a->slab + t->offset;

    task->a->norms[index] = t->k == 0 ? vector_norm(x, t->n)
                                      : matrix_norm(x, t->n, t->k, cpu_scratch(task->be, worker));
}

void NAMED(tensor_norms)(struct backend *be, const struct tensor_norms_args *a)
{
    struct norms_task task = {a, be};
    size_t cost = 0;

    for (size_t i = 0; i < a->n; i++)
        cost += a->tensors[i].n * (a->tensors[i].k ? a->tensors[i].k : 1);
    cpu_run(be, a->n, 8 * cost, norm_of, &task);
}
