/* hpo build */
#include "base/arena.h"
#include "engine/commands/commands.h"
#include "engine/execution/session.h"
#include "engine/options.h"

enum status build_command(int argc, char **argv, struct error *err)
{
    struct arena *arena = arena_open();
    struct options o;
    enum status s;

    if (!arena)
        return error_memory(err);
    s = options_parse(argc, argv, true, arena, &o, err);
    if (s == OK)
        s = session_build(&o, err);
    arena_close(arena);
    return s;
}
