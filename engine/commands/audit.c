/* hpo audit: what the last build has left is made again, and compared. Start at audit_command. */
#include "engine/commands/audit.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/store.h"
#include "engine/audit/cause.h"
#include "engine/audit/meaning.h"
#include "engine/audit/verdicts.h"
#include "engine/commands/commands.h"
#include "engine/commands/reader.h"
#include "engine/execution/audit.h"
#include "engine/execution/build.h"
#include "engine/execution/session.h"
#include "engine/executor/entries.h"
#include "engine/executor/variation.h"
#include "engine/process/runner.h"
#include "engine/progress.h"

enum { MOST_CAUSES = 8 };

/* ---- which of it ---- */

static enum status choose(struct audited *a, struct error *err)
{
    char *nonce;

    if (a->n_names > 0)
        TRY(choice_named(&a->record, a->names, a->n_names, a->arena, &a->choice, err));
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
    const char *parent = a->o.room ? a->o.room : file_join(a->arena, a->o.cache, "audits");
    struct text question = text_in(a->arena);
    char *string;

    text_printf(&question, "%s\n%s\n%s\n%s %d %lld\n", a->o.against ? a->o.against : "",
                a->verdicts.recipe, a->verdicts.arguments,
                a->o.from_nothing ? "nothing" : "recorded", a->o.sample, (long long)a->run);
    text_printf(&question, "%d %d\n", (int)a->o.sandbox, a->o.jobs);
    for (size_t i = 0; i < a->o.n_system; i++)
        text_printf(&question, "system %s\n", a->o.system[i]);
    for (size_t i = 0; i < a->o.n_words; i++)
        text_printf(&question, "%s\n", a->o.words[i]);
    for (size_t i = 0; i < a->n_names; i++)
        text_printf(&question, "node %s\n", a->names[i]);
    TRY(text_finish(&question, &string, NULL, err));
    return parent ? place_open(parent, string, a->arena, &a->place, err) : error_memory(err);
}

static enum status say_costs(const struct audited *a, struct error *err)
{
    struct progress *p;
    double seconds = 0;
    int actions = 0, units = 0;
    const char *what, *took;

    for (size_t i = 0; i < a->record.n; i++)
        if (a->choice.chosen[i]) {
            const struct lineage_node *node = &a->record.nodes[i];
            seconds += node->result.kind ? node->result.seconds : 0;
            actions += !node->study;
            units += node->study != NULL;
        }
    what = a->o.against ? arena_printf(a->arena, "%s against %s", a->o.recipe, a->o.against)
                        : arena_printf(a->arena, "%s of %s", a->targets, a->o.recipe);
    took = a->o.against ? "" : arena_printf(a->arena, ", which took %.1f min", seconds / 60);
    if (!what || !took)
        return error_memory(err);
    TRY(progress_open(false, &p, err));
    progress_line(p, "%s %s%s: %d action%s and %d unit%s%s",
                  a->o.dry_run ? "would audit" : "auditing", what,
                  a->place.goes_on ? ", going on" : "", actions, actions == 1 ? "" : "s", units,
                  units == 1 ? "" : "s", took);
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

/* Where a trial's process ended by itself: no unit was trained there. */
static bool is_end(const struct lineage_node *node)
{
    return node->result.reports && strcmp(node->result.reports, UNIT_ENDED) == 0;
}

/* What in the key of a node is another here, as far as that is stated. */
static enum status name_key(const struct audited *a, const struct lineage_node *was,
                            const char **what, struct error *err)
{
    const struct lineage_node *is = lineage_named(&a->now, was->name);

    *what = "its key is another here: the tool or its environment is not that of the record (hpo "
            "why shows what is in a key)";
    if (!is || !is->tool || !was->tool)
        return OK;
    if (strcmp(is->tool, was->tool) == 0) {
        *what = "its key is another here, though its tool is the same: its environment, or what it "
                "reads, is not that of the record (hpo why shows what is in a key)";
        return OK;
    }
    *what = arena_printf(a->arena, "its key is another here: its tool is %s, and was %s", is->tool,
                         was->tool);
    return *what ? OK : error_memory(err);
}

/* From nothing, what is made of something else has another key, and its own is not there. */
static enum status name_followers(struct audited *a, struct error *err)
{
    bool differs = false, unfetched = false;

    for (size_t i = 0; i < a->record.n; i++) {
        const enum verdict v = a->findings[i].verdict;
        differs |= v == VERDICT_DIFFERS;
        unfetched |= v == VERDICT_UNCLEAR && a->record.nodes[i].fetched;
    }
    for (size_t i = 0; i < a->record.n; i++) {
        struct finding *f = &a->findings[i];
        if (f->verdict != VERDICT_UNCLEAR || a->record.nodes[i].fetched)
            continue;
        f->verdict = differs ? VERDICT_FOLLOWS : VERDICT_UNCLEAR;
        f->what = differs ? "it is made of something that differs"
                          : "it may be made of what could not be fetched again";
        if (!differs && !unfetched)
            TRY(name_key(a, &a->record.nodes[i], &f->what, err));
    }
    return OK;
}

/* Which nodes a unit follows in the same run, on record or now: they leave no checkpoint. */
static enum status find_led(struct audited *a, struct store *room, bool *led, struct error *err)
{
    for (size_t i = 0; i < a->record.n; i++) {
        const struct lineage_node *node = &a->record.nodes[i];
        struct result now;
        enum status s;
        if (node->parent < 0)
            continue;
        led[node->parent] |= !is_end(node);
        if (led[node->parent])
            continue;
        s = index_result_get(room, &node->key, a->arena, &now, err);
        TRY(s == ERR_NOT_FOUND ? OK : s);
        led[node->parent] = s == OK && now.reports && strcmp(now.reports, UNIT_ENDED) != 0;
    }
    return OK;
}

/* Of how many trials runs ended elsewhere: one that cannot be cut otherwise tells nothing of it. */
static enum status count_cuts(struct audited *a, struct error *err)
{
    size_t *root = arena_array(a->arena, a->record.n + 1, sizeof *root);
    bool *cut = arena_array(a->arena, a->record.n + 1, sizeof *cut);

    if (!root || !cut)
        return error_memory(err);
    a->verdicts.n_cut = (size_t)a->n_told_later;
    for (size_t i = 0; i < a->record.n; i++) {
        const struct lineage_node *node = &a->record.nodes[i];
        root[i] = node->parent >= 0 ? root[node->parent] : i;
        if (!node->study || !a->choice.chosen[i])
            continue;
        a->verdicts.n_trials += root[i] == i;
        a->verdicts.n_cut += a->findings[i].cut && !cut[root[i]];
        cut[root[i]] |= a->findings[i].cut;
    }
    if (a->verdicts.n_cut == 0)
        a->verdicts.varied &= ~(unsigned)VARY_CUTS;
    return OK;
}

static enum status compare_all(struct audited *a, struct store *room, struct error *err)
{
    bool *led = arena_array(a->arena, a->record.n + 1, sizeof *led);

    if (!led || !(a->findings = arena_array(a->arena, a->record.n + 1, sizeof *a->findings)))
        return error_memory(err);
    for (size_t i = 0; i < a->record.n; i++) { /* a statement does not say it */
        const struct lineage_node *now = lineage_find(&a->now, &a->record.nodes[i].key);
        a->record.nodes[i].excepted |= now && now->excepted;
        a->record.nodes[i].stops |= now && now->stops;
    }
    TRY(find_led(a, room, led, err));
    for (size_t i = 0; i < a->record.n; i++)
        if (a->choice.chosen[i])
            TRY(difference_find(&a->record.nodes[i], !led[i], a->store, room, before(a, i),
                                a->arena, &a->findings[i], err));
        else
            a->findings[i].verdict = VERDICT_LEFT;
    a->verdicts.findings = a->findings;
    if (a->o.from_nothing)
        TRY(name_followers(a, err));
    return count_cuts(a, err);
}

/* One cause for each action, and one for each study, whose trials are mostly of one program. */
static enum status find_causes(struct audited *a, struct store *room, struct error *err)
{
    const struct trying t = {.o = &a->o,
                             .recorded = a->store,
                             .room = room,
                             .record = &a->record,
                             .folder = a->place.folder,
                             .varied = a->verdicts.varied};
    const char *study = NULL;
    int found = 0;

    for (size_t i = 0; i < a->record.n && found < MOST_CAUSES && !a->o.from_nothing; i++) {
        const struct lineage_node *node = &a->record.nodes[i];
        if (a->findings[i].verdict != VERDICT_DIFFERS || !a->findings[i].remade ||
            (node->study && node->study == study))
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
    struct lineage now;
    char *meaning;

    TRY(lineage_take(b, b->targets, b->n_targets, a->arena, &now, err));
    meaning_add(&a->record, &now, &lines);
    TRY(text_finish(&lines, &meaning, NULL, err));
    ((struct audited *)context)->verdicts.meaning = *meaning ? meaning : NULL;
    return OK;
}

/* Where some unit differs, each study is decided again. */
static enum status find_meaning(struct audited *a, struct store *room, struct error *err)
{
    for (size_t i = 0; i < a->record.n && a->store; i++)
        if (a->record.nodes[i].study && a->findings[i].verdict == VERDICT_DIFFERS &&
            a->findings[i].made)
            return session_recorded(&a->o, a->store, room, false, take_again, a, err);
    return OK;
}

static enum status end_making(struct build *b, void *context, struct error *err)
{
    struct audited *a = context;

    a->n_told_later = audit_told_later(b);
    if (a->o.from_nothing)
        TRY(lineage_take(b, b->targets, b->n_targets, a->arena, &a->now, err));
    if (a->o.against)
        return audit_compare_target(a, b, err);
    return audit_find_folder(a, b->recipe, err);
}

static enum status make_again(struct audited *a, struct error *err)
{
    struct options o = a->o;
    const struct audit_plan plan = {.recorded = a->store,
                                    .keys = a->choice.keys,
                                    .n_keys = a->choice.n,
                                    .from_nothing = a->o.from_nothing,
                                    .varies = a->verdicts.varied,
                                    .pins = a->stated.statement.pins,
                                    .n_pins = a->stated.statement.n_pins};

    o.cache = a->place.room;
    o.keep_going = true;
    o.retry_failed = false;
    return session_audit(&o, &plan, end_making, a, err);
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

/* Beside what was audited, for whoever reads it there. */
static enum status sign(const struct audited *a, struct error *err)
{
    for (size_t i = 0; i < a->n_tested && a->key.signer; i++)
        TRY(attest_write(&a->key, &a->verdicts, &a->tested[i], &a->recipe, a->folder, a->arena,
                         err));
    return OK;
}

static enum status conclude(struct audited *a, struct error *err)
{
    struct verdict_counts c;

    verdicts_count(&a->verdicts, &c);
    if (c.nodes[VERDICT_DIFFERS] + c.nodes[VERDICT_FOLLOWS] + c.decisions > 0 ||
        a->verdicts.n_targets > 0)
        return error_set(err, ERR_DIFFERS, a->o.recipe, "the audit has found differences");
    if (c.nodes[VERDICT_UNCLEAR] > 0)
        return error_set(err, ERR_UNCLEAR, a->o.recipe,
                         "the audit has found no difference, but could not make everything again");
    return OK;
}

/* What was found is told though its cause, or what it means, cannot be. */
static enum status explain(struct audited *a, struct store *room, struct error *err)
{
    struct progress *p;
    enum status s = find_causes(a, room, err);

    if (s == OK)
        s = find_meaning(a, room, err);
    if (s == OK || s == ERR_INTERRUPTED || s == ERR_MEMORY)
        return s;
    TRY(progress_open(false, &p, err));
    progress_warning(p, "no cause can be found: %s%s%s", err->where, err->where[0] ? ": " : "",
                     err->text);
    progress_flush(p);
    progress_close(p);
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
        s = explain(a, room, err);
    store_close(room);
    TRY(s);
    verdicts_count(&a->verdicts, &c);
    a->verdicts.seconds = (double)(runner_now_ns() - started_ns) / 1e9;
    if (c.nodes[VERDICT_SAME] + c.nodes[VERDICT_LEFT] < (int)a->record.n)
        a->verdicts.kept = a->place.room;
    TRY(say(a, err));
    TRY(sign(a, err));
    TRY(place_finish(&a->place, a->verdicts.kept != NULL, err));
    return conclude(a, err);
}

/* What an audit that goes on had found to differ is made once more: it may have been otherwise
 * then. */
static enum status forget_differing(struct audited *a, struct error *err)
{
    struct store *room;
    enum status s;

    if (!a->place.goes_on || !file_is_folder(a->place.room))
        return OK;
    TRY(store_open(a->place.room, STORE_WRITE, NULL, &room, err));
    s = OK;
    for (size_t i = 0; i < a->record.n && s == OK; i++) {
        const struct lineage_node *node = &a->record.nodes[i];
        struct result now;
        s = index_result_get(room, &node->key, a->arena, &now, err);
        if (s == OK && difference_is_none(&node->result, &now))
            a->verdicts.n_before += a->choice.chosen[i];
        else if (s == OK)
            s = index_result_forget(room, &node->key, err);
        s = s == ERR_NOT_FOUND ? OK : s;
    }
    if (s == OK)
        s = store_sync(room, err);
    store_close(room);
    /* who could forge the one could put what he likes into the other */
    a->verdicts.kept_in_store = a->verdicts.n_before > 0 && !a->o.room;
    return s;
}

/* What is on record, then the audit of it. */
static enum status run_audit(struct audited *a, struct error *err)
{
    const int64_t started_ns = runner_now_ns();
    bool lists_otherwise;
    enum status s;

    TRY(a->o.against ? audit_find_statement(a, err) : audit_find_record(a, err));
    TRY(open_place(a, err));
    TRY(entries_can_turn(a->place.folder, a->arena, &lists_otherwise, err));
    a->verdicts.varied &= ~(lists_otherwise ? 0U : VARY_ENTRIES);
    TRY(choose(a, err));
    TRY(say_costs(a, err));
    if (a->o.dry_run)
        return place_finish(&a->place, false, err);
    TRY(forget_differing(a, err));
    s = make_again(a, err);
    if (s == ERR_INTERRUPTED)
        error_hint(err, "the same command line goes on where this one was");
    TRY(s);
    return judge(a, started_ns, err);
}

static enum status audit(const struct options *o, struct store *store, struct arena *arena,
                         struct error *err)
{
    struct audited a = {.arena = arena, .o = *o, .store = store, .place = {.lock = -1}};
    enum status s;

    if (o->cached_only)
        return error_set(err, ERR_INPUT, "--cached-only", "an audit makes everything again");
    a.o.from_nothing |= o->against != NULL;
    a.verdicts = (struct verdicts){.record = &a.record,
                                   .choice = &a.choice,
                                   .from_nothing = a.o.from_nothing,
                                   .sample = o->sample,
                                   .varied = VARY_ALL & ~(a.o.from_nothing ? VARY_CUTS : 0U) &
                                             ~(variation_cpu() ? 0U : VARY_CPU)};
    TRY(keys_open(arena, &a.key, err));
    s = run_audit(&a, err);
    keys_close(&a.key);
    place_close(&a.place);
    return s;
}

enum status audit_command(const struct options *o, struct arena *arena, struct error *err)
{
    return o->against ? audit(o, NULL, arena, err) : read_store(o, arena, audit, err);
}
