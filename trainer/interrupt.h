/*
 * interrupt: SIGTERM and SIGINT ask a command to end; it looks between steps and leaves nothing
 * half-written.
 */
#ifndef TRAINER_INTERRUPT_H
#define TRAINER_INTERRUPT_H

#include "base/error.h"

/* From now on the two signals are noted instead of ending the process. */
void interrupt_listen(void);

/* ERR_INTERRUPTED once one of them came. */
enum status interrupt_check(struct error *err) MUST_CHECK;

#endif
