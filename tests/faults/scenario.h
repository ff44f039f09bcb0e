/*
 * scenario: a small build as the store sees it, to be disturbed anywhere: it ends with a status,
 * and what it leaves must be a store that verifies and in which it then succeeds.
 */
#ifndef TESTS_FAULTS_SCENARIO_H
#define TESTS_FAULTS_SCENARIO_H

#include "base/error.h"

/* What was promised before any disturbance: one result, synced. Makes the store in "store". */
enum status scenario_begin(struct error *err) MUST_CHECK;

/* Takes outputs, finds sources, puts results, rows of history, drops, reads and places. */
enum status scenario_run(struct error *err) MUST_CHECK;

/* NULL, or what is wrong with the store. If done, all of scenario_run must be in it. */
const char *scenario_check(int done);

#endif
