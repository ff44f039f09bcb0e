/* options: what was typed, put into one struct; flags are taken by flag.c. Start at
 * options_parse. */
#include "engine/options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/flag.h"

/* Where the program lies: share/hpo is beside its folder. */
static enum status find_program(struct options *o, struct arena *arena, struct error *err)
{
    const char *above;
    char *program;

    TRY(file_absolute("/proc/self/exe", arena, &program, err));
    o->program = program;
    if (!(o->bin = arena_copy(arena, program, (size_t)(strrchr(program, '/') - program))))
        return error_memory(err);
    above = strrchr(o->bin, '/');
    o->share = arena_printf(arena, "%.*s/share/hpo", above ? (int)(above - o->bin) : 0, o->bin);
    return o->share ? OK : error_memory(err);
}

static enum status set_defaults(struct options *o, struct arena *arena, struct error *err)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    const char *cache = getenv("HPO_CACHE");

    *o = (struct options){.jobs = cpus > 0 ? (int)cpus : 1,
                          .out = "out",
                          .max_gb = -1,
                          .max_days = -1,
                          .sandbox = SANDBOX_ON,
                          .gpus = {.slots = 1}};
    o->cache = cache && *cache ? cache : ".hpo";
    return find_program(o, arena, err);
}

/* The words between flags: as many as the command wants. */
static enum status check_words(enum command_id id, const struct options *o, struct error *err)
{
    const struct command_usage *c = command_at(id);
    const int n = (int)o->n_words + (o->recipe != NULL);

    if (n >= c->least && n <= c->most)
        return OK;
    if (n > c->most)
        (void)error_set(err, ERR_INPUT, c->name, "\"%s\" is one word too many",
                        o->words[o->n_words - (size_t)(n - c->most)]);
    else if (n == 0 && command_takes_recipe(id))
        (void)error_set(err, ERR_INPUT, c->name, "expected a recipe");
    else if (!command_takes_recipe(id))
        (void)error_set(err, ERR_INPUT, c->name, "expected %s", c->words);
    else
        (void)error_set(err, ERR_INPUT, c->name, "expected one word more after the recipe");
    error_hint(err, "usage: hpo %s%s%s", c->name, *c->words ? " " : "", c->words);
    return ERR_INPUT;
}

enum status options_parse(enum command_id command, int argc, char **argv, struct arena *arena,
                          struct options *out, struct error *err)
{
    bool flags = true;

    TRY(set_defaults(out, arena, err));
    out->command = command;
    if (!(out->words = arena_array(arena, (size_t)argc + 1, sizeof(char *))))
        return error_memory(err);
    for (int i = 0; i < argc && !out->help; i++) {
        if (flags && strcmp(argv[i], "--") == 0)
            flags = false;
        else if (flags && argv[i][0] == '-' && argv[i][1])
            TRY(flag_take(command, argc, argv, &i, arena, out, err));
        else if (command_takes_recipe(command) && !out->recipe)
            out->recipe = argv[i];
        else
            out->words[out->n_words++] = argv[i];
    }
    return out->help ? OK : check_words(command, out, err);
}

char *options_arguments(const struct options *o, struct arena *arena)
{
    struct text t = text_in(arena);
    const char *before = "";
    char *arguments;
    struct error ignored;

    text_add(&t, "{");
    for (;;) {
        const struct pair *next = NULL;
        for (size_t i = 0; i < o->n_sets; i++)
            if (strcmp(o->sets[i].name, before) > 0 &&
                (!next || strcmp(o->sets[i].name, next->name) <= 0))
                next = &o->sets[i];
        if (!next)
            break;
        text_add(&t, *before ? ", " : "");
        json_write_string(&t, next->name);
        text_add(&t, ": ");
        json_write_string(&t, next->value);
        before = next->name;
    }
    text_add(&t, "}");
    return text_finish(&t, &arguments, NULL, &ignored) == OK ? arguments : NULL;
}

enum status options_take_arguments(struct options *o, const char *arguments, struct arena *arena,
                                   struct error *err)
{
    struct json *json;
    struct pair *sets;

    TRY(json_parse(arguments, strlen(arguments), "arguments", JSON_STRICT, arena, &json, err));
    if (!(sets = arena_array(arena, json->n + 1, sizeof *sets)))
        return error_memory(err);
    for (size_t i = 0; i < json->n; i++) {
        sets[i].name = json->members[i].name;
        sets[i].value = json->members[i].value.string;
    }
    o->sets = sets;
    o->n_sets = json->n;
    return OK;
}
