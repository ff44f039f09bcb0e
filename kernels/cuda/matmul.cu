/*
 * matmul: the three products of a linear layer in fp32. Results with few tiles are cut into small
 * ones, so that every multiprocessor has some. Tiling changes no bit.
 */
#include "kernels/cuda/half_linear.h"
#include "kernels/cuda/product.h"

namespace
{

enum { THREADS = 128 };

/* One product for the whole grid. */
struct one {
    struct product p;

    __device__ bool begin(struct product &out, size_t) const
    {
        out = p;
        return true;
    }
};

template <bool A_BY_SUM, bool B_BY_SUM> void multiply(struct cuda *c, const struct product &p)
{
    using small = product_shape<16, 4, 4, A_BY_SUM, B_BY_SUM>;
    using large = product_shape<16, 8, 8, A_BY_SUM, B_BY_SUM>;
    const dim3 tiles = product_grid<large>(p.m, p.columns, 1);
    const struct one job = {p};

    if (p.m == 0)
        return;
    if (tiles.x * tiles.y >= c->multiprocessors)
        LAUNCH(c, tiles, large::THREADS, sizeof(typename large::shared),
               (product_kernel<large, struct one>), job);
    else
        LAUNCH(c, product_grid<small>(p.m, p.columns, 1), small::THREADS,
               sizeof(typename small::shared), (product_kernel<small, struct one>), job);
}

/* dbias: the column sums of dy, rows ascending. */
__global__ void bias_kernel(struct ops_rows dy, float *dbias, size_t m, size_t n)
{
    const size_t j = cuda_thread();
    float sum = 0;

    if (j >= n)
        return;
    for (size_t i = 0; i < m; i++)
        sum += cuda_get(dy, i, j);
    dbias[j] = sum;
}

} // namespace

void cuda_linear(struct backend *be, const struct linear_args *a)
{
    struct cuda *c = cuda_of(be);
    const struct cuda_parameter *w = &c->parameters[a->weight];
    struct product p = {};

    if (c->half) {
        half_linear(c, a);
        return;
    }
    p.a = static_cast<const float *>(a->x.at);
    p.a_row = a->x.stride;
    p.a_step = 1;
    p.b = cuda_value(c, a->weight);
    p.b_step = 1;
    p.b_column = w->pitch;
    p.c = a->out;
    p.columns = a->out.stride;
    p.m = a->m;
    p.n = w->n;
    p.k = w->k;
    p.bias = cuda_value(c, a->bias);
    p.residual = a->residual;
    multiply<true, true>(c, p);
}

void cuda_linear_input(struct backend *be, const struct linear_input_args *a)
{
    struct cuda *c = cuda_of(be);
    const struct cuda_parameter *w = &c->parameters[a->weight];
    struct product p = {};

    if (c->half) {
        half_linear_input(c, a);
        return;
    }
    p.a = static_cast<const float *>(a->dy.at);
    p.a_row = a->dy.stride;
    p.a_step = 1;
    p.b = cuda_value(c, a->weight);
    p.b_step = w->pitch;
    p.b_column = 1;
    p.c = a->dx;
    p.columns = a->dx.stride;
    p.m = a->m;
    p.n = w->k;
    p.k = w->n;
    p.add = a->add;
    multiply<true, false>(c, p);
}

/* The gradient of a weight; also without rows: zeros. */
static void weight_gradient(struct cuda *c, const struct linear_weight_args *a, float *dweight)
{
    const struct cuda_parameter *w = &c->parameters[a->weight];
    struct product p = {};

    if (c->half && a->m > 0) {
        half_linear_weight(c, a, dweight);
        return;
    }
    p.a = static_cast<const float *>(a->dy.at);
    p.a_row = 1;
    p.a_step = a->dy.stride;
    p.b = static_cast<const float *>(a->x.at);
    p.b_step = a->x.stride;
    p.b_column = 1;
    p.c = {dweight, w->pitch, OPS_FP32};
    p.columns = w->pitch;
    p.m = w->n;
    p.n = w->k;
    p.k = a->m;
    multiply<false, false>(c, p);
}

void cuda_linear_weight(struct backend *be, const struct linear_weight_args *a)
{
    struct cuda *c = cuda_of(be);
    const struct cuda_parameter *w = &c->parameters[a->weight];
    float *dweight = cuda_gradient(c, a->weight), *dbias = cuda_gradient(c, a->bias);

    weight_gradient(c, a, dweight);
    if (dbias)
        LAUNCH(c, cuda_blocks(w->n, THREADS), THREADS, 0, bias_kernel, a->dy, dbias, a->m, w->n);
    if (!w->looked_up) /* to whose gradient embed_backward will add */
        cuda_written(c, a->weight, dweight);
    if (dbias)
        cuda_written(c, a->bias, dbias);
}
