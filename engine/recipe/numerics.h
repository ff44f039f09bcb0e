/*
 * numerics: the version of every number that C computes for a search, kept by hand.
 *
 * It is in the root of every study's journal, beside the source of the Lua that decides: a
 * rebuild, a comment or another compiler wakes no searcher, a changed number each of them. It goes
 * up whenever a change may alter one bit of a density, a draw, a logarithm, an exponential, a
 * power or a normal quantile, or the text of a number. tests/unit/engine/numerics_test.c has
 * golden digests, which change when that was forgotten.
 */
#ifndef ENGINE_RECIPE_NUMERICS_H
#define ENGINE_RECIPE_NUMERICS_H

enum { SEARCH_NUMERICS = 1 };

#endif
