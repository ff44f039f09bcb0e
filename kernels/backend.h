/*
 * backend: where operations run.
 *
 * backend_open chooses the implementation and returns its table beside the handle; every call of
 * the table takes the handle first. Memory from ops->allocate dies with backend_close.
 *
 *     struct backend *be;
 *     const struct ops *ops;
 *     TRY(backend_open("cpu", threads, &be, &ops, err));
 *
 * The instruction set is the best that the processor has. HPO_CPU=portable|avx2|avx512|amx lowers
 * the choice, for tests: the results are the same bits.
 */
#ifndef KERNELS_BACKEND_H
#define KERNELS_BACKEND_H

#include <stddef.h>

#include "base/error.h"
#include "kernels/ops.h"

/*
 * name: "cpu". threads: 1 to 256. ERR_INPUT: no such backend in this build, or an HPO_CPU that the
 * processor does not have. *ops is static. Close with backend_close.
 */
enum status backend_open(const char *name, size_t threads, struct backend **out,
                         const struct ops **ops, struct error *err) MUST_CHECK;
void backend_close(struct backend *be); /* NULL is allowed */

#endif
