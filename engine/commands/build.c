/* hpo build */
#include "engine/commands/commands.h"
#include "engine/execution/session.h"

enum status build_command(const struct options *o, struct arena *arena, struct error *err)
{
    (void)arena; /* a build has its own */
    return session_build(o, err);
}
