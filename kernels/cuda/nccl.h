/* nccl: the part of NCCL's interface that is used, found while the program runs. */
#ifndef KERNELS_CUDA_NCCL_H
#define KERNELS_CUDA_NCCL_H

#include <stddef.h>

#include "base/error.h"
#include "kernels/cuda/device.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { NCCL_BYTES = 0 /* ncclInt8 */ };

struct nccl_id {
    char bytes[128];
};

struct nccl_comm;

/* Its functions, without nccl in front; 0 is success. */
struct nccl {
    int (*get_unique_id)(struct nccl_id *out);
    int (*comm_init_rank)(struct nccl_comm **out, int ranks, struct nccl_id id, int rank);
    int (*comm_destroy)(struct nccl_comm *comm);
    int (*comm_abort)(struct nccl_comm *comm);
    int (*send)(const void *from, size_t n, int type, int peer, struct nccl_comm *comm,
                cudaStream_t stream);
    int (*recv)(void *to, size_t n, int type, int peer, struct nccl_comm *comm,
                cudaStream_t stream);
    int (*group_start)(void);
    int (*group_end)(void);
    const char *(*get_error_string)(int error);
};

/* Its version, 22809 for 2.28.9, or 0: it is not found. */
size_t nccl_version(void);

/* ERR_INPUT: it is not found, or is another version. */
enum status nccl_open(struct nccl *out, struct error *err) MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
