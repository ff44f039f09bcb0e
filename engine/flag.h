/*
 * flag: the table of hpo's flags. A flag is one entry of it: its name, what follows it, the
 * commands for which it means something, how its value is read, the field of struct options that
 * takes it, and what the help says.
 *
 * A value stands behind the flag as the next word, or after "=": --out DIR, --out=DIR, -jN.
 * Every message names the flag as it was typed.
 */
#ifndef ENGINE_FLAG_H
#define ENGINE_FLAG_H

#include <stddef.h>

#include "base/error.h"
#include "engine/command.h"

struct arena;
struct options;
struct value;

struct flag {
    const char *name;     /* "--out" */
    const char *argument; /* "DIR"; NULL: it has none */
    unsigned commands;    /* 1 << COMMAND_...: those for which it means something */
    enum status (*take)(const struct value *v, struct error *err);
    size_t field; /* offset in struct options */
    const char *help;
};

/* The flags in the order of the help; NULL behind the last. */
const struct flag *flag_at(size_t i);

/*
 * Takes the flag at argv[*i] into o->..., and moves *i onto its value where that is the next word.
 * ERR_INPUT: the command takes no such flag, or it has no such value.
 */
enum status flag_take(enum command_id command, int argc, char **argv, int *i, struct arena *arena,
                      struct options *o, struct error *err) MUST_CHECK;

#endif
