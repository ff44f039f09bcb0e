/* nccl: the names of its functions. */
#include "kernels/cuda/nccl.h"

#include "kernels/cuda/library.h"

enum status nccl_open(struct nccl *out, struct error *err)
{
    static const char *const names[] = {"libnccl.so.2", NULL};
    const struct library_function functions[] = {
        {"ncclGetVersion", (void **)&out->get_version},
        {"ncclGetUniqueId", (void **)&out->get_unique_id},
        {"ncclCommInitRank", (void **)&out->comm_init_rank},
        {"ncclCommDestroy", (void **)&out->comm_destroy},
        {"ncclCommAbort", (void **)&out->comm_abort},
        {"ncclSend", (void **)&out->send},
        {"ncclRecv", (void **)&out->recv},
        {"ncclGroupStart", (void **)&out->group_start},
        {"ncclGroupEnd", (void **)&out->group_end},
        {"ncclGetErrorString", (void **)&out->get_error_string},
    };

    return library_open(names, functions, sizeof functions / sizeof *functions, err);
}
