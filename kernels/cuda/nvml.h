/*
 * nvml: the part of the driver's management library (NVML, libnvidia-ml.so.1) that tells what the
 * CUDA runtime does not: the driver's version, free memory without opening a card, who has it.
 * Numbers and structs are those of its ABI, declared here: no header of NVIDIA's is needed.
 */
#ifndef KERNELS_CUDA_NVML_H
#define KERNELS_CUDA_NVML_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { NVML_SUCCESS = 0, NVML_LOST = 15, NVML_TOO_SMALL = 7 };
enum { NVML_MODE_SHARED = 0, NVML_MODE_PROHIBITED = 2, NVML_MODE_EXCLUSIVE = 3 };

struct nvml_memory {
    unsigned long long total, free, used;
};

struct nvml_process {
    unsigned pid;
    unsigned long long used;
    unsigned gpu_instance, compute_instance;
};

struct nvml_device;

/* Its functions, without nvml in front; all return 0 on success. An old driver lacks some (NULL);
 * those up to get_memory are there. */
struct nvml {
    int (*init)(void);
    int (*shutdown)(void);
    int (*get_driver)(char *out, unsigned bytes);
    int (*by_uuid)(const char *uuid, struct nvml_device **out);
    int (*get_memory)(struct nvml_device *device, struct nvml_memory *out);
    int (*get_mode)(struct nvml_device *device, int *out);
    int (*get_processes)(struct nvml_device *device, unsigned *n, struct nvml_process *out);
    int (*get_remapped)(struct nvml_device *device, unsigned *correctable, unsigned *uncorrectable,
                        unsigned *pending, unsigned *failed);
};

/* Opens and starts it; false: there is none, or no driver. */
bool nvml_open(struct nvml *out);
void nvml_close(const struct nvml *n);

#ifdef __cplusplus
}
#endif

#endif
