/*
 * cause: why something was made differently. It is made once more, in rooms of its own: as in the
 * audit, which shows whether it is the same twice; then as in the build, and with one thing at a
 * time made otherwise.
 */
#ifndef ENGINE_AUDIT_CAUSE_H
#define ENGINE_AUDIT_CAUSE_H

#include "engine/audit/choice.h"
#include "engine/audit/difference.h"

struct options;

struct trying {
    const struct options *o; /* of the audit; its targets and --set */
    struct store *recorded, *room;
    const struct lineage *record;
    const char *folder; /* in which rooms are made */
    unsigned varied;
};

/* finding->cause, where it can be told. */
enum status cause_find(const struct trying *t, size_t node, struct arena *arena,
                       struct finding *finding, struct error *err) MUST_CHECK;

#endif
