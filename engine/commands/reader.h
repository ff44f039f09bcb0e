/* reader: the frame of a command that only reads the store: it opens the store, calls for the
 * answer and closes the store again. */
#ifndef ENGINE_COMMANDS_READER_H
#define ENGINE_COMMANDS_READER_H

#include "base/error.h"

struct arena;
struct options;
struct store;

typedef enum status reader(const struct options *o, struct store *store, struct arena *arena,
                           struct error *err);

/* ERR_INPUT where nothing was built yet. */
enum status read_store(const struct options *o, struct arena *arena, reader *answer,
                       struct error *err) MUST_CHECK;

#endif
