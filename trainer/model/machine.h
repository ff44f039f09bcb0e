/*
 * machine: which backend, precision and how many threads a command runs with. The one place that
 * refuses what this build does not have.
 *
 *     struct options { struct machine machine; ... } o = {.machine = machine_default()};
 *     const struct flag flags[] = {..., MACHINE_FLAGS(o.machine)};
 *     TRY(flags_parse(...));
 *     TRY(machine_open(&o.machine, &be, err));
 *
 * Backend: --backend, else HPO_BACKEND (what the engine gives, for it changes no result in fp32),
 * else the processor.
 * Identity of the GPU: --gpu-identity FILE, else HPO_GPU_IDENTITY (see identity.h). It is asked for
 * with 16-bit precisions on a GPU alone; another card is refused then.
 * Threads: --threads, else HPO_CPUS (what the engine gives), else all processors. They
 * change no result.
 */
#ifndef TRAINER_MODEL_MACHINE_H
#define TRAINER_MODEL_MACHINE_H

#include <stdint.h>

#include "base/error.h"
#include "kernels/backend.h"
#include "trainer/model/precision.h"

struct ranks;

struct machine {
    const char *backend; /* cpu, cuda; NULL: not given, which is HPO_BACKEND, else cpu */
    enum precision precision;
    const char *order;    /* of bf16's sums: dot, tile; NULL: not given, which is dot */
    int64_t threads;      /* 0: not given */
    const char *identity; /* a file of the GPU's; NULL: not given, which is HPO_GPU_IDENTITY */
    /* Of training by several ranks: see kernels/backend.h. */
    struct ranks *ranks;
    size_t rank;
    int zero;
};

struct machine machine_default(void);

#define MACHINE_FLAGS(machine)                                                                     \
    {.name = "--backend", .kind = FLAG_STRING, .out = &(machine).backend},                         \
        {.name = "--precision",                                                                    \
         .kind = FLAG_WORD,                                                                        \
         .words = precision_names,                                                                 \
         .out = &(machine).precision},                                                             \
        {.name = "--bf16", .kind = FLAG_STRING, .out = &(machine).order},                          \
        {.name = "--gpu-identity", .kind = FLAG_STRING, .out = &(machine).identity},               \
    {                                                                                              \
        .name = "--threads", .kind = FLAG_INTEGER, .out = &(machine).threads, .low = 1,            \
        .high = 256                                                                                \
    }

/* After machine_resolve, which it calls. Close with backend_close. */
enum status machine_open(struct machine *m, struct backend **be, struct error *err) MUST_CHECK;

/* Decides what was not given. ERR_INPUT: a backend that this build does not have, an order without
 * bf16 on a processor. */
enum status machine_resolve(struct machine *m, struct error *err) MUST_CHECK;

/* Whether results depend on which GPU it is. After machine_resolve. */
bool machine_has_identity(const struct machine *m);

/* ERR_INPUT: a rank's card is not there, cannot compute so, or is another than the named one. After
 * machine_resolve; machine_open does it too, but who reads much before that wants it first. */
enum status machine_check(const struct machine *m, size_t ranks, struct error *err) MUST_CHECK;

/* How products are computed; "dot" or "tile", NULL but for bf16 on a processor. After
 * machine_resolve. */
enum ops_product machine_product(const struct machine *m);
const char *machine_order(const struct machine *m);

/* "FLAG: this build does not have WHAT": ERR_INPUT. */
enum status machine_lacks(const char *flag, const char *what, struct error *err);

#endif
