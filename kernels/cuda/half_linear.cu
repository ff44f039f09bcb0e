/*
 * half_linear: the products of a linear layer with 16-bit operands and fp32 sums, by cuBLASLt.
 *
 * Its heuristics choose an algorithm by the whole shape, and so another one for other numbers of
 * rows: a row's bits would depend on its companions. So each product of a weight [n][k] has one
 * algorithm, asked for at m = 512 (HALF_ROWS, a part of the numerics version), for every m; one
 * that does not fit is an error. None may split the sum or reduce it in a second pass.
 *
 * Its matrices are columns after columns: ours are theirs, transposed.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/half_linear.h"
#include "kernels/cuda/rows.h"

namespace
{

constexpr size_t HALF_ROWS = 512, WORKSPACE = 32 << 20, THREADS = 256;
enum { CANDIDATES = 16 };

/* One of the three products of a layer; d = a · b, of which one lies transposed. */
enum kind { FORWARD, INPUT, WEIGHT };

struct choice {
    struct choice *next;
    enum kind kind;
    size_t n, k;
    bool bias;
    struct lt_algo algo;
};

} // namespace

struct cuda_half {
    struct cublaslt lt;
    struct lt_handle *handle;
    struct choice *choices;
    void *workspace;
    uint16_t *x, *dy; /* operands that came in fp32, rounded */
    size_t x_bytes, dy_bytes;
    size_t rows; /* the most of any product */
};

namespace
{

__global__ void round_rows_kernel(struct ops_rows from, struct ops_rows to, size_t m, size_t n)
{
    const size_t i = cuda_thread() / to.stride, j = cuda_thread() % to.stride;

    if (i < m)
        cuda_put(to, i, j, j < n ? cuda_row(from, i)[j] : 0.0f);
}

/* The rows as an operand: where they lie, or rounded into scratch. */
struct ops_rows operand(struct cuda *c, struct ops_rows r, uint16_t *scratch, size_t m, size_t n)
{
    const struct ops_rows to = {scratch, cuda_stride(n, c->base.operand), c->base.operand};

    if (r.type != OPS_FP32)
        return r;
    if (m > 0)
        LAUNCH(c, cuda_blocks(m * to.stride, THREADS), THREADS, 0, round_rows_kernel, r, to, m, n);
    return to;
}

/* A matrix of theirs: rows × columns, from column to column `step`. */
struct matrix {
    const void *at;
    size_t rows, columns, step;
    bool transposed;
};

/* d = a · b + c (where there is one) + bias (where there is one). */
struct task {
    enum kind kind;
    size_t n, k; /* of the weight */
    struct matrix a, b;
    struct ops_rows c;
    struct ops_rows d;
    size_t d_rows, d_columns;
    const float *bias;
};

/* Descriptions of a task, as the library has them. */
struct described {
    struct lt_desc *desc;
    struct lt_layout *a, *b, *c, *d;
};

int layout(struct cuda *c, struct lt_layout **out, bool half, size_t rows, size_t columns,
           size_t step)
{
    const int type = !half ? LT_R_32F : c->base.operand == OPS_BF16 ? LT_R_16BF : LT_R_16F;

    return c->half->lt.layout_create(out, type, rows, columns, (int64_t)step);
}

void forget(struct cuda *c, const struct described *d)
{
    const struct cublaslt *lt = &c->half->lt;
    struct lt_layout *const layouts[] = {d->a, d->b, d->c, d->d};

    for (int i = 0; i < 4; i++)
        if (layouts[i])
            (void)lt->layout_destroy(layouts[i]);
    if (d->desc)
        (void)lt->desc_destroy(d->desc);
}

int set(struct cuda *c, struct lt_desc *desc, int attribute, int32_t value)
{
    return c->half->lt.desc_set(desc, attribute, &value, sizeof value);
}

int describe(struct cuda *c, const struct task *t, struct described *out)
{
    const struct cublaslt *lt = &c->half->lt;
    const size_t c_step = t->c.at ? t->c.stride : t->d.stride;
    int failed;

    *out = {};
    if ((failed = lt->desc_create(&out->desc, LT_COMPUTE_32F, LT_R_32F)) ||
        (failed = set(c, out->desc, LT_DESC_TRANSA, t->a.transposed ? LT_OP_T : LT_OP_N)) ||
        (failed = set(c, out->desc, LT_DESC_TRANSB, t->b.transposed ? LT_OP_T : LT_OP_N)) ||
        (failed = layout(c, &out->a, true, t->a.rows, t->a.columns, t->a.step)) ||
        (failed = layout(c, &out->b, true, t->b.rows, t->b.columns, t->b.step)) ||
        (failed = layout(c, &out->c, false, t->d_rows, t->d_columns, c_step)) ||
        (failed = layout(c, &out->d, false, t->d_rows, t->d_columns, t->d.stride)))
        return failed;
    if (!t->bias)
        return 0;
    failed = set(c, out->desc, LT_DESC_EPILOGUE, LT_EPILOGUE_BIAS);
    return failed ? failed
                  : lt->desc_set(out->desc, LT_DESC_BIAS_POINTER, &t->bias, sizeof t->bias);
}

/* Neither a split sum nor one that is reduced later. */
bool is_whole(const struct cublaslt *lt, const struct lt_algo *algo)
{
    int32_t split = -1;
    uint32_t reduction = 1;
    size_t written;

    return lt->algo_get(algo, LT_ALGO_SPLIT_K, &split, sizeof split, &written) == 0 &&
           lt->algo_get(algo, LT_ALGO_REDUCTION, &reduction, sizeof reduction, &written) == 0 &&
           split <= 1 && reduction == 0;
}

/* The same product of m rows. */
struct task at_rows(const struct task *t, size_t m)
{
    struct task same = *t;

    if (t->kind == WEIGHT)
        same.a.columns = same.b.columns = m;
    else
        same.b.columns = same.d_columns = m;
    return same;
}

/* Whether an algorithm does the product of any number of rows: one, odd ones, the most. */
bool fits_all(struct cuda *c, const struct task *t, const struct lt_algo *algo)
{
    const struct cublaslt *lt = &c->half->lt;
    const size_t rows[] = {1, 3, 509, c->half->rows};
    bool fits = true;

    for (size_t i = 0; i < sizeof rows / sizeof *rows && fits; i++) {
        const struct task same = at_rows(t, rows[i] > 0 ? rows[i] : 1);
        struct lt_found found = {};
        struct described d;
        fits = describe(c, &same, &d) == 0 &&
               lt->check(c->half->handle, d.desc, d.a, d.b, d.c, d.d, algo, &found) == 0 &&
               found.state == 0 && found.workspace <= WORKSPACE;
        forget(c, &d);
    }
    return fits;
}

/* Asks for algorithms for this very shape, and takes the first that will do. */
int ask(struct cuda *c, const struct task *t, struct lt_algo *out)
{
    const struct cublaslt *lt = &c->half->lt;
    const uint64_t bytes = WORKSPACE;
    const uint32_t no_reduction = 0, alignment = 16;
    struct lt_found found[CANDIDATES] = {};
    struct lt_preference *preference = NULL;
    struct described d;
    int n = 0, failed = describe(c, t, &d);

    if (!failed)
        failed = lt->preference_create(&preference);
    if (!failed)
        failed = lt->preference_set(preference, LT_PREFERENCE_WORKSPACE, &bytes, sizeof bytes);
    if (!failed)
        failed = lt->preference_set(preference, LT_PREFERENCE_REDUCTION, &no_reduction,
                                    sizeof no_reduction);
    for (int i = 0; i < 4 && !failed; i++) /* what every operand of ours has */
        failed = lt->preference_set(preference, LT_PREFERENCE_ALIGNMENT_A + i, &alignment,
                                    sizeof alignment);
    if (!failed)
        failed = lt->heuristic(c->half->handle, d.desc, d.a, d.b, d.c, d.d, preference, CANDIDATES,
                               found, &n);
    if (preference)
        (void)lt->preference_destroy(preference);
    forget(c, &d);
    if (failed)
        return failed;
    for (int i = 0; i < n; i++)
        if (found[i].state == 0 && is_whole(lt, &found[i].algo) && fits_all(c, t, &found[i].algo)) {
            *out = found[i].algo;
            return 0;
        }
    return 15; /* CUBLAS_STATUS_NOT_SUPPORTED */
}

const struct choice *choose(struct cuda *c, const struct task *t)
{
    const bool bias = t->bias != NULL;
    const struct task wanted = at_rows(t, HALF_ROWS);
    struct choice *made;
    int failed;

    for (const struct choice *i = c->half->choices; i; i = i->next)
        if (i->kind == t->kind && i->n == t->n && i->k == t->k && i->bias == bias)
            return i;
    if (!(made = static_cast<struct choice *>(calloc(1, sizeof *made)))) {
        cuda_fail(c, ERR_MEMORY, "out of memory");
        return NULL;
    }
    if ((failed = ask(c, &wanted, &made->algo)) != 0) {
        cuda_fail(c, ERR_SYSTEM, "cuBLASLt has no product for a weight of %zu x %zu (status %d)",
                  t->n, t->k, failed);
        free(made);
        return NULL;
    }
    *made = {c->half->choices, t->kind, t->n, t->k, bias, made->algo};
    c->half->choices = made;
    return made;
}

void multiply(struct cuda *c, const struct task *t)
{
    struct cuda_half *h = c->half;
    const float one = 1, beta = t->c.at ? 1.0f : 0.0f;
    const struct choice *choice = cuda_broken(c) ? NULL : choose(c, t);
    struct described d;
    int failed;

    if (!choice)
        return;
    if ((failed = describe(c, t, &d)) == 0)
        failed = h->lt.matmul(h->handle, d.desc, &one, t->a.at, d.a, t->b.at, d.b, &beta,
                              t->c.at ? t->c.at : t->d.at, d.c, t->d.at, d.d, &choice->algo,
                              h->workspace, WORKSPACE, c->stream);
    forget(c, &d);
    if (failed) /* the device's own word comes first: a broken card is no fault of the library */
        cuda_check(c, cudaStreamSynchronize(c->stream), "a product");
    if (failed)
        cuda_fail(c, failed == LT_NO_MEMORY ? ERR_BUSY : ERR_SYSTEM,
                  "cuBLASLt refuses a product of %zu x %zu for %zu rows (status %d)", t->n, t->k,
                  t->kind == WEIGHT ? t->b.columns : t->d_columns, failed);
}

/* The value of a weight as an operand: k rows, n columns of theirs. */
struct matrix weight_of(struct cuda *c, int weight)
{
    const struct cuda_parameter *p = &c->parameters[weight];

    return {cuda_rounded(c, weight), p->k, p->n, p->pitch, false};
}

struct task task_of(const struct cuda *c, enum kind kind, int weight)
{
    struct task t = {};

    t.kind = kind;
    t.n = c->parameters[weight].n;
    t.k = c->parameters[weight].k;
    return t;
}

} // namespace

enum status half_open(struct cuda *c, struct error *err)
{
    struct cuda_half *h = static_cast<struct cuda_half *>(calloc(1, sizeof *h));

    if (!(c->half = h))
        return error_memory(err);
    TRY(cublaslt_open(&h->lt, err));
    if (h->lt.create(&h->handle) != 0)
        return cuda_library_failure(c->place, "cuBLASLt", "it cannot be started", err);
    return cuda_allocate(&c->base, WORKSPACE, &h->workspace, err);
}

void half_close(struct cuda *c)
{
    struct cuda_half *h = c->half;

    if (!h)
        return;
    for (struct choice *i = h->choices; i;) {
        struct choice *next = i->next;
        free(i);
        i = next;
    }
    if (h->handle)
        (void)h->lt.destroy(h->handle);
    free(h);
}

enum status half_prepare(struct cuda *c, const struct ops_limits *limits, struct error *err)
{
    struct cuda_half *h = c->half;
    size_t x = 0, dy = 0;
    void *memory = NULL;

    for (size_t i = 0; i < limits->n_products; i++) {
        const struct cuda_parameter *p = &c->parameters[limits->products[i].weight];
        const size_t m = limits->products[i].m, x_bytes = cuda_matrix_bytes(m, p->k, OPS_BF16);
        const size_t dy_bytes = cuda_matrix_bytes(m, p->n, OPS_BF16);
        h->rows = m > h->rows ? m : h->rows;
        x = x_bytes > x ? x_bytes : x;
        dy = dy_bytes > dy ? dy_bytes : dy;
    }
    if (x > h->x_bytes) {
        TRY(cuda_allocate(&c->base, x, &memory, err));
        h->x = static_cast<uint16_t *>(memory);
        h->x_bytes = x;
    }
    if (dy > h->dy_bytes) {
        TRY(cuda_allocate(&c->base, dy, &memory, err));
        h->dy = static_cast<uint16_t *>(memory);
        h->dy_bytes = dy;
    }
    return OK;
}

void half_linear(struct cuda *c, const struct linear_args *a)
{
    struct task t = task_of(c, FORWARD, a->weight);
    const struct ops_rows x = operand(c, a->x, c->half->x, a->m, t.k);

    t.a = weight_of(c, a->weight);
    t.a.transposed = true;
    t.b = {x.at, t.k, a->m, x.stride, false};
    t.c = a->residual;
    t.d = a->out;
    t.d_rows = t.n;
    t.d_columns = a->m;
    t.bias = cuda_value(c, a->bias);
    if (a->m > 0)
        multiply(c, &t);
}

void half_linear_input(struct cuda *c, const struct linear_input_args *a)
{
    struct task t = task_of(c, INPUT, a->weight);
    const struct ops_rows dy = operand(c, a->dy, c->half->dy, a->m, t.n);

    t.a = weight_of(c, a->weight);
    t.b = {dy.at, t.n, a->m, dy.stride, false};
    t.c = a->add;
    t.d = a->dx;
    t.d_rows = t.k;
    t.d_columns = a->m;
    if (a->m > 0)
        multiply(c, &t);
}

void half_linear_weight(struct cuda *c, const struct linear_weight_args *a, float *dweight)
{
    struct task t = task_of(c, WEIGHT, a->weight);
    const struct ops_rows x = operand(c, a->x, c->half->x, a->m, t.k);
    const struct ops_rows dy = operand(c, a->dy, c->half->dy, a->m, t.n);

    t.a = {x.at, t.k, a->m, x.stride, false};
    t.b = {dy.at, t.n, a->m, dy.stride, true};
    t.d = {dweight, c->parameters[a->weight].pitch, OPS_FP32};
    t.d_rows = t.k;
    t.d_columns = t.n;
    multiply(c, &t);
}
