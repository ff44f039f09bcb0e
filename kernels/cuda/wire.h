/*
 * wire: how bytes pass between the devices of ranks. By NCCL; or, where ranks share a device, which
 * NCCL refuses, by copies. Nothing is added on the way: sums are ours (shards.h), in the order of
 * ranks, so that neither the library nor the wiring of a machine reaches a result.
 *
 *     wire_send(c, peer, from, bytes);  wire_receive(c, peer, to, bytes);  ...  wire_flush(c);
 *
 * What was listed moves at the flush, as one operation of the stream. Every rank flushes as often;
 * what one sends to another, this one receives, in the same order.
 */
#ifndef KERNELS_CUDA_WIRE_H
#define KERNELS_CUDA_WIRE_H

#include "kernels/cuda/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For a backend of several ranks, by all of them together. ERR_INPUT: there is no NCCL. */
enum status wire_open(struct cuda *c, struct error *err) MUST_CHECK;
void wire_close(struct cuda *c);

/* Once every rank knows the others. */
enum status wire_warm(struct cuda *c, struct error *err) MUST_CHECK;

void wire_send(struct cuda *c, size_t peer, const void *from, size_t bytes);
void wire_receive(struct cuda *c, size_t peer, void *to, size_t bytes);
void wire_flush(struct cuda *c);

#ifdef __cplusplus
}
#endif

#endif
