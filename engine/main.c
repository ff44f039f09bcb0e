/* main: the table of commands, and the only exit of hpo. */
#include <errno.h>
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
#include "engine/progress.h"

/* What the engine starts for hpo.clone: their words come without the command's name. */
static enum status clone_tree(int argc, char **argv, struct error *err)
{
    return clone_tree_command(argc - 1, argv + 1, err);
}

static enum status clone_resolve(int argc, char **argv, struct error *err)
{
    struct arena *arena = arena_open();
    struct text out;
    char *string;
    size_t n;
    enum status s;

    if (!arena)
        return error_memory(err);
    out = text_in(arena);
    s = clone_resolve_command(argc - 1, argv + 1, &out, err);
    if (s == OK)
        s = text_finish(&out, &string, &n, err);
    if (s == OK)
        s = progress_result(string, n, err);
    arena_close(arena);
    return s;
}

static const struct {
    const char *name;
    enum status (*run)(int argc, char **argv, struct error *err);
} commands[] = {
    {"build", build_command},
    {"table", table_command},
    {"why", why_command},
    {"graph", graph_command},
    {"log", log_command},
    {"runs", runs_command},
    {"check", check_command},
    {"simulate", simulate_command},
    {"cache", cache_command},
    {"clone-tree", clone_tree},
    {"clone-resolve", clone_resolve},
};

static const char help[] =
    "hpo: build experiments the way you build programs\n"
    "\n"
    "  hpo build RECIPE [TARGET...]     do what is not yet known, put the targets into out/\n"
    "  hpo table RECIPE [STUDY]         the trials of the last build\n"
    "  hpo why RECIPE NODE              which fields of its key differ from its last one; of a "
    "trial,\n"
    "                                   why it was stopped, paused, promoted or exploited\n"
    "  hpo check RECIPE [STUDY]         whether searcher and scheduler answer the same again\n"
    "  hpo simulate RECIPE [STUDY]      what --scheduler S or --search S would have done, at no "
    "cost\n"
    "  hpo graph RECIPE                 the nodes: --format text, dot or json\n"
    "  hpo log RECIPE NODE              what an action printed\n"
    "  hpo runs                         the builds so far\n"
    "  hpo cache stat|gc|verify         what the store holds; gc takes --max-gb N --max-days N\n"
    "\n"
    "  -j N                   processes at once (all processors)\n"
    "  --set NAME=VALUE       a parameter of the recipe\n"
    "  --mirror FROM=TO       clone from TO what the recipe clones from FROM\n"
    "  --cache DIR            the store (.hpo, or $HPO_CACHE)\n"
    "  --out DIR              where targets land (out)\n"
    "  --dry-run              say what would run, and why\n"
    "  --keep-going           go on where a failure is in nobody's way\n"
    "  --keep-failed          keep every working folder\n"
    "  --cached-only          run nothing: what is not in the store fails\n"
    "  --update               move the pins of hpo.lock\n"
    "  --rerun NODE           run an action though its result is known\n"
    "  --gpus LIST            numbers of the GPUs to use\n"
    "  --sandbox off|on       either way: an empty folder, a clean environment\n"
    "  --scheduler S          of simulate: 'asha { max_t = 5 }'; and --search 'random {}'\n"
    "  --json, --csv          for programs\n"
    "  -v                     say what is started\n";

static int exit_code(enum status s)
{
    switch (s) {
    case OK:
        return 0;
    case ERR_INPUT:
    case ERR_NOT_FOUND:
        return 2;
    case ERR_CORRUPT:
        return 4;
    case ERR_INTERRUPTED:
        return 130;
    case ERR_FAILED:
    case ERR_SYSTEM:
    case ERR_MEMORY:
        break;
    }
    return 1;
}

static enum status print(const char *text, struct error *err)
{
    return progress_result(text, strlen(text), err);
}

static enum status run(int argc, char **argv, struct error *err)
{
    const char *name = argc > 1 ? argv[1] : "--help";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return print(help, err);
    if (strcmp(name, "--version") == 0)
        return print("hpo " HPO_VERSION "\n", err);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(name, commands[i].name) == 0) {
            for (int a = 2; a < argc; a++)
                if (strcmp(argv[a], "--help") == 0 || strcmp(argv[a], "-h") == 0)
                    return print(help, err);
            return commands[i].run(argc - 1, argv + 1, err);
        }
    (void)error_set(err, ERR_INPUT, name, "there is no such command");
    error_hint(err, "hpo --help lists them");
    return ERR_INPUT;
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

int main(int argc, char **argv)
{
    struct error err = {.text = ""};
    enum status s;

#ifdef HPO_FAULTS
    fail_as_told();
#endif
    file_hold_standard();
    (void)signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write */
    s = run(argc, argv, &err);
    if (s != OK)
        progress_error(&err);
    return exit_code(s);
}
