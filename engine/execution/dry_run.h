/* dry_run: what a build would run, and why: --dry-run. Part of a build: see build.h. */
#ifndef ENGINE_EXECUTION_DRY_RUN_H
#define ENGINE_EXECUTION_DRY_RUN_H

#include "engine/execution/build.h"

/* Prints it, of a build whose targets were wanted. */
enum status dry_run_print(struct build *b, struct error *err) MUST_CHECK;

#endif
