/*
 * executor_place: the executor of a small machine for tests, and an ear for its tasks. What goes
 * wrong fails the test.
 */
#ifndef TESTS_UNIT_ENGINE_EXECUTOR_PLACE_H
#define TESTS_UNIT_ENGINE_EXECUTOR_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/store.h"
#include "engine/executor/executor.h"
#include "engine/options.h"
#include "engine/process/capture.h"
#include "engine/process/runner.h"
#include "engine/process/tool.h"

enum { PLACE_LOGGED = 1000000 };

/* A machine of 4 cpus and 2 GPUs, where a log holds so many bytes of output. */
struct place {
    char folder[64];
    struct arena *arena;
    struct store *store;
    struct options o;
    struct reaper reaper;
    struct capture capture;
    struct tools *tools;
    struct devices *devices;
    struct executor *x;
    int wake;
};

/* What one task has said so far, and how it ended. */
struct heard {
    struct task *task;
    char said[64 * 1024];
    size_t n;
    int exits, exit_code;
};

/* cmocka's setup and teardown: *state is a place. */
int executor_enter(void **state);
int executor_leave(void **state);

/* A request for a shell script: a trainer, unless it is made another thing. */
struct request shell(struct place *p, const char *script);
struct action *action_of(const struct request *r);

struct task *start(struct place *p, const struct request *r);
struct task *start_shell(struct place *p, const char *script);

/* From now on all that the task says is noted. Lives as long as the place. */
struct heard *listen_to(struct place *p, struct task *task);

/* One event, or none in so many seconds. */
enum executor_event_kind next(struct place *p, double seconds);

void hear_until(struct place *p, const struct heard *h, const char *word);

/* Until the end of the task, which stays open: its exit code. */
int hear_all(struct place *p, const struct heard *h);

/* From start to close: its exit code. */
int run(struct place *p, const char *script);

char *read_log(struct place *p, const struct task *task, size_t *n);

/* Whether the process of that number is there; one that ended and was not reaped is. */
bool is_there(const char *digits);

#endif
