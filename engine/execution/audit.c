/* audit: results that are made again, and what is on record of them. Start at lookup. */
#include "engine/execution/audit.h"

#include <string.h>

#include "base/arena.h"
#include "engine/execution/lineage.h"
#include "engine/executor/variation.h"

struct audit {
    struct results results;
    struct results *under; /* the room's */
    const struct audit_plan *plan;
    struct build *b;
    struct digest *failed; /* could not be made again */
    size_t n_failed, failed_capacity;
    struct digest *told_later; /* templates of trials that were */
    size_t n_told_later, told_capacity;
};

static struct audit *of(struct results *r)
{
    return (struct audit *)r;
}

/* ---- what is made again ---- */

static bool is_chosen(const struct audit *a, const struct digest *key)
{
    size_t low = 0, high = a->plan->n_keys;

    if (!a->plan->keys)
        return true;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = memcmp(&a->plan->keys[middle], key, sizeof *key);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool has_failed(const struct audit *a, const struct digest *key)
{
    for (size_t i = 0; i < a->n_failed; i++)
        if (digest_equal(&a->failed[i], key))
            return true;
    return false;
}

/* Behind a unit that could not be made again there is no checkpoint to go on from. */
static bool is_given_up(const struct audit *a, const struct digest *key, const struct unit *u)
{
    if (a->n_failed == 0 || has_failed(a, key))
        return a->n_failed > 0;
    for (u = u ? u->parent : NULL; u; u = u->parent)
        if (has_failed(a, &u->key))
            return true;
    return false;
}

/* ---- the record ---- */

static enum status on_record(struct audit *a, const struct digest *key, struct arena *arena,
                             struct result *out, bool *is, struct error *err)
{
    const enum status s = index_result_get(a->plan->recorded, key, arena, out, err);

    *is = s == OK;
    return s == ERR_NOT_FOUND ? OK : s;
}

/* The result as those who need it get it: an action's files and a unit's reports as they are on
 * record. */
static enum status hand_on(struct audit *a, struct result *r, struct arena *arena,
                           struct error *err)
{
    struct result was;
    bool is;

    TRY(on_record(a, &r->key, arena, &was, &is, err));
    if (!is)
        return OK;
    if (r->reports && was.reports) {
        r->reports = was.reports;
    } else if (r->has_tree && was.has_tree && was.kept) {
        r->tree = was.tree;
        r->bytes = was.bytes;
    }
    return OK;
}

/* ---- the port ---- */

static enum status lookup(struct results *r, const struct digest *key, struct asker *asker,
                          struct arena *arena, struct result *out, enum answer *answer,
                          struct error *err)
{
    struct audit *a = of(r);
    const bool chosen = is_chosen(a, key);
    bool is = false;

    if (chosen) {
        TRY(results_lookup(a->under, key, NULL, arena, out, answer, err));
        if (*answer == ANSWER_KNOWN)
            return hand_on(a, out, arena, err);
    }
    if (!chosen || is_given_up(a, key, asker ? asker->unit : NULL))
        TRY(on_record(a, key, arena, out, &is, err));
    *answer = is ? ANSWER_KNOWN : ANSWER_ABSENT;
    return OK;
}

static enum status next(struct results *r, struct arena *arena, struct asker **asker,
                        struct result *out, enum answer *answer, struct error *err)
{
    return results_next(of(r)->under, arena, asker, out, answer, err);
}

static enum status claim(struct results *r, const struct chain *chain, int *taken,
                         struct error *err)
{
    return results_claim(of(r)->under, chain, taken, err);
}

static void release(struct results *r, const struct chain *chain)
{
    results_release(of(r)->under, chain);
}

static enum status publish(struct results *r, struct result *result, const struct files *files,
                           enum put_outcome *outcome, struct error *err)
{
    struct audit *a = of(r);

    TRY(results_publish(a->under, result, files, outcome, err));
    return hand_on(a, result, a->b->arena, err);
}

static enum status locate(struct results *r, const char *out, const char *name, struct arena *arena,
                          const char **folder, struct error *err)
{
    return results_locate(of(r)->under, out, name, arena, folder, err);
}

static enum status hold(struct results *r, const struct digest *key, const char *folder,
                        struct error *err)
{
    return results_hold(of(r)->under, key, folder, err);
}

static void drop(struct results *r, const struct digest *key, const char *folder)
{
    results_drop(of(r)->under, key, folder);
}

/* The room's row has what was reported there, which need not be what was handed on. */
static enum status adopt(struct results *r, struct result *result, const char *log, bool *adopted,
                         enum put_outcome *outcome, struct error *err)
{
    struct audit *a = of(r);
    struct result own;
    enum answer answer;

    TRY(results_lookup(a->under, &result->key, NULL, a->b->arena, &own, &answer, err));
    if (answer == ANSWER_KNOWN)
        result->reports = own.reports;
    TRY(results_adopt(a->under, result, log, adopted, outcome, err));
    return *adopted ? hand_on(a, result, a->b->arena, err) : OK;
}

static enum status retire(struct results *r, const struct digest *keys, size_t n,
                          enum retired *retired, struct error *err)
{
    return results_retire(of(r)->under, keys, n, retired, err);
}

static enum unsynced unsynced(const struct results *r)
{
    return results_unsynced(((const struct audit *)r)->under);
}

static enum status sync_under(struct results *r, struct error *err)
{
    return results_sync(of(r)->under, err);
}

static const struct results_calls calls = {
    .lookup = lookup,
    .next = next,
    .claim = claim,
    .release = release,
    .publish = publish,
    .locate = locate,
    .hold = hold,
    .drop = drop,
    .adopt = adopt,
    .retire = retire,
    .unsynced = unsynced,
    .sync = sync_under,
};

enum status audit_open(struct build *b, const struct audit_plan *plan, struct error *err)
{
    struct audit *a = arena_alloc(b->arena, sizeof *a);

    if (!a)
        return error_memory(err);
    *a = (struct audit){.results = {&calls}, .under = b->results, .plan = plan, .b = b};
    b->audit = a;
    if (!plan->from_nothing)
        b->results = &a->results;
    return OK;
}

/* ---- decided again ---- */

struct decision_results {
    struct results results;
    struct results *recorded;
    struct store *room;
};

static enum status look_in_both(struct results *r, const struct digest *key, struct asker *asker,
                                struct arena *arena, struct result *out, enum answer *answer,
                                struct error *err)
{
    struct decision_results *d = (struct decision_results *)r;
    struct result made;
    enum status s;

    TRY(results_lookup(d->recorded, key, asker, arena, out, answer, err));
    s = index_result_get(d->room, key, arena, &made, err);
    if (s == ERR_NOT_FOUND)
        return OK;
    TRY(s);
    if (*answer != ANSWER_KNOWN)
        *out = made;
    else if (made.reports)
        out->reports = made.reports;
    *answer = ANSWER_KNOWN;
    return OK;
}

static enum unsynced none_unsynced(const struct results *r)
{
    (void)r;
    return UNSYNCED_NOTHING;
}

static enum status sync_none(struct results *r, struct error *err)
{
    (void)r, (void)err;
    return OK;
}

static const struct results_calls decision_calls = {
    .lookup = look_in_both, .unsynced = none_unsynced, .sync = sync_none};

enum status audit_decide(struct build *b, struct store *room, struct error *err)
{
    struct decision_results *d = arena_alloc(b->arena, sizeof *d);

    if (!d)
        return error_memory(err);
    *d = (struct decision_results){{&decision_calls}, b->results, room};
    b->results = &d->results;
    return OK;
}

/* ---- what is handed on, and what cannot be made ---- */

enum status audit_checkpoint(struct build *b, const struct unit *u, struct digest *out,
                             struct error *err)
{
    struct audit *a = b->audit;
    struct result was;
    bool is = false;

    *out = u->checkpoint;
    if (!a || a->plan->from_nothing)
        return OK;
    TRY(on_record(a, &u->key, b->arena, &was, &is, err));
    if (is && was.has_tree && was.kept)
        *out = was.tree;
    return OK;
}

enum status audit_failed(struct build *b, const struct digest *key, bool *taken, struct error *err)
{
    struct audit *a = b->audit;
    struct digest *last;
    struct result was;

    *taken = false;
    if (!a || a->plan->from_nothing)
        return OK;
    if (!(last = arena_push(b->arena, a->failed, a->n_failed, a->failed_capacity)))
        return error_memory(err);
    *last = *key;
    return on_record(a, key, b->arena, &was, taken, err);
}

enum status audit_failed_units(struct build *b, struct unit *const *units, size_t n,
                               struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        bool taken;
        if (units[i]->state == UNIT_KNOWN)
            continue;
        TRY(audit_failed(b, &units[i]->key, &taken, err));
        if (!taken)
            return OK;
        TRY(unit_refresh(b->units, units[i], err));
    }
    return OK;
}

/* ---- where runs end ---- */

/* What is on record behind a unit of a trial. */
struct past {
    int last;  /* the last t that is to be made again */
    int cut;   /* the first t before it at which a run ended; 0: none did */
    bool left; /* the last unit has a checkpoint */
    bool here; /* one ended at the unit itself, or it is the beginning */
};

static enum status find_past(struct audit *a, const struct demand *d, struct arena *arena,
                             struct past *out, struct error *err)
{
    struct digest key = d->from ? d->from->key : (struct digest){{0}};
    struct result r;
    bool is;

    *out = (struct past){.last = d->from ? d->from->t : 0, .here = true};
    if (d->from) {
        TRY(on_record(a, &key, arena, &r, &is, err));
        out->here = is && lineage_ends_run(&r);
    }
    for (int t = out->last + 1;; t++) {
        const char *description = unit_describe(&d->template->key, t, t > 1 ? &key : NULL, arena);
        if (!description)
            return error_memory(err);
        TRY(digest_bytes(description, strlen(description), &key, err));
        TRY(on_record(a, &key, arena, &r, &is, err));
        if (!is || !is_chosen(a, &key) || !r.reports || strcmp(r.reports, UNIT_ENDED) == 0)
            return OK;
        out->last = t;
        out->left = r.has_tree;
        if (lineage_ends_run(&r) && out->cut == 0)
            out->cut = t;
    }
}

/* The trial is trained as far as it is on record, in one piece where the build took several, in two
 * where it took one. */
static enum status cut(struct audit *a, struct demand *d, struct arena *arena, bool *over,
                       struct error *err)
{
    const struct build *b = a->b;
    const int from = d->from ? d->from->t : 0;
    const int max_t = graph_node(b->graph, d->template->study)->study->max_t;
    struct past past;
    int last;

    TRY(find_past(a, d, arena, &past, err));
    if (past.last < d->until) /* the build never came to it */
        return OK;
    if (a->plan->told_later && !d->saves) {
        d->until = past.last;
        *over = true;
        return OK;
    }
    last = d->saves ? d->until : past.last; /* another trial may go on from there */
    if (past.here && last - from > 1 && (past.cut == 0 || past.cut >= last))
        last = from + (last - from) / 2;
    else if (past.here && from == 0 && last == 1 && past.last == 1 && !d->saves && !past.left)
        *over = max_t > 1;
    d->until = last;
    return OK;
}

static enum status note_told_later(struct audit *a, const struct digest *template,
                                   struct error *err)
{
    struct digest *last;

    for (size_t i = 0; i < a->n_told_later; i++)
        if (digest_equal(&a->told_later[i], template))
            return OK;
    last = arena_push(a->b->arena, a->told_later, a->n_told_later, a->told_capacity);
    if (!last)
        return error_memory(err);
    *last = *template;
    return OK;
}

int audit_told_later(const struct build *b)
{
    return (int)b->audit->n_told_later;
}

bool audit_cuts(const struct build *b)
{
    return b->audit && !b->audit->plan->from_nothing && b->audit->plan->varies & VARY_CUTS;
}

enum status audit_cut(struct build *b, struct demand *demand, bool *over, struct error *err)
{
    struct audit *a = b->audit;
    struct arena *arena;
    enum status s;

    *over = false;
    if (!audit_cuts(b) || demand->template->script)
        return OK;
    if (!(arena = arena_open()))
        return error_memory(err);
    s = cut(a, demand, arena, over, err);
    arena_close(arena);
    return s == OK && *over ? note_told_later(a, &demand->template->key, err) : s;
}
