/*
 * results: what is known under a key, and where what is new is put. The port between a build and
 * what remembers: the store (local.h), a made-up one in tests.
 *
 * Asking     results_lookup answers at once, or later (ANSWER_LATER): then results_next gives the
 *            answer together with the asker, when it has come.
 * Claims     Of several builds one makes what nobody knows: it claims the key first. Units of one
 *            chain are claimed together, in order of t; an action is a chain of its own, with one
 *            unit at t = 0. A claim is the kernel's to take back when we die.
 * New        results_publish keeps files and row. A second outcome of one key stays beside the
 *            first (PUT_DIFFERENT).
 * Partial    A checkpoint that a trainer names in the middle of a run stays where it is
 *            (results_hold); who finds its unit without a checkpoint later may take it
 *            (results_adopt), unless its run still lives or it has changed since.
 * Durable    What was published or held is durable, and other builds see it, after results_sync.
 */
#ifndef ENGINE_RESULTS_RESULTS_H
#define ENGINE_RESULTS_RESULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"
#include "cache/results/index.h"

struct arena;
struct unit;

enum answer { ANSWER_ABSENT, ANSWER_KNOWN, ANSWER_LATER };

/* Who asks: a node of the plan, or a unit. */
struct asker {
    int node;
    struct unit *unit; /* NULL: the node */
};

/* The units first, first + 1, ... of the chain that begins with the unit of key `root`. */
struct chain {
    struct digest root;
    int first, n;
};

/* The files of a result. */
struct files {
    const char *folder;       /* NULL: only the log is kept */
    const char *const *names; /* declared outputs; NULL: all that is there */
    size_t n_names;
    const char *log;    /* a file, kept with the result; or NULL */
    bool empty_is_none; /* where there is nothing, the result has no tree */
};

/* What became of a checkpoint that a build needs no more. */
enum retired {
    RETIRED_GONE,
    RETIRED_WANTED, /* it stays: another build wants it */
    RETIRED_LATER   /* it could not be touched now; ask again */
};

/* What results_sync has to do. */
enum unsynced {
    UNSYNCED_NOTHING,
    UNSYNCED_SOME,
    UNSYNCED_AWAITED /* and another build waits for that */
};

struct results {
    const struct results_calls *calls;
};

struct results_calls {
    enum status (*lookup)(struct results *r, const struct digest *key, struct asker *asker,
                          struct arena *arena, struct result *out, enum answer *answer,
                          struct error *err);
    enum status (*next)(struct results *r, struct arena *arena, struct asker **asker,
                        struct result *out, enum answer *answer, struct error *err);
    enum status (*claim)(struct results *r, const struct chain *chain, int *taken,
                         struct error *err);
    void (*release)(struct results *r, const struct chain *chain);
    enum status (*publish)(struct results *r, struct result *result, const struct files *files,
                           enum put_outcome *outcome, struct error *err);
    enum status (*locate)(struct results *r, const char *out, const char *name, struct arena *arena,
                          const char **folder, struct error *err);
    enum status (*hold)(struct results *r, const struct digest *key, const char *folder,
                        struct error *err);
    void (*drop)(struct results *r, const struct digest *key, const char *folder);
    enum status (*adopt)(struct results *r, struct result *result, const char *log, bool *adopted,
                         enum put_outcome *outcome, struct error *err);
    enum status (*retire)(struct results *r, const struct digest *keys, size_t n,
                          enum retired *retired, struct error *err);
    enum unsynced (*unsynced)(const struct results *r);
    enum status (*sync)(struct results *r, struct error *err);
};

/* *out lives in the arena, where the answer is KNOWN. asker NULL: what is known here is enough, and
 * the answer comes at once. */
static inline MUST_CHECK enum status results_lookup(struct results *r, const struct digest *key,
                                                    struct asker *asker, struct arena *arena,
                                                    struct result *out, enum answer *answer,
                                                    struct error *err)
{
    return r->calls->lookup(r, key, asker, arena, out, answer, err);
}

/* An answer that has come since; *asker NULL: none has. */
static inline MUST_CHECK enum status results_next(struct results *r, struct arena *arena,
                                                  struct asker **asker, struct result *out,
                                                  enum answer *answer, struct error *err)
{
    return r->calls->next(r, arena, asker, out, answer, err);
}

/* *taken: so many of the chain's units, from the first on, are ours now; others hold the next. */
static inline MUST_CHECK enum status results_claim(struct results *r, const struct chain *chain,
                                                   int *taken, struct error *err)
{
    return r->calls->claim(r, chain, taken, err);
}

static inline void results_release(struct results *r, const struct chain *chain)
{
    r->calls->release(r, chain);
}

/*
 * Keeps a result. files NULL: it has none; else result->tree, bytes and log are filled in.
 * ERR_FAILED, ERR_NOT_FOUND: the files are not what they should be, with the path in where.
 */
static inline MUST_CHECK enum status results_publish(struct results *r, struct result *result,
                                                     const struct files *files,
                                                     enum put_outcome *outcome, struct error *err)
{
    return r->calls->publish(r, result, files, outcome, err);
}

/* The folder of a checkpoint that a trainer names, below its HPO_CHECKPOINT_OUT. ERR_FAILED, with a
 * sentence: it is none that could be kept; ERR_NOT_FOUND: it is not there. */
static inline MUST_CHECK enum status results_locate(struct results *r, const char *out,
                                                    const char *name, struct arena *arena,
                                                    const char **folder, struct error *err)
{
    return r->calls->locate(r, out, name, arena, folder, err);
}

/* The checkpoint of this unit lies complete in that folder. ERR_FAILED, with a sentence: it does
 * not; ERR_NOT_FOUND: not any more. */
static inline MUST_CHECK enum status results_hold(struct results *r, const struct digest *key,
                                                  const char *folder, struct error *err)
{
    return r->calls->hold(r, key, folder, err);
}

/* A newer one takes the place of the checkpoint that was held in that folder, which goes. folder
 * NULL: its task has ended, and another build may be taking it: it stays. */
static inline void results_drop(struct results *r, const struct digest *key, const char *folder)
{
    r->calls->drop(r, key, folder);
}

/* Publishes the unit `result` with the checkpoint that was held for it, if that can be had, and
 * with that log, or NULL. */
static inline MUST_CHECK enum status results_adopt(struct results *r, struct result *result,
                                                   const char *log, bool *adopted,
                                                   enum put_outcome *outcome, struct error *err)
{
    return r->calls->adopt(r, result, log, adopted, outcome, err);
}

/* These units' checkpoints are not needed here any more; retired[i] says what became of each. What
 * is new becomes durable first. */
static inline MUST_CHECK enum status results_retire(struct results *r, const struct digest *keys,
                                                    size_t n, enum retired *retired,
                                                    struct error *err)
{
    return r->calls->retire(r, keys, n, retired, err);
}

static inline enum unsynced results_unsynced(const struct results *r)
{
    return r->calls->unsynced(r);
}

static inline MUST_CHECK enum status results_sync(struct results *r, struct error *err)
{
    return r->calls->sync(r, err);
}

#endif
