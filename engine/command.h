/*
 * command: what hpo can be asked for, as the command line and its help know it. What a command does
 * is in engine/commands/; main.c joins the two. A new command is a name here, a line of the table
 * in command.c, a line of the table in main.c, and its file.
 */
#ifndef ENGINE_COMMAND_H
#define ENGINE_COMMAND_H

#include <stdbool.h>

#include "base/error.h"

/* In the order of the help. */
enum command_id {
    COMMAND_BUILD,
    COMMAND_TABLE,
    COMMAND_WHY,
    COMMAND_GRAPH,
    COMMAND_LOG,
    COMMAND_WATCH,
    COMMAND_AUDIT,
    COMMAND_VERIFY,
    COMMAND_KEY,
    COMMAND_CHECK,
    COMMAND_SIMULATE,
    COMMAND_ACCEPT,
    COMMAND_RUNS,
    COMMAND_DIFF,
    COMMAND_SHELL,
    COMMAND_CACHE_STAT,
    COMMAND_CACHE_VERIFY,
    COMMAND_CACHE_GC,
    COMMAND_DOCTOR,
    COMMANDS /* how many there are */
};

enum { COMMAND_WORDS_ANY = 1 << 30 };

/* How a command is used. */
struct command_usage {
    const char *name;  /* "build"; "cache stat" is typed as two words */
    const char *words; /* what follows: "RECIPE [STUDY]", or "" */
    int least, most;   /* how many words that is */
    bool as_build;     /* takes every flag of build, so that one command line serves for both */
    const char *brief; /* for the list of commands */
    const char *help;  /* for its own page: what a line of `brief` leaves out, or "" */
};

const struct command_usage *command_at(enum command_id id);

/* Whether the first word of a command that takes any is a recipe. */
bool command_takes_recipe(enum command_id id);

/* Whether the name has several words, of which this is the first. */
bool command_is_part(const struct command_usage *c, const char *first);

/*
 * The command that argv[0], argv[1]... begin with; *used is the number of words of its name.
 * ERR_INPUT: there is none; the nearest one is in the hint.
 */
enum status command_find(int argc, char **argv, enum command_id *id, int *used,
                         struct error *err) MUST_CHECK;

#endif
