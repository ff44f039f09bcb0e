/*
 * machine: which backend, precision and how many threads a command runs with. The one place that
 * refuses what this build does not have.
 *
 *     struct options { struct machine machine; ... } o = {.machine = machine_default()};
 *     const struct flag flags[] = {..., MACHINE_FLAGS(o.machine)};
 *     TRY(flags_parse(...));
 *     TRY(machine_open(&o.machine, &be, err));
 *
 * Threads: --threads, else HPO_CPUS (what the engine gives), else all processors. They
 * change no result.
 */
#ifndef TRAINER_MODEL_MACHINE_H
#define TRAINER_MODEL_MACHINE_H

#include <stdint.h>

#include "base/error.h"
#include "kernels/backend.h"
#include "trainer/model/precision.h"

struct machine {
    const char *backend;
    enum precision precision;
    int64_t threads; /* 0: not given */
};

struct machine machine_default(void);

#define MACHINE_FLAGS(machine)                                                                     \
    {.name = "--backend", .kind = FLAG_STRING, .out = &(machine).backend},                         \
        {.name = "--precision",                                                                    \
         .kind = FLAG_WORD,                                                                        \
         .words = precision_names,                                                                 \
         .out = &(machine).precision},                                                             \
    {                                                                                              \
        .name = "--threads", .kind = FLAG_INTEGER, .out = &(machine).threads, .low = 1,            \
        .high = 256                                                                                \
    }

/* ERR_INPUT: a backend or precision that this build does not have. Close with backend_close. */
enum status machine_open(const struct machine *m, struct backend **be,
                         struct error *err) MUST_CHECK;

/* Only the check of backend and precision. */
enum status machine_check(const struct machine *m, struct error *err) MUST_CHECK;

/* "FLAG: this build does not have WHAT": ERR_INPUT. */
enum status machine_lacks(const char *flag, const char *what, struct error *err);

#endif
