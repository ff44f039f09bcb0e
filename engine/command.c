/* command: the table of commands, and the one that a command line begins with. */
#include "engine/command.h"

#include <stdio.h>
#include <string.h>

#include "base/spelling.h"

static const struct command_usage commands[COMMANDS] = {
    [COMMAND_BUILD] = {"build", "RECIPE [TARGET...]", 1, COMMAND_WORDS_ANY, true,
                       "do what is not known yet, and put the targets into out/",
                       "Without a TARGET it builds the one called default, or else all."},
    [COMMAND_TABLE] = {"table", "RECIPE [STUDY]", 1, 2, true, "the trials of the last build",
                       "Without a STUDY it shows all studies of the recipe."},
    [COMMAND_WHY] = {"why", "RECIPE NODE", 2, 2, true,
                     "why a node runs again, or what was decided about a trial",
                     "Shows which fields of the node's key differ from its last key. Of a trial, "
                     "STUDY/TRIAL, it\nalso tells why it was stopped, paused, promoted or "
                     "exploited."},
    [COMMAND_GRAPH] = {"graph", "RECIPE", 1, 1, true, "the nodes of a recipe and what they need",
                       ""},
    [COMMAND_LOG] =
        {"log", "RECIPE NODE", 2, 2, true, "what an action printed",
         "Of a trial, STUDY/TRIAL, it shows what each of its runs printed. A terminal is "
         "shown escapes in the\nplace of control characters."},
    [COMMAND_WATCH] = {"watch", "RECIPE", 1, 1, true, "a build that runs, as it goes on",
                       "Full-screen, until the build ends or q is pressed: the build goes on. "
                       "Where standard output is\nno terminal it shows the table once."},
    [COMMAND_AUDIT] =
        {"audit", "RECIPE [TARGET|NODE...]", 1, COMMAND_WORDS_ANY, true,
         "make it all again in a clean room, and compare every bit",
         "Runs each action and trial of the last build again, asks searchers and schedulers again, "
         "and compares with\nwhat the store has. NODE is an action, a study, STUDY/TRIAL, "
         "STUDY/TRIAL/T or the first digits of a key.\nEnds with 3 where something differs, with 5 "
         "where nothing does and something could not be made again.\nWhat is broken off goes on "
         "with the same command line."},
    [COMMAND_VERIFY] =
        {"verify", "FILE", 1, 1, false,
         "whether files are those of a signed statement, and what it proves",
         "FILE is out/RECIPE/TARGET.intoto.jsonl, or, of an audit, "
         "out/RECIPE/audit/TARGET.intoto.jsonl. Ends with 3 where\na signature, a file or --recipe "
         "is another or an audit has found differences, with 5 where an audit could\nnot make "
         "everything again, with 2 where it cannot be read or there is no key."},
    [COMMAND_KEY] = {"key", "", 0, 0, false,
                     "make the key that builds sign with, and show its public part",
                     "$HPO_KEY_FILE, or hpo/key.pem in $XDG_CONFIG_HOME (~/.config). One that is "
                     "there stays."},
    [COMMAND_CHECK] = {"check", "RECIPE [STUDY]", 1, 2, false,
                       "whether searcher and scheduler answer the same again",
                       "Without --set it takes the parameters of the last build."},
    [COMMAND_SIMULATE] =
        {"simulate", "RECIPE [STUDY]", 1, 2, false,
         "what another scheduler or searcher would have done, at no cost",
         "Needs --scheduler or --search. Without --set it takes the parameters of the "
         "last build."},
    [COMMAND_ACCEPT] =
        {"accept", "RECIPE [NODE...]", 1, COMMAND_WORDS_ANY, false,
         "let results stand though sources, tool or env were edited",
         "Shows which fields of which keys differ, and asks. Arguments, parameters and names must "
         "be the same.\nWhat is trained on from an accepted unit goes with it when --revoke takes "
         "it back."},
    [COMMAND_RUNS] = {"runs", "", 0, 0, false, "the builds so far", ""},
    [COMMAND_DIFF] =
        {"diff", "RUN RUN", 2, 2, false, "two builds side by side",
         "What differs between two builds, of one recipe or of two: --set, files of Lua, "
         "fields of keys,\nand trials, matched by their parameters. hpo runs has their "
         "numbers."},
    [COMMAND_SHELL] =
        {"shell", "RECIPE NODE", 2, 2, false, "a shell where an action would run",
         "Opens $SHELL in a fresh folder with the inputs and the variables that the "
         "action gets, and says what\nit would run there. NODE may be a trial, "
         "STUDY/TRIAL[/T]: its run from the beginning. Nothing that is done\nthere is "
         "kept."},
    [COMMAND_CACHE_STAT] = {"cache stat", "", 0, 0, false, "what the store holds", ""},
    [COMMAND_CACHE_VERIFY] = {"cache verify", "", 0, 0, false,
                              "read everything in the store and check every digest",
                              "Ends with status 4 where something is damaged."},
    [COMMAND_CACHE_GC] = {"cache gc", "", 0, 0, false,
                          "remove the files of results that were not used for longest", ""},
    [COMMAND_DOCTOR] = {"doctor", "", 0, 0, false,
                        "what this machine offers and lacks: GPUs, libraries, the store's disk",
                        "Lines that begin with ! are lacks, each with what to do about it. Ends "
                        "with 0 whatever it finds."},
};

const struct command_usage *command_at(enum command_id id)
{
    return &commands[id];
}

bool command_takes_recipe(enum command_id id)
{
    return strncmp(commands[id].words, "RECIPE", strlen("RECIPE")) == 0;
}

bool command_is_part(const struct command_usage *c, const char *first)
{
    const size_t n = strlen(first);

    return strncmp(c->name, first, n) == 0 && c->name[n] == ' ';
}

/* How many words of argv are the name, or 0. */
static int match(const char *name, int argc, char **argv)
{
    int words = 0;

    for (size_t n; *name; name += n + (name[n] == ' ')) {
        n = strcspn(name, " ");
        if (words == argc || strlen(argv[words]) != n || memcmp(argv[words], name, n) != 0)
            return 0;
        words++;
    }
    return words;
}

/* The second words of commands whose first is this one: "stat, verify or gc". */
static void list_seconds(const char *first, char *list, size_t size)
{
    const char *last = NULL;
    size_t used = 0;

    list[0] = '\0';
    for (int i = 0; i < COMMANDS; i++) {
        if (!command_is_part(&commands[i], first))
            continue;
        if (last && used < size)
            used += (size_t)snprintf(list + used, size - used, "%s%s", used ? ", " : "", last);
        last = commands[i].name + strlen(first) + 1;
    }
    if (last && used < size)
        (void)snprintf(list + used, size - used, "%s%s", used ? " or " : "", last);
}

enum status command_find(int argc, char **argv, enum command_id *id, int *used, struct error *err)
{
    struct spelling near = spelling_of(argv[0], strlen(argv[0]));
    char seconds[128];

    for (int i = 0; i < COMMANDS; i++) {
        if ((*used = match(commands[i].name, argc, argv)) > 0) {
            *id = (enum command_id)i;
            return OK;
        }
        spelling_offer(&near, commands[i].name);
    }
    list_seconds(argv[0], seconds, sizeof seconds);
    if (seconds[0])
        return error_set(err, ERR_INPUT, argv[0], "expected %s after it, found %s%s%s", seconds,
                         argc > 1 ? "\"" : "nothing", argc > 1 ? argv[1] : "",
                         argc > 1 ? "\"" : "");
    (void)error_set(err, ERR_INPUT, argv[0], "there is no such command");
    if (near.nearest)
        error_hint(err, "did you mean hpo %s? hpo --help lists the commands", near.nearest);
    else
        error_hint(err, "hpo --help lists the commands");
    return ERR_INPUT;
}
