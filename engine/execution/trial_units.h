/* trial_units: the units that a trial had in a build that has ended, by the table that it left. */
#ifndef ENGINE_EXECUTION_TRIAL_UNITS_H
#define ENGINE_EXECUTION_TRIAL_UNITS_H

#include <stddef.h>

#include "base/error.h"

struct arena;
struct node_key;
struct node_name;
struct store;

/*
 * Of STUDY/TRIAL, in the build of of->run, or for 0 in the last one (with these arguments, where
 * they are not NULL): the keys of the units that were delivered, in order, and behind them that of
 * the unit that failed, where one did. *n is 0 where no table tells, or it is no trial.
 */
enum status trial_units(struct store *store, const struct node_name *of, const char *arguments,
                        struct arena *arena, struct node_key **keys, size_t *n,
                        struct error *err) MUST_CHECK;

#endif
