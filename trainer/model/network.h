/*
 * network: a model that is open on a backend: parameters, activations, one batch at a time.
 *
 * Life       network_open plans every activation for the largest batch and takes all memory at
 *            once; parameters are then filled by weights_read or init. Memory belongs to the
 *            backend, which is this network's alone.
 * Training   network_forward, network_loss, network_backward, in this order, any number of times.
 *            What they compute lies in the backend's memory: losses and logits come with fetch, and
 *            are there after sync.
 * Cache      With a cache, keys and values of earlier tokens are kept from call to call, and a
 *            batch brings new tokens only (see generate.c).
 */
#ifndef TRAINER_MODEL_NETWORK_H
#define TRAINER_MODEL_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "kernels/backend.h"
#include "trainer/model/batch.h"
#include "trainer/model/layout.h"

struct network_plan {
    struct batch_limits limits;
    enum ops_product product;
    bool training;
    bool accumulate; /* windows of several micro-batches */
};

struct network {
    struct backend *be;
    const struct layout *layout;
    struct arena *arena;
    struct batch on_backend; /* the batch, where operations read it */
    struct ops_rows logits;  /* [queries] rows of vocab */
    double *losses;          /* [queries] */
    int32_t *chosen;         /* [queries] */
    float *norms, *largest;  /* [tensors] of the gradients; only for training */
    void *own;               /* of the architecture */
};

/* ERR_MEMORY: the text says how many bytes it needs. */
enum status network_open(struct backend *be, const struct layout *layout,
                         const struct network_plan *plan, struct arena *arena, struct network *out,
                         struct error *err) MUST_CHECK;

/* Logits of the batch's queries. */
void network_forward(struct network *n, const struct batch *batch);

/*
 * The loss of each query, 0 where it has no label, into losses [batch->n_queries] after sync. With
 * gradient, the logits become the gradient of scale times their sum, for network_backward.
 */
void network_loss(struct network *n, const struct batch *batch, double scale, bool gradient,
                  double *losses);

/* Of losses that have come: the sum, in their order. */
double network_sum(const double *losses, size_t n);

/* The gradients of the batch that forward and loss had. */
void network_backward(struct network *n);

/* The largest logit of each query: its token, into tokens [batch->n_queries] after sync. */
void network_choose(struct network *n, const struct batch *batch, int32_t *tokens);

/* ---- for architectures ---- */

/* Hands out pieces of one memory, each on a cache line of its own. First without memory, to
 * count. */
struct planner {
    char *memory;
    size_t bytes;
    const struct ops *ops;
    size_t keys, d; /* of attention: see ops_limits */
    struct ops_limit products[4];
    size_t n_products;
};

void *planner_take(struct planner *p, size_t count, size_t size);
struct ops_rows planner_rows(struct planner *p, size_t m, size_t width, enum ops_type type);

#endif
