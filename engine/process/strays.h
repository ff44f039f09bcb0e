/*
 * strays: processes that an ended command left behind in sessions of their own, where no signal to
 * its group reaches them (setsid, nohup wrappers, torchrun). They are known by the HOME that every
 * command gets, a folder of its own.
 *
 * All calls use system calls only: also a process that was forked from one with threads may make
 * them.
 */
#ifndef ENGINE_PROCESS_STRAYS_H
#define ENGINE_PROCESS_STRAYS_H

#include <stdbool.h>

/* Orphans below us become our children from here on: those of this thread, which starts all
 * processes. Gives the kernel's list of them, open, or -1 where the kernel has none; the caller
 * closes it. */
int strays_adopt(void);

/* Whether we have other children than `known` of them. */
bool strays_any(int list, int known);

/* Kills every process of this machine whose HOME begins with `home`, until none is found; reaps
 * those that are our children. */
void strays_end(const char *home);

#endif
