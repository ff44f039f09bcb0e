/* optimizer: norm, overflow, factor, update. */
#include "trainer/training/optimizer.h"

#include <math.h>

#include "trainer/bloom/bloom.h"

struct optimizer optimizer_default(double weight_decay)
{
    return (struct optimizer){
        .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = weight_decay, .max_norm = 1.0};
}

/* Floats [from, to) of the slabs. */
static void apply(const struct optimizer *o, struct bloom *b, size_t from, size_t to,
                  double weight_decay, double lr, float scale)
{
    b->ops->adamw(b->be, &(struct adamw_args){.param = b->weights + from,
                                              .grad = b->gradients + from,
                                              .m = b->moment1 + from,
                                              .v = b->moment2 + from,
                                              .n = to - from,
                                              .step = o->updates,
                                              .lr = lr,
                                              .beta1 = o->beta1,
                                              .beta2 = o->beta2,
                                              .eps = o->eps,
                                              .weight_decay = weight_decay,
                                              .grad_scale = scale});
}

/* True where a gradient of the tensor is larger than limit, or NaN. */
static bool exceeds(const float *gradients, const struct ops_tensor *t, float limit)
{
    const size_t n = ops_panels(t->n, t->k > 0 ? t->k : 1);
    bool any = false;

    for (size_t i = 0; i < n; i++)
        any |= !(fabsf(gradients[t->offset + i]) <= limit);
    return any;
}

/*
 * No gradient is larger than its tensor's norm, so most tensors need not be searched. The norm is
 * rounded, and the squares of numbers below 1e-19 are lost.
 */
static bool overflows(const struct optimizer *o, const struct bloom *model)
{
    const float limit = (float)loss_scale_limit(&o->loss_scale);

    for (size_t i = 0; i < model->layout->n_tensors; i++)
        if (!(model->norms[i] + 1e-18F <= 0.99F * limit) &&
            exceeds(model->gradients, &model->layout->shapes[i], limit))
            return true;
    return false;
}

/* The factor that makes the norm max_norm where it is more, as PyTorch computes it. */
static float clip_factor(const struct optimizer *o, double norm)
{
    const float factor = (float)(o->max_norm / (norm + 1e-6));

    return o->max_norm > 0 && !(factor > 1) ? factor : 1; /* NaN must reach the weights */
}

enum status optimizer_step(struct optimizer *o, struct bloom *model, double lr,
                           struct update *update, struct error *err)
{
    const struct layout *l = model->layout;
    double squares = 0;

    model->ops->tensor_norms(model->be, &(struct tensor_norms_args){model->gradients, l->shapes,
                                                                    l->n_tensors, model->norms});
    TRY(model->ops->sync(model->be, err));
    for (size_t i = 0; i < l->n_tensors; i++)
        squares += (double)model->norms[i] * (double)model->norms[i];
    update->norm = sqrt(squares);
    update->skipped = o->loss_scale.scale > 0 && overflows(o, model);
    TRY(loss_scale_update(&o->loss_scale, update->skipped, err));
    if (update->skipped)
        return OK;
    o->updates++;
    apply(o, model, 0, l->n_decayed, o->weight_decay, lr, clip_factor(o, update->norm));
    apply(o, model, l->n_decayed, l->n_floats, 0, lr, clip_factor(o, update->norm));
    return model->ops->sync(model->be, err);
}
