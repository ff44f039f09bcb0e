/* shape: what a study's trials are, asked without a build: of its first trial. */
#ifndef ENGINE_EXECUTION_SHAPE_H
#define ENGINE_EXECUTION_SHAPE_H

#include "base/error.h"

struct arena;
struct graph;
struct recipe;

/*
 * The action that the study's first trial would be, and what it needs, are added to the graph.
 * *template is its node, -1: the study has no trial. ERR_INPUT: the recipe is wrong.
 */
enum status shape_first(struct graph *graph, struct recipe *recipe, int study, struct arena *arena,
                        int *template, struct error *err) MUST_CHECK;

#endif
