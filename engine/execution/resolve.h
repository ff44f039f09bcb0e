/*
 * resolve: what a node comes to, once all that it needs is known: a digest, a key with a result or
 * without, an open study. Part of a build: see build.h.
 */
#ifndef ENGINE_EXECUTION_RESOLVE_H
#define ENGINE_EXECUTION_RESOLVE_H

#include "engine/execution/build.h"

/* The tools of all actions that are wanted by now will be asked what they are: side by side
 * then. */
enum status resolve_expect(struct build *b, struct error *err) MUST_CHECK;

/* All nodes that are due, and those that become due by that. */
enum status resolve_due(struct build *b, struct error *err) MUST_CHECK;

/* Takes the answers of results that have come since. */
enum status resolve_answers(struct build *b, struct error *err) MUST_CHECK;

/* Asks what is known here by now of an action that is keyed. *found: it is the node's content. */
enum status resolve_again(struct build *b, int node, bool *found, struct error *err) MUST_CHECK;

/* The node is known now: content is in its work. */
enum status node_done(struct build *b, int node, struct error *err) MUST_CHECK;

/* The node cannot be known, nor can what needs it. */
void node_failed(struct build *b, int node);

/* Sends a done node back to run again, since the store lost its files, as *err says; `consumer`
 * waits for it; -1: nobody does. */
enum status node_lost(struct build *b, int node, int consumer, struct error *err) MUST_CHECK;

/* Wants what the template needs, and keys it once all of that is known. *failed: it never will
 * be. */
enum status resolve_template(struct build *b, struct template *template, bool *failed,
                             struct error *err) MUST_CHECK;

#endif
