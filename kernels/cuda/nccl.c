/* nccl: the names of its functions. */
#include "kernels/cuda/nccl.h"

#include "kernels/cuda/library.h"

static const char *const names[] = {"libnccl.so.2", NULL};

size_t nccl_version(void)
{
    int (*get_version)(int *out) = NULL;
    const struct library_function function = {"ncclGetVersion", (void **)&get_version};
    struct error ignored;
    int version = 0;

    if (library_open(names, &function, 1, &ignored) != OK || get_version(&version) != 0)
        return 0;
    return version > 0 ? (size_t)version : 0;
}

enum status nccl_open(struct nccl *out, struct error *err)
{
    const struct library_function functions[] = {
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
