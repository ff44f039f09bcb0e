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

static bool group_is_short(const char *group)
{
    static const char *const names[] = {"memory.max", "memory.current", "memory.stat"};
    char texts[3][TEXT_BYTES], path[PATH_BYTES];

    for (int i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", group, names[i]);
        read_text(path, texts[i]);
    }
    return memory_short_in_group(texts[0], texts[1], texts[2]);
}

/* The group that we are in, the line "0::/PATH", and those around it. */
static bool any_group_is_short(void)
{
    char text[TEXT_BYTES], *group, *end;

    read_text("/proc/self/cgroup", text);
    if (!(group = strstr(text, "0::/")))
        return false;
    group += strlen("0::");
    group[strcspn(group, "\n")] = '\0';
    while ((end = strrchr(group, '/')) && !group_is_short(group))
        *end = '\0';
    return end;
}

bool memory_is_short(void)
{
    char text[TEXT_BYTES];

    read_text("/proc/meminfo", text);
    return memory_short_of(text) || any_group_is_short();
}
