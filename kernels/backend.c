/* backend: the choice of implementation, and what the machine offers. Start at backend_open. */
#include "kernels/backend.h"

#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "kernels/cpu/memory.h"

extern const struct ops cpu_ops_portable;
#if defined(__x86_64__)
extern const struct ops cpu_ops_avx2, cpu_ops_avx512, cpu_ops_amx;
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

/* The kernel gives a process its tiles when asked (Linux, Documentation/arch/x86/xstate.rst). */
static bool has_amx(void)
{
    enum {
        ARCH_REQ_XCOMP_PERM = 0x1023,
        XFEATURE_XTILEDATA = 18,
        TILE_AND_BF16 = 1 << 24 | 1 << 22
    };
    unsigned a, b, c, d;

    return has_avx512() && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
           (d & TILE_AND_BF16) == TILE_AND_BF16 &&
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#endif

static const struct {
    const struct ops *ops;
    bool (*supported)(void);
} builds[] = {
#if defined(__x86_64__)
    {&cpu_ops_amx, has_amx},
    {&cpu_ops_avx512, has_avx512},
    {&cpu_ops_avx2, has_avx2},
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
    return error_set(
        err, ERR_INPUT, "HPO_CPU",
        "expected portable, avx2, avx512 or amx, one that this processor has, found \"%s\"", wish);
}

enum status backend_open(const char *name, size_t threads, struct backend **out,
                         const struct ops **ops, struct error *err)
{
    struct backend *be;
    void *scratch = NULL;
    enum status s;

    if (strcmp(name, "cpu") != 0)
        return error_set(err, ERR_INPUT, "--backend",
                         "this build has no backend \"%s\"; it has: cpu", name);
    if (threads < 1 || threads > THREADS_MAX)
        return error_set(err, ERR_INPUT, "--threads", "expected 1 to %d, found %zu", THREADS_MAX,
                         threads);
    TRY(choose(ops, err));
    if (!(be = calloc(1, sizeof *be)))
        return error_memory(err);
    if ((s = threads_open(threads, &be->threads, err)) != OK ||
        (s = cpu_allocate(be, threads * CPU_TRANSPOSE * sizeof(float), &scratch, err)) != OK)
        goto failed;
    be->transpose = scratch;
    *out = be;
    return OK;
failed:
    backend_close(be);
    return s;
}

void backend_close(struct backend *be)
{
    if (!be)
        return;
    threads_close(be->threads);
    cpu_free_blocks(be);
    free(be);
}

size_t backend_processors(void)
{
    cpu_set_t set;
    int n;

    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    n = CPU_COUNT(&set);
    return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (size_t)n;
}

/* The number behind `name` in a small file of the kernel's, or SIZE_MAX. */
static size_t read_number(const char *path, const char *name)
{
    FILE *file = fopen(path, "re");
    char line[256];
    size_t found = SIZE_MAX;

    if (!file)
        return SIZE_MAX;
    while (found == SIZE_MAX && fgets(line, sizeof line, file)) {
        const char *digits = line + strlen(name);
        if (strncmp(line, name, strlen(name)) != 0)
            continue;
        digits += strspn(digits, " ");
        if (*digits >= '0' && *digits <= '9')
            found = strtoumax(digits, NULL, 10);
    }
    (void)fclose(file);
    return found;
}

/* What the control group still gives: its limit less what is used and is no page of a file, which
 * would be given up. */
static size_t group_memory(void)
{
    const size_t limit = read_number("/sys/fs/cgroup/memory.max", "");
    const size_t used = read_number("/sys/fs/cgroup/memory.current", "");
    const size_t files = read_number("/sys/fs/cgroup/memory.stat", "file ");
    const size_t shared = read_number("/sys/fs/cgroup/memory.stat", "shmem ");
    size_t held = used;

    if (limit == SIZE_MAX || used == SIZE_MAX)
        return SIZE_MAX;
    if (files != SIZE_MAX && shared != SIZE_MAX && files >= shared && files - shared <= used)
        held = used - (files - shared);
    return held < limit ? limit - held : 0;
}

size_t backend_available_memory(void)
{
    const size_t kilobytes = read_number("/proc/meminfo", "MemAvailable:");
    const size_t group = group_memory();
    const size_t machine = kilobytes < SIZE_MAX / 1024 ? kilobytes * 1024 : SIZE_MAX;

    return machine < group ? machine : group;
}
