/*
 * plan: which nodes a build wants, and how far each of them is. Nodes are numbers; a plan asks what
 * a node needs and knows nothing else of it: no key, no result, no process. It does no I/O.
 *
 * States     IDLE      nobody wants it
 *            WAITING   a need is not done
 *            DUE       its needs are done: plan_take_due gives it to the caller, who finds out what
 *                      it comes to and says one of the next four
 *            READY     only an executor is missing: plan_take_ready gives the most urgent one
 *            BUSY      it is being made, or its result is being looked up
 *            DONE      what it comes to is known: those that wait for it become due
 *            FAILED    it cannot be made, and nor can those that wait for it
 * Lost       A DONE node whose files are gone goes back to DUE (plan_lost), and who met the loss
 *            waits for it.
 * Order      Due nodes come in the order in which they became due, ready nodes by rank (the longest
 *            way to a target), then by number: the order never depends on time.
 * Memory     Everything lives in the arena given to plan_open. No call recurses: a chain of needs
 *            may be longer than the stack is deep.
 */
#ifndef ENGINE_PLAN_PLAN_H
#define ENGINE_PLAN_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct plan; /* opaque */

enum plan_state {
    PLAN_IDLE,
    PLAN_WAITING,
    PLAN_DUE,
    PLAN_READY,
    PLAN_BUSY,
    PLAN_DONE,
    PLAN_FAILED
};

/* Calls need(to, n) once for each node n that `node` needs. What a node needs may grow until it is
 * due, and again before plan_want_again. */
typedef void plan_needs(const void *graph, int node, void (*need)(void *to, int n), void *to);

enum status plan_open(plan_needs *needs, const void *graph, struct arena *arena, struct plan **out,
                      struct error *err) MUST_CHECK;

/* The node is wanted, and all that it needs. */
enum status plan_want(struct plan *plan, int node, struct error *err) MUST_CHECK;

/* Wants what the node needs and not the node itself. *missing: needs that are not done; *failed:
 * one of them has. */
enum status plan_want_needs(struct plan *plan, int node, int *missing, bool *failed,
                            struct error *err) MUST_CHECK;

/* A due node needs more than it did: it waits for that, too. */
enum status plan_want_again(struct plan *plan, int node, struct error *err) MUST_CHECK;

/* Takes the next due node; false: there is none. */
bool plan_take_due(struct plan *plan, int *node);

/* Takes the most urgent ready node, which is then busy; false: there is none. */
bool plan_take_ready(struct plan *plan, int *node);
int plan_ready_nodes(const struct plan *plan);

enum status plan_ready(struct plan *plan, int node, struct error *err) MUST_CHECK;

/* Puts back a node that plan_take_ready gave, as it was. */
enum status plan_put_back(struct plan *plan, int node, struct error *err) MUST_CHECK;

void plan_busy(struct plan *plan, int node);
enum status plan_done(struct plan *plan, int node, struct error *err) MUST_CHECK;
void plan_failed(struct plan *plan, int node);

/* The files of `node` are lost. `consumer` waits for it again; -1: nobody does. *again: it was done
 * until now and is due (or waits) again; else it is on its way already. */
enum status plan_lost(struct plan *plan, int node, int consumer, bool *again,
                      struct error *err) MUST_CHECK;

enum plan_state plan_state(const struct plan *plan, int node);

/* Grows with every node that becomes ready, done or failed: more may be possible then. */
int64_t plan_changes(const struct plan *plan);

#endif
