/*
 * attention: one task is one head of one sequence. Its queries, keys and values are copied into
 * compact rows; scores are a [queries][keys] matrix in scratch memory, made and used in blocks of
 * queries, and keys after a block's last query are never touched. Probabilities are not kept: the
 * backward pass computes them again from each row's largest score and sum, bit for bit.
 * Start at head_forward.
 */
#include "kernels/cpu/cpu.h"

enum { BLOCK = 48 }; /* queries (or keys) at a time: four tiles of rows */

/* One head of one sequence. Matrices are [rows][w], w = d rounded up; scores are [queries][t]. */
struct head {
    const struct attention_args *a;
    const struct attention_sequence *sequence;
    const int32_t *place; /* of each query */
    size_t number, d;     /* of the head; its width */
    size_t n_queries, n_keys, t, w;
    float *q, *k, *v, *dout, *out; /* out: results before they are copied to d columns */
    float *k_panels, *v_panels;    /* transposed, [t / 32][w][32] */
    float *p, *ds;                 /* scores, then probabilities; their gradient */
};

struct attention_task {
    const struct attention_args *a;
    const struct attention_backward_args *back; /* or NULL */
    float *scratch;
    size_t scratch_floats;
};

static size_t round_up(size_t n)
{
    return (n + CPU_PANEL - 1) / CPU_PANEL * CPU_PANEL;
}

static struct head head_at(const struct attention_task *task, size_t index, size_t worker)
{
    const struct attention_args *a = task->a;
    const struct attention_sequence *s = &a->sequences[index / a->layout.heads];
    struct head h = {.a = a, .sequence = s, .number = index % a->layout.heads, .d = a->layout.d};
    float *at = task->scratch + worker * task->scratch_floats;

    h.place = a->query_place + s->query_first;
    h.n_queries = (size_t)s->query_count;
    h.n_keys = (size_t)s->key_count;
    h.t = round_up(h.n_keys);
    h.w = round_up(h.d);
    h.q = at;
    h.k = (at += h.t * h.w);
    h.v = (at += h.t * h.w);
    h.dout = (at += h.t * h.w);
    h.out = (at += h.t * h.w);
    h.k_panels = (at += h.t * h.w);
    h.v_panels = (at += h.t * h.w);
    h.p = (at += h.t * h.w);
    h.ds = at + h.t * h.t;
    return h;
}

/* A row of d floats, then zeros up to w. */
static void copy_row(const struct head *h, float *to, const float *from)
{
    memcpy(to, from, h->d * sizeof *to);
    memset(to + h->d, 0, (h->w - h->d) * sizeof *to);
}

/* The first column of this head's queries, keys or values. */
static size_t column_of(const struct head *h, size_t part)
{
    return h->number * h->a->layout.head_step + part * h->a->layout.part_step;
}

static void load_rows(const struct head *h)
{
    const struct attention_args *a = h->a;

    for (size_t i = 0; i < h->n_queries; i++) {
        const size_t row = (size_t)a->query_row[(size_t)h->sequence->query_first + i];
        copy_row(h, h->q + i * h->w, cpu_row(a->q, row) + column_of(h, 0));
    }
    for (size_t j = 0; j < h->n_keys; j++) {
        const float *row = cpu_row(a->kv, (size_t)h->sequence->key_first + j);
        copy_row(h, h->k + j * h->w, row + column_of(h, 1));
        copy_row(h, h->v + j * h->w, row + column_of(h, 2));
    }
}

static void make_panels(const struct head *h, const float *rows, float *panels)
{
    for (size_t j = 0; j < h->n_keys; j += CPU_PANEL)
        NAMED(transpose)
    (&(struct transpose){.in = rows + j * h->w,
                         .in_row = h->w,
                         .rows = h->n_keys - j,
                         .out = panels + j * h->w,
                         .out_row = CPU_PANEL,
                         .m = CPU_PANEL,
                         .n = h->w});
}

/* out[i][0..count) = rows[i] · panelsᵀ for m rows */
static void by_panels(const struct head *h, const float *rows, const float *panels, float *out,
                      size_t m, size_t count)
{
    for (size_t j = 0; j < count; j += CPU_PANEL)
        NAMED(product)
    (&(struct product){.a = rows,
                       .a_row = h->w,
                       .a_step = 1,
                       .b = panels + j * h->w,
                       .b_step = CPU_PANEL,
                       .c = out + j,
                       .c_row = h->t,
                       .m = m,
                       .k = h->d});
}

/* h->out[0..m) = Σ over n of a(i, j) rows[j]; the a_row and a_step of struct product */
static void combine(const struct head *h, const float *a, size_t a_row, size_t a_step,
                    const float *rows, size_t m, size_t n)
{
    for (size_t column = 0; column < h->w; column += CPU_PANEL)
        NAMED(product)
    (&(struct product){.a = a,
                       .a_row = a_row,
                       .a_step = a_step,
                       .b = rows + column,
                       .b_step = h->w,
                       .c = h->out + column,
                       .c_row = h->w,
                       .m = m,
                       .k = n});
}

/* The scaled and biased score of 16 keys from j on. */
static lanes biased(const struct head *h, const float *s, size_t j)
{
    static const float count[LANES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const lanes key = lanes_add(lanes_load(count), lanes_all((float)j));
    const lanes scale = lanes_all(h->a->scale);

    if (!h->a->slopes)
        return lanes_mul(lanes_load(s + j), scale);
    return lanes_fma(lanes_load(s + j), scale, lanes_mul(key, lanes_all(h->a->slopes[h->number])));
}

/* Scores of a row to probabilities of its first n keys, zero after them up to `end`. */
static void softmax(const struct head *h, float *s, size_t n, size_t end, bool again,
                    float *row_max, float *row_scale)
{
    const lanes lowest = lanes_all(-INFINITY), zero = lanes_all(0.0f);
    lanes top = lowest, sum = zero, largest;

    for (size_t j = 0; j < n; j += LANES) {
        const lanes x = lanes_first(biased(h, s, j), n - j, lowest);
        lanes_store(s + j, x);
        if (!again)
            top = lanes_max(x, top);
    }
    if (!again)
        *row_max = lanes_largest(top);
    largest = lanes_all(*row_max);
    for (size_t j = 0; j < n; j += LANES) {
        const lanes e = lanes_exp(lanes_sub(lanes_load(s + j), largest));
        lanes_store(s + j, e);
        sum = lanes_add(sum, e);
    }
    if (!again)
        *row_scale = 1.0f / lanes_sum(sum);
    for (size_t j = 0; j < end; j += LANES) {
        const lanes e = j < n ? lanes_load(s + j) : zero;
        lanes_store(s + j, lanes_mul(e, lanes_all(*row_scale)));
    }
}

/* Probabilities of queries [from, to) into rows of p; returns how many keys they see, rounded. */
static size_t probabilities(const struct head *h, size_t from, size_t to, float *p, bool again)
{
    const struct attention_args *a = h->a;
    const size_t seen = (size_t)h->place[to - 1] + 1, end = round_up(seen);

    by_panels(h, h->q + from * h->w, h->k_panels, p, to - from, end);
    for (size_t i = from; i < to; i++) {
        const size_t at = ((size_t)h->sequence->query_first + i) * a->layout.heads + h->number;
        softmax(h, p + (i - from) * h->t, (size_t)h->place[i] + 1, end, again, &a->row_max[at],
                &a->row_scale[at]);
    }
    return seen;
}

static size_t block_end(size_t from, size_t n)
{
    return n - from < BLOCK ? n : from + BLOCK;
}

static void head_forward(void *context, size_t index, size_t worker)
{
    const struct attention_task *task = context;
    const struct head h = head_at(task, index, worker);
    const struct attention_args *a = task->a;

    load_rows(&h);
    make_panels(&h, h.k, h.k_panels);
    for (size_t from = 0, to; from < h.n_queries; from = to) {
        to = block_end(from, h.n_queries);
        const size_t seen = probabilities(&h, from, to, h.p, false);
        combine(&h, h.p, h.t, 1, h.v, to - from, seen);
        for (size_t i = from; i < to; i++)
            NAMED(put_row)
        (a->out, (size_t)h.sequence->query_first + i, h.number * h.d, h.out + (i - from) * h.w,
         h.d);
    }
}

/* ds = scale · p (dp - Σ p dp), where dp lies in ds; zero after the row's keys. */
static void softmax_backward(const struct head *h, const float *p, float *ds, size_t n)
{
    lanes sum = lanes_all(0.0f), mean;

    for (size_t j = 0; j < n; j += LANES) /* p is zero after the row's keys */
        sum = lanes_fma(lanes_load(p + j), lanes_load(ds + j), sum);
    mean = lanes_all(lanes_sum(sum));
    for (size_t j = 0; j < n; j += LANES) {
        const lanes centred = lanes_sub(lanes_load(ds + j), mean);
        const lanes scaled = lanes_mul(lanes_load(p + j), lanes_all(h->a->scale));
        lanes_store(ds + j, lanes_mul(scaled, centred));
    }
}

/* Copies m rows of h->out into columns of dqkv. */
static void store_rows(const struct head *h, struct ops_rows dqkv, size_t part, const int32_t *rows,
                       size_t first, size_t m)
{
    for (size_t i = 0; i < m; i++) {
        const size_t row = rows ? (size_t)rows[first + i] : first + i;
        NAMED(put_row)(dqkv, row, column_of(h, part), h->out + i * h->w, h->d);
    }
}

/* The gradient of the keys (from ds and q) or values (from p and dout). */
static void keys_backward(const struct head *h, const float *weights, const float *rows,
                          struct ops_rows dqkv, size_t part)
{
    size_t first = 0; /* the first query that sees key `from`: those before it add nothing */

    for (size_t from = 0, to; from < h->n_keys; from = to) {
        to = block_end(from, h->n_keys);
        while (first < h->n_queries && (size_t)h->place[first] < from)
            first++;
        combine(h, weights + first * h->t + from, 1, h->t, rows + first * h->w, to - from,
                h->n_queries - first);
        store_rows(h, dqkv, part, NULL, (size_t)h->sequence->key_first + from, to - from);
    }
}

/* Zeros in m rows for the keys that no query of a block sees: the gradients of keys read whole
 * columns. */
static void zero_behind(const struct head *h, float *rows, size_t m, size_t seen)
{
    for (size_t i = 0; i < m; i++)
        memset(rows + i * h->t + seen, 0, (h->t - seen) * sizeof *rows);
}

static void head_backward(void *context, size_t index, size_t worker)
{
    const struct attention_task *task = context;
    const struct head h = head_at(task, index, worker);
    const struct attention_args *a = task->a;
    const size_t query_first = (size_t)h.sequence->query_first;
    const struct ops_rows dqkv = task->back->dqkv;

    load_rows(&h);
    make_panels(&h, h.k, h.k_panels);
    make_panels(&h, h.v, h.v_panels);
    for (size_t i = 0; i < h.n_queries; i++)
        copy_row(&h, h.dout + i * h.w, cpu_row(task->back->dout, query_first + i) + h.number * h.d);
    for (size_t j = 0; j < h.n_keys; j++) /* a token without a query has no gradient there */
        NAMED(put_row)
    (dqkv, (size_t)h.sequence->key_first + j, column_of(&h, 0), NULL, h.d);
    for (size_t from = 0, to; from < h.n_queries; from = to) {
        to = block_end(from, h.n_queries);
        float *p = h.p + from * h.t, *ds = h.ds + from * h.t;
        const size_t seen = probabilities(&h, from, to, p, true), end = round_up(seen);
        by_panels(&h, h.dout + from * h.w, h.v_panels, ds, to - from, end);
        for (size_t i = from; i < to; i++)
            softmax_backward(&h, p + (i - from) * h.t, ds + (i - from) * h.t, end);
        zero_behind(&h, p, to - from, end);
        zero_behind(&h, ds, to - from, end);
        combine(&h, ds, h.t, 1, h.k, to - from, seen);
        store_rows(&h, dqkv, 0, a->query_row + query_first, from, to - from);
    }
    keys_backward(&h, h.ds, h.q, dqkv, 1);
    keys_backward(&h, h.p, h.dout, dqkv, 2);
}

/* Multiply-adds of the whole operation, roughly. */
static size_t cost_of(const struct attention_args *a)
{
    size_t pairs = 0;

    for (size_t s = 0; s < a->n_sequences; s++)
        pairs += (size_t)a->sequences[s].query_count * (size_t)a->sequences[s].key_count;
    return pairs * a->layout.heads * (a->layout.d + 16);
}

void NAMED(attention)(struct backend *be, const struct attention_args *a)
{
    struct cpu *c = cpu_of(be);
    struct attention_task task = {a, NULL, c->attention, c->attention_floats};

    cpu_run(c, a->n_sequences * a->layout.heads, cost_of(a), head_forward, &task);
}

void NAMED(attention_backward)(struct backend *be, const struct attention_backward_args *a)
{
    struct cpu *c = cpu_of(be);
    struct attention_task task = {&a->forward, a, c->attention, c->attention_floats};

    cpu_run(c, a->forward.n_sequences * a->forward.layout.heads, 3 * cost_of(&a->forward),
            head_backward, &task);
}
