/*
 * demand: what studies need trained whatever is decided, and the runs that serve it. Part of a
 * build: see build.h.
 */
#ifndef ENGINE_EXECUTION_DEMAND_H
#define ENGINE_EXECUTION_DEMAND_H

#include "engine/execution/build.h"

/* Delivers to each study the reports that are known, and lets it decide. */
enum status demand_decide(struct build *b, struct error *err) MUST_CHECK;

/* Keys what is demanded; where it may, starts runs for it as there is room, and tells those to end
 * that nobody demands any more. */
enum status demand_serve(struct build *b, bool may_start, struct error *err) MUST_CHECK;

/* Starts the runs for checkpoints that best nodes need again, and for --rerun of a unit. */
enum status demand_again(struct build *b, struct error *err) MUST_CHECK;

/* The unit that --rerun names, of a study that is decided. ERR_INPUT: it has none such. */
enum status demand_find_rerun(struct build *b, struct unit **u, struct error *err) MUST_CHECK;

#endif
