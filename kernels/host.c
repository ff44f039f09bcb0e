/* host: the processors and the memory that Linux and the control group report. */
#include "kernels/host.h"

#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "kernels/cpu/threads.h"

size_t host_processors(void)
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

/* What the control group still allows: its limit minus what is used, without the page cache, which
 * the kernel would drop. */
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

size_t host_available_memory(void)
{
    const size_t kilobytes = read_number("/proc/meminfo", "MemAvailable:");
    const size_t group = group_memory();
    const size_t machine = kilobytes < SIZE_MAX / 1024 ? kilobytes * 1024 : SIZE_MAX;

    return machine < group ? machine : group;
}
