/* evaluate: forward passes and one weighted mean. */
#include "trainer/model/evaluate.h"

#include <math.h>

#include "base/arena.h"
#include "trainer/interrupt.h"
#include "trainer/model/network.h"
#include "trainer/model/team.h"

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

/* The mean of each batch, in memory that ranks share: batch i is that of rank i mod ranks. One that
 * has none in the last round comes without examples: operations may need all ranks. */
static enum status batch_means(struct network *network, const struct team *team,
                               const struct dataset *data, size_t batch_size, struct batch *batch,
                               double *losses, double *means, struct error *err)
{
    const size_t n_batches = (data->n + batch_size - 1) / batch_size;

    for (size_t round = 0; round < n_batches; round += team->n) {
        const size_t i = round + team->rank, from = i < n_batches ? i * batch_size : data->n;
        const size_t left = data->n - from, n = left < batch_size ? left : batch_size;
        double mean;
        if (team_leads(team))
            TRY(interrupt_check(err));
        TRY(batch_loss(network, data->order + from, n, batch, losses, &mean, err));
        if (i < n_batches)
            means[i] = mean;
    }
    return team_meet(team, err);
}

/* Weighted by the examples of each batch; those without a finite loss only where there is none. */
static double mean_of(const double *means, size_t n, size_t batch_size)
{
    double sum = 0, any = 0;
    size_t finite = 0;

    for (size_t from = 0; from < n; from += batch_size) {
        const size_t count = n - from < batch_size ? n - from : batch_size;
        const double mean = means[from / batch_size];
        any += mean * (double)count;
        if (!isfinite(mean))
            continue;
        sum += mean * (double)count;
        finite += count;
    }
    return finite > 0 ? sum / (double)finite : any / (double)n;
}

enum status evaluate_loss(struct network *network, const struct team *team,
                          const struct dataset *data, size_t batch_size, struct batch *batch,
                          struct arena *arena, double *loss, struct error *err)
{
    struct batch_limits most = {.tokens = 0};
    double *losses, *means = NULL;

    TRY(batch_measure(data, batch_size, &most, err));
    if (!(losses = arena_array(arena, most.queries, sizeof *losses)))
        return error_memory(err);
    if (team_leads(team) && !(means = arena_array(arena, data->n / batch_size + 1, sizeof *means)))
        return error_memory(err);
    TRY(team_agree(team, &means, sizeof means, err));
    TRY(batch_means(network, team, data, batch_size, batch, losses, means, err));
    *loss = mean_of(means, data->n, batch_size);
    return OK;
}
