/* output: out/RECIPE/TARGET. Part of a build: see build.h. */
#ifndef ENGINE_EXECUTION_OUTPUT_H
#define ENGINE_EXECUTION_OUTPUT_H

#include "engine/execution/build.h"
#include "engine/execution/landing.h"

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

/*
 * What a target that is done has in out/, sorted by path. Of a study or comparison *kind and *json
 * are what recipe_table takes, else NULL. It all lives in the arena.
 */
enum status output_pieces(struct build *b, const struct target *target, struct arena *arena,
                          struct piece **out, size_t *n, const char **kind, const char **json,
                          struct error *err) MUST_CHECK;

#endif
