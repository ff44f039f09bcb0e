/*
 * unit: one step t−1 → t of a trial, and what is known of it.
 *
 * Key        H(template, t, key of the unit before): never the study or scheduler that asks for it,
 *            so studies share units.
 * Life       All units of a build live in one table, by key: two trials that train the same step
 *            hold the same struct unit. unit_get fills it from the store; engine/execution/run
 *            turns unknown units into known ones.
 * Result     A unit may be known by its reports alone. `checkpoint` is the digest that was recorded
 *            for the folder after it; `kept` says whether the store still has that folder.
 * End        Where the process ended by itself, with 0 and before it reported the unit, that is the
 *            unit's result: it has no numbers, and of a script the declared outputs for checkpoint.
 */
#ifndef ENGINE_STUDY_UNIT_H
#define ENGINE_STUDY_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "engine/results/results.h"

struct arena;
struct store;

/* What a trial's segments come from: the action that trial(p) returned, and its key once known. */
struct template
{
    int node;         /* in the graph */
    int study, trial; /* whose trial(p) it was: the study's node, the trial's number */
    bool keyed;       /* all its inputs are known */
    bool stateless;   /* an empty checkpoint is a whole one: as its action says */
    bool may_end;     /* it may end by itself: as its action says */
    bool script;      /* its process begins with t = 1, always */
    struct digest key;
    const char *description; /* field by field */
};

enum unit_state {
    UNIT_UNKNOWN,
    UNIT_ASKED, /* whether it is known will be answered later */
    UNIT_KNOWN,
    UNIT_FAILED
};

/* The names in a report, sorted; units with the same names share one. */
struct metric_names {
    size_t n;
    const char **names;
};

/* The numbers of one report, sorted by name; NaN: it reported null. */
struct numbers {
    size_t n;
    const char *const *names;
    const double *values;
};

struct unit {
    struct digest key;
    int t;
    struct unit *parent; /* NULL for t == 1 */
    struct unit *root;   /* the first of the units before it that have its template; or itself */
    const struct template *template;
    enum unit_state state;
    const char *reports; /* canonical JSON of its numbers, where known */
    const struct metric_names *names;
    const double *numbers;       /* one for each name; NaN where it reported null */
    bool ended;                  /* known: the process ended by itself and never reported it */
    bool cached;                 /* known without running anything in this build */
    double seconds, gpu_seconds; /* measured by the run that trained it */
    int64_t run;                 /* id of the build that trained it */
    bool has_checkpoint, kept;
    struct digest checkpoint;
    bool bare;                    /* a run ended with it, and left no checkpoint */
    bool running;                 /* a run of ours will report it */
    bool wanted;                  /* scratch of retain.c and accept.c */
    bool counted;                 /* scratch of those who count each unit once; false outside */
    const char *failure;          /* where failed: the sentence */
    bool looked;                  /* for an accepted failure of an earlier build, */
    bool accepted;                /* and there is one */
    const struct digest *earlier; /* scratch of accept.c: the key that it had before */
    struct digest result; /* the key whose result it has: its own, or what that was accepted as */
    bool by_hand;         /* it was accepted (hpo accept), or trained on from such a unit */
    struct asker asker;
};

struct units; /* opaque: the table */

/* Units are looked up in results; the store, which may be NULL, has the failures of earlier
 * builds. */
enum status units_open(struct results *results, struct store *store, struct arena *arena,
                       struct units **out, struct error *err) MUST_CHECK;

/* The unit t of a chain of this template after `parent`. The template must be keyed. */
enum status unit_get(struct units *units, const struct template *template, struct unit *parent,
                     struct unit **out, struct error *err) MUST_CHECK;

/* The same where it is in the table, and known; else NULL: nothing is asked. */
struct unit *unit_known(const struct units *units, const struct template *template,
                        struct unit *parent);

/* Takes the answer to a unit that was ASKED; r NULL: it is not known. */
enum status unit_answer(struct units *units, struct unit *u, const struct result *r,
                        struct error *err) MUST_CHECK;

/* The reports of a unit before which the process ended by itself. */
#define UNIT_ENDED "{\"ended\": true}"

/* The unit before which the process ended, at u or behind it on the chain of its template; NULL: it
 * is not known. */
enum status unit_end(struct units *units, struct unit *u, struct unit **end,
                     struct error *err) MUST_CHECK;

/* How many units are ASKED. */
int units_asked(const struct units *units);

/* Looks again whether the unit is known here by now (another build may have trained it). */
enum status unit_refresh(struct units *units, struct unit *u, struct error *err) MUST_CHECK;

/* Whether an earlier build has failed there, and that was accepted: then u->failure says how. */
enum status unit_accepted(struct units *units, struct unit *u, bool *accepted,
                          struct error *err) MUST_CHECK;

/* Accepts that it has failed. */
enum status unit_accept(struct units *units, const struct unit *u, int64_t today,
                        struct error *err) MUST_CHECK;

/* Fills in what the unit has reported: canonical JSON, which must live as long as the table, and
 * the same as numbers, which are copied. */
enum status unit_report(struct units *units, struct unit *u, const char *text,
                        const struct numbers *report, struct error *err) MUST_CHECK;

/* The same from the text alone. ERR_CORRUPT: it is no report. */
enum status unit_read_report(struct units *units, struct unit *u, const char *text,
                             struct error *err) MUST_CHECK;

/* Whether an older key's result stands for it. */
bool unit_is_accepted(const struct unit *u);

/* The text that is hashed for the key, and stored beside the result. */
char *unit_description(const struct unit *u, struct arena *arena);

/* The same of the unit t of a template after another unit, by their keys. */
char *unit_describe(const struct digest *template, int t, const struct digest *parent,
                    struct arena *arena);

/* The template that a unit's description names; false: it is no unit's. */
bool unit_template(const char *description, struct digest *key);

/* A number of the report; NaN where it is null. ERR_INPUT: there is none of that name. */
enum status unit_value(const struct unit *u, const char *metric, double *value,
                       struct error *err) MUST_CHECK;

#endif
