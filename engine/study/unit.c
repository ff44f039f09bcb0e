/* unit: a hash table by key, filled from the store. Start at unit_get. */
#include "engine/study/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/results/measured.h"
#include "engine/study/accepted.h"

struct units {
    struct results *results;
    struct store *store;
    int n_asked;
    struct arena *arena;
    struct unit **slots; /* open addressing; a power of two; at most half full */
    size_t n, size;
    struct metric_names *names; /* of the report that was read last */
    struct digest nothing;      /* of the tree of an empty folder */
};

enum { FIRST_SIZE = 256, DESCRIPTION = 2 * DIGEST_HEX + 64 };

enum status units_open(struct results *results, struct store *store, struct arena *arena,
                       struct units **out, struct error *err)
{
    struct units *units = arena_alloc(arena, sizeof *units);

    if (!units || !(units->slots = arena_array(arena, FIRST_SIZE, sizeof(struct unit *))))
        return error_memory(err);
    units->results = results;
    units->store = store;
    units->arena = arena;
    units->size = FIRST_SIZE;
    *out = units;
    return digest_bytes("", 0, &units->nothing, err);
}

static struct unit **slot_of(struct unit **slots, size_t size, const struct digest *key)
{
    size_t i;

    memcpy(&i, key->bytes, sizeof i); /* a digest is its own hash */
    for (i &= size - 1; slots[i] && !digest_equal(&slots[i]->key, key);)
        i = (i + 1) & (size - 1);
    return &slots[i];
}

static enum status grow(struct units *units, struct error *err)
{
    size_t size = units->size * 2;
    struct unit **slots = arena_array(units->arena, size, sizeof(struct unit *));

    if (!slots)
        return error_memory(err);
    for (size_t i = 0; i < units->size; i++)
        if (units->slots[i])
            *slot_of(slots, size, &units->slots[i]->key) = units->slots[i];
    units->slots = slots;
    units->size = size;
    return OK;
}

bool unit_is_accepted(const struct unit *u)
{
    return !digest_equal(&u->result, &u->key);
}

static void describe(const struct digest *template, int t, const struct digest *parent,
                     char out[DESCRIPTION])
{
    char parent_hex[DIGEST_HEX + 1] = "", template_hex[DIGEST_HEX + 1];

    if (parent)
        digest_hex(parent, parent_hex);
    digest_hex(template, template_hex);
    (void)snprintf(out, DESCRIPTION, "unit 1\ntemplate \"%s\"\nt %d\nparent \"%s\"\n", template_hex,
                   t, parent_hex);
}

/* Of a unit whose key is not known yet. */
static enum status find_key(struct unit *u, struct error *err)
{
    char description[DESCRIPTION];

    describe(&u->template->key, u->t, u->parent ? &u->parent->key : NULL, description);
    return digest_bytes(description, strlen(description), &u->key, err);
}

char *unit_describe(const struct digest *template, int t, const struct digest *parent,
                    struct arena *arena)
{
    char description[DESCRIPTION];

    describe(template, t, parent, description);
    return arena_string(arena, description);
}

char *unit_description(const struct unit *u, struct arena *arena)
{
    return unit_describe(&u->template->key, u->t, u->parent ? &u->parent->key : NULL, arena);
}

bool unit_template(const char *description, struct digest *key)
{
    static const char field[] = "\ntemplate \"";
    const char *at = description ? strstr(description, field) : NULL;
    char hex[DIGEST_HEX + 1];

    if (!at || strncmp(description, "unit ", 5) != 0 || strlen(at) < strlen(field) + DIGEST_HEX)
        return false;
    memcpy(hex, at + strlen(field), DIGEST_HEX);
    hex[DIGEST_HEX] = '\0';
    return digest_parse(hex, key);
}

/* An older hpo has kept the empty folder of a trainer that leaves none. */
static bool has_checkpoint(const struct units *units, const struct unit *u, const struct result *r)
{
    return r->has_tree && (u->template->stateless || !digest_equal(&r->tree, &units->nothing));
}

/* What a result says of the unit. */
static enum status fill(struct units *units, struct unit *u, const struct result *r,
                        struct error *err)
{
    struct measured took;

    if (!r->reports)
        return error_set(err, ERR_CORRUPT, "the store", "a unit of training without reports");
    if (u->state != UNIT_KNOWN)
        u->cached = true;
    u->state = UNIT_KNOWN;
    u->result = r->key;
    u->by_hand = unit_is_accepted(u) || (u->parent && u->parent->by_hand);
    u->ended = strcmp(r->reports, UNIT_ENDED) == 0;
    TRY(unit_read_report(units, u, u->ended ? "{}" : r->reports, err));
    u->reports = r->reports;
    TRY(measured_get(r, units->arena, &took, err));
    u->seconds = took.seconds;
    u->gpu_seconds = took.gpu_seconds;
    u->run = r->run;
    u->has_checkpoint = has_checkpoint(units, u, r);
    u->checkpoint = r->tree;
    u->kept = u->has_checkpoint && r->kept;
    u->bare = r->has_log && !u->has_checkpoint; /* a run's log is kept with its last unit */
    return OK;
}

static enum status look_up(struct units *units, struct unit *u, struct asker *asker,
                           struct error *err)
{
    struct result r;
    enum answer answer;

    TRY(results_lookup(units->results, &u->key, asker, units->arena, &r, &answer, err));
    if (answer == ANSWER_LATER) {
        u->state = UNIT_ASKED;
        units->n_asked++;
    }
    return answer == ANSWER_KNOWN ? fill(units, u, &r, err) : OK;
}

enum status unit_answer(struct units *units, struct unit *u, const struct result *r,
                        struct error *err)
{
    units->n_asked--;
    if (u->state == UNIT_ASKED)
        u->state = UNIT_UNKNOWN;
    return r ? fill(units, u, r, err) : OK;
}

int units_asked(const struct units *units)
{
    return units->n_asked;
}

enum status unit_refresh(struct units *units, struct unit *u, struct error *err)
{
    return look_up(units, u, NULL, err);
}

enum status unit_accepted(struct units *units, struct unit *u, bool *accepted, struct error *err)
{
    if (!u->looked && units->store) {
        const struct digest *key = u->earlier ? u->earlier : &u->key;
        TRY(accepted_get(units->store, key, units->arena, &u->failure, err));
        u->accepted = u->failure != NULL;
        u->looked = true;
    }
    *accepted = u->accepted;
    return OK;
}

enum status unit_accept(struct units *units, const struct unit *u, int64_t today, struct error *err)
{
    return units->store ? accepted_put(units->store, &u->key, today, err) : OK;
}

enum status unit_get(struct units *units, const struct template *template, struct unit *parent,
                     struct unit **out, struct error *err)
{
    struct unit wanted = {.t = parent ? parent->t + 1 : 1, .parent = parent, .template = template};
    struct unit **slot;

    TRY(find_key(&wanted, err)); /* who waits asks for it over and over: nothing may be left */
    slot = slot_of(units->slots, units->size, &wanted.key);
    if (!*slot) {
        if (2 * ++units->n > units->size) {
            TRY(grow(units, err));
            slot = slot_of(units->slots, units->size, &wanted.key);
        }
        if (!(*slot = arena_alloc(units->arena, sizeof **slot)))
            return error_memory(err);
        **slot = wanted;
        (*slot)->root = *slot;
        (*slot)->result = wanted.key;
        (*slot)->by_hand = parent && parent->by_hand;
        if (parent && digest_equal(&parent->template->key, &template->key))
            (*slot)->root = parent->root;
        (*slot)->asker.unit = *slot;
        TRY(look_up(units, *slot, &(*slot)->asker, err));
    }
    *out = *slot;
    return OK;
}

enum status unit_end(struct units *units, struct unit *u, struct unit **end, struct error *err)
{
    *end = NULL;
    while (u->state == UNIT_KNOWN && !u->ended) {
        TRY(unit_get(units, u->template, u, &u, err));
        if (u->state == UNIT_UNKNOWN) /* another build may have come to it */
            TRY(unit_refresh(units, u, err));
    }
    if (u->ended)
        *end = u;
    return OK;
}

struct unit *unit_known(const struct units *units, const struct template *template,
                        struct unit *parent)
{
    struct unit wanted = {.t = parent ? parent->t + 1 : 1, .parent = parent, .template = template};
    struct error ignored;
    struct unit *u;

    if (find_key(&wanted, &ignored) != OK)
        return NULL;
    u = *slot_of(units->slots, units->size, &wanted.key);
    return u && u->state == UNIT_KNOWN ? u : NULL;
}

/* The names of a report: those of the unit before, where they are the same. */
static enum status share_names(struct units *units, const struct numbers *report, struct error *err)
{
    struct metric_names *names = units->names;
    bool same = names && names->n == report->n;

    for (size_t i = 0; same && i < report->n; i++)
        same = strcmp(names->names[i], report->names[i]) == 0;
    if (same)
        return OK;
    if (!(names = arena_alloc(units->arena, sizeof *names)) ||
        !(names->names = arena_array(units->arena, report->n, sizeof *names->names)))
        return error_memory(err);
    for (names->n = 0; names->n < report->n; names->n++)
        if (!(names->names[names->n] = arena_string(units->arena, report->names[names->n])))
            return error_memory(err);
    units->names = names;
    return OK;
}

enum status unit_report(struct units *units, struct unit *u, const char *text,
                        const struct numbers *report, struct error *err)
{
    double *values = arena_array(units->arena, report->n, sizeof *values);

    if (!values)
        return error_memory(err);
    if (report->n > 0)
        memcpy(values, report->values, report->n * sizeof *values);
    TRY(share_names(units, report, err));
    u->reports = text;
    u->names = units->names;
    u->numbers = values;
    return OK;
}

static enum status read_numbers(const struct json *object, struct arena *arena, struct numbers *out,
                                struct error *err)
{
    const char **names = arena_array(arena, object->n, sizeof *names);
    double *values = arena_array(arena, object->n, sizeof *values);

    if (!names || !values)
        return error_memory(err);
    for (size_t i = 0; i < object->n; i++) {
        const struct json *value = &object->members[i].value;
        if (value->kind != JSON_NUMBER && value->kind != JSON_NULL)
            return error_set(err, ERR_CORRUPT, "the store", "a report with %s as %s",
                             json_kind_name(value), object->members[i].name);
        names[i] = object->members[i].name;
        values[i] = value->kind == JSON_NUMBER ? value->number : NAN;
    }
    *out = (struct numbers){object->n, names, values};
    return OK;
}

enum status unit_read_report(struct units *units, struct unit *u, const char *text,
                             struct error *err)
{
    struct arena *arena = arena_open();
    struct numbers numbers;
    struct json *object;
    enum status s;

    if (!arena)
        return error_memory(err);
    s = json_parse(text, strlen(text), "reports", JSON_NONFINITE, arena, &object, err);
    if (s == OK)
        s = read_numbers(object, arena, &numbers, err);
    if (s == OK)
        s = unit_report(units, u, text, &numbers, err);
    arena_close(arena);
    return s == ERR_INPUT ? ERR_CORRUPT : s;
}

/* The report has no such metric: what it has, "t" aside. */
static enum status lacks(const struct unit *u, const char *metric, struct error *err)
{
    struct arena *arena = arena_open();
    struct text t = text_in(arena);
    const char *gap = "";
    char *names = NULL;

    if (!arena)
        return error_memory(err);
    for (size_t i = 0; i < u->names->n; i++)
        if (strcmp(u->names->names[i], "t") != 0) {
            text_printf(&t, "%s%s", gap, u->names->names[i]);
            gap = ", ";
        }
    if (text_finish(&t, &names, NULL, err) == OK)
        (void)error_set(err, ERR_INPUT, "",
                        "the report at t = %d has no number %s; its numbers: %s", u->t, metric,
                        *names ? names : "none");
    arena_close(arena);
    if (!names)
        return ERR_MEMORY;
    error_hint(err, "a report without a number says so: {\"t\": %d, \"%s\": null}", u->t, metric);
    return ERR_INPUT;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, *(const char *const *)b);
}

enum status unit_value(const struct unit *u, const char *metric, double *value, struct error *err)
{
    const char **name =
        bsearch(metric, u->names->names, u->names->n, sizeof *u->names->names, compare_names);

    if (!name)
        return lacks(u, metric, err);
    *value = u->numbers[name - u->names->names];
    return OK;
}
