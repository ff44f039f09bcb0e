/* reader: what table, why, log and runs have in common. */
#include "engine/commands/reader.h"

#include "base/arena.h"
#include "cache/store.h"
#include "engine/execution/session.h"
#include "engine/options.h"

enum status read_store(int argc, char **argv, bool takes_recipe, reader *answer, struct error *err)
{
    struct arena *arena = arena_open();
    struct store *store = NULL;
    struct options o;
    enum status s;

    if (!arena)
        return error_memory(err);
    s = options_parse(argc, argv, takes_recipe, arena, &o, err);
    if (s == OK && !takes_recipe && o.n_words > 0)
        s = error_set(err, ERR_INPUT, o.words[0], "hpo %s takes no word", argv[0]);
    if (s == OK)
        s = session_store(&o, &store, err);
    if (s == OK)
        s = answer(&o, store, arena, err);
    store_close(store);
    arena_close(arena);
    return s;
}
