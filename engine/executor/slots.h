/* slots: this machine's cpus and GPUs, and which of them are taken. Plain numbers; no process. */
#ifndef ENGINE_EXECUTOR_SLOTS_H
#define ENGINE_EXECUTOR_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct resources;

struct slots {
    int cpus, gpus; /* that there are; at most 64 GPUs */
    int cpus_used;
    unsigned long long gpus_used; /* bit i: the i-th GPU */
    int64_t memory, memory_used;  /* bytes */
};

/* What one task holds. */
struct share {
    int cpus;
    unsigned long long gpus;
    int64_t memory;
};

/* ERR_INPUT: more GPUs or more memory than there is. (Of cpus a task then gets all.) */
enum status slots_refuse(const struct slots *slots, const struct resources *r, const char *where,
                         struct error *err) MUST_CHECK;

/*
 * What a task would get now; false: not all that it asks for is free. Where it may share, it also
 * gets its part of the cpus that would stay idle, if `others` more tasks could start.
 */
bool slots_find(const struct slots *slots, const struct resources *r, int others,
                struct share *out);

void slots_take(struct slots *slots, const struct share *share);
void slots_give(struct slots *slots, const struct share *share);

#endif
