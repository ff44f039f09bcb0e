/* board: which trials are shown, and a board as JSON. Start at board_choose. */
#include "engine/board.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"

/* ---- which trials ---- */

static bool runs(const struct board_trial *trial)
{
    return trial->seconds >= 0 || strcmp(trial->status, "waiting") == 0;
}

/* Its place, or study->n. */
static size_t find_best(const struct board_study *study)
{
    size_t i = 0;

    while (i < study->n && study->trials[i].trial != study->best)
        i++;
    return i;
}

size_t board_choose(const struct board_study *study, size_t most, size_t *places)
{
    size_t n = 0, best, kept; /* rows that are kept for the best */

    if (most > study->n)
        most = study->n;
    if (most == study->n) {
        for (; n < most; n++)
            places[n] = n;
        return n;
    }
    best = find_best(study);
    if (best < study->n && runs(&study->trials[best]) && most > 0)
        places[n++] = best;
    kept = best < study->n && n == 0;
    for (size_t i = 0; i < study->n && n + kept < most; i++)
        if (i != best && runs(&study->trials[i]))
            places[n++] = i;
    if (kept && n < most)
        places[n++] = best;
    for (size_t i = study->n; i > 0 && n < most; i--)
        if (i - 1 != best && !runs(&study->trials[i - 1]))
            places[n++] = i - 1;
    return n;
}

/* ---- as JSON ---- */

static void write_string(struct text *t, const char *name, const char *value)
{
    text_printf(t, ", \"%s\": ", name);
    json_write_string(t, value);
}

static void write_number(struct text *t, const char *name, double value)
{
    text_printf(t, ", \"%s\": ", name);
    json_write_number(t, value);
}

static void write_trial(const struct board_trial *trial, struct text *t)
{
    text_printf(t, "{\"trial\": %d, \"t\": %d", trial->trial, trial->t);
    write_string(t, "params", trial->params);
    write_string(t, "status", trial->status);
    write_number(t, "value", trial->value);
    write_number(t, "seconds", trial->seconds);
    text_add(t, "}");
}

/* The few that are written, in order of number again. */
static void sort(size_t *places, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && places[k] < places[k - 1]; k--) {
            const size_t other = places[k];
            places[k] = places[k - 1];
            places[k - 1] = other;
        }
}

static void write_study(const struct board_study *s, struct text *t)
{
    size_t places[BOARD_ROWS];
    const size_t n = board_choose(s, BOARD_ROWS, places);

    sort(places, n);
    text_printf(t, "{\"open\": %s", s->open ? "true" : "false");
    write_string(t, "name", s->name);
    write_string(t, "metric", s->metric);
    text_printf(t,
                ", \"n\": %d, \"samples\": %d, \"running\": %d, \"waiting\": %d, \"paused\": %d, "
                "\"completed\": %d, "
                "\"stopped\": %d, \"failed\": %d, \"best\": %d, \"best_t\": %d",
                s->n_trials, s->samples, s->running, s->waiting, s->paused, s->completed,
                s->stopped, s->failed, s->best, s->best_t);
    write_number(t, "best_value", s->best_value);
    text_add(t, ", \"trials\": [");
    for (size_t i = 0; i < n; i++) {
        text_add(t, i ? ", " : "");
        write_trial(&s->trials[places[i]], t);
    }
    text_add(t, "]}");
}

static void write_job(const struct board_job *job, struct text *t)
{
    text_printf(t, "{\"trial\": %d, \"t\": %d", job->trial, job->t);
    write_string(t, "label", job->label);
    write_string(t, "log", job->log);
    write_string(t, "key", job->key);
    write_string(t, "description", job->description);
    write_number(t, "seconds", job->seconds);
    text_add(t, "}");
}

void board_write(const struct board *b, struct text *t)
{
    text_printf(t,
                "{\"run\": %lld, \"done\": %zu, \"total\": %zu, \"ran\": %lld, \"cached\": %lld, "
                "\"failed\": %lld, \"slots\": %d, \"slots_used\": %d, \"gpus\": %d, "
                "\"gpus_used\": %d",
                (long long)b->run, b->done, b->total, (long long)b->ran, (long long)b->cached,
                (long long)b->failed, b->slots, b->slots_used, b->gpus, b->gpus_used);
    write_string(t, "recipe", b->recipe);
    write_number(t, "seconds", b->seconds);
    write_number(t, "left", b->left);
    text_add(t, ", \"studies\": [");
    for (size_t i = 0; i < b->n_studies; i++) {
        text_add(t, i ? ", " : "");
        write_study(&b->studies[i], t);
    }
    text_add(t, "], \"jobs\": [");
    for (size_t i = 0; i < b->n_jobs; i++) {
        text_add(t, i ? ", " : "");
        write_job(&b->jobs[i], t);
    }
    text_add(t, "]}");
}

/* ---- from JSON ---- */

/* What is read: the object, and how it went so far. */
struct reading {
    const struct json *object;
    enum status status;
    struct error *err;
};

static const char where[] = "the state of a build";

static int64_t read_integer(struct reading *r, const char *name)
{
    int64_t value = 0;

    if (r->status == OK)
        r->status =
            json_want_integer(r->object, where, name, -INT32_MAX, INT32_MAX, &value, r->err);
    return value;
}

static double read_number(const struct reading *r, const char *name)
{
    const struct json *value = json_get(r->object, name);

    return value && value->kind == JSON_NUMBER ? value->number : NAN;
}

/* What older programs do not write is 0. */
static int count_of(const struct reading *r, const char *name)
{
    const struct json *value = json_get(r->object, name);

    return value && value->kind == JSON_NUMBER && value->whole && value->integer > 0 &&
                   value->integer <= INT32_MAX
               ? (int)value->integer
               : 0;
}

static const char *read_string(const struct reading *r, const char *name)
{
    const struct json *value = json_get(r->object, name);

    return value && value->kind == JSON_STRING ? value->string : NULL;
}

static const char *need_string(struct reading *r, const char *name)
{
    const char *value = "";

    if (r->status == OK)
        r->status = json_want_string(r->object, where, name, &value, r->err);
    return value;
}

/* The list of that name, and an array of as many elements. */
static const struct json *read_list(struct reading *r, const char *name, size_t size,
                                    struct arena *arena, void *elements)
{
    static const struct json none = {.kind = JSON_ARRAY};
    const struct json *list = &none;

    if (r->status == OK)
        r->status = json_want_array(r->object, where, name, &list, r->err);
    if (r->status == OK && !(*(void **)elements = arena_array(arena, list->n + 1, size)))
        r->status = error_memory(r->err);
    return r->status == OK ? list : &none;
}

static struct reading inside(const struct reading *r, const struct json *object)
{
    return (struct reading){object, r->status, r->err};
}

static void read_trial(struct reading *r, struct board_trial *out)
{
    *out = (struct board_trial){.trial = (int)read_integer(r, "trial"),
                                .t = (int)read_integer(r, "t"),
                                .params = need_string(r, "params"),
                                .status = need_string(r, "status"),
                                .value = read_number(r, "value"),
                                .seconds = read_number(r, "seconds")};
}

static void read_study(struct reading *r, struct arena *arena, struct board_study *out)
{
    const struct json *open = json_get(r->object, "open"), *trials;

    *out = (struct board_study){.name = need_string(r, "name"),
                                .metric = need_string(r, "metric"),
                                .open = open && open->truth,
                                .n_trials = (int)read_integer(r, "n"),
                                .samples = (int)read_integer(r, "samples"),
                                .running = (int)read_integer(r, "running"),
                                .waiting = (int)read_integer(r, "waiting"),
                                .paused = (int)read_integer(r, "paused"),
                                .completed = (int)read_integer(r, "completed"),
                                .stopped = (int)read_integer(r, "stopped"),
                                .failed = (int)read_integer(r, "failed"),
                                .best = (int)read_integer(r, "best"),
                                .best_t = (int)read_integer(r, "best_t"),
                                .best_value = read_number(r, "best_value")};
    trials = read_list(r, "trials", sizeof *out->trials, arena, &out->trials);
    for (size_t i = 0; i < trials->n && r->status == OK; i++) {
        struct reading one = inside(r, &trials->items[i]);
        read_trial(&one, &out->trials[out->n++]);
        r->status = one.status;
    }
}

static void read_job(struct reading *r, struct board_job *out)
{
    *out = (struct board_job){.label = need_string(r, "label"),
                              .trial = (int)read_integer(r, "trial"),
                              .t = (int)read_integer(r, "t"),
                              .seconds = read_number(r, "seconds"),
                              .log = read_string(r, "log"),
                              .key = read_string(r, "key"),
                              .description = read_string(r, "description")};
}

enum status board_read(const struct json *json, struct arena *arena, struct board *out,
                       struct error *err)
{
    struct reading r = {json, OK, err};
    const struct json *list;

    *out = (struct board){.recipe = need_string(&r, "recipe"),
                          .run = read_integer(&r, "run"),
                          .done = (size_t)read_integer(&r, "done"),
                          .total = (size_t)read_integer(&r, "total"),
                          .ran = read_integer(&r, "ran"),
                          .cached = read_integer(&r, "cached"),
                          .failed = read_integer(&r, "failed"),
                          .slots = (int)read_integer(&r, "slots"),
                          .slots_used = (int)read_integer(&r, "slots_used"),
                          .gpus = count_of(&r, "gpus"),
                          .gpus_used = count_of(&r, "gpus_used"),
                          .seconds = read_number(&r, "seconds"),
                          .left = read_number(&r, "left")};
    list = read_list(&r, "studies", sizeof *out->studies, arena, &out->studies);
    for (size_t i = 0; i < list->n && r.status == OK; i++) {
        struct reading one = inside(&r, &list->items[i]);
        read_study(&one, arena, &out->studies[out->n_studies++]);
        r.status = one.status;
    }
    list = read_list(&r, "jobs", sizeof *out->jobs, arena, &out->jobs);
    for (size_t i = 0; i < list->n && r.status == OK; i++) {
        struct reading one = inside(&r, &list->items[i]);
        read_job(&one, &out->jobs[out->n_jobs++]);
        r.status = one.status;
    }
    return r.status;
}
