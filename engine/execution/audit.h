/*
 * audit: a build that makes everything anew in a store of its own, the room, beside the store that
 * has its results on record. Part of a build: see build.h.
 *
 * Room       What is made again is kept there, under its key; so an audit that was broken off goes
 *            on where it was. Whoever compares reads both stores.
 * Recorded   Each action gets its inputs as they are on record, and each study its reports; so one
 *            difference does not make all that comes behind it differ. Checkpoints are the room's
 *            own: a trial is trained from t = 0, in pieces that begin and end elsewhere than those
 *            of the build. What is not among the keys is taken from the record as it is, and what
 *            cannot be made again too.
 * Nothing    from_nothing: nothing on record is used. It is a build into an empty store.
 */
#ifndef ENGINE_EXECUTION_AUDIT_H
#define ENGINE_EXECUTION_AUDIT_H

#include "engine/execution/build.h"

struct stated_pin;

struct audit_plan {
    struct store *recorded;    /* NULL: none is at hand, from_nothing */
    const struct digest *keys; /* what is made again, sorted; NULL: everything */
    size_t n_keys;
    bool from_nothing;
    unsigned varies;               /* enum variation */
    bool told_later;               /* runs are told a later HPO_UNTIL, and ended before that */
    bool quiet;                    /* nothing is said of what is made */
    const struct stated_pin *pins; /* what moving names were, whatever hpo.lock says */
    size_t n_pins;
};

/* Puts itself in front of the build's results. */
enum status audit_open(struct build *b, const struct audit_plan *plan,
                       struct error *err) MUST_CHECK;

/* Of a replay: what the room has of a result is taken, what is on record of the rest. */
enum status audit_decide(struct build *b, struct store *room, struct error *err) MUST_CHECK;

/* Where the run that serves this demand ends instead. *over: it is told a t behind that, and ended
 * there. */
enum status audit_cut(struct build *b, struct demand *demand, bool *over,
                      struct error *err) MUST_CHECK;

/* How many trials of one unit were told a later HPO_UNTIL. */
int audit_told_later(const struct build *b);

/* Whether runs go as far as is on record, whatever studies demand by then. */
bool audit_cuts(const struct build *b);

/* The checkpoint of a unit as those who read it get it: the one on record, where that is kept. */
enum status audit_checkpoint(struct build *b, const struct unit *u, struct digest *out,
                             struct error *err) MUST_CHECK;

/* The result of this key cannot be made again. *taken: the one on record stands for it. */
enum status audit_failed(struct build *b, const struct digest *key, bool *taken,
                         struct error *err) MUST_CHECK;

/* The same of the units of a run that are not known: its task has failed. */
enum status audit_failed_units(struct build *b, struct unit *const *units, size_t n,
                               struct error *err) MUST_CHECK;

#endif
