/* nvml: the names of its functions. */
#include "kernels/cuda/nvml.h"

#include "kernels/cuda/library.h"

bool nvml_open(struct nvml *out)
{
    const struct library_function functions[] = {
        {"nvmlInit_v2", (void **)&out->init},
        {"nvmlShutdown", (void **)&out->shutdown},
        {"nvmlSystemGetDriverVersion", (void **)&out->get_driver},
        {"nvmlDeviceGetHandleByUUID", (void **)&out->by_uuid},
        {"nvmlDeviceGetMemoryInfo", (void **)&out->get_memory},
        {"nvmlDeviceGetComputeMode", (void **)&out->get_mode},
        {"nvmlDeviceGetComputeRunningProcesses_v3", (void **)&out->get_processes},
        {"nvmlDeviceGetRemappedRows", (void **)&out->get_remapped},
    };

    return library_of_driver("libnvidia-ml.so.1", functions,
                             sizeof functions / sizeof *functions) &&
           out->init && out->shutdown && out->get_driver && out->by_uuid && out->get_memory &&
           out->init() == NVML_SUCCESS;
}

void nvml_close(const struct nvml *n)
{
    (void)n->shutdown();
}
