/* want: from targets down to what they need, and back up with keys: nodes become ready, done,
 * failed, lost. Part of a build: see build.h. */
#ifndef ENGINE_EXECUTION_WANT_H
#define ENGINE_EXECUTION_WANT_H

#include "engine/execution/build.h"

/* Says that a node is needed; starts on its needs. */
enum status want_node(struct build *b, int node, struct error *err) MUST_CHECK;

/* Asks the store for the result of an action that is keyed. *found: it is the node's content. */
enum status node_look_up(struct build *b, int node, bool *found, struct error *err) MUST_CHECK;

/* The node is known now: content is in its work. Those that waited go on. */
enum status node_done(struct build *b, int node, struct error *err) MUST_CHECK;

/* The node cannot be known, nor can what needs it. */
void node_failed(struct build *b, int node);

/* Puts an action among those that only wait for a slot and a claim. */
enum status node_retry(struct build *b, int node, struct error *err) MUST_CHECK;

/* Sends a done node back to run again, since the store lost its files; `consumer` waits for it. */
enum status node_lost(struct build *b, int node, int consumer, struct error *err) MUST_CHECK;

/* Wants what the template needs, and keys it. *ready: all of it is known; *failed: it never will
 * be. */
enum status want_template(struct build *b, struct template *template, bool *ready, bool *failed,
                          struct error *err) MUST_CHECK;

/* Key and description of an action whose needs are all done. *lost: an input that the store has
 * lost, which is why it cannot be keyed; else -1. */
enum status key_node(struct build *b, int node, struct digest *key, const char **description,
                     int *lost, struct error *err) MUST_CHECK;

#endif
