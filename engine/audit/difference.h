/* difference: what was made again, beside what is on record. */
#ifndef ENGINE_AUDIT_DIFFERENCE_H
#define ENGINE_AUDIT_DIFFERENCE_H

#include "engine/execution/lineage.h"

enum verdict {
    VERDICT_SAME,     /* every file and every reported number */
    VERDICT_DIFFERS,  /* something is another than on record */
    VERDICT_FOLLOWS,  /* so it is, and so is the unit before it */
    VERDICT_UNCLEAR,  /* it could not be made again, by no fault of its own */
    VERDICT_EXCEPTED, /* it differs, and its recipe says that it would */
    VERDICT_LEFT      /* it was not asked for */
};

/* "identical", "differs", ... */
const char *verdict_word(enum verdict v);

struct finding {
    enum verdict verdict;
    bool differs;      /* it, or some unit before it */
    bool made;         /* it could be made again */
    bool remade;       /* what was made again is another, and not only what the store has */
    bool cut;          /* of a unit: a run ended there once, on record or now, and not both times */
    bool partial;      /* its reports alone were compared: its run ends elsewhere now */
    const char *what;  /* lines; NULL: nothing is to be said */
    const char *cause; /* a sentence; NULL: it is not known */
};

/* One node; is_last: no unit on record goes on from it. before: what was found of the unit before
 * it, or NULL. recorded NULL: only digests are on record. */
enum status difference_find(const struct lineage_node *node, bool is_last, struct store *recorded,
                            struct store *room, const struct finding *before, struct arena *arena,
                            struct finding *out, struct error *err) MUST_CHECK;

/* Whether two results are one. */
bool difference_is_none(const struct result *a, const struct result *b);

#endif
