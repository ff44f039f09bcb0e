/*
 * interrupt: SIGINT, SIGTERM and SIGHUP ask a build to end. They come at any time, whatever hpo
 * does then: who works long looks at the count, who waits polls the descriptor. The first asks to
 * end well: what is finished is kept. From the second on nothing is waited for.
 */
#ifndef ENGINE_INTERRUPT_H
#define ENGINE_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

#include "base/error.h"

/* From now on, and for good, the signals are counted instead of ending the process; SIGHUP only
 * where it is not ignored (nohup). Called again it does nothing. */
enum status interrupt_listen(struct error *err) MUST_CHECK;

/* How many came: for work that nobody waits for once it is not 0. Never NULL. */
const volatile sig_atomic_t *interrupt_count(void);

/* Readable from a signal on until interrupt_take; -1 before interrupt_listen. */
int interrupt_descriptor(void);

/* How many came so far; the descriptor is readable again with the next. */
int interrupt_take(void);

/* From now on, and for good, another size of the terminal (SIGWINCH) ends a poll(2). */
void interrupt_on_resize(void);

/*
 * From now on, and for good, SIGTSTP (Ctrl-Z) does not stop the program wherever it is, perhaps
 * with a lock that others wait for: it is noted, and ends a poll(2).
 */
void interrupt_defer_stops(void);

bool interrupt_stop_is_asked(void);

/* Stops the program, if that was asked for, until it is told to go on: called where it holds
 * nothing that another process waits for. What it has started runs on. */
void interrupt_stop_if_asked(void);

#endif
