/*
 * flags: a command's flags, from one table.
 *
 * Every flag is long: "--name VALUE" or "--name=VALUE"; a switch stands alone. A command fills its
 * variables with defaults, names them in a table, and calls flags_parse once:
 *
 *     struct train_options o = {.seed = 42};
 *     const struct flag table[] = {
 *         {.name = "--lr", .kind = FLAG_POSITIVE, .out = &o.lr, .required = true},
 *         {.name = "--seed", .kind = FLAG_INTEGER, .out = &o.seed, .high = UINT32_MAX},
 *         {.name = "--log-steps", .kind = FLAG_SWITCH, .out = &o.log_steps},
 *     };
 *     TRY(flags_parse(table, sizeof table / sizeof *table, argc, argv, err));
 *
 * Strings are borrowed from argv. A flag given twice is an error unless it is FLAG_STRINGS.
 * Errors: ERR_INPUT; `where` is the flag as it was typed, without its value.
 */
#ifndef TRAINER_FLAGS_H
#define TRAINER_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { FLAG_LIST_MAX = 64 };

struct flag_list {
    const char *values[FLAG_LIST_MAX];
    size_t n;
};

enum flag_kind {
    FLAG_STRING,       /* out: const char **; not empty */
    FLAG_STRINGS,      /* out: struct flag_list *; may be repeated */
    FLAG_INTEGER,      /* out: int64_t *; low to high; high 0 means no upper bound */
    FLAG_POSITIVE,     /* out: double *; finite, > 0 */
    FLAG_NOT_NEGATIVE, /* out: double *; finite, >= 0 */
    FLAG_SWITCH,       /* out: bool * */
    FLAG_WORD,         /* out: an enum that counts `words` from 0 */
};

struct flag {
    const char *name; /* with its dashes */
    enum flag_kind kind;
    void *out; /* left alone where the flag is absent */
    int64_t low, high;
    const char *const *words; /* NULL ends them */
    bool required;
};

/* argv[0] is the command's name. */
enum status flags_parse(const struct flag *table, size_t n, int argc, char **argv,
                        struct error *err) MUST_CHECK;

#endif
