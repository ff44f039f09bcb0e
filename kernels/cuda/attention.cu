/*
 * attention: products and a softmax for each head of each sequence. Scores are a [queries][keys]
 * matrix in the device's memory, a slot for each head of a sequence, as many at a time as there are
 * slots. Probabilities are not kept: the backward pass computes them again from each row's largest
 * score and sum, bit for bit. Start at cuda_attention.
 */
#include "kernels/cuda/product.h"

namespace
{

/* Tiles begin where the processor's blocks of queries and keys do: what a block skips is part of
 * the order of its sums. */
enum { TILE = 48, HEAD_ROWS = TILE / 4, THREADS = 128, ROWS = THREADS / LANES };

typedef product_shape<HEAD_ROWS, 4, 4, true, true> rows_by_rows;
typedef product_shape<HEAD_ROWS, 4, 4, true, false> rows_by_columns;
typedef product_shape<HEAD_ROWS, 4, 4, false, false> columns_by_columns;

/* What kernels share: the operation, and the heads of sequences that this launch is for. */
struct heads {
    struct attention_args a;
    struct ops_rows dout, dqkv; /* of the backward pass */
    float *p, *ds;              /* slots */
    size_t slot, stride;        /* floats of one; of its rows */
    size_t first, end;          /* heads of sequences, numbered through */
};

/* One head of one sequence. */
struct head {
    size_t number, n_queries, n_keys, query_first, key_first;
    float *p, *ds;
};

FORMULA struct head head_of(const struct heads &t, size_t slot)
{
    const size_t index = t.first + slot;
    const struct attention_sequence s = t.a.sequences[index / t.a.layout.heads];

    return {index % t.a.layout.heads,
            (size_t)s.query_count,
            (size_t)s.key_count,
            (size_t)s.query_first,
            (size_t)s.key_first,
            t.p + slot * t.slot,
            t.ds ? t.ds + slot * t.slot : NULL};
}

/* The first column of this head's queries, keys or values. */
FORMULA size_t column_of(const struct heads &t, const struct head &h, size_t part)
{
    return h.number * t.a.layout.head_step + part * t.a.layout.part_step;
}

FORMULA const float *keys_of(const struct heads &t, const struct head &h, size_t part)
{
    return cuda_row(t.a.kv, h.key_first) + column_of(t, h, part);
}

/* How many keys queries [row, row + TILE) see. */
FORMULA size_t seen_by(const struct heads &t, const struct head &h, size_t row)
{
    const size_t last = row + TILE < h.n_queries ? row + TILE - 1 : h.n_queries - 1;

    return (size_t)t.a.query_place[h.query_first + last] + 1;
}

/* Scores, queries · keysᵀ; or the gradient of probabilities, dout · valuesᵀ. */
struct score_job {
    struct heads t;
    bool backward;

    __device__ bool begin(struct product &p, size_t row) const
    {
        const struct head h = head_of(t, blockIdx.z);

        if (row >= h.n_queries)
            return false;
        p = {};
        p.a = static_cast<const float *>(t.a.q.at) + column_of(t, h, 0);
        p.a_row = t.a.q.stride;
        p.a_step = 1;
        p.a_rows = t.a.query_row + h.query_first;
        if (backward) {
            p.a = cuda_row(t.dout, h.query_first) + h.number * t.a.layout.d;
            p.a_row = t.dout.stride;
            p.a_rows = NULL;
        }
        p.b = keys_of(t, h, backward ? 2 : 1);
        p.b_step = 1;
        p.b_column = t.a.kv.stride;
        p.c = {backward ? h.ds : h.p, t.stride, OPS_FP32};
        p.m = h.n_queries;
        p.n = p.columns = seen_by(t, h, row);
        p.k = t.a.layout.d;
        return true;
    }
};

/* Combinations of keys or values for each query: out, or the gradient of queries. */
struct query_job {
    struct heads t;
    bool backward;

    __device__ bool begin(struct product &p, size_t row) const
    {
        const struct head h = head_of(t, blockIdx.z);

        if (row >= h.n_queries)
            return false;
        p = {};
        p.a = backward ? h.ds : h.p;
        p.a_row = t.stride;
        p.a_step = 1;
        p.b = keys_of(t, h, backward ? 1 : 2);
        p.b_step = t.a.kv.stride;
        p.b_column = 1;
        p.m = h.n_queries;
        p.n = p.columns = t.a.layout.d;
        p.k = seen_by(t, h, row);
        p.c = backward ? t.dqkv : t.a.out;
        p.c_column = backward ? column_of(t, h, 0) : h.number * t.a.layout.d;
        p.c_first = backward ? 0 : h.query_first;
        p.c_rows = backward ? t.a.query_row + h.query_first : NULL;
        return true;
    }
};

/* The gradient of keys (from ds and queries) or of values (from p and dout). */
struct key_job {
    struct heads t;
    bool values;

    __device__ bool begin(struct product &p, size_t row) const
    {
        const struct head h = head_of(t, blockIdx.z);
        size_t first = 0; /* the first query that sees key `row`: those before it add nothing */

        if (row >= h.n_keys)
            return false;
        while (first < h.n_queries && (size_t)t.a.query_place[h.query_first + first] < row)
            first++;
        p = {};
        p.a = (values ? h.p : h.ds) + first * t.stride;
        p.a_row = 1;
        p.a_step = t.stride;
        if (values) {
            p.b = cuda_row(t.dout, h.query_first + first) + h.number * t.a.layout.d;
            p.b_step = t.dout.stride;
        } else {
            p.b = static_cast<const float *>(t.a.q.at) + column_of(t, h, 0);
            p.b_step = t.a.q.stride;
            p.b_rows = t.a.query_row + h.query_first + first;
        }
        p.b_column = 1;
        p.m = h.n_keys;
        p.n = p.columns = t.a.layout.d;
        p.k = h.n_queries - first;
        p.c = t.dqkv;
        p.c_column = column_of(t, h, values ? 2 : 1);
        p.c_first = h.key_first;
        return true;
    }
};

/* Half a warp a query. Scores to probabilities of the row's keys, zero behind them. `again`: from
 * what the forward pass kept. */
__global__ void softmax_kernel(struct heads t, bool again)
{
    const struct head h = head_of(t, blockIdx.y);
    const size_t row = (size_t)blockIdx.x * ROWS + threadIdx.x / LANES, lane = threadIdx.x % LANES;
    const bool there = row < h.n_queries;
    const size_t i = there ? row : 0, query = h.query_first + i;
    const size_t n = there ? (size_t)t.a.query_place[query] + 1 : 0;
    const size_t at = query * t.a.layout.heads + h.number;
    const float slope = t.a.slopes ? t.a.slopes[h.number] : 0;
    float *s = h.p + i * t.stride, top = -INFINITY, sum = 0, scale;

    for (size_t j = lane; j < n; j += LANES) {
        float x = s[j];
        x = t.a.slopes ? __fmaf_rn(x, t.a.scale, (float)j * slope) : x * t.a.scale;
        s[j] = x;
        top = lanes_max(x, top);
    }
    top = lanes_largest(top);
    if (again && there)
        top = t.a.row_max[at];
    for (size_t j = lane; j < n; j += LANES) {
        const float e = lanes_exp(s[j] - top);
        s[j] = e;
        sum += e;
    }
    sum = lanes_sum(sum);
    if (!there)
        return;
    scale = again ? t.a.row_scale[at] : 1.0f / sum;
    if (!again && lane == 0) {
        t.a.row_max[at] = top;
        t.a.row_scale[at] = scale;
    }
    for (size_t j = lane; j < h.n_keys; j += LANES)
        s[j] = j < n ? s[j] * scale : 0;
}

/* ds = scale · p (dp - Σ p dp), where dp lies in ds; zero behind the row's keys. */
__global__ void softmax_backward_kernel(struct heads t)
{
    const struct head h = head_of(t, blockIdx.y);
    const size_t row = (size_t)blockIdx.x * ROWS + threadIdx.x / LANES, lane = threadIdx.x % LANES;
    const bool there = row < h.n_queries;
    const size_t i = there ? row : 0;
    const size_t n = there ? (size_t)t.a.query_place[h.query_first + i] + 1 : 0;
    const float *p = h.p + i * t.stride;
    float *ds = h.ds + i * t.stride, sum = 0;

    for (size_t j = lane; j < n; j += LANES)
        sum = __fmaf_rn(p[j], ds[j], sum);
    sum = lanes_sum(sum);
    if (!there)
        return;
    for (size_t j = lane; j < h.n_keys; j += LANES)
        ds[j] = j < n ? p[j] * t.a.scale * (ds[j] - sum) : 0;
}

/* The gradient of queries is zero for a token without a query. */
__global__ void clear_kernel(struct heads t)
{
    const struct head h = head_of(t, blockIdx.y);
    const size_t e = cuda_thread(), d = t.a.layout.d;

    if (e < h.n_keys * d)
        cuda_put(t.dqkv, h.key_first + e / d, column_of(t, h, 0) + e % d, 0);
}

/* Calls `work` for as many heads at a time as there are slots. */
template <class Work> void in_slots(struct cuda *c, struct heads t, Work work)
{
    const size_t all = t.a.n_sequences * t.a.layout.heads;

    t.p = c->scores;
    t.ds = c->d_scores;
    t.stride = c->keys_stride;
    t.slot = c->keys * c->keys_stride;
    for (t.first = 0; t.first < all; t.first = t.end) {
        t.end = all - t.first < c->slots ? all : t.first + c->slots;
        work(t, t.end - t.first);
    }
}

template <class S, class Job>
void launch(struct cuda *c, const Job &job, size_t rows, size_t columns, size_t heads)
{
    LAUNCH(c, product_grid<S>(rows, columns, heads), S::THREADS, sizeof(typename S::shared),
           (product_kernel<S, Job>), job);
}

void scores(struct cuda *c, const struct heads &t, size_t heads, bool again)
{
    launch<rows_by_rows>(c, score_job{t, false}, c->keys, c->keys, heads);
    LAUNCH(c, dim3(cuda_blocks(c->keys, ROWS), (unsigned)heads), THREADS, 0, softmax_kernel, t,
           again);
}

} // namespace

void cuda_attention(struct backend *be, const struct attention_args *a)
{
    struct cuda *c = cuda_of(be);
    struct heads all = {};

    all.a = *a;
    in_slots(c, all, [=](const struct heads &t, size_t n) {
        scores(c, t, n, false);
        launch<rows_by_columns>(c, query_job{t, false}, c->keys, a->layout.d, n);
    });
}

void cuda_attention_backward(struct backend *be, const struct attention_backward_args *a)
{
    struct cuda *c = cuda_of(be);
    const size_t d = a->forward.layout.d;
    struct heads all = {};

    all.a = a->forward;
    all.dout = a->dout;
    all.dqkv = a->dqkv;
    in_slots(c, all, [=](const struct heads &t, size_t n) {
        LAUNCH(c, dim3(cuda_blocks(c->keys * d, THREADS), (unsigned)n), THREADS, 0, clear_kernel,
               t);
        scores(c, t, n, true);
        launch<rows_by_rows>(c, score_job{t, true}, c->keys, c->keys, n);
        LAUNCH(c, dim3(cuda_blocks(c->keys, ROWS), (unsigned)n), THREADS, 0,
               softmax_backward_kernel, t);
        launch<rows_by_columns>(c, query_job{t, true}, c->keys, d, n);
        launch<columns_by_columns>(c, key_job{t, false}, c->keys, d, n);
        launch<columns_by_columns>(c, key_job{t, true}, c->keys, d, n);
    });
}
