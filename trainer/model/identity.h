/*
 * identity: on which GPU results with 16-bit operands were, or shall be, computed. fp32 has the
 * same bits everywhere and none.
 *
 * A file of one line, as `hpo-trainer fingerprint --precision bf16 --backend cuda` prints it where
 * such a card is, says it where none is:
 *
 *     {"numerics": 3, "precision": "bf16", "class": "sm_90", "sms": 132, "cublaslt": "13.1.0"}
 *
 * Its precision may be bf16 or fp16, and it is good for both. It is named by --gpu-identity, else
 * HPO_GPU_IDENTITY.
 */
#ifndef TRAINER_MODEL_IDENTITY_H
#define TRAINER_MODEL_IDENTITY_H

#include "kernels/backend.h"

/* That of the file; where none is named that of the cards, which must agree. ERR_INPUT. */
enum status identity_find(const char *flag, enum ops_product product, struct device_identity *out,
                          struct error *err) MUST_CHECK;

/* ERR_INPUT: a file is named, and the device is another card. */
enum status identity_check(const char *flag, int device, enum ops_product product,
                           struct error *err) MUST_CHECK;

#endif
