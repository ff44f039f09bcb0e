/* hpo audit: what the last build has left is made again, and compared. Start at audit_command. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/records/history.h"
#include "cache/store.h"
#include "engine/audit/cause.h"
#include "engine/audit/meaning.h"
#include "engine/audit/place.h"
#include "engine/audit/verdicts.h"
#include "engine/commands/commands.h"
#include "engine/commands/reader.h"
#include "engine/execution/audit.h"
#include "engine/execution/build.h"
#include "engine/execution/session.h"
#include "engine/executor/variation.h"
#include "engine/options.h"
#include "engine/process/runner.h"
#include "engine/progress.h"

enum { MOST_CAUSES = 8 };

struct audited {
    struct arena *arena;
    struct options o; /* with the --set of the last build */
    struct store *store;
    bool all; /* every target is gone through: words name nodes */
    struct record record;
    struct choice choice;
    struct place place;
    struct finding *findings;
    struct verdicts verdicts;
    int64_t run;         /* of the last build */
    const char *unknown; /* the first word that is no target, or NULL */
    size_t n_targets;    /* words that are */
};

/* ---- what is on record ---- */

static enum status take_last(struct audited *a, struct error *err)
{
    const char *recipe;
    struct run *runs;
    size_t n;

    TRY(session_recipe(&a->o, a->arena, &recipe, err));
    TRY(history_runs(a->store, recipe, 1, a->arena, &runs, &n, err));
    if (n == 0) {
        (void)error_set(err, ERR_INPUT, a->o.recipe, "it was not built here yet");
        error_hint(err, "hpo build %s comes first", a->o.recipe);
        return ERR_INPUT;
    }
    a->run = runs[0].id;
    a->verdicts.recipe = recipe;
    return a->o.n_sets > 0 ? OK : options_take_arguments(&a->o, runs[0].arguments, a->arena, err);
}

static bool is_target(const struct build *b, const char *word)
{
    const struct target *targets;
    const size_t n = graph_targets(b->graph, &targets);

    for (size_t i = 0; i < n; i++)
        if (strcmp(targets[i].name, word) == 0)
            return true;
    return false;
}

static enum status take_record(struct build *b, void *context, struct error *err)
{
    struct audited *a = context;

    a->unknown = NULL;
    a->n_targets = 0;
    for (size_t i = 0; i < a->o.n_words; i++)
        if (is_target(b, a->o.words[i]))
            a->n_targets++;
        else if (!a->unknown)
            a->unknown = a->o.words[i];
    if (!(a->verdicts.arguments = arena_string(a->arena, b->arguments)))
        return error_memory(err);
    return record_take(b, a->arena, &a->record, err);
}

/* Words are targets, or nodes: which of the two only the graph can say. */
static enum status find_record(struct audited *a, struct error *err)
{
    a->all = a->o.n_words > 0;
    TRY(session_recorded(&a->o, a->store, NULL, a->all, take_record, a, err));
    if (a->o.n_words == 0 || a->n_targets == 0)
        return OK;
    if (a->unknown)
        return error_set(err, ERR_INPUT, a->unknown, "it is no target: name targets or nodes");
    a->all = false;
    return session_recorded(&a->o, a->store, NULL, false, take_record, a, err);
}

/* Without an altered decision a build's targets are all known. */
static enum status check_record(const struct audited *a, struct error *err)
{
    for (size_t i = 0; i < a->record.n_studies; i++)
        if (a->record.studies[i].event)
            return OK;
    if (!a->record.missing)
        return OK;
    (void)error_set(err, ERR_INPUT, a->record.missing,
                    "the store does not know this target of %s as it is now", a->o.recipe);
    error_hint(err, "hpo build %s makes it; hpo why tells what has changed", a->o.recipe);
    return ERR_INPUT;
}

static enum status choose(struct audited *a, struct error *err)
{
    char *nonce;

    if (a->all)
        TRY(choice_named(&a->record, a->o.words, a->o.n_words, a->arena, &a->choice, err));
    else
        TRY(choice_all(&a->record, a->arena, &a->choice, err));
    if (a->o.sample == 0)
        return OK;
    if (!(nonce = arena_alloc(a->arena, 2 * NONCE_BYTES + 1)))
        return error_memory(err);
    for (int i = 0; i < NONCE_BYTES; i++)
        (void)snprintf(nonce + 2 * i, 3, "%02x", a->place.nonce[i]);
    a->verdicts.nonce = nonce;
    return choice_draw(&a->record, a->o.sample, a->place.nonce, NONCE_BYTES, a->arena, &a->choice,
                       err);
}

/* ---- where ---- */

/* The folder of this question: two questions have two. */
static enum status open_place(struct audited *a, struct error *err)
{
    const char *parent =
        a->o.room ? a->o.room : file_join(a->arena, store_folder(a->store), "audits");
    struct text question = text_in(a->arena);
    char *string;

    text_printf(&question, "%s\n%s\n%s %d %lld\n", a->verdicts.recipe, a->verdicts.arguments,
                a->o.from_nothing ? "nothing" : "recorded", a->o.sample, (long long)a->run);
    for (size_t i = 0; i < a->o.n_words; i++)
        text_printf(&question, "%s\n", a->o.words[i]);
    TRY(text_finish(&question, &string, NULL, err));
    return parent ? place_open(parent, string, a->arena, &a->place, err) : error_memory(err);
}

static enum status say_costs(const struct audited *a, struct error *err)
{
    struct progress *p;
    double seconds = 0;
    int actions = 0, units = 0;

    for (size_t i = 0; i < a->record.n; i++)
        if (a->choice.chosen[i]) {
            const struct recorded *node = &a->record.nodes[i];
            seconds += node->result.kind ? node->result.seconds : 0;
            actions += !node->study;
            units += node->study != NULL;
        }
    TRY(progress_open(false, &p, err));
    progress_line(p, "auditing run %lld of %s%s: %d action%s and %d unit%s, which took %.1f min",
                  (long long)a->run, a->o.recipe, a->place.goes_on ? ", going on" : "", actions,
                  actions == 1 ? "" : "s", units, units == 1 ? "" : "s", seconds / 60);
    progress_flush(p);
    progress_close(p);
    return OK;
}

/* ---- what is found ---- */

static const struct finding *before(const struct audited *a, size_t i)
{
    const int parent = a->record.nodes[i].parent;

    return parent >= 0 ? &a->findings[parent] : NULL;
}

static enum status compare_all(struct audited *a, struct store *room, struct error *err)
{
    if (!(a->findings = arena_array(a->arena, a->record.n + 1, sizeof *a->findings)))
        return error_memory(err);
    for (size_t i = 0; i < a->record.n; i++)
        if (a->choice.chosen[i])
            TRY(difference_find(&a->record.nodes[i], a->store, room, before(a, i), a->arena,
                                &a->findings[i], err));
        else
            a->findings[i].verdict = VERDICT_LEFT;
    a->verdicts.findings = a->findings;
    return OK;
}

/* One cause for each action, and one for each study, whose trials are mostly of one program. */
static enum status find_causes(struct audited *a, struct store *room, struct error *err)
{
    const struct trying t = {.o = &a->o,
                             .all = a->all,
                             .recorded = a->store,
                             .room = room,
                             .record = &a->record,
                             .folder = a->place.folder,
                             .varied = a->verdicts.varied};
    const char *study = NULL;
    int found = 0;

    for (size_t i = 0; i < a->record.n && found < MOST_CAUSES && !a->o.from_nothing; i++) {
        const struct recorded *node = &a->record.nodes[i];
        if (a->findings[i].verdict != VERDICT_DIFFERS || (node->study && node->study == study))
            continue;
        study = node->study;
        found++;
        TRY(cause_find(&t, i, a->arena, &a->findings[i], err));
    }
    return OK;
}

static enum status take_again(struct build *b, void *context, struct error *err)
{
    const struct audited *a = context;
    struct text lines = text_in(a->arena);
    struct record now;
    char *meaning;

    TRY(record_take(b, a->arena, &now, err));
    meaning_add(&a->record, &now, &lines);
    TRY(text_finish(&lines, &meaning, NULL, err));
    ((struct audited *)context)->verdicts.meaning = *meaning ? meaning : NULL;
    return OK;
}

/* Where some unit differs, each study is decided again. */
static enum status find_meaning(struct audited *a, struct store *room, struct error *err)
{
    for (size_t i = 0; i < a->record.n; i++)
        if (a->record.nodes[i].study && a->findings[i].verdict == VERDICT_DIFFERS)
            return session_recorded(&a->o, a->store, room, a->all, take_again, a, err);
    return OK;
}

static enum status look_at_room(struct build *b, void *context, struct error *err)
{
    (void)b, (void)context, (void)err;
    return OK;
}

static enum status make_again(struct audited *a, struct error *err)
{
    struct options o = a->o;
    const struct audit_plan plan = {.recorded = a->store,
                                    .keys = a->choice.keys,
                                    .n_keys = a->choice.n,
                                    .from_nothing = a->o.from_nothing,
                                    .varies = a->verdicts.varied};

    o.cache = a->place.room;
    o.keep_going = true;
    return session_audit(&o, &plan, a->all, look_at_room, a, err);
}

/* ---- what is said ---- */

static enum status say(struct audited *a, struct error *err)
{
    struct text out = text_in(a->arena);
    char *string;
    size_t n;

    if (a->o.json)
        verdicts_json(&a->verdicts, &out);
    else
        verdicts_text(&a->verdicts, &out);
    TRY(text_finish(&out, &string, &n, err));
    return progress_result(string, n, err);
}

static enum status conclude(struct audited *a, struct error *err)
{
    struct verdict_counts c;

    verdicts_count(&a->verdicts, &c);
    if (c.nodes[VERDICT_DIFFERS] + c.nodes[VERDICT_FOLLOWS] + c.decisions > 0)
        return error_set(err, ERR_DIFFERS, a->o.recipe, "the audit has found differences");
    if (c.nodes[VERDICT_UNCLEAR] > 0)
        return error_set(err, ERR_UNCLEAR, a->o.recipe,
                         "the audit has found no difference, but could not make everything again");
    return OK;
}

static enum status judge(struct audited *a, int64_t started_ns, struct error *err)
{
    struct verdict_counts c;
    struct store *room;
    enum status s;

    TRY(store_open(a->place.room, STORE_WRITE, NULL, &room, err));
    s = compare_all(a, room, err);
    if (s == OK)
        s = find_causes(a, room, err);
    if (s == OK)
        s = find_meaning(a, room, err);
    store_close(room);
    TRY(s);
    verdicts_count(&a->verdicts, &c);
    a->verdicts.seconds = (double)(runner_now_ns() - started_ns) / 1e9;
    if (c.nodes[VERDICT_SAME] + c.nodes[VERDICT_LEFT] < (int)a->record.n)
        a->verdicts.kept = a->place.room;
    TRY(place_finish(&a->place, a->verdicts.kept != NULL, err));
    TRY(say(a, err));
    return conclude(a, err);
}

static enum status audit(const struct options *o, struct store *store, struct arena *arena,
                         struct error *err)
{
    struct audited a = {.arena = arena, .o = *o, .store = store, .place = {.lock = -1}};
    const int64_t started_ns = runner_now_ns();
    enum status s;

    a.verdicts = (struct verdicts){.record = &a.record,
                                   .choice = &a.choice,
                                   .from_nothing = o->from_nothing,
                                   .sample = o->sample,
                                   .varied = o->from_nothing ? VARY_ALL & ~(unsigned)VARY_CUTS
                                                             : (unsigned)VARY_ALL};
    TRY(take_last(&a, err));
    TRY(find_record(&a, err));
    TRY(check_record(&a, err));
    s = open_place(&a, err);
    if (s == OK)
        s = choose(&a, err);
    if (s == OK)
        s = say_costs(&a, err);
    if (s == OK)
        s = make_again(&a, err);
    if (s == OK)
        s = judge(&a, started_ns, err);
    place_close(&a.place);
    return s;
}

enum status audit_command(const struct options *o, struct arena *arena, struct error *err)
{
    return read_store(o, arena, audit, err);
}
