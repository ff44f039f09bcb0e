/*
 * locked: hpo-trainer on a backend that behaves as a device may: its memory cannot be read or
 * written by anyone but its operations (a fault ends the program), and these take effect at sync
 * alone, as late as the manual of ops.h allows. What runs them is the processor's backend: so the
 * results must be its bits.
 *
 * Linked in the place of backend_open (-Wl,--wrap): the trainer is the one that is shipped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/backend.h"

enum status __real_backend_open(const struct backend_options *o, struct backend **out,
                                struct error *err);
enum status __wrap_backend_open(const struct backend_options *o, struct backend **out,
                                struct error *err);

struct locked;

/* One operation to come: its arguments, and bytes that the caller may since have changed. */
struct entry {
    struct entry *next;
    void (*run)(struct locked *l, const void *arguments, const void *bytes);
    void *bytes;
    char arguments[];
};

struct block {
    struct block *next;
    void *at;
    size_t n;
};

struct locked {
    struct backend base;
    struct ops ops;
    struct backend *real;
    struct block *blocks;
    struct entry *first, **last;
};

/* What fails here is no result of a test. */
static void *need(void *p)
{
    if (p)
        return p;
    (void)fputs("locked: no memory\n", stderr);
    abort();
}

static struct locked *of(struct backend *be)
{
    return (struct locked *)be;
}

static void protect(struct locked *l, int how)
{
    for (const struct block *b = l->blocks; b; b = b->next)
        if (mprotect(b->at, b->n, how) != 0)
            abort();
}

static void later(struct locked *l, void (*run)(struct locked *, const void *, const void *),
                  const void *arguments, size_t n, const void *bytes, size_t n_bytes)
{
    struct entry *e = need(malloc(sizeof *e + n));

    *e = (struct entry){.run = run};
    memcpy(e->arguments, arguments, n);
    if (n_bytes > 0)
        e->bytes = memcpy(need(malloc(n_bytes)), bytes, n_bytes);
    *l->last = e;
    l->last = &e->next;
}

static void run_all(struct locked *l)
{
    protect(l, PROT_READ | PROT_WRITE);
    for (struct entry *e = l->first, *next; e; e = next) {
        next = e->next;
        e->run(l, e->arguments, e->bytes);
        free(e->bytes);
        free(e);
    }
    protect(l, PROT_NONE);
    l->first = NULL;
    l->last = &l->first;
}

/* ---- operations ---- */

#define OPERATION(name, type)                                                                      \
    static void run_##name(struct locked *l, const void *arguments, const void *bytes)             \
    {                                                                                              \
        (void)bytes;                                                                               \
        l->real->ops->name(l->real, arguments);                                                    \
    }                                                                                              \
    static void later_##name(struct backend *be, const struct type *a)                             \
    {                                                                                              \
        later(of(be), run_##name, a, sizeof *a, NULL, 0);                                          \
    }

OPERATION(linear, linear_args)
OPERATION(linear_input, linear_input_args)
OPERATION(linear_weight, linear_weight_args)
OPERATION(norm, norm_args)
OPERATION(norm_backward, norm_backward_args)
OPERATION(gelu, gelu_args)
OPERATION(gelu_backward, gelu_backward_args)
OPERATION(attention, attention_args)
OPERATION(attention_backward, attention_backward_args)
OPERATION(embed, embed_args)
OPERATION(embed_backward, embed_backward_args)
OPERATION(take_rows, rows_args)
OPERATION(put_rows, rows_args)
OPERATION(cross_entropy, cross_entropy_args)
OPERATION(largest, largest_args)
OPERATION(gradient_norms, gradient_norms_args)
OPERATION(adamw, adamw_args)

static void run_clear(struct locked *l, const void *arguments, const void *bytes)
{
    (void)bytes;
    l->real->ops->clear(l->real, *(const int *)arguments);
}

static void later_clear(struct backend *be, int parameter)
{
    later(of(be), run_clear, &parameter, sizeof parameter, NULL, 0);
}

static void run_micro_batch(struct locked *l, const void *arguments, const void *bytes)
{
    (void)bytes;
    l->real->ops->micro_batch(l->real, *(const bool *)arguments, 1);
}

static void later_micro_batch(struct backend *be, bool first, size_t present)
{
    (void)present;
    later(of(be), run_micro_batch, &first, sizeof first, NULL, 0);
}

static void run_add(struct locked *l, const void *arguments, const void *bytes)
{
    (void)arguments;
    (void)bytes;
    l->real->ops->add_gradients(l->real);
}

static void later_add(struct backend *be)
{
    later(of(be), run_add, "", 0, NULL, 0);
}

/* ---- memory ---- */

struct copy {
    void *to;
    const void *from;
    size_t bytes;
};

static void run_send(struct locked *l, const void *arguments, const void *bytes)
{
    const struct copy *c = arguments;

    l->real->ops->send(l->real, c->to, bytes, c->bytes);
}

static void later_send(struct backend *be, void *to, const void *from, size_t bytes)
{
    later(of(be), run_send, &(struct copy){to, from, bytes}, sizeof(struct copy), from, bytes);
}

static void run_fetch(struct locked *l, const void *arguments, const void *bytes)
{
    const struct copy *c = arguments;

    (void)bytes;
    l->real->ops->fetch(l->real, c->to, c->from, c->bytes);
}

/* Until sync what comes is garbage: every float a NaN. */
static void later_fetch(struct backend *be, void *to, const void *from, size_t bytes)
{
    memset(to, 0xff, bytes);
    later(of(be), run_fetch, &(struct copy){to, from, bytes}, sizeof(struct copy), NULL, 0);
}

static enum status locked_sync(struct backend *be, struct error *err)
{
    run_all(of(be));
    return of(be)->real->ops->sync(of(be)->real, err);
}

static enum status locked_allocate(struct backend *be, size_t bytes, void **out, struct error *err)
{
    struct locked *l = of(be);
    struct block *b = need(malloc(sizeof *b));
    enum status s = l->real->ops->allocate(l->real, bytes, out, err);

    if (s != OK) {
        free(b);
        return s;
    }
    *b = (struct block){l->blocks, *out, bytes > 0 ? bytes : 1};
    l->blocks = b;
    protect(l, PROT_NONE);
    return OK;
}

static enum status locked_prepare(struct backend *be, const struct ops_limits *limits,
                                  struct error *err)
{
    return of(be)->real->ops->prepare(of(be)->real, limits, err);
}

static void locked_close(struct backend *be)
{
    struct locked *l = of(be);

    run_all(l);
    backend_close(l->real);
    for (struct block *b = l->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(l);
}

/* ---- parameters ---- */

static enum status locked_parameters(struct backend *be, const struct ops_parameters *p,
                                     struct error *err)
{
    enum status s = of(be)->real->ops->parameters(of(be)->real, p, err);

    be->operand = of(be)->real->operand;
    return s;
}

/* Rows are the caller's again at once, so this is not delayed; what came before is done first. */
static void locked_upload(struct backend *be, enum ops_part part, int parameter, size_t first,
                          size_t n, const float *rows)
{
    run_all(of(be));
    of(be)->real->ops->upload(of(be)->real, part, parameter, first, n, rows);
}

static enum status locked_snapshot(struct backend *be, struct snapshot **out, struct error *err)
{
    run_all(of(be));
    return of(be)->real->ops->snapshot(of(be)->real, out, err);
}

static void locked_settle(struct backend *be)
{
    of(be)->real->ops->settle(of(be)->real);
}

enum status __wrap_backend_open(const struct backend_options *o, struct backend **out,
                                struct error *err)
{
    struct locked *l = need(calloc(1, sizeof *l));
    enum status s = __real_backend_open(o, &l->real, err);

    if (s != OK) {
        free(l);
        return s;
    }
    l->last = &l->first;
    l->ops = *l->real->ops; /* what is not named below needs no backend */
    l->ops.close = locked_close;
    l->ops.allocate = locked_allocate;
    l->ops.prepare = locked_prepare;
    l->ops.send = later_send;
    l->ops.fetch = later_fetch;
    l->ops.sync = locked_sync;
    l->ops.parameters = locked_parameters;
    l->ops.upload = locked_upload;
    l->ops.snapshot = locked_snapshot;
    l->ops.settle = locked_settle;
    l->ops.linear = later_linear;
    l->ops.linear_input = later_linear_input;
    l->ops.linear_weight = later_linear_weight;
    l->ops.norm = later_norm;
    l->ops.norm_backward = later_norm_backward;
    l->ops.gelu = later_gelu;
    l->ops.gelu_backward = later_gelu_backward;
    l->ops.attention = later_attention;
    l->ops.attention_backward = later_attention_backward;
    l->ops.embed = later_embed;
    l->ops.embed_backward = later_embed_backward;
    l->ops.take_rows = later_take_rows;
    l->ops.put_rows = later_put_rows;
    l->ops.cross_entropy = later_cross_entropy;
    l->ops.largest = later_largest;
    l->ops.clear = later_clear;
    l->ops.micro_batch = later_micro_batch;
    l->ops.add_gradients = later_add;
    l->ops.gradient_norms = later_gradient_norms;
    l->ops.adamw = later_adamw;
    l->base.ops = &l->ops;
    *out = &l->base;
    return OK;
}
