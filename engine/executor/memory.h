/* memory: how much this machine, or the control group that we are in, has, and whether it runs
 * short. */
#ifndef ENGINE_EXECUTOR_MEMORY_H
#define ENGINE_EXECUTOR_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Less than a sixteenth is left to be had. meminfo: the text of /proc/meminfo; most, used, stat: of
 * a control group's memory.max, memory.current and memory.stat (kernel documentation, cgroup-v2).
 * What is not a number, as the "max" of a group without a limit, is never short.
 */
bool memory_short_of(const char *meminfo);
bool memory_short_in_group(const char *most, const char *used, const char *stat);

/* Asks the kernel; what cannot be read is not short. */
bool memory_is_short(void);

/* Bytes that there are, used or not: of the machine, or of the group if that has fewer. */
int64_t memory_size(void);

#endif
