/* optimizer: norm, overflow, factor, update. */
#include "trainer/training/optimizer.h"

#include <math.h>

#include "base/arena.h"
#include "trainer/model/network.h"

struct optimizer optimizer_default(double weight_decay)
{
    return (struct optimizer){
        .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = weight_decay, .max_norm = 1.0};
}

enum status optimizer_open(struct optimizer *o, const struct layout *layout, struct arena *arena,
                           struct error *err)
{
    o->norms = arena_array(arena, layout->n_tensors, sizeof *o->norms);
    o->largest = arena_array(arena, layout->n_tensors, sizeof *o->largest);
    return o->norms && o->largest ? OK : error_memory(err);
}

/* Parameters [first, first + n). */
static void apply(const struct optimizer *o, struct backend *be, size_t first, size_t n,
                  double weight_decay, double lr, float scale)
{
    be->ops->adamw(be, &(struct adamw_args){.first = (int)first,
                                            .n = (int)n,
                                            .step = o->updates,
                                            .lr = lr,
                                            .beta1 = o->beta1,
                                            .beta2 = o->beta2,
                                            .eps = o->eps,
                                            .weight_decay = weight_decay,
                                            .grad_scale = scale});
}

/* Norms and largest magnitudes of all gradients come to the host. */
static enum status measure(const struct optimizer *o, struct network *network, struct error *err)
{
    struct backend *be = network->be;
    const size_t bytes = network->layout->n_tensors * sizeof(float);

    be->ops->gradient_norms(be, &(struct gradient_norms_args){network->norms, network->largest});
    be->ops->fetch(be, o->norms, network->norms, bytes);
    be->ops->fetch(be, o->largest, network->largest, bytes);
    return be->ops->sync(be, err);
}

double optimizer_loss_scale(const struct optimizer *o, const struct network *network)
{
    return o->loss_scale.scale > 0 && network->be->operand == OPS_FP16 ? o->loss_scale.scale : 1;
}

/* Whether fp16 could not hold a gradient, once it is scaled; a NaN neither. `scaled`: it is, by
 * that much. */
static bool overflows(const struct optimizer *o, size_t n, double scaled)
{
    const float limit = (float)(loss_scale_limit(&o->loss_scale) * scaled);

    for (size_t i = 0; i < n; i++)
        if (!(o->largest[i] <= limit))
            return true;
    return false;
}

/* The factor that makes the norm max_norm where it is more, as PyTorch computes it. */
static float clip_factor(const struct optimizer *o, double norm)
{
    const float factor = (float)(o->max_norm / (norm + 1e-6));

    return o->max_norm > 0 && !(factor > 1) ? factor : 1; /* NaN must reach the weights */
}

enum status optimizer_step(struct optimizer *o, struct network *network, double lr,
                           struct update *update, struct error *err)
{
    const struct layout *l = network->layout;
    const double scaled = optimizer_loss_scale(o, network);
    double squares = 0;
    float factor;

    TRY(measure(o, network, err));
    for (size_t i = 0; i < l->n_tensors; i++)
        squares += (double)o->norms[i] * (double)o->norms[i];
    update->norm = sqrt(squares) / scaled;
    update->skipped = o->loss_scale.scale > 0 && overflows(o, l->n_tensors, scaled);
    TRY(loss_scale_update(&o->loss_scale, update->skipped, err));
    if (update->skipped)
        return OK;
    o->updates++;
    factor = (float)(clip_factor(o, update->norm) / scaled);
    apply(o, network->be, 0, l->n_matrices, o->weight_decay, lr, factor);
    apply(o, network->be, l->n_matrices, l->n_tensors - l->n_matrices, 0, lr, factor);
    return OK;
}
