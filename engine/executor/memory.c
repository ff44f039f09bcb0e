/* memory: the kernel's own figures. Start at memory_is_short. */
#include "engine/executor/memory.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

enum { NUMBER_BYTES = 24, TEXT_BYTES = 8192, PATH_BYTES = TEXT_BYTES + 64, PART = 16 };

static int64_t number_at(const char *digits)
{
    char text[NUMBER_BYTES];
    struct error ignored;
    int64_t value;
    const size_t n = strspn(digits, "0123456789");

    if (n >= sizeof text)
        return -1;
    memcpy(text, digits, n);
    text[n] = '\0';
    return text_parse_integer(text, "", 0, INT64_MAX, &value, &ignored) == OK ? value : -1;
}

/* The number behind a name that begins a line; -1: there is none. */
static int64_t value_of(const char *text, const char *name)
{
    const size_t n = strlen(name);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, n) == 0)
            return number_at(line + n + strspn(line + n, " "));
    }
    return -1;
}

bool memory_short_of(const char *meminfo)
{
    const int64_t all = value_of(meminfo, "MemTotal:"), left = value_of(meminfo, "MemAvailable:");

    return left >= 0 && left < all / PART;
}

bool memory_short_in_group(const char *most, const char *used, const char *stat)
{
    const int64_t all = value_of(most, ""), taken = value_of(used, "");
    const int64_t cache = value_of(stat, "inactive_file "); /* given up before anything else */

    return all >= 0 && taken >= 0 && all - taken + (cache > 0 ? cache : 0) < all / PART;
}

/* Files of the kernel have no size: what there is, is read. */
static void read_text(const char *path, char text[TEXT_BYTES])
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, TEXT_BYTES - 1) : 0;

    text[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

static void read_of_group(const char *group, const char *name, char text[TEXT_BYTES])
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", group, name);
    read_text(path, text);
}

static bool group_is_short(const char *group)
{
    char most[TEXT_BYTES], used[TEXT_BYTES], stat[TEXT_BYTES];

    read_of_group(group, "memory.max", most);
    read_of_group(group, "memory.current", used);
    read_of_group(group, "memory.stat", stat);
    return memory_short_in_group(most, used, stat);
}

/* The group that we are in, from the line "0::/PATH"; cut, those around it. "": none. */
static const char *own_group(char text[TEXT_BYTES])
{
    char *group;

    read_text("/proc/self/cgroup", text);
    if (!(group = strstr(text, "0::/")))
        return "";
    group[strcspn(group, "\n")] = '\0';
    return group + strlen("0::");
}

bool memory_is_short(void)
{
    char text[TEXT_BYTES], *end;
    const char *group;

    read_text("/proc/meminfo", text);
    if (memory_short_of(text))
        return true;
    group = own_group(text);
    while ((end = strrchr(group, '/')) && !group_is_short(group))
        *end = '\0';
    return end;
}

int64_t memory_size(void)
{
    char text[TEXT_BYTES], most[TEXT_BYTES], *end;
    const char *group;
    int64_t size;

    read_text("/proc/meminfo", text);
    size = value_of(text, "MemTotal:") * 1024;
    group = own_group(text);
    while ((end = strrchr(group, '/'))) {
        int64_t bytes;
        read_of_group(group, "memory.max", most);
        bytes = value_of(most, "");
        if (bytes >= 0 && bytes < size)
            size = bytes;
        *end = '\0';
    }
    return size;
}
