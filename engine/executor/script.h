/* script: run.sh, which repeats by hand what a task ran. */
#ifndef ENGINE_EXECUTOR_SCRIPT_H
#define ENGINE_EXECUTOR_SCRIPT_H

#include "base/error.h"

struct action;
struct command;
struct store;
struct text;

/*
 * Writes FOLDER/run.sh: the command in its working folder, with its whole environment. Variables
 * that the action passes are named there, and come from whoever runs it.
 */
enum status script_write(const struct store *store, const struct action *action,
                         const struct command *command, const char *folder,
                         struct error *err) MUST_CHECK;

/* The word as a shell reads it: in quotes where it needs them. */
void script_add_word(struct text *t, const char *word);

/* The words of the command, with the program's path in front. */
void script_add_command(struct text *t, const struct command *command);

#endif
