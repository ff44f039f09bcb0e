/*
 * backend: where operations run.
 *
 * backend_open chooses the implementation; every call of its table (ops.h) takes the handle first.
 * Memory and parameters die with backend_close.
 *
 *     struct backend *be;
 *     TRY(backend_open(&(struct backend_options){.name = "cpu", .threads = 2}, &be, err));
 *     be->ops->linear(be, &(struct linear_args){...});
 *
 * The instruction set is the best that the processor has. For tests
 * HPO_CPU=portable|avx2|avx512|avx512bf16|amx lowers the choice: the results are the same bits.
 */
#ifndef KERNELS_BACKEND_H
#define KERNELS_BACKEND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "kernels/cuda/devices.h"
#include "kernels/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ranks;

struct backend_options {
    const char *name; /* "cpu", "cuda" */
    size_t threads;   /* of the processor: 1 to 256 */
    /* Of CUDA: */
    int device;          /* its number among those that this process sees */
    struct ranks *ranks; /* NULL: alone */
    size_t rank;
    int zero;                 /* 0 to 3: what ranks divide among them, see cuda/shards.h */
    enum ops_product product; /* that parameters will ask for: not every card has each */
};

/*
 * ERR_INPUT: no such backend in this build, an HPO_CPU that the processor does not have, a card
 * that cannot be used. Close with backend_close. One of several ranks tells the others where it
 * fails, and sets *out even so: they may read what it has, so it is closed when all have ended.
 */
enum status backend_open(const struct backend_options *o, struct backend **out,
                         struct error *err) MUST_CHECK;
void backend_close(struct backend *be); /* NULL is allowed */

/* Whether this build has "cuda". */
bool backend_has_cuda(void);

/* What cards there are, in any build; see cuda/devices.h. */
void backend_devices(struct devices *out);

/* Whether a card can compute such products; backend_open does it too. ERR_INPUT. */
enum status backend_check(int device, enum ops_product product, struct error *err) MUST_CHECK;

/* What a card's results with 16-bit operands depend on. ERR_INPUT: it cannot compute them, or it
 * is one of several cards that differ and device is DEVICES_ALL. */
enum { DEVICES_ALL = -1 };
enum status backend_identity(int device, enum ops_product product, struct device_identity *out,
                             struct error *err) MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
