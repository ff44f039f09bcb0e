/*
 * nvml: what stands for the driver's management library: as many devices as the emulation has.
 *
 * HPO_EMULATION_MODE=exclusive|prohibited|lost|broken is the state of device 0; HPO_EMULATION_MIG=1
 * makes the devices parts of a card.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cuda_runtime.h"
#include "kernels/cuda/nvml.h"

struct nvml_device {
    int number;
};

namespace
{

constexpr int NOT_FOUND = 6, NOT_LOADED = 9, UNSUPPORTED = 3, COUNT = 64;

nvml_device devices[COUNT];

bool is(const nvml_device *d, const char *state)
{
    const char *mode = getenv("HPO_EMULATION_MODE");

    return d->number == 0 && mode && strcmp(mode, state) == 0;
}

} // namespace

extern "C" {

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlSystemGetDriverVersion(char *out, unsigned bytes);
int nvmlDeviceGetHandleByUUID(const char *uuid, nvml_device **out);
int nvmlDeviceGetMemoryInfo(nvml_device *device, nvml_memory *out);
int nvmlDeviceGetComputeMode(nvml_device *device, int *out);
int nvmlDeviceGetComputeRunningProcesses_v3(nvml_device *device, unsigned *n, nvml_process *out);
int nvmlDeviceGetRemappedRows(nvml_device *device, unsigned *correctable, unsigned *uncorrectable,
                              unsigned *pending, unsigned *failed);

int nvmlInit_v2(void)
{
    int driver = 0;

    if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
        return NOT_LOADED;
    return NVML_SUCCESS;
}

int nvmlShutdown(void)
{
    return NVML_SUCCESS;
}

int nvmlSystemGetDriverVersion(char *out, unsigned bytes)
{
    int driver = 0;

    (void)cudaDriverGetVersion(&driver);
    (void)snprintf(out, bytes, "%s", driver >= 13000 ? "580.95.05" : "535.54.03");
    return NVML_SUCCESS;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, nvml_device **out)
{
    const bool parts = getenv("HPO_EMULATION_MIG") != nullptr;
    unsigned number = 0;

    if (strncmp(uuid, parts ? "MIG-" : "GPU-", 4) != 0 ||
        sscanf(uuid + 4, "00000000-0000-0000-0000-%x", &number) != 1 || number < 1 ||
        number > COUNT)
        return NOT_FOUND;
    devices[number - 1].number = static_cast<int>(number) - 1;
    *out = &devices[number - 1];
    if (is(*out, "lost"))
        return NVML_LOST;
    return NVML_SUCCESS;
}

int nvmlDeviceGetMemoryInfo(nvml_device *, nvml_memory *out)
{
    size_t free = 0, total = 0;

    if (cudaMemGetInfo(&free, &total) != cudaSuccess)
        return UNSUPPORTED;
    *out = {total, free, total - free};
    return NVML_SUCCESS;
}

int nvmlDeviceGetComputeMode(nvml_device *device, int *out)
{
    *out = is(device, "exclusive")    ? NVML_MODE_EXCLUSIVE
           : is(device, "prohibited") ? NVML_MODE_PROHIBITED
                                      : NVML_MODE_SHARED;
    return NVML_SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(nvml_device *device, unsigned *n, nvml_process *out)
{
    *n = is(device, "exclusive") ? 1 : 0;
    if (*n > 0)
        out[0] = {1, 0, 0, 0};
    return NVML_SUCCESS;
}

int nvmlDeviceGetRemappedRows(nvml_device *device, unsigned *correctable, unsigned *uncorrectable,
                              unsigned *pending, unsigned *failed)
{
    *correctable = *uncorrectable = *pending = 0;
    *failed = is(device, "broken") ? 1 : 0;
    return NVML_SUCCESS;
}
}
