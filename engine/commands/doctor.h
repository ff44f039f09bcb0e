/* doctor: what this machine has, as a list of findings. doctor_look.c finds, doctor.c shows. */
#ifndef ENGINE_COMMANDS_DOCTOR_H
#define ENGINE_COMMANDS_DOCTOR_H

#include <stdbool.h>

#include "engine/cards.h"
#include "engine/process/devices.h"

struct arena;
struct options;

struct finding {
    const char *name;   /* "driver" */
    const char *found;  /* in words */
    const char *remedy; /* what to do about a lack; NULL: it is none */
};

struct diagnosis {
    struct finding *findings;
    size_t n, capacity;
    struct cards all, chosen; /* of this machine, and for its builds */
    const char *chooser;      /* what says which; NULL: nothing does */
    struct devices_report report;
};

/* What cannot be found out is a finding, too. Ends in namespaces of its own: see isolation.h. */
enum status doctor_look(const struct options *o, struct arena *arena, struct diagnosis *out,
                        struct error *err) MUST_CHECK;

#endif
