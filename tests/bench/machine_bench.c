/*
 * machine_bench THREADS N K [M]: what this machine allows, one line of JSON:
 * {"linear", "linear_input", "linear_weight": GFLOP/s of the three products of a layer [N][K] over
 * M rows (208), "triad": GB/s of a[i] = b[i] + s c[i] over three arrays that no cache holds}. The
 * best of some rounds each: it stands for a floor.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/backend.h"
#include "kernels/cpu/threads.h"

enum { ROUNDS = 7, MINIMUM_MS = 60, TRIAD = 1 << 25, CHUNK = 1 << 15 };

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct layer {
    struct backend *be;
    const struct ops *ops;
    float *x, *dy, *weight, *dweight;
    size_t m, n, k;
    bool bf16;
};

static void forward(const struct layer *l)
{
    l->ops->linear(l->be, &(struct linear_args){.x = l->x,
                                                .x_stride = ops_stride(l->k),
                                                .weight = l->weight,
                                                .out = l->dy,
                                                .out_stride = ops_stride(l->n),
                                                .m = l->m,
                                                .n = l->n,
                                                .k = l->k,
                                                .bf16 = l->bf16});
}

static void input(const struct layer *l)
{
    l->ops->linear_input(l->be, &(struct linear_input_args){.dy = l->dy,
                                                            .dy_stride = ops_stride(l->n),
                                                            .weight = l->weight,
                                                            .dx = l->x,
                                                            .dx_stride = ops_stride(l->k),
                                                            .m = l->m,
                                                            .n = l->n,
                                                            .k = l->k,
                                                            .bf16 = l->bf16});
}

static void weight(const struct layer *l)
{
    l->ops->linear_weight(l->be, &(struct linear_weight_args){.dy = l->dy,
                                                              .dy_stride = ops_stride(l->n),
                                                              .x = l->x,
                                                              .x_stride = ops_stride(l->k),
                                                              .dweight = l->dweight,
                                                              .m = l->m,
                                                              .n = l->n,
                                                              .k = l->k,
                                                              .bf16 = l->bf16});
}

/* GFLOP/s of one product. */
static double rate(const struct layer *l, void (*product)(const struct layer *l))
{
    const double flop = 2.0 * (double)l->m * (double)l->n * (double)l->k;
    double best = 0;

    for (int round = 0; round < ROUNDS; round++) {
        const double start = now();
        double seconds;
        int n = 0;
        do {
            product(l);
            n++;
        } while ((seconds = now() - start) * 1000 < MINIMUM_MS);
        if (flop * n / seconds > best)
            best = flop * n / seconds;
    }
    return best / 1e9;
}

static void triad_chunk(void *context, size_t index, size_t worker)
{
    float *const *arrays = context;
    float *a = arrays[0] + index * CHUNK;
    const float *b = arrays[1] + index * CHUNK, *c = arrays[2] + index * CHUNK;

    (void)worker;
    for (size_t i = 0; i < CHUNK; i++)
        a[i] = b[i] + 3 * c[i];
}

/* GB/s, counting 12 bytes an element. */
static double triad(struct threads *threads, float **arrays)
{
    double best = 0;

    for (int round = 0; round < ROUNDS; round++) {
        const double start = now();
        double bytes = 12.0 * TRIAD, seconds;
        threads_run(threads, TRIAD / CHUNK, triad_chunk, arrays);
        seconds = now() - start;
        if (bytes / seconds > best)
            best = bytes / seconds;
    }
    return best / 1e9;
}

static enum status take(struct layer *l, float **arrays, struct error *err)
{
    void *memory[7];
    const size_t floats[7] = {l->m * ops_stride(l->k),
                              l->m * ops_stride(l->n),
                              ops_panels(l->n, l->k),
                              ops_panels(l->n, l->k),
                              TRIAD,
                              TRIAD,
                              TRIAD};

    TRY(l->ops->prepare(
        l->be,
        &(struct ops_limits){
            .keys = 1, .d = 1, .products = &(struct ops_shape){l->m, l->n, l->k}, .n_products = 1},
        err));
    for (int i = 0; i < 7; i++) {
        TRY(l->ops->allocate(l->be, floats[i] * sizeof(float), &memory[i], err));
        l->ops->fill(l->be, &(struct fill_args){memory[i], floats[i], 0.5f});
    }
    l->x = memory[0];
    l->dy = memory[1];
    l->weight = memory[2];
    l->dweight = memory[3];
    for (int i = 0; i < 3; i++)
        arrays[i] = memory[4 + i];
    return OK;
}

int main(int argc, char **argv)
{
    struct layer l = {.m = argc > 5 ? strtoul(argv[5], NULL, 10) : 208};
    const size_t n_threads = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    struct threads *threads;
    float *arrays[3];
    struct error err;

    l.bf16 = argc > 1 && strcmp(argv[1], "bf16") == 0;
    if (argc < 5 || (l.n = strtoul(argv[3], NULL, 10)) == 0 ||
        (l.k = strtoul(argv[4], NULL, 10)) == 0)
        return fprintf(stderr, "usage: machine_bench fp32|bf16 THREADS N K [M]\n"), 2;
    if (backend_open("cpu", n_threads, &l.be, &l.ops, &err) != OK ||
        threads_open(n_threads, &threads, &err) != OK || take(&l, arrays, &err) != OK)
        return fprintf(stderr, "machine_bench: %s: %s\n", err.where, err.text), 1;
    printf(
        "{\"backend\": \"%s\", \"linear\": %.1f, \"linear_input\": %.1f, \"linear_weight\": %.1f, "
        "\"triad\": %.1f}\n",
        l.ops->name, rate(&l, forward), rate(&l, input), rate(&l, weight), triad(threads, arrays));
    threads_close(threads);
    backend_close(l.be);
    return 0;
}
