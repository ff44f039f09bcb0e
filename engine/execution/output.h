/* output: out/RECIPE/TARGET. Part of a build: see build.h. */
#ifndef ENGINE_EXECUTION_OUTPUT_H
#define ENGINE_EXECUTION_OUTPUT_H

#include "engine/execution/build.h"

/*
 * Once all targets are wanted, and before anything runs. ERR_INPUT: the recipe's folder in out/ is
 * another's, or it can have none.
 */
enum status output_refuse(struct build *b, struct error *err) MUST_CHECK;

/* Puts every target into out/; *again says that the store had lost something, which now is
 * wanted. */
enum status output_targets(struct build *b, bool *again, struct error *err) MUST_CHECK;

/* Without touching out/, for a dry run: what the store has lost of targets is wanted, and of what
 * actions read that will run; *again: there was something. */
enum status output_look(struct build *b, bool *again, struct error *err) MUST_CHECK;

#endif
