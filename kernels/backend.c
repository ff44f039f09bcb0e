/* backend: the choice of implementation. Start at backend_open. */
#include "kernels/backend.h"

#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "kernels/cpu/memory.h"
#include "kernels/cuda/open.h"

extern const struct ops cpu_ops_portable;
#if defined(__x86_64__)
extern const struct ops cpu_ops_avx2, cpu_ops_avx512, cpu_ops_avx512bf16, cpu_ops_amx;
#endif

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f");
}

static bool has_avx512bf16(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512bf16");
}

/* Linux lets a process use AMX's tiles after it asked (Documentation/arch/x86/xstate.rst). */
static bool has_amx(void)
{
    enum {
        ARCH_REQ_XCOMP_PERM = 0x1023,
        XFEATURE_XTILEDATA = 18,
        TILE_AND_BF16 = 1 << 24 | 1 << 22
    };
    unsigned a, b, c, d;

    return has_avx512bf16() && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
           (d & TILE_AND_BF16) == TILE_AND_BF16 &&
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#endif

static const struct {
    const struct ops *ops;
    bool (*supported)(void);
} builds[] = {
#if defined(__x86_64__)
    {&cpu_ops_amx, has_amx},       {&cpu_ops_avx512bf16, has_avx512bf16},
    {&cpu_ops_avx512, has_avx512}, {&cpu_ops_avx2, has_avx2},
#endif
    {&cpu_ops_portable, always},
};

static enum status choose(const struct ops **out, struct error *err)
{
    const char *wish = getenv("HPO_CPU");

    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++) {
        if (wish && strcmp(builds[i].ops->name, wish) != 0)
            continue;
        if (!builds[i].supported())
            continue;
        *out = builds[i].ops;
        return OK;
    }
    return error_set(err, ERR_INPUT, "HPO_CPU",
                     "expected portable, avx2, avx512, avx512bf16 or amx, one that this processor "
                     "has, found \"%s\"",
                     wish);
}

enum status backend_open(const struct backend_options *o, struct backend **out, struct error *err)
{
    const struct ops *ops = NULL;

#if HPO_CUDA
    if (strcmp(o->name, "cuda") == 0)
        return cuda_open(o, out, err);
#endif
    if (strcmp(o->name, "cpu") != 0)
        return error_set(err, ERR_INPUT, "--backend",
                         "this build has no backend \"%s\"; it has: %s", o->name,
                         HPO_CUDA ? "cpu, cuda" : "cpu");
    TRY(choose(&ops, err));
    return cpu_open(ops, o->threads, out, err);
}

bool backend_has_cuda(void)
{
    return HPO_CUDA;
}

#if HPO_CUDA
void backend_devices(struct devices *out)
{
    devices_look(out);
}

enum status backend_check(int device, enum ops_product product, struct error *err)
{
    return devices_check(device, product, err);
}

/* Those that a process sees must agree: whichever it takes, the results are the same. */
static enum status identity_of_all(enum ops_product product, struct device_identity *out,
                                   struct error *err)
{
    int n = 0;

    TRY(devices_count(&n, err));
    TRY(devices_identity(0, product, out, err));
    for (int i = 1; i < n; i++) {
        struct device_identity other;
        TRY(devices_identity(i, product, &other, err));
        if (strcmp(other.sm, out->sm) == 0 && other.sms == out->sms)
            continue;
        (void)error_set(err, ERR_INPUT, "cuda",
                        "device 0 is %s with %d SMs, device %d is %s with %d: their 16-bit "
                        "results differ",
                        out->sm, out->sms, i, other.sm, other.sms);
        error_hint(err, "choose equal cards by CUDA_VISIBLE_DEVICES");
        return ERR_INPUT;
    }
    return OK;
}

enum status backend_identity(int device, enum ops_product product, struct device_identity *out,
                             struct error *err)
{
    return device == DEVICES_ALL ? identity_of_all(product, out, err)
                                 : devices_identity(device, product, out, err);
}
#else
static enum status lacks_cuda(struct error *err)
{
    (void)error_set(err, ERR_INPUT, "cuda", "this build of hpo-trainer has no CUDA");
    error_hint(err, "build it where the CUDA toolkit (nvcc) is");
    return ERR_INPUT;
}

void backend_devices(struct devices *out)
{
    memset(out, 0, sizeof *out);
    (void)lacks_cuda(&out->why);
}

enum status backend_check(int device, enum ops_product product, struct error *err)
{
    (void)device;
    (void)product;
    return lacks_cuda(err);
}

enum status backend_identity(int device, enum ops_product product, struct device_identity *out,
                             struct error *err)
{
    (void)device;
    (void)product;
    (void)out;
    return lacks_cuda(err);
}
#endif

void backend_close(struct backend *be)
{
    if (be)
        be->ops->close(be);
}
