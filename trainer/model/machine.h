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
    const char *order; /* of bf16's sums: dot, tile; NULL: not given, which is dot */
    int64_t threads;   /* 0: not given */
};

struct machine machine_default(void);

#define MACHINE_FLAGS(machine)                                                                     \
    {.name = "--backend", .kind = FLAG_STRING, .out = &(machine).backend},                         \
        {.name = "--precision",                                                                    \
         .kind = FLAG_WORD,                                                                        \
         .words = precision_names,                                                                 \
         .out = &(machine).precision},                                                             \
        {.name = "--bf16", .kind = FLAG_STRING, .out = &(machine).order},                          \
    {                                                                                              \
        .name = "--threads", .kind = FLAG_INTEGER, .out = &(machine).threads, .low = 1,            \
        .high = 256                                                                                \
    }

/* ERR_INPUT: a backend that this build does not have, or an order without bf16. Close with
 * backend_close. */
enum status machine_open(const struct machine *m, struct backend **be,
                         struct error *err) MUST_CHECK;

/* Only the check of backend, precision and order. */
enum status machine_check(const struct machine *m, struct error *err) MUST_CHECK;

/* How products are computed; "dot" or "tile", NULL but for bf16. After machine_check. */
enum ops_product machine_product(const struct machine *m);
const char *machine_order(const struct machine *m);

/* "FLAG: this build does not have WHAT": ERR_INPUT. */
enum status machine_lacks(const char *flag, const char *what, struct error *err);

#endif
