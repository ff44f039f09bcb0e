/* reader: what table, why, log, runs, check, simulate and most of cache have in common. */
#include "engine/commands/reader.h"

#include "cache/store.h"
#include "engine/execution/session.h"

enum status read_store(const struct options *o, struct arena *arena, reader *answer,
                       struct error *err)
{
    struct store *store;
    enum status s;

    TRY(session_store(o, &store, err));
    s = answer(o, store, arena, err);
    store_close(store);
    return s;
}
