/* usage: the help of hpo, written from the tables of commands and flags. */
#ifndef ENGINE_USAGE_H
#define ENGINE_USAGE_H

#include "engine/command.h"

struct text;

/* The commands, one line each: all, or those of several words that begin with `first`. */
void usage_commands(struct text *t, const char *first);

/* One command: what follows it, what it does, its flags. */
void usage_command(struct text *t, enum command_id id);

#endif
