/* evaluate: forward passes and one weighted mean. */
#include "trainer/model/evaluate.h"

#include <math.h>

#include "base/arena.h"
#include "trainer/interrupt.h"
#include "trainer/model/network.h"

/* One batch of n examples: the mean over its labels; NaN where it has none. */
static enum status batch_loss(struct network *network, const struct example *const *examples,
                              size_t n, struct batch *batch, double *losses, double *mean,
                              struct error *err)
{
    struct backend *be = network->be;

    batch_fill(batch, examples, n);
    network_forward(network, batch);
    network_loss(network, batch, 0, false, losses);
    TRY(be->ops->sync(be, err));
    *mean = network_sum(losses, batch->n_queries) / (double)batch->n_labels;
    return OK;
}

static enum status mean_loss(struct network *network, const struct dataset *data, size_t batch_size,
                             struct batch *batch, double *losses, double *loss, struct error *err)
{
    double sum = 0, any = 0;
    size_t finite = 0;

    for (size_t from = 0; from < data->n; from += batch_size) {
        const size_t n = data->n - from < batch_size ? data->n - from : batch_size;
        double mean = 0;
        TRY(interrupt_check(err));
        TRY(batch_loss(network, data->order + from, n, batch, losses, &mean, err));
        any += mean * (double)n;
        if (!isfinite(mean))
            continue;
        sum += mean * (double)n;
        finite += n;
    }
    *loss = finite > 0 ? sum / (double)finite : any / (double)data->n;
    return OK;
}

enum status evaluate_loss(struct network *network, const struct dataset *data, size_t batch_size,
                          struct batch *batch, double *loss, struct error *err)
{
    struct batch_limits most = {.tokens = 0};
    struct arena *arena = arena_open();
    double *losses = NULL;
    enum status s = arena ? batch_measure(data, batch_size, &most, err) : error_memory(err);

    if (s == OK && !(losses = arena_array(arena, most.queries, sizeof *losses)))
        s = error_memory(err);
    if (s == OK)
        s = mean_loss(network, data, batch_size, batch, losses, loss, err);
    arena_close(arena);
    return s;
}
