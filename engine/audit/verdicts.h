/* verdicts: what an audit has found, for people and as JSON. */
#ifndef ENGINE_AUDIT_VERDICTS_H
#define ENGINE_AUDIT_VERDICTS_H

#include "engine/audit/choice.h"
#include "engine/audit/difference.h"

struct text;

/* What differs of a whole target, or of a table in the store, though its nodes may not. */
struct target_finding {
    const char *name, *what;
};

struct verdicts {
    const char *recipe, *arguments;
    const struct lineage *record;
    const struct choice *choice;
    const struct finding *findings; /* by node of the record */
    struct target_finding *targets;
    size_t n_targets, target_capacity;
    const char *meaning;    /* lines; or NULL */
    const char *unread;     /* lines: tables that could not be compared; or NULL */
    const char *kept;       /* the room, where it is left to be looked at; or NULL */
    unsigned varied;        /* enum variation */
    size_t n_before;        /* nodes that a part of this audit that was broken off had made */
    bool kept_in_store;     /* since then, in the store that is audited */
    size_t n_trials, n_cut; /* trials, and those whose runs ended elsewhere */
    bool from_nothing;
    int sample;        /* 0: all */
    const char *nonce; /* of the sample, hexadecimal */
    double seconds;
};

struct verdict_counts {
    int nodes[VERDICT_LEFT + 1];
    int partial;   /* nodes whose checkpoint was not compared */
    int decisions; /* studies of which an answer on record is another now */
};

void verdicts_count(const struct verdicts *v, struct verdict_counts *out);
void verdicts_text(const struct verdicts *v, struct text *out);

/* One line. */
void verdicts_json(const struct verdicts *v, struct text *out);

#endif
