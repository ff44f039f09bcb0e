/* open: the backend of an NVIDIA GPU, for a build that has it (HPO_CUDA). */
#ifndef KERNELS_CUDA_OPEN_H
#define KERNELS_CUDA_OPEN_H

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct backend;

/* Device number `device` of those that this process sees. ERR_SYSTEM, ERR_BUSY, ERR_DEVICE. Close
 * with backend_close. */
enum status cuda_open(int device, struct backend **out, struct error *err) MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
