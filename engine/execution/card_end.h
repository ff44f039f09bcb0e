/*
 * card_end: what the end of a task tells of the GPUs that it held. Part of a build: see build.h.
 *
 * Full       Status 75: its card has no room now. The task is begun again, on another card or once
 *            there may be room, and `retries` is not used. It fails after its timeout, or after ten
 *            tries where it has none.
 * Broken     Status 76, or the words of a driver that has lost a card in the last lines of its log:
 *            the card leaves this build and is named, the task is begun again on another.
 */
#ifndef ENGINE_EXECUTION_CARD_END_H
#define ENGINE_EXECUTION_CARD_END_H

#include "engine/execution/build.h"

/* Of a task that has ended badly, as *sentence says. *again: by no fault of its own; else *sentence
 * may say it better, in the build's arena. */
enum status card_end(struct build *b, struct job *job, const struct executor_event *end,
                     bool *again, const char **sentence, struct error *err) MUST_CHECK;

#endif
