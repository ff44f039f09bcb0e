/*
 * threads: a pool that runs the numbered pieces of one operation.
 *
 * threads_run calls task(context, index, worker) once for every index below n, on any of the
 * threads, and returns when all are done. worker numbers the thread (0 is the caller), so that each
 * may have scratch memory of its own. Which thread runs which index is not fixed: a task must write
 * only what belongs to its index.
 * One caller at a time. Waiting threads spin for some microseconds, then sleep.
 */
#ifndef KERNELS_CPU_THREADS_H
#define KERNELS_CPU_THREADS_H

#include <stddef.h>

#include "base/error.h"

struct threads;

typedef void threads_task(void *context, size_t index, size_t worker);

enum { THREADS_MAX = 256 };

/* n from 1 to THREADS_MAX counts the caller. */
enum status threads_open(size_t n, struct threads **out, struct error *err) MUST_CHECK;
void threads_close(struct threads *t); /* NULL is allowed */
size_t threads_count(const struct threads *t);
void threads_run(struct threads *t, size_t n, threads_task *task, void *context);

#endif
