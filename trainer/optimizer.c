/* optimizer: norm, factor, update. */
#include "trainer/optimizer.h"

#include <math.h>

#include "trainer/bloom.h"

struct optimizer optimizer_default(double weight_decay)
{
    return (struct optimizer){
        .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = weight_decay, .max_norm = 1.0};
}

/* Floats [from, to) of the slabs. */
static void update(const struct optimizer *o, struct bloom *b, size_t from, size_t to,
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

enum status optimizer_step(struct optimizer *o, struct bloom *model, double lr, double *norm,
                           struct error *err)
{
    const struct layout *l = model->layout;
    double squares = 0;
    float scale;

    model->ops->tensor_norms(model->be, &(struct tensor_norms_args){model->gradients, l->shapes,
                                                                    l->n_tensors, model->norms});
    TRY(model->ops->sync(model->be, err));
    for (size_t i = 0; i < l->n_tensors; i++)
        squares += (double)model->norms[i] * (double)model->norms[i];
    *norm = sqrt(squares);
    scale = (float)(o->max_norm / (*norm + 1e-6));
    if (scale > 1) /* not so for NaN, which is to reach the weights */
        scale = 1;
    o->updates++;
    update(o, model, 0, l->n_decayed, o->weight_decay, lr, scale);
    update(o, model, l->n_decayed, l->n_floats, 0, lr, scale);
    return model->ops->sync(model->be, err);
}
