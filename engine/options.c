/* options: one table of flags, each with a function for its value. Start at options_parse. */
#include "engine/options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

struct parser {
    struct options *out;
    struct arena *arena;
    const char *flag; /* as it was typed */
    struct pair *sets;
    struct clone_mirror *mirrors;
    size_t set_capacity, mirror_capacity;
    struct error *err;
};

typedef enum status take(struct parser *p, const char *value);

static enum status take_jobs(struct parser *p, const char *value)
{
    int64_t n;

    TRY(text_parse_integer(value, p->flag, 1, 4096, &n, p->err));
    p->out->jobs = (int)n;
    return OK;
}

static enum status take_set(struct parser *p, const char *value)
{
    const char *equals = strchr(value, '=');
    struct options *o = p->out;

    if (!equals || equals == value)
        return error_set(p->err, ERR_INPUT, p->flag, "expected NAME=VALUE, found \"%s\"", value);
    if (o->n_sets == p->set_capacity &&
        !(p->sets = arena_grow(p->arena, p->sets, o->n_sets, o->n_sets + 1, sizeof *p->sets,
                               &p->set_capacity)))
        return error_memory(p->err);
    if (!(p->sets[o->n_sets].name = arena_copy(p->arena, value, (size_t)(equals - value))))
        return error_memory(p->err);
    p->sets[o->n_sets++].value = equals + 1;
    o->sets = p->sets;
    return OK;
}

static enum status take_mirror(struct parser *p, const char *value)
{
    struct options *o = p->out;

    if (o->n_mirrors == p->mirror_capacity &&
        !(p->mirrors = arena_grow(p->arena, p->mirrors, o->n_mirrors, o->n_mirrors + 1,
                                  sizeof *p->mirrors, &p->mirror_capacity)))
        return error_memory(p->err);
    TRY(clone_parse_mirror(value, p->arena, &p->mirrors[o->n_mirrors], p->err));
    o->n_mirrors++;
    o->mirrors = p->mirrors;
    return OK;
}

static enum status take_gpus(struct parser *p, const char *value)
{
    size_t n = 0, commas = 1;

    for (const char *c = value; *c; c++)
        commas += *c == ',';
    if (!(p->out->gpu_names = arena_array(p->arena, commas + 1, sizeof(char *))))
        return error_memory(p->err);
    while (*value) {
        size_t length = strcspn(value, ",");
        if (length == 0 || strspn(value, "0123456789") != length)
            return error_set(p->err, ERR_INPUT, p->flag,
                             "expected numbers of GPUs with commas, found \"%s\"", value);
        if (!(p->out->gpu_names[n++] = arena_copy(p->arena, value, length)))
            return error_memory(p->err);
        value += length;
        value += *value == ',';
    }
    p->out->gpus = (int)n;
    return OK;
}

static enum status take_sandbox(struct parser *p, const char *value)
{
    if (strcmp(value, "off") == 0 || strcmp(value, "on") == 0)
        return OK; /* either way: an empty working folder and a clean environment */
    if (strcmp(value, "strict") == 0)
        return error_set(p->err, ERR_INPUT, p->flag,
                         "this version cannot hide undeclared files yet: use on or off");
    return error_set(p->err, ERR_INPUT, p->flag, "expected off, on or strict, found \"%s\"", value);
}

static enum status take_cache(struct parser *p, const char *value)
{
    p->out->cache = value;
    return OK;
}

static enum status take_out(struct parser *p, const char *value)
{
    p->out->out = value;
    return OK;
}

static enum status take_rerun(struct parser *p, const char *value)
{
    p->out->rerun = value;
    return OK;
}

static enum status take_search(struct parser *p, const char *value)
{
    p->out->search = value;
    return OK;
}

static enum status take_scheduler(struct parser *p, const char *value)
{
    p->out->scheduler = value;
    return OK;
}

static enum status take_format(struct parser *p, const char *value)
{
    if (strcmp(value, "dot") != 0 && strcmp(value, "json") != 0 && strcmp(value, "text") != 0)
        return error_set(p->err, ERR_INPUT, p->flag, "expected dot, json or text, found \"%s\"",
                         value);
    p->out->format = value;
    return OK;
}

static enum status take_positive(struct parser *p, const char *value, double *out)
{
    TRY(text_parse_number(value, p->flag, out, p->err));
    if (*out < 0)
        return error_set(p->err, ERR_INPUT, p->flag, "expected a number ≥ 0, found \"%s\"", value);
    return OK;
}

static enum status take_max_gb(struct parser *p, const char *value)
{
    return take_positive(p, value, &p->out->max_gb);
}

static enum status take_max_days(struct parser *p, const char *value)
{
    return take_positive(p, value, &p->out->max_days);
}

static const struct valued {
    const char *name;
    take *take;
} valued[] = {
    {"-j", take_jobs},
    {"--set", take_set},
    {"--mirror", take_mirror},
    {"--gpus", take_gpus},
    {"--cache", take_cache},
    {"--out", take_out},
    {"--rerun", take_rerun},
    {"--format", take_format},
    {"--sandbox", take_sandbox},
    {"--max-gb", take_max_gb},
    {"--max-days", take_max_days},
    {"--search", take_search},
    {"--scheduler", take_scheduler},
};

/* The switch that this flag sets, or NULL. */
static bool *switch_of(struct options *o, const char *flag)
{
    const struct {
        const char *name;
        bool *out;
    } switches[] = {
        {"--dry-run", &o->dry_run},
        {"--keep-going", &o->keep_going},
        {"--keep-failed", &o->keep_failed},
        {"--cached-only", &o->cached_only},
        {"--update", &o->update},
        {"--json", &o->json},
        {"--csv", &o->csv},
        {"-v", &o->verbose},
        {"--help", &o->help},
        {"-h", &o->help},
    };

    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        if (strcmp(flag, switches[i].name) == 0)
            return switches[i].out;
    return NULL;
}

/* One flag at argv[*i], with its value there or behind it. */
static enum status take_flag(struct parser *p, int argc, char **argv, int *i)
{
    char *flag = argv[*i];
    const char *equals = flag[1] == '-' ? strchr(flag, '=') : NULL;
    size_t n = equals ? (size_t)(equals - flag) : strlen(flag);
    bool *truth = switch_of(p->out, flag);

    if (truth) {
        *truth = true;
        return OK;
    }
    for (size_t v = 0; v < sizeof valued / sizeof *valued; v++) {
        const char *name = valued[v].name, *value = equals ? equals + 1 : NULL;
        bool joined = strcmp(name, "-j") == 0 && strncmp(flag, "-j", 2) == 0 && flag[2];
        if (!joined && (strlen(name) != n || strncmp(flag, name, n) != 0))
            continue;
        p->flag = name;
        if (joined)
            value = flag + 2;
        else if (!value && *i + 1 < argc)
            value = argv[++*i];
        if (!value)
            return error_set(p->err, ERR_INPUT, name, "expected a value behind it");
        return valued[v].take(p, value);
    }
    (void)error_set(p->err, ERR_INPUT, flag, "there is no such option");
    error_hint(p->err, "hpo --help lists them");
    return ERR_INPUT;
}

/* Where the program lies: share/hpo is beside its folder. */
static enum status find_program(struct options *o, struct arena *arena, struct error *err)
{
    char *program;

    TRY(file_absolute("/proc/self/exe", arena, &program, err));
    o->program = program;
    o->bin = arena_copy(arena, program, (size_t)(strrchr(program, '/') - program));
    o->share = o->bin ? arena_printf(arena, "%s/../share/hpo", o->bin) : NULL;
    return o->share ? OK : error_memory(err);
}

static enum status set_defaults(struct options *o, struct arena *arena, struct error *err)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    const char *cache = getenv("HPO_CACHE");

    *o = (struct options){
        .jobs = cpus > 0 ? (int)cpus : 1, .out = "out", .max_gb = -1, .max_days = -1};
    o->cache = cache && *cache ? cache : ".hpo";
    return find_program(o, arena, err);
}

enum status options_parse(int argc, char **argv, bool takes_recipe, struct arena *arena,
                          struct options *out, struct error *err)
{
    struct parser p = {.out = out, .arena = arena, .err = err};
    bool flags = true;

    TRY(set_defaults(out, arena, err));
    if (!(out->words = arena_array(arena, (size_t)argc + 1, sizeof(char *))))
        return error_memory(err);
    for (int i = 1; i < argc; i++) {
        if (flags && strcmp(argv[i], "--") == 0)
            flags = false;
        else if (flags && argv[i][0] == '-' && argv[i][1])
            TRY(take_flag(&p, argc, argv, &i));
        else if (takes_recipe && !out->recipe)
            out->recipe = argv[i];
        else
            out->words[out->n_words++] = argv[i];
    }
    if (takes_recipe && !out->recipe && !out->help)
        return error_set(err, ERR_INPUT, argv[0], "expected a recipe: hpo %s RECIPE", argv[0]);
    return OK;
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
