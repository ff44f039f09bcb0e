/*
 * session_state: what opens and closes a session (session.c) and what is done in one
 * (session_run.c, session_audit.c) share. Nobody else includes it.
 */
#ifndef ENGINE_EXECUTION_SESSION_STATE_H
#define ENGINE_EXECUTION_SESSION_STATE_H

#include "engine/execution/build.h"
#include "engine/executor/idle.h"
#include "engine/process/capture.h"
#include "engine/process/runner.h"
#include "engine/statement/keys.h"

struct audit_plan;

struct recipe_change;

/* What is made of a recipe. */
enum mode {
    MODE_BUILD,  /* everything */
    MODE_CACHED, /* what is not known is refused: --cached-only */
    MODE_DRY,    /* nothing is started, pinned or put into out/: --dry-run */
    MODE_ACCEPT, /* and results are looked for under older keys, too */
    MODE_REPLAY, /* and studies are gone through anew, without their journals */
    MODE_AUDIT   /* everything anew, in a store of its own: see audit.h */
};

/* A build with what only its opening and closing know. */
struct session {
    struct build b;
    enum mode mode;
    const struct audit_plan *audit; /* of MODE_AUDIT */
    struct store *room;             /* of a replay: see audit_decide; or NULL */
    struct reaper reaper;
    struct capture capture;
    struct own_key key;
    struct idle_executor idle;
    struct executor *local;
    struct results *results; /* of this machine; b.results may stand before them */
};

/* What a session is before anything is opened. */
enum status session_begin(struct session *s, const struct options *o, enum mode mode,
                          struct error *err) MUST_CHECK;

/* From the recipe to what plan and loop need. A store that is there already is taken. */
enum status session_open(struct session *s, const struct recipe_change *change,
                         struct error *err) MUST_CHECK;

/* Closes what is open. */
void session_end(struct session *s, bool close_store);

/* All that is known before the first process is wanted: an out/ that cannot be is refused here. */
enum status session_begin_targets(struct build *b, struct error *err) MUST_CHECK;

#endif
