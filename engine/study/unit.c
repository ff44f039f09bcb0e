/* unit: a hash table by key, filled from the store. Start at unit_get. */
#include "engine/study/unit.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "cache/records/history.h"

struct units {
    struct results *results;
    struct store *store;
    int n_asked;
    struct arena *arena;
    struct unit **slots; /* open addressing; a power of two; at most half full */
    size_t n, size;
};

enum { FIRST_SIZE = 256 };

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
    return OK;
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

char *unit_description(const struct unit *u, struct arena *arena)
{
    char parent[DIGEST_HEX + 1] = "", template[DIGEST_HEX + 1];

    if (u->parent)
        digest_hex(&u->parent->key, parent);
    digest_hex(&u->template->key, template);
    return arena_printf(arena, "unit 1\ntemplate \"%s\"\nt %d\nparent \"%s\"\n", template, u->t,
                        parent);
}

/* What a result says of the unit. */
static enum status fill(struct unit *u, const struct result *r, struct error *err)
{
    if (!r->reports)
        return error_set(err, ERR_CORRUPT, "the store", "a unit of training without reports");
    if (u->state != UNIT_KNOWN)
        u->cached = true;
    u->state = UNIT_KNOWN;
    u->reports = r->reports;
    u->seconds = r->seconds;
    u->run = r->run;
    u->has_checkpoint = r->has_tree;
    u->checkpoint = r->tree;
    u->kept = r->has_tree && r->kept;
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
    return answer == ANSWER_KNOWN ? fill(u, &r, err) : OK;
}

enum status unit_answer(struct units *units, struct unit *u, const struct result *r,
                        struct error *err)
{
    units->n_asked--;
    if (u->state == UNIT_ASKED)
        u->state = UNIT_UNKNOWN;
    return r ? fill(u, r, err) : OK;
}

int units_asked(const struct units *units)
{
    return units->n_asked;
}

enum status unit_refresh(struct units *units, struct unit *u, struct error *err)
{
    return look_up(units, u, NULL, err);
}

enum status unit_recall_failure(struct units *units, struct unit *u, struct error *err)
{
    struct failure f;
    enum status s = history_failure_get(units->store, &u->key, units->arena, &f, err);

    if (s == ERR_NOT_FOUND)
        return OK;
    TRY(s);
    u->state = UNIT_FAILED;
    u->failure = f.text;
    return OK;
}

enum status unit_get(struct units *units, const struct template *template, struct unit *parent,
                     struct unit **out, struct error *err)
{
    struct unit wanted = {.t = parent ? parent->t + 1 : 1, .parent = parent, .template = template};
    char *description = unit_description(&wanted, units->arena);
    struct unit **slot;

    if (!description)
        return error_memory(err);
    TRY(digest_bytes(description, strlen(description), &wanted.key, err));
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
        if (parent && digest_equal(&parent->template->key, &template->key))
            (*slot)->root = parent->root;
        (*slot)->asker.unit = *slot;
        TRY(look_up(units, *slot, &(*slot)->asker, err));
    }
    *out = *slot;
    return OK;
}

/* The names of a report, "t" aside, as a sentence has them. */
static char *list_names(const struct json *report, struct arena *arena)
{
    struct text t = text_in(arena);
    const char *gap = "";
    char *names = NULL;

    for (size_t i = 0; i < report->n; i++)
        if (strcmp(report->members[i].name, "t") != 0) {
            text_printf(&t, "%s%s", gap, report->members[i].name);
            gap = ", ";
        }
    if (!*gap)
        text_add(&t, "nothing");
    return text_finish(&t, &names, NULL, NULL) == OK ? names : NULL;
}

/* The number `metric` of a report: NaN where it is null. */
static enum status find_value(const struct unit *u, const struct json *report, const char *metric,
                              struct arena *arena, double *value, struct error *err)
{
    const struct json *number = json_get(report, metric);
    const char *names;

    *value = number && number->kind == JSON_NUMBER ? number->number : NAN;
    if (number && (number->kind == JSON_NUMBER || number->kind == JSON_NULL))
        return OK;
    if (number)
        return error_set(err, ERR_INPUT, "", "expected a number as %s at t = %d, found %s", metric,
                         u->t, json_kind_name(number));
    if (!(names = list_names(report, arena)))
        return error_memory(err);
    (void)error_set(err, ERR_INPUT, "", "the report at t = %d has no %s, it has %s", u->t, metric,
                    names);
    error_hint(err, "a report without a number says so: {\"t\": %d, \"%s\": null}", u->t, metric);
    return ERR_INPUT;
}

enum status unit_value(const struct unit *u, const char *metric, double *value, struct error *err)
{
    struct arena *arena = arena_open();
    struct json *report;
    enum status s;

    if (!arena)
        return error_memory(err);
    s = json_parse(u->reports, strlen(u->reports), "reports", JSON_NONFINITE, arena, &report, err);
    if (s == OK)
        s = find_value(u, report, metric, arena, value, err);
    arena_close(arena);
    return s;
}
