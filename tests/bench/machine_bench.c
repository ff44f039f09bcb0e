/*
 * machine_bench fp32|bf16|tile THREADS N K [M]: what this machine allows, one line of JSON:
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
    struct ops_rows x, dy, dx, out;
    size_t m, n, k;
    enum ops_product product;
};

static void forward(const struct layer *l)
{
    l->be->ops->linear(
        l->be, &(struct linear_args){.x = l->x, .out = l->out, .bias = OPS_NONE, .m = l->m});
}

static void input(const struct layer *l)
{
    l->be->ops->linear_input(l->be,
                             &(struct linear_input_args){.dy = l->dy, .dx = l->dx, .m = l->m});
}

static void weight(const struct layer *l)
{
    l->be->ops->linear_weight(
        l->be, &(struct linear_weight_args){.dy = l->dy, .x = l->x, .bias = OPS_NONE, .m = l->m});
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

/* Memory of the processor's backend, which may be written to like any other. */
static enum status filled(struct backend *be, size_t bytes, void **out, struct error *err)
{
    TRY(be->ops->allocate(be, bytes, out, err));
    for (size_t i = 0; i < bytes / sizeof(float); i++)
        ((float *)*out)[i] = 0.5f;
    return OK;
}

static enum status take_rows(struct layer *l, size_t width, enum ops_type type,
                             struct ops_rows *out, struct error *err)
{
    const struct ops *ops = l->be->ops;

    *out = (struct ops_rows){NULL, ops->stride(width, type), type};
    return filled(l->be, ops->matrix_bytes(l->m, width, type), &out->at, err);
}

/* The one parameter, number 0. */
static enum status take_weight(struct layer *l, struct error *err)
{
    const struct ops *ops = l->be->ops;
    void *rows = NULL;

    TRY(ops->parameters(l->be,
                        &(struct ops_parameters){.shapes = &(struct ops_shape){l->n, l->k},
                                                 .n = 1,
                                                 .product = l->product,
                                                 .training = true},
                        err));
    TRY(filled(l->be, OPS_ROWS_STEP * l->k * sizeof(float), &rows, err));
    for (size_t i = 0; i < l->n; i += OPS_ROWS_STEP)
        ops->upload(l->be, OPS_VALUE, 0, i, l->n - i < OPS_ROWS_STEP ? l->n - i : OPS_ROWS_STEP,
                    rows);
    return ops->prepare(
        l->be,
        &(struct ops_limits){
            .keys = 1, .d = 1, .products = &(struct ops_limit){.m = l->m}, .n_products = 1},
        err);
}

static enum status take(struct layer *l, float **arrays, struct error *err)
{
    TRY(take_weight(l, err));
    TRY(take_rows(l, l->k, l->be->operand, &l->x, err));
    TRY(take_rows(l, l->n, l->be->operand, &l->dy, err));
    TRY(take_rows(l, l->k, OPS_FP32, &l->dx, err));
    TRY(take_rows(l, l->n, OPS_FP32, &l->out, err));
    for (int i = 0; i < 3; i++) {
        void *array = NULL;
        TRY(filled(l->be, TRIAD * sizeof(float), &array, err));
        arrays[i] = array;
    }
    return OK;
}

static enum ops_product product_of(const char *name)
{
    if (strcmp(name, "tile") == 0)
        return OPS_PRODUCT_BF16_TILE;
    return strcmp(name, "bf16") == 0 ? OPS_PRODUCT_BF16_DOT : OPS_PRODUCT_FP32;
}

int main(int argc, char **argv)
{
    struct layer l = {.m = argc > 5 ? strtoul(argv[5], NULL, 10) : 208};
    const size_t n_threads = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    struct threads *threads;
    float *arrays[3];
    struct error err;

    l.product = argc > 1 ? product_of(argv[1]) : OPS_PRODUCT_FP32;
    if (argc < 5 || (l.n = strtoul(argv[3], NULL, 10)) == 0 ||
        (l.k = strtoul(argv[4], NULL, 10)) == 0)
        return fprintf(stderr, "usage: machine_bench fp32|bf16|tile THREADS N K [M]\n"), 2;
    if (backend_open(&(struct backend_options){.name = "cpu", .threads = n_threads}, &l.be, &err) !=
            OK ||
        threads_open(n_threads, &threads, &err) != OK || take(&l, arrays, &err) != OK)
        return fprintf(stderr, "machine_bench: %s: %s\n", err.where, err.text), 1;
    printf(
        "{\"backend\": \"%s\", \"linear\": %.1f, \"linear_input\": %.1f, \"linear_weight\": %.1f, "
        "\"triad\": %.1f}\n",
        l.be->ops->name, rate(&l, forward), rate(&l, input), rate(&l, weight),
        triad(threads, arrays));
    threads_close(threads);
    backend_close(l.be);
    return 0;
}
