/* run_sh: run.sh, which repeats by hand what a task ran. */
#ifndef ENGINE_EXECUTOR_RUN_SH_H
#define ENGINE_EXECUTOR_RUN_SH_H

#include "base/error.h"

struct action;
struct command;
struct store;
struct text;

/*
 * Writes FOLDER/run.sh: the command in its working folder, with its whole environment. Variables
 * that the action passes are named there, and come from whoever runs it.
 */
enum status run_sh_write(const struct store *store, const struct action *action,
                         const struct command *command, const char *folder,
                         struct error *err) MUST_CHECK;

/* The word as a shell reads it: in quotes where it needs them. */
void run_sh_add_word(struct text *t, const char *word);

/* The words of the command, with the program's path in front. */
void run_sh_add_command(struct text *t, const struct command *command);

#endif
