/* evaluate: forward passes and one weighted mean. */
#include "trainer/bloom/evaluate.h"

#include <math.h>

#include "trainer/bloom/bloom.h"
#include "trainer/interrupt.h"

/* One batch of n examples: the mean over its labels; NaN where it has none. */
static double batch_loss(struct bloom *b, const struct example *const *examples, size_t n,
                         struct batch *batch)
{
    batch_fill(batch, examples, n);
    bloom_forward(b, batch);
    return bloom_loss(b, batch, 0, false) / (double)batch->n_labels;
}

enum status evaluate_loss(struct bloom *b, const struct dataset *data, size_t batch_size,
                          struct batch *batch, double *loss, struct error *err)
{
    double sum = 0, any = 0;
    size_t finite = 0;

    for (size_t from = 0; from < data->n; from += batch_size) {
        const size_t n = data->n - from < batch_size ? data->n - from : batch_size;
        double mean;
        TRY(interrupt_check(err));
        mean = batch_loss(b, data->order + from, n, batch);
        any += mean * (double)n;
        if (!isfinite(mean))
            continue;
        sum += mean * (double)n;
        finite += n;
    }
    *loss = finite > 0 ? sum / (double)finite : any / (double)data->n;
    return b->ops->sync(b->be, err);
}
