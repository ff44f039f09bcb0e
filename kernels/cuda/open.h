/* open: the backend of an NVIDIA GPU, for a build that has it (HPO_CUDA). */
#ifndef KERNELS_CUDA_OPEN_H
#define KERNELS_CUDA_OPEN_H

#include "base/error.h"
#include "kernels/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

struct backend;
struct backend_options;

/*
 * ERR_INPUT: the device is not there or cannot be used (see devices.h); ERR_SYSTEM, ERR_BUSY,
 * ERR_DEVICE. Close with backend_close; of ranks each in turn, when no thread uses any of them.
 */
enum status cuda_open(const struct backend_options *o, struct backend **out,
                      struct error *err) MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
