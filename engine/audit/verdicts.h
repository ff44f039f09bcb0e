/* verdicts: what an audit has found, for people and as JSON. */
#ifndef ENGINE_AUDIT_VERDICTS_H
#define ENGINE_AUDIT_VERDICTS_H

#include "engine/audit/choice.h"
#include "engine/audit/difference.h"

struct text;

struct verdicts {
    const char *recipe, *arguments;
    const struct lineage *record;
    const struct choice *choice;
    const struct finding *findings; /* by node of the record */
    const char *meaning;            /* lines; or NULL */
    const char *kept;               /* the room, where it is left to be looked at; or NULL */
    unsigned varied;                /* enum variation */
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
