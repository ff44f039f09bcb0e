/* reader: the frame of a command that only reads the store: options, store, answer, and all closed
 * again. */
#ifndef ENGINE_COMMANDS_READER_H
#define ENGINE_COMMANDS_READER_H

#include <stdbool.h>

#include "base/error.h"

struct arena;
struct options;
struct store;

typedef enum status reader(const struct options *o, struct store *store, struct arena *arena,
                           struct error *err);

/* Parses argv, opens the store for reading, and calls answer. ERR_INPUT where nothing was built
 * yet. */
enum status read_store(int argc, char **argv, bool takes_recipe, reader *answer,
                       struct error *err) MUST_CHECK;

#endif
