/* devices: what the runtime and NVML say of cards, and the sentences. Start at devices_look. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/cuda.h"
#include "kernels/cuda/devices.h"
#include "kernels/cuda/nccl.h"
#include "kernels/cuda/nvml.h"

namespace
{

/* ERR_INPUT "cuda: ...", and what to do. */
PRINTF_LIKE(3, 4)
enum status refuse(struct error *err, const char *hint, const char *format, ...)
{
    char text[sizeof err->text];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)error_set(err, ERR_INPUT, "cuda", "%s", text);
    if (hint)
        error_hint(err, "%s", hint);
    return ERR_INPUT;
}

/* ---- the driver ---- */

void read_driver(const struct nvml *n, char (&out)[DEVICE_WORD_MAX])
{
    if (n->get_driver(out, sizeof out) != NVML_SUCCESS)
        out[0] = '\0';
}

/* CUDA 12.2 as 12020. */
enum status refuse_driver(int runtime, int driver, struct error *err)
{
    const int needed = runtime >= 13000 ? 580 : 525;
    char version[DEVICE_WORD_MAX] = "", name[DEVICE_WORD_MAX + 1] = "";
    struct nvml nvml;

    if (driver == 0)
        return refuse(err, "install it, or use --backend cpu",
                      "there is no NVIDIA driver: CUDA %d.%d needs %d or newer", runtime / 1000,
                      runtime % 1000 / 10, needed);
    if (nvml_open(&nvml)) {
        read_driver(&nvml, version);
        nvml_close(&nvml);
    }
    if (version[0])
        (void)snprintf(name, sizeof name, " %s", version);
    return refuse(err, "update the driver, or build hpo with a toolkit as old as it",
                  "the NVIDIA driver%s is too old: it has CUDA %d.%d, this build's CUDA %d.%d "
                  "needs %d or newer",
                  name, driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10,
                  needed);
}

enum status refuse_empty(struct error *err)
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");

    return refuse(err, "nvidia-smi -L lists the cards of this machine",
                  "this process sees no card%s%s", visible ? ": CUDA_VISIBLE_DEVICES=" : "",
                  visible ? visible : "");
}

/* ---- a card ---- */

bool has_code_for(int number)
{
    for (const int *c = cuda_classes; *c; c++)
        if (*c / 10 == number / 10 && *c <= number)
            return true;
    return false;
}

/* "sm_75, sm_80" */
void list_classes(char *out, size_t bytes)
{
    size_t used = 0;

    out[0] = '\0';
    for (const int *c = cuda_classes; *c && used < bytes; c++)
        used += (size_t)snprintf(out + used, bytes - used, "%ssm_%d", used ? ", " : "", *c);
}

enum status check_class(const struct device *d, struct error *err)
{
    char list[128];

    if (has_code_for(d->class_number))
        return OK;
    if (d->class_number < 75)
        return refuse(err, "use another card, or --backend cpu",
                      "device %d (%s) is sm_%d: sm_75 is the oldest that hpo can use", d->index,
                      d->name, d->class_number);
    list_classes(list, sizeof list);
    return refuse(err, "build hpo with -DHPO_CUDA_CARDS=all and a toolkit that knows the card",
                  "device %d (%s) is sm_%d: this build has machine code for %s", d->index, d->name,
                  d->class_number, list);
}

enum status check_product(const struct device *d, enum ops_product product, struct error *err)
{
    if (product != OPS_PRODUCT_BF16 || d->class_number >= 80)
        return OK;
    return refuse(err, "--precision fp16 or fp32",
                  "bf16 needs sm_80 or newer, this card is sm_%d (%s)", d->class_number, d->name);
}

enum status refuse_use(const struct device *d, bool prohibited, struct error *err)
{
    if (prohibited)
        return refuse(err, "nvidia-smi -c DEFAULT opens it",
                      "device %d (%s) is closed for computing: its compute mode is prohibited",
                      d->index, d->name);
    return refuse(err,
                  "wait, choose another card by CUDA_VISIBLE_DEVICES, or share it: "
                  "nvidia-smi -c DEFAULT",
                  "device %d (%s) is in exclusive use by another process", d->index, d->name);
}

void write_uuid(const cudaUUID_t *uuid, const char *prefix, char (&out)[DEVICE_NAME_MAX])
{
    size_t used = (size_t)snprintf(out, sizeof out, "%s-", prefix);

    for (int i = 0; i < 16; i++)
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%02x",
                                 i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                                 (unsigned)(unsigned char)uuid->bytes[i]);
}

cudaError_t describe(int device, struct device *out, cudaUUID_t *uuid)
{
    struct cudaDeviceProp p;
    const cudaError_t e = cudaGetDeviceProperties(&p, device);

    *out = {};
    out->index = device;
    out->free = SIZE_MAX;
    if (e != cudaSuccess)
        return e;
    (void)snprintf(out->name, sizeof out->name, "%.*s", DEVICE_NAME_MAX - 1, p.name);
    write_uuid(&p.uuid, "GPU", out->uuid);
    out->class_number = p.major * 10 + p.minor;
    out->sms = p.multiProcessorCount;
    out->memory = p.totalGlobalMem;
    *uuid = p.uuid;
    return cudaSuccess;
}

/* Who knows of the card? A part of one (MIG) has a name of its own. */
int find(const struct nvml *n, const cudaUUID_t *uuid, struct device *d, struct nvml_device **out)
{
    int failed = n->by_uuid(d->uuid, out);

    if (failed != NVML_SUCCESS && failed != NVML_LOST) {
        write_uuid(uuid, "MIG", d->uuid);
        if ((failed = n->by_uuid(d->uuid, out)) != NVML_SUCCESS)
            write_uuid(uuid, "GPU", d->uuid);
    }
    return failed;
}

/* Whether somebody has the card for himself. */
bool is_taken(const struct nvml *n, struct nvml_device *device)
{
    struct nvml_process processes[1];
    unsigned count = 1;
    const int failed = n->get_processes ? n->get_processes(device, &count, processes) : 0;

    return n->get_processes && (failed == NVML_TOO_SMALL || (failed == NVML_SUCCESS && count > 0));
}

/* What only NVML knows; OK where it says nothing against the card. */
enum status ask_nvml(const struct nvml *n, const cudaUUID_t *uuid, struct device *d,
                     struct error *err)
{
    unsigned correctable, uncorrectable, pending, broken = 0;
    struct nvml_device *device = NULL;
    struct nvml_memory memory;
    int mode = NVML_MODE_SHARED, failed = find(n, uuid, d, &device);

    if (failed == NVML_SUCCESS && (failed = n->get_memory(device, &memory)) == NVML_SUCCESS)
        d->free = (size_t)memory.free;
    if (failed == NVML_LOST)
        return refuse(err, "reset the card or restart the machine; dmesg has the Xid",
                      "device %d (%s) has fallen off the bus", d->index, d->name);
    if (!device)
        return OK;
    if (n->get_mode && n->get_mode(device, &mode) != NVML_SUCCESS)
        mode = NVML_MODE_SHARED;
    if (mode == NVML_MODE_PROHIBITED || (mode == NVML_MODE_EXCLUSIVE && is_taken(n, device)))
        return refuse_use(d, mode == NVML_MODE_PROHIBITED, err);
    if (n->get_remapped &&
        n->get_remapped(device, &correctable, &uncorrectable, &pending, &broken) == NVML_SUCCESS &&
        broken)
        return refuse(err, "its maker replaces such a card",
                      "device %d (%s) has broken memory for which there is no spare (ECC)",
                      d->index, d->name);
    return OK;
}

/* 130100 → "13.1.0", 22809 → "2.28.9"; 0 → "" */
void write_version(size_t version, char (&out)[DEVICE_WORD_MAX])
{
    out[0] = '\0';
    if (version > 0)
        (void)snprintf(out, sizeof out, "%zu.%zu.%zu", version / 10000, version / 100 % 100,
                       version % 100);
}

void look_at(const struct nvml *n, int device, struct device *out)
{
    cudaUUID_t uuid;
    const cudaError_t e = describe(device, out, &uuid);
    enum status s =
        e == cudaSuccess ? check_class(out, &out->why) : devices_refuse(e, device, &out->why);

    if (e == cudaSuccess && n) {
        struct error why;
        if (ask_nvml(n, &uuid, out, &why) != OK && s == OK) {
            out->why = why;
            s = ERR_INPUT;
        }
    }
    out->usable = s == OK;
}

} // namespace

void devices_place(int device, char out[DEVICE_PLACE_MAX])
{
    struct device d;
    cudaUUID_t uuid;

    if (describe(device, &d, &uuid) == cudaSuccess)
        (void)snprintf(out, DEVICE_PLACE_MAX, "device %d (%s, %s)", device, d.name, d.uuid);
    else
        (void)snprintf(out, DEVICE_PLACE_MAX, "device %d", device);
}

enum status devices_refuse(int failure, int device, struct error *err)
{
    const cudaError_t e = static_cast<cudaError_t>(failure);
    char place[DEVICE_PLACE_MAX];
    struct device d;
    cudaUUID_t uuid;

    switch (e) {
    case cudaErrorInsufficientDriver: {
        int runtime = 0, driver = 0;
        (void)cudaRuntimeGetVersion(&runtime);
        (void)cudaDriverGetVersion(&driver);
        return refuse_driver(runtime, driver, err);
    }
    case cudaErrorNoDevice:
        return refuse_empty(err);
    case cudaErrorSystemDriverMismatch:
        return refuse(err, "restart the machine, or load the driver's module again",
                      "the NVIDIA driver's library and its module in the kernel are of different "
                      "versions");
    case cudaErrorDevicesUnavailable:
        (void)describe(device, &d, &uuid);
        return refuse_use(&d, false, err);
    case cudaErrorNoKernelImageForDevice:
        (void)describe(device, &d, &uuid);
        return refuse(err, "build hpo with -DHPO_CUDA_CARDS=all",
                      "this build has no machine code for device %d (%s, sm_%d)", device, d.name,
                      d.class_number);
    default:
        devices_place(device, place);
        return cuda_failure(place, e, "cannot open it", err);
    }
}

enum status devices_count(int *out, struct error *err)
{
    const cudaError_t e = cudaGetDeviceCount(out);

    return e == cudaSuccess ? OK : devices_refuse(e, 0, err);
}

enum status devices_check(int device, enum ops_product product, struct error *err)
{
    int n = 0;
    struct device d;
    cudaUUID_t uuid;
    cudaError_t e;

    TRY(devices_count(&n, err));
    if (device < 0 || device >= n)
        return refuse(
            err, "hpo-trainer devices lists them",
            "each rank has a card of its own: there is none for rank %d, for this process "
            "sees %d",
            device, n);
    if ((e = describe(device, &d, &uuid)) != cudaSuccess)
        return devices_refuse(e, device, err);
    TRY(check_class(&d, err));
    return check_product(&d, product, err);
}

enum status devices_identity(int device, enum ops_product product, struct device_identity *out,
                             struct error *err)
{
    struct cublaslt lt;
    struct device d;
    cudaUUID_t uuid;
    cudaError_t e;

    TRY(devices_check(device, product, err));
    TRY(cublaslt_open(&lt, err));
    if ((e = describe(device, &d, &uuid)) != cudaSuccess)
        return devices_refuse(e, device, err);
    if (EMULATED)
        (void)snprintf(out->sm, sizeof out->sm, "emulated");
    else
        (void)snprintf(out->sm, sizeof out->sm, "sm_%d", d.class_number);
    out->sms = d.sms;
    write_version(lt.get_version(), out->cublaslt);
    return OK;
}

void devices_look(struct devices *out)
{
    struct nvml nvml;
    const bool known = nvml_open(&nvml);
    int n = 0;

    memset(out, 0, sizeof *out);
    if (known)
        read_driver(&nvml, out->driver);
    write_version(cublaslt_version(), out->cublaslt);
    write_version(nccl_version(), out->nccl);
    if ((out->usable = devices_count(&n, &out->why) == OK)) {
        out->n = (size_t)(n < DEVICES_MAX ? n : (int)DEVICES_MAX);
        for (size_t i = 0; i < out->n; i++)
            look_at(known ? &nvml : NULL, (int)i, &out->list[i]);
    }
    if (known)
        nvml_close(&nvml);
}
