/*
 * accept: what `hpo accept` may say: which keys that are not known differ from older, known ones
 * only in what may have changed without changing anything. Part of a build: see build.h.
 *
 * How        It is a build that starts nothing, whose results are looked for under older keys too.
 *            What is found there counts as known, so plan and studies go on behind it, and come to
 *            what else would be accepted.
 * Older      An action had its older keys under the same name. A trial's template had them under
 *            the same study and number; with it, the older key of each unit follows from that of
 *            the unit before, through exploits too.
 * Allowed    What may differ, and still be accepted: see earlier.h.
 */
#ifndef ENGINE_EXECUTION_ACCEPT_H
#define ENGINE_EXECUTION_ACCEPT_H

#include "engine/execution/build.h"

/* A key that can be accepted, or cannot. */
struct proposal {
    const char *name;    /* of the node: "prep", "s/3/2" */
    const char *subject; /* of those that are said together: the action, the study */
    int trial;           /* of a unit, else -1 */
    int node;            /* the action, or the template */
    struct unit *unit;   /* or NULL */
    struct digest key;
    const char *description; /* of the key */
    struct digest stands_for;
    const char *was, *is; /* what is compared: descriptions of the actions, or the templates */
    bool refused;         /* they differ in more than may differ */
};

/* Puts the place where results are looked for in front of b->results. */
enum status accept_open(struct build *b, struct error *err) MUST_CHECK;

/* Once the loop has ended: goes on behind the last units that the recipe asks for, and finds out
 * what of the rest is refused. */
enum status accept_finish(struct build *b, struct error *err) MUST_CHECK;

/* All that were met, in order. */
size_t accept_proposals(const struct build *b, const struct proposal **out);

#endif
