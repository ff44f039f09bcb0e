/* pointwise: operations on single elements or rows: GELU, embedding, moving rows. */
#include "kernels/cuda/rows.h"

namespace
{

constexpr unsigned THREADS = 256;

/* An element a thread; columns up to the stride are written. */
struct place {
    size_t i, j;
};

FORMULA struct place place_of(size_t stride)
{
    return {cuda_thread() / stride, cuda_thread() % stride};
}

__global__ void gelu_kernel(struct gelu_args a)
{
    const struct place p = place_of(a.out.stride);

    if (p.i < a.m)
        cuda_put(a.out, p.i, p.j, p.j < a.n ? lanes_gelu(cuda_row(a.x, p.i)[p.j]) : 0.0f);
}

__global__ void gelu_backward_kernel(struct gelu_backward_args a)
{
    const struct place p = place_of(a.dx.stride);
    float dx = 0;

    if (p.i >= a.m)
        return;
    if (p.j < a.n)
        dx = cuda_row(a.dy, p.i)[p.j] * lanes_gelu_slope(cuda_row(a.x, p.i)[p.j]);
    cuda_put(a.dx, p.i, p.j, dx);
}

__global__ void embed_kernel(struct embed_args a, const float *weight, size_t n, size_t pitch)
{
    const struct place p = place_of(a.out.stride);
    float x = 0;

    if (p.i >= a.m)
        return;
    if (p.j < n) {
        x = weight[(size_t)a.ids[p.i] * pitch + p.j];
        if (a.add)
            x = cuda_row(a.out, p.i)[p.j] + x;
    }
    cuda_row(a.out, p.i)[p.j] = x;
}

/* A block sums all rows of the id that it meets first, in their order. */
__global__ void embed_backward_kernel(struct embed_backward_args a, float *dweight, size_t n,
                                      size_t pitch)
{
    const size_t first = blockIdx.x, j = (size_t)blockIdx.y * blockDim.x + threadIdx.x;
    const int32_t id = a.ids[first];
    float *at = dweight + (size_t)id * pitch + j, sum;

    for (size_t i = 0; i < first; i++)
        if (a.ids[i] == id)
            return;
    if (j >= n)
        return;
    sum = *at;
    for (size_t i = first; i < a.m; i++)
        if (a.ids[i] == id)
            sum += cuda_row(a.dx, i)[j];
    *at = sum;
}

/* Rows move as words of 4 bytes: their strides are even. */
struct moved {
    const uint32_t *from;
    uint32_t *to;
    size_t words;
    const int32_t *rows;
    size_t m;
};

__global__ void take_kernel(struct moved a)
{
    const struct place p = place_of(a.words);

    if (p.i < a.m)
        a.to[p.i * a.words + p.j] = a.from[(size_t)a.rows[p.i] * a.words + p.j];
}

__global__ void put_kernel(struct moved a)
{
    const struct place p = place_of(a.words);

    if (p.i < a.m)
        a.to[(size_t)a.rows[p.i] * a.words + p.j] = a.from[p.i * a.words + p.j];
}

struct moved moved_of(const struct rows_args *a)
{
    return {static_cast<const uint32_t *>(a->x.at), static_cast<uint32_t *>(a->out.at),
            a->x.stride * cuda_size(a->x.type) / sizeof(uint32_t), a->rows, a->m};
}

} // namespace

void cuda_gelu(struct backend *be, const struct gelu_args *a)
{
    struct cuda *c = cuda_of(be);

    if (a->m > 0)
        LAUNCH(c, cuda_blocks(a->m * a->out.stride, THREADS), THREADS, 0, gelu_kernel, *a);
}

void cuda_gelu_backward(struct backend *be, const struct gelu_backward_args *a)
{
    struct cuda *c = cuda_of(be);

    if (a->m > 0)
        LAUNCH(c, cuda_blocks(a->m * a->dx.stride, THREADS), THREADS, 0, gelu_backward_kernel, *a);
}

void cuda_embed(struct backend *be, const struct embed_args *a)
{
    struct cuda *c = cuda_of(be);
    const struct cuda_parameter *p = &c->parameters[a->weight];
    const float *weight = cuda_value(c, a->weight);

    if (a->m > 0)
        LAUNCH(c, cuda_blocks(a->m * a->out.stride, THREADS), THREADS, 0, embed_kernel, *a, weight,
               p->k, p->pitch);
}

void cuda_embed_backward(struct backend *be, const struct embed_backward_args *a)
{
    struct cuda *c = cuda_of(be);
    const struct cuda_parameter *p = &c->parameters[a->weight];
    const unsigned threads =
        p->k < THREADS ? static_cast<unsigned>(cuda_round_up(p->k, 32)) : THREADS;
    float *dweight = cuda_gradient(c, a->weight);

    if (a->m > 0)
        LAUNCH(c, dim3((unsigned)a->m, cuda_blocks(p->k, threads)), threads, 0,
               embed_backward_kernel, *a, dweight, p->k, p->pitch);
    cuda_written(c, a->weight, dweight);
}

void cuda_take_rows(struct backend *be, const struct rows_args *a)
{
    struct cuda *c = cuda_of(be);
    const struct moved moved = moved_of(a);

    if (a->m > 0)
        LAUNCH(c, cuda_blocks(a->m * moved.words, THREADS), THREADS, 0, take_kernel, moved);
}

void cuda_put_rows(struct backend *be, const struct rows_args *a)
{
    struct cuda *c = cuda_of(be);
    const struct moved moved = moved_of(a);

    if (a->zero_rows > 0)
        cuda_check(
            c,
            cudaMemsetAsync(a->out.at, 0, a->zero_rows * moved.words * sizeof(uint32_t), c->stream),
            "put_rows");
    if (a->m > 0)
        LAUNCH(c, cuda_blocks(a->m * moved.words, THREADS), THREADS, 0, put_kernel, moved);
}
