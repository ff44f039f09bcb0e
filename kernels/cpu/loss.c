/* loss: softmax cross entropy of the rows that have a target, and its gradient in place; and the
 * largest of a row. */
#include "kernels/cpu/cpu.h"
#include "kernels/logarithm.h"

/* Turns the row into e^(x - largest) in `out` (or nowhere) and returns the sum. */
static float exponentials(const float *x, size_t n, float largest, float *out)
{
    const lanes top = lanes_all(largest), zero = lanes_all(0.0f);
    lanes sum = zero;

    for (size_t j = 0; j < n; j += LANES) {
        const lanes e = lanes_first(lanes_exp(lanes_sub(lanes_load(x + j), top)), n - j, zero);
        sum = lanes_add(sum, e);
        if (out)
            lanes_store(out + j, e);
    }
    return lanes_sum(sum);
}

static float largest_of(const float *x, size_t n)
{
    const lanes lowest = lanes_all(-INFINITY);
    lanes top = lowest;

    for (size_t j = 0; j < n; j += LANES)
        top = lanes_max(lanes_first(lanes_load(x + j), n - j, lowest), top);
    return lanes_largest(top);
}

static void loss_row(void *context, size_t i, size_t worker)
{
    const struct cross_entropy_args *a = context;
    const int32_t target = a->targets[i];
    float *x = cpu_row(a->logits, i);
    float largest, sum;
    lanes factor;

    (void)worker;
    a->losses[i] = 0;
    if (target < 0) {
        if (a->gradient)
            memset(x, 0, a->logits.stride * sizeof *x);
        return;
    }
    largest = largest_of(x, a->n);
    a->losses[i] = (double)largest - (double)x[target];
    sum = exponentials(x, a->n, largest, a->gradient ? x : NULL);
    a->losses[i] += logarithm(sum);
    if (!a->gradient)
        return;
    factor = lanes_all(a->scale / sum);
    for (size_t j = 0; j < a->n; j += LANES)
        lanes_store(x + j, lanes_mul(lanes_load(x + j), factor));
    x[target] -= a->scale;
}

void NAMED(cross_entropy)(struct backend *be, const struct cross_entropy_args *a)
{
    struct cross_entropy_args copy = *a;

    cpu_run(cpu_of(be), a->m, 16 * a->m * a->n, loss_row, &copy);
}

static void largest_row(void *context, size_t i, size_t worker)
{
    const struct largest_args *a = context;
    const float *x = cpu_row(a->x, i);
    float top = -INFINITY;

    (void)worker;
    a->out[i] = 0;
    for (size_t j = 0; j < a->n; j++)
        if (x[j] > top) {
            top = x[j];
            a->out[i] = (int32_t)j;
        }
}

void NAMED(largest)(struct backend *be, const struct largest_args *a)
{
    struct largest_args copy = *a;

    cpu_run(cpu_of(be), a->m, 4 * a->m * a->n, largest_row, &copy);
}
