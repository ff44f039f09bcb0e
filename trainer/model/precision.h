/*
 * precision: the numbers that a step computes with. Weights, moments and checkpoints are fp32 in
 * all of them.
 *
 * fp32  The same bits on any machine.
 * bf16  Operands of a linear layer's products are rounded to bf16, their sums are fp32, as is
 *       everything else. The same bits on any machine, in one of two orders of the sums: dot, what
 *       AVX512-BF16 computes and others as fast as fp32; tile, what AMX computes.
 * fp16  On a processor the arithmetic of fp32, with fp16's rules for the scale of the loss: a step
 *       whose scaled gradient fp16 could not hold is skipped (see loss_scale.h).
 */
#ifndef TRAINER_MODEL_PRECISION_H
#define TRAINER_MODEL_PRECISION_H

enum precision { PRECISION_FP32, PRECISION_BF16, PRECISION_FP16 };

/* As flags and fingerprints spell them, in the order of the enum; NULL ends them. */
extern const char *const precision_names[];

#endif
