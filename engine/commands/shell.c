/* hpo shell: a shell where an action or a trial would run. */
#include "cache/store.h"
#include "engine/commands/commands.h"
#include "engine/execution/session.h"
#include "engine/execution/visit.h"
#include "engine/options.h"

enum status shell_command(const struct options *o, struct arena *arena, struct error *err)
{
    struct store *store;
    enum status s;

    (void)arena;
    TRY(store_open(o->cache, STORE_WRITE, NULL, &store, err));
    s = session_look(o, store, o->words[0], true, visit_node, NULL, err);
    store_close(store);
    return s;
}
