/*
 * gradients: those of all parameters at once: their sum over micro-batches, the norms that clipping
 * needs. A parameter is one task: its sums are sequential by definition. Panels are converted back
 * to rows, 16 at a time, in scratch memory. Start at gradient_norms.
 */
#include "kernels/cpu/cpu.h"

enum { ADD_CHUNK = 16384 }; /* floats of one task */

/* ---- sums over micro-batches ---- */

static void add_chunk(void *context, size_t index, size_t worker)
{
    const struct cpu *c = context;
    const size_t from = index * ADD_CHUNK;
    const size_t to = c->floats - from < ADD_CHUNK ? c->floats : from + ADD_CHUNK;

    (void)worker;
    for (size_t i = from; i < to; i += LANES) /* a slab is whole panels */
        lanes_store(c->window + i,
                    lanes_add(lanes_load(c->window + i), lanes_load(c->gradient + i)));
}

void NAMED(add_gradients)(struct backend *be)
{
    struct cpu *c = cpu_of(be);
    float *micro = c->gradient;

    if (c->first) {
        c->gradient = c->window;
        c->window = micro;
        return;
    }
    cpu_run(c, (c->floats + ADD_CHUNK - 1) / ADD_CHUNK, 8 * c->floats, add_chunk, c);
}

/* ---- norms ---- */

struct squares {
    lanes8 sum;
    lanes largest;
};

/* n: a multiple of 16. */
static void add_squares(struct squares *s, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i += LANES8)
        s->sum = lanes8_add_square(s->sum, x + i);
    for (size_t i = 0; i < n; i += LANES)
        s->largest = lanes_max(lanes_abs(lanes_load(x + i)), s->largest);
}

/* 16 rows at a time become rows of `scratch`, k rounded up to 16, zero after k. */
static void add_rows(struct squares *s, const struct cpu_parameter *p, const float *panels,
                     float *scratch)
{
    const size_t row = (p->k + LANES - 1) / LANES * LANES;

    for (size_t first = 0; first < p->n; first += CPU_NORM_ROWS) {
        const size_t left = p->n - first;
        const float *in = panels + cpu_panel_at(first, 0, p->k);
        /* half of the next panel meanwhile: lines of each half lie among the other's */
        const float *next = panels + (first / CPU_NORM_ROWS + 2) * CPU_NORM_ROWS * p->k;
        for (size_t j = 0; j < row; j += LANES) {
            for (size_t line = 0; line < LANES; line++)
                __builtin_prefetch(next + (j + line) * LANES);
            NAMED(transpose)
            (&(struct transpose){.in = in + j * CPU_PANEL,
                                 .in_row = CPU_PANEL,
                                 .rows = p->k - j,
                                 .out = scratch + j,
                                 .out_row = row,
                                 .m = LANES,
                                 .n = CPU_NORM_ROWS});
        }
        /* rows from n on are not always zero: a product may have met 0 · infinity there */
        add_squares(s, scratch, (left < CPU_NORM_ROWS ? left : CPU_NORM_ROWS) * row);
    }
}

struct norms_task {
    struct cpu *cpu;
    const struct gradient_norms_args *a;
};

static void norm_of(void *context, size_t index, size_t worker)
{
    const struct norms_task *task = context;
    const struct cpu_parameter *p = &task->cpu->parameters[index];
    const float *x = cpu_part(task->cpu, OPS_GRADIENT) + p->offset;
    struct squares s = {lanes8_zero(), lanes_all(0.0f)};
    float sum[LANES8];

    if (p->k == 1)
        add_squares(&s, x, p->floats);
    else
        add_rows(&s, p, x, cpu_scratch(task->cpu, worker));
    lanes8_store(sum, s.sum);
    for (int l = 1; l < LANES8; l++)
        sum[0] += sum[l];
    task->a->norms[index] = sqrtf(sum[0]);
    task->a->largest[index] = isnan(sum[0]) ? INFINITY : lanes_largest(s.largest);
}

void NAMED(gradient_norms)(struct backend *be, const struct gradient_norms_args *a)
{
    struct cpu *c = cpu_of(be);
    struct norms_task task = {c, a};

    cpu_run(c, c->n_parameters, 8 * c->floats, norm_of, &task);
}
