/* flag: the table, above it the functions that read values, below it the choice of an entry. Start
 * at flag_take. */
#include "engine/flag.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/spelling.h"
#include "base/text.h"
#include "engine/options.h"

/* A value that was typed, and where it goes. */
struct value {
    const char *flag; /* as it was typed, for messages */
    const char *string;
    const struct flag *entry;
    struct options *options;
    void *field; /* of *options */
    struct arena *arena;
};

/* ---- values ---- */

static enum status take_switch(const struct value *v, struct error *err)
{
    (void)err;
    *(bool *)v->field = true;
    return OK;
}

static enum status take_string(const struct value *v, struct error *err)
{
    if (!*v->string)
        return error_set(err, ERR_INPUT, v->flag, "expected %s, found an empty text",
                         v->entry->argument);
    *(const char **)v->field = v->string;
    return OK;
}

static enum status take_rerun(const struct value *v, struct error *err)
{
    if (v->options->rerun)
        return error_set(err, ERR_INPUT, v->flag, "one node a build: \"%s\" is named already",
                         v->options->rerun);
    return take_string(v, err);
}

static enum status take_count(const struct value *v, struct error *err)
{
    int64_t n;

    TRY(text_parse_integer(v->string, v->flag, 1, 4096, &n, err));
    *(int *)v->field = (int)n;
    return OK;
}

static enum status take_rows(const struct value *v, struct error *err)
{
    int64_t n;

    TRY(text_parse_integer(v->string, v->flag, 1, INT32_MAX, &n, err));
    *(int *)v->field = (int)n;
    return OK;
}

static enum status take_limit(const struct value *v, struct error *err)
{
    double x;

    TRY(text_parse_number(v->string, v->flag, &x, err));
    if (x < 0)
        return error_set(err, ERR_INPUT, v->flag, "expected a number ≥ 0, found \"%s\"", v->string);
    *(double *)v->field = x;
    return OK;
}

static enum status take_set(const struct value *v, struct error *err)
{
    const char *equals = strchr(v->string, '=');
    struct options *o = v->options;
    struct pair *set;

    if (!equals || equals == v->string)
        return error_set(err, ERR_INPUT, v->flag, "expected NAME=VALUE, found \"%s\"", v->string);
    if (!(set = arena_push(v->arena, o->sets, o->n_sets, o->sets_capacity)) ||
        !(set->name = arena_copy(v->arena, v->string, (size_t)(equals - v->string))))
        return error_memory(err);
    set->value = equals + 1;
    return OK;
}

static enum status take_mirror(const struct value *v, struct error *err)
{
    struct options *o = v->options;
    struct clone_mirror *mirror =
        arena_push(v->arena, o->mirrors, o->n_mirrors, o->mirrors_capacity);

    return mirror ? clone_parse_mirror(v->string, v->arena, mirror, err) : error_memory(err);
}

static enum status take_gpus(const struct value *v, struct error *err)
{
    return cards_parse(v->string, v->flag, v->arena, &v->options->gpus, err);
}

/* Either way: an empty working folder and a clean environment. */
static enum status take_sandbox(const struct value *v, struct error *err)
{
    static const char *const modes[] = {
        [SANDBOX_OFF] = "off", [SANDBOX_ON] = "on", [SANDBOX_STRICT] = "strict"};

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(v->string, modes[i]) == 0) {
            v->options->sandbox = (enum sandbox)i;
            return OK;
        }
    return error_set(err, ERR_INPUT, v->flag, "expected off, on or strict, found \"%s\"",
                     v->string);
}

static enum status take_system(const struct value *v, struct error *err)
{
    struct options *o = v->options;
    const char **last;
    char *path;

    if (file_absolute(v->string, v->arena, &path, err) != OK || !file_is_folder(path))
        return error_set(err, ERR_INPUT, v->flag, "expected a folder, found \"%s\"", v->string);
    if (!(last = arena_push(v->arena, o->system, o->n_system, o->system_capacity)))
        return error_memory(err);
    *last = path;
    return OK;
}

static enum status take_key(const struct value *v, struct error *err)
{
    struct options *o = v->options;
    const char **last = arena_push(v->arena, o->keys, o->n_keys, o->keys_capacity);

    if (!last)
        return error_memory(err);
    *last = v->string;
    return OK;
}

static enum status take_format(const struct value *v, struct error *err)
{
    if (strcmp(v->string, "dot") != 0 && strcmp(v->string, "json") != 0 &&
        strcmp(v->string, "text") != 0)
        return error_set(err, ERR_INPUT, v->flag, "expected dot, json or text, found \"%s\"",
                         v->string);
    return take_string(v, err);
}

/* ---- the table ---- */

enum {
    BUILD = 1 << COMMAND_BUILD,
    TABLE = 1 << COMMAND_TABLE,
    WHY = 1 << COMMAND_WHY,
    GRAPH = 1 << COMMAND_GRAPH,
    LOG = 1 << COMMAND_LOG,
    AUDIT = 1 << COMMAND_AUDIT,
    VERIFY = 1 << COMMAND_VERIFY,
    KEY = 1 << COMMAND_KEY,
    CHECK = 1 << COMMAND_CHECK,
    SIMULATE = 1 << COMMAND_SIMULATE,
    ACCEPT = 1 << COMMAND_ACCEPT,
    RUNS = 1 << COMMAND_RUNS,
    DIFF = 1 << COMMAND_DIFF,
    SHELL = 1 << COMMAND_SHELL,
    STAT = 1 << COMMAND_CACHE_STAT,
    GC = 1 << COMMAND_CACHE_GC,
    DOCTOR = 1 << COMMAND_DOCTOR,
    ALL = (1 << COMMANDS) - 1,
    WITH_RECIPE = BUILD | TABLE | WHY | GRAPH | CHECK | SIMULATE | ACCEPT |
                  SHELL,                                        /* runs or compares with it */
    WITH_KEYS = BUILD | WHY | CHECK | SIMULATE | ACCEPT | SHELL /* looks up commits, asks tools */
};

#define FIELD(name) offsetof(struct options, name)

static const struct flag flags[] = {
    {"--set", "NAME=VALUE", WITH_RECIPE, take_set, 0, "a parameter of the recipe"},
    {"-j", "N", BUILD, take_count, FIELD(jobs), "processes at once (default: all processors)"},
    {"--waiting", "N", BUILD, take_count, FIELD(waiting),
     "processes that may wait to be asked to go on (default: 2 × -j)"},
    {"--gpus", "auto|LIST|N", WITH_KEYS | DOCTOR, take_gpus, 0,
     "the GPUs to use: all (default), 0,1 or UUIDs, N of them; 0:4 is four slots on card 0"},
    {"--gpu-identity", "FILE", WITH_KEYS, take_string, FIELD(gpu_identity),
     "what hpo-trainer fingerprint --backend cuda says where the GPUs are"},
    {"--out", "DIR", BUILD, take_string, FIELD(out), "where targets land (default: out)"},
    {"--cache", "DIR", ALL & ~(GRAPH | VERIFY | KEY), take_string, FIELD(cache),
     "the store (default: $HPO_CACHE, else .hpo)"},
    {"--mirror", "FROM=TO", WITH_KEYS, take_mirror, 0,
     "clone from TO what the recipe clones from FROM"},
    {"--dry-run", NULL, BUILD | GC | ACCEPT, take_switch, FIELD(dry_run),
     "say what would be done, and why"},
    {"--keep-going", NULL, BUILD, take_switch, FIELD(keep_going),
     "after a failure, do all that does not need what failed"},
    {"--keep-failed", NULL, BUILD, take_switch, FIELD(keep_failed),
     "keep the working folder of every failure, not of the last alone"},
    {"--retry-failed", NULL, BUILD, take_switch, FIELD(retry_failed),
     "try failures again that on_failure = \"prune\" has accepted"},
    {"--cached-only", NULL, BUILD, take_switch, FIELD(cached_only),
     "run nothing: what is not in the store fails"},
    {"--rerun", "NODE", BUILD, take_rerun, FIELD(rerun),
     "run an action although its result is known"},
    {"--update", NULL, BUILD, take_switch, FIELD(update),
     "move the pins of hpo.lock, and gather hpo.history anew"},
    {"--rehash", NULL, BUILD, take_switch, FIELD(rehash),
     "read every source again, whatever its times say"},
    {"--sandbox", "MODE", BUILD, take_sandbox, 0,
     "what commands do not declare is hidden (on, the default), seen (off), or makes them fail "
     "(strict)"},
    {"--system", "DIR", BUILD, take_system, 0, "a folder that commands see in their sandbox too"},
    {"--sample", "N", AUDIT, take_rows, FIELD(sample),
     "only N actions and trials, drawn by chance"},
    {"--from-nothing", NULL, AUDIT, take_switch, FIELD(from_nothing),
     "use nothing of the store: build it all anew, from the commits in hpo.lock"},
    {"--room", "DIR", AUDIT, take_string, FIELD(room),
     "where to work (default: audits, in the store)"},
    {"--against", "FILE", AUDIT, take_string, FIELD(against),
     "compare with a signed statement instead of the store; implies --from-nothing"},
    {"--key", "FILE", AUDIT | VERIFY, take_key, 0,
     "a public key that is trusted (default: your own); may be given more than once"},
    {"--recipe", "FILE", VERIFY, take_string, FIELD(verified_recipe),
     "the recipe that it has to be of"},
    {"--revoke", NULL, ACCEPT, take_switch, FIELD(revoke),
     "take back what was accepted, and what was trained on from it"},
    {"--yes", NULL, ACCEPT, take_switch, FIELD(yes), "do it without asking"},
    {"-v", NULL, BUILD, take_switch, FIELD(verbose), "say what is started"},
    {"--scheduler", "S", SIMULATE, take_string, FIELD(scheduler),
     "the scheduler to try: 'asha { max_t = 5 }'"},
    {"--search", "S", SIMULATE, take_string, FIELD(search), "the searcher to try: 'random {}'"},
    {"--max-gb", "N", GC, take_limit, FIELD(max_gb), "leave at most so many gigabytes"},
    {"--max-days", "N", GC, take_limit, FIELD(max_days), "leave what was used in the last N days"},
    {"--format", "dot|json|text", GRAPH, take_format, FIELD(format),
     "how the graph is written (default: text)"},
    {"--json", NULL,
     BUILD | TABLE | GRAPH | SIMULATE | RUNS | DIFF | STAT | ACCEPT | DOCTOR | AUDIT, take_switch,
     FIELD(json), "answer in one line of JSON"},
    {"--csv", NULL, TABLE, take_switch, FIELD(csv), "answer in CSV"},
    {"--sort", "COLUMN", TABLE, take_string, FIELD(sort),
     "the best of the study's metric first, else the least; -COLUMN turns it round"},
    {"--top", "N", TABLE, take_rows, FIELD(top),
     "only the first N rows: the N best, or those of --sort"},
    {"-f", NULL, LOG, take_switch, FIELD(follow), "go on as long as what is shown runs"},
    {"--run", "N", TABLE | WHY | LOG, take_rows, FIELD(run),
     "of the build with this number: hpo runs lists them"},
    {"--help", NULL, ALL, take_switch, FIELD(help), "show this"},
    {"-h", NULL, ALL, take_switch, FIELD(help), NULL},
};

const struct flag *flag_at(size_t i)
{
    return i < sizeof flags / sizeof *flags ? &flags[i] : NULL;
}

/* ---- a flag on the command line ---- */

static bool takes(enum command_id command, const struct flag *f)
{
    const bool as_build = command_at(command)->as_build && f->commands & BUILD;

    return as_build || f->commands >> command & 1;
}

/* The entry whose name is the first n bytes that were typed, or NULL. */
static const struct flag *find(const char *typed, size_t n)
{
    for (const struct flag *f = flags; f < flags + sizeof flags / sizeof *flags; f++)
        if (strncmp(f->name, typed, n) == 0 && !f->name[n])
            return f;
    return NULL;
}

static enum status refuse_unknown(enum command_id command, const char *typed, size_t n,
                                  struct error *err)
{
    struct spelling near = spelling_of(typed, n);

    for (const struct flag *f = flags; f < flags + sizeof flags / sizeof *flags; f++)
        if (takes(command, f))
            spelling_offer(&near, f->name);
    (void)error_set(err, ERR_INPUT, typed, "there is no such flag");
    if (near.nearest)
        error_hint(err, "did you mean %s? hpo %s --help lists the flags", near.nearest,
                   command_at(command)->name);
    else
        error_hint(err, "hpo %s --help lists the flags", command_at(command)->name);
    return ERR_INPUT;
}

/* A flag of other commands. */
static enum status refuse_here(enum command_id command, const struct flag *f, const char *typed,
                               struct error *err)
{
    char others[256] = "";
    size_t n = 0;

    for (int c = 0; c < COMMANDS && n < sizeof others; c++)
        if (f->commands >> c & 1)
            n += (size_t)snprintf(others + n, sizeof others - n, "%shpo %s", n ? ", " : "",
                                  command_at((enum command_id)c)->name);
    (void)error_set(err, ERR_INPUT, typed, "hpo %s has no use for it; it is a flag of %s",
                    command_at(command)->name, others);
    error_hint(err, "hpo %s --help lists the flags", command_at(command)->name);
    return ERR_INPUT;
}

enum status flag_take(enum command_id command, int argc, char **argv, int *i, struct arena *arena,
                      struct options *o, struct error *err)
{
    const char *typed = argv[*i], *equals = strchr(typed, '=');
    const bool joined = strncmp(typed, "-j", 2) == 0 && strspn(typed + 2, "0123456789") > 0;
    const size_t n = joined ? 2 : equals ? (size_t)(equals - typed) : strlen(typed);
    const struct flag *f = find(typed, n);
    struct value v = {.flag = arena_copy(arena, typed, joined ? strlen(typed) : n),
                      .string = joined   ? typed + 2
                                : equals ? equals + 1
                                         : NULL,
                      .entry = f,
                      .options = o,
                      .arena = arena};

    if (!v.flag)
        return error_memory(err);
    if (!f)
        return refuse_unknown(command, v.flag, n, err);
    if (!takes(command, f))
        return refuse_here(command, f, v.flag, err);
    if (!f->argument && v.string)
        return error_set(err, ERR_INPUT, v.flag, "expected no value, found \"%s\"", v.string);
    if (f->argument && !v.string && *i + 1 == argc)
        return error_set(err, ERR_INPUT, v.flag, "expected %s after it, found nothing",
                         f->argument);
    if (f->argument && !v.string)
        v.string = argv[++*i];
    v.field = (char *)o + f->field;
    return f->take(&v, err);
}
