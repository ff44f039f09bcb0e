/* main: what each command runs, and the only exit of hpo. Start at run. */
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/commands/clone.h"
#include "engine/commands/commands.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/room/inside.h"
#include "engine/room/room.h"
#include "engine/usage.h"

static enum status print(struct text *t, struct error *err)
{
    char *string;
    size_t n;

    TRY(text_finish(t, &string, &n, err));
    return progress_result(string, n, err);
}

/* ---- what the engine itself starts for hpo.clone ---- */

static enum status run_clone_tree(int argc, char **argv, struct arena *arena, struct error *err)
{
    (void)arena;
    return clone_tree_command(argc, argv, err);
}

static enum status run_clone_resolve(int argc, char **argv, struct arena *arena, struct error *err)
{
    struct text out = text_in(arena);

    TRY(clone_resolve_command(argc, argv, &out, err));
    return print(&out, err);
}

static const struct {
    const char *name;
    enum status (*run)(int argc, char **argv, struct arena *arena, struct error *err);
} tools[] = {
    {"clone-tree", run_clone_tree},
    {"clone-resolve", run_clone_resolve},
};

/* ---- what people start ---- */

static command_run *const commands[COMMANDS] = {
    [COMMAND_BUILD] = build_command,       [COMMAND_TABLE] = table_command,
    [COMMAND_WHY] = why_command,           [COMMAND_GRAPH] = graph_command,
    [COMMAND_LOG] = log_command,           [COMMAND_CHECK] = check_command,
    [COMMAND_SIMULATE] = simulate_command, [COMMAND_RUNS] = runs_command,
    [COMMAND_DIFF] = diff_command,         [COMMAND_SHELL] = shell_command,
    [COMMAND_ACCEPT] = accept_command,     [COMMAND_WATCH] = watch_command,
    [COMMAND_CACHE_STAT] = cache_command,  [COMMAND_CACHE_VERIFY] = cache_command,
    [COMMAND_CACHE_GC] = cache_command,    [COMMAND_DOCTOR] = doctor_command,
    [COMMAND_AUDIT] = audit_command,       [COMMAND_VERIFY] = verify_command,
    [COMMAND_KEY] = key_command,
};

static int exit_code(enum status s)
{
    switch (s) {
    case OK:
        return 0;
    case ERR_INPUT:
    case ERR_NOT_FOUND:
        return 2;
    case ERR_DIFFERS:
        return 3;
    case ERR_CORRUPT:
        return 4;
    case ERR_UNCLEAR:
        return 5;
    case ERR_INTERRUPTED:
        return 130;
    case ERR_FAILED:
    case ERR_SYSTEM:
    case ERR_BUSY:
    case ERR_DEVICE:
    case ERR_MEMORY:
        break;
    }
    return 1;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* The help of the command, or the commands, that argv begins with; without a word, of all. */
static enum status help(int argc, char **argv, struct arena *arena, struct error *err)
{
    struct text t = text_in(arena);
    bool several = argc == 0;
    enum command_id id;
    int used;

    for (int i = 0; argc == 1 && i < COMMANDS; i++)
        several = several || command_is_part(command_at((enum command_id)i), argv[0]);
    if (several) {
        usage_commands(&t, argv[0]);
    } else {
        TRY(command_find(argc, argv, &id, &used, err));
        usage_command(&t, id);
    }
    return print(&t, err);
}

/* argv: what follows the program's name. */
static enum status run(int argc, char **argv, struct arena *arena, struct error *err)
{
    struct text version = text_in(arena);
    struct options o;
    enum command_id id;
    int used;

    if (argc == 0 || asks_for_help(argv[0]))
        return help(0, (char *[]){NULL}, arena, err);
    if (strcmp(argv[0], "help") == 0)
        return help(argc - 1, argv + 1, arena, err);
    if (argc > 1 && asks_for_help(argv[1]))
        return help(1, argv, arena, err);
    text_add(&version, "hpo " HPO_VERSION "\n");
    if (strcmp(argv[0], "--version") == 0)
        return print(&version, err);
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
        if (strcmp(argv[0], tools[i].name) == 0)
            return tools[i].run(argc - 1, argv + 1, arena, err);
    TRY(command_find(argc, argv, &id, &used, err));
    TRY(options_parse(id, argc - used, argv + used, arena, &o, err));
    return o.help ? help(argc, argv, arena, err) : commands[id](&o, arena, err);
}

#ifdef HPO_FAULTS
/* Test builds: HPO_FAIL_ALLOC=N fails the N-th allocation, -N that and all that follow. */
static void fail_as_told(void)
{
    const char *word = getenv("HPO_FAIL_ALLOC");
    struct error ignored;
    int64_t n;

    if (word && text_parse_integer(word, "", -INT32_MAX, INT32_MAX, &n, &ignored) == OK)
        arena_fail_at(n < 0 ? -n : n, n < 0);
}
#endif

/* The command, with an arena for all that it has to say. */
static enum status run_in_arena(int argc, char **argv, struct error *err)
{
    struct arena *arena = arena_open();
    enum status s = arena ? run(argc, argv, arena, err) : error_memory(err);

    arena_close(arena);
    return s;
}

int main(int argc, char **argv)
{
    struct error err = {.text = ""};
    enum status s;

    if (argc == 1 && strcmp(argv[0], room_name) == 0)
        return inside_main();
#ifdef HPO_FAULTS
    fail_as_told();
#endif
    file_hold_standard();
    /* A reader that went away and a limit on the size of files are errors of write. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    s = run_in_arena(argc - 1, argv + 1, &err);
    if (s != OK && progress_unread(&err)) {
        (void)signal(SIGPIPE, SIG_DFL);
        (void)raise(SIGPIPE);
    }
    if (s != OK)
        progress_error(&err);
    return exit_code(s);
}
