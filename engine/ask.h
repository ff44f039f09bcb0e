/* ask: a question to whoever sits before the terminal, answered with y or n. */
#ifndef ENGINE_ASK_H
#define ENGINE_ASK_H

#include <stdbool.h>

#include "base/error.h"

/*
 * Puts the question to standard error, with "[y/N]" behind it, and reads a line from standard
 * input; an interrupt (see interrupt.h) is a no. ERR_INPUT: no terminal is there; the hint is
 * `flag`.
 */
enum status ask_yes(const char *question, const char *flag, bool *yes,
                    struct error *err) MUST_CHECK;

#endif
