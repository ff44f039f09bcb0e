/* hpo audit: what the last build has left is made again, and compared. Start at audit_command. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/records/history.h"
#include "cache/store.h"
#include "engine/audit/attest.h"
#include "engine/audit/cause.h"
#include "engine/audit/meaning.h"
#include "engine/audit/place.h"
#include "engine/audit/stated.h"
#include "engine/audit/verdicts.h"
#include "engine/commands/commands.h"
#include "engine/commands/reader.h"
#include "engine/execution/audit.h"
#include "engine/execution/build.h"
#include "engine/execution/provenance.h"
#include "engine/execution/session.h"
#include "engine/executor/variation.h"
#include "engine/options.h"
#include "engine/process/runner.h"
#include "engine/progress.h"
#include "engine/statement/keys.h"
#include "engine/statement/signed.h"

enum { MOST_CAUSES = 8, RECIPE_LIMIT = 64 << 20, SOURCE_LIMIT = 1 << 30 };

struct audited {
    struct arena *arena;
    struct options o; /* with the --set of the last build */
    struct store *store;
    bool all; /* every target is gone through: words name nodes */
    struct lineage record;
    struct choice choice;
    struct place place;
    struct finding *findings;
    struct verdicts verdicts;
    int64_t run;                    /* of the last build */
    struct signed_statement stated; /* with --against */
    struct own_key key;             /* that signs what is found, where there is one */
    struct tested *tested;          /* the targets */
    size_t n_tested;
    struct digest recipe; /* of its file */
    const char *folder;   /* out/RECIPE/audit */
    const char *unknown;  /* the first word that is no target, or NULL */
    size_t n_targets;     /* words that are */
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

static enum status find_folder(struct audited *a, const struct recipe *recipe, struct error *err)
{
    a->folder = arena_printf(a->arena, "%s/%s/audit", a->o.out, recipe_name(recipe));
    return a->folder ? OK : error_memory(err);
}

/* What is signed in the end: each target, as its statement has it. */
static enum status take_targets(struct build *b, struct audited *a, struct error *err)
{
    struct recipe_origins o;

    if (!(a->tested = arena_array(a->arena, b->n_targets + 1, sizeof *a->tested)))
        return error_memory(err);
    for (a->n_tested = 0; a->n_tested < b->n_targets; a->n_tested++) {
        struct tested *t = &a->tested[a->n_tested];
        if (!(t->name = arena_string(a->arena, b->targets[a->n_tested].name)))
            return error_memory(err);
        TRY(lineage_take(b, &b->targets[a->n_tested], 1, a->arena, &t->lineage, err));
        TRY(provenance_nodes(&t->lineage, a->arena, &t->nodes, err));
    }
    if (recipe_origins(b->recipe, &o) && o.n_sources > 0)
        TRY(digest_bytes(o.sources[0].bytes, o.sources[0].n, &a->recipe, err));
    return find_folder(a, b->recipe, err);
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
    TRY(lineage_take(b, b->targets, b->n_targets, a->arena, &a->record, err));
    return a->key.signer ? take_targets(b, a, err) : OK;
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

/* ---- what a statement says ---- */

static enum status refuse_statement(const struct audited *a, const char *what, struct error *err)
{
    return error_set(err, ERR_INPUT, a->o.against, "it is of another %s than the command line's",
                     what);
}

/* Whether a file beside the recipe is another than the statement's; folders show in their keys. */
static enum status check_source(const struct audited *a, const struct stated_file *f,
                                struct error *err)
{
    const char *slash = strrchr(a->verdicts.recipe, '/');
    const char *path = arena_printf(a->arena, "%.*s/%s", (int)(slash - a->verdicts.recipe),
                                    a->verdicts.recipe, f->name);
    struct digest found;
    char *bytes;
    size_t n;

    if (!path)
        return error_memory(err);
    if (file_read(path, SOURCE_LIMIT, a->arena, &bytes, &n, err) != OK)
        return OK; /* a folder, or of another place: the build will tell */
    TRY(digest_bytes(bytes, n, &found, err));
    if (digest_equal(&found, &f->digest))
        return OK;
    return error_set(err, ERR_INPUT, path, "it is not the file that the statement was made with");
}

/* The recipe and its --set must be those of the statement. */
static enum status check_statement(struct audited *a, struct error *err)
{
    const struct statement *s = &a->stated.statement;
    const char *arguments = s->arguments;
    char *bytes;
    size_t n;

    TRY(session_recipe(&a->o, a->arena, &a->verdicts.recipe, err));
    TRY(file_read(a->verdicts.recipe, RECIPE_LIMIT, a->arena, &bytes, &n, err));
    TRY(digest_bytes(bytes, n, &a->recipe, err));
    if (!digest_equal(&a->recipe, &s->recipe.digest))
        return refuse_statement(a, "recipe", err);
    if (a->o.n_words > 1 || (a->o.n_words == 1 && strcmp(a->o.words[0], s->target) != 0))
        return refuse_statement(a, "target", err);
    if (a->o.n_sets > 0)
        TRY(session_arguments(&a->o, a->arena, &arguments, err));
    if (strcmp(arguments, s->arguments) != 0)
        return refuse_statement(a, "--set", err);
    for (size_t i = 0; i < s->n_sources; i++)
        TRY(check_source(a, &s->sources[i], err));
    return options_take_arguments(&a->o, s->arguments, a->arena, err);
}

static enum status take_statement(struct audited *a, struct error *err)
{
    const struct statement *s = &a->stated.statement;
    const char **words = arena_array(a->arena, 1, sizeof *words);

    if (!words || !(a->tested = arena_alloc(a->arena, sizeof *a->tested)))
        return error_memory(err);
    TRY(signed_read(a->o.against, a->o.keys, a->o.n_keys, a->arena, &a->stated, err));
    TRY(check_statement(a, err));
    TRY(stated_lineage(&a->stated, a->arena, &a->record, err));
    words[0] = s->target;
    a->o.words = words;
    a->o.n_words = 1;
    a->verdicts.arguments = s->arguments;
    *a->tested = (struct tested){s->target, a->record, s->nodes.digest};
    a->n_tested = 1;
    return OK;
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
    const char *what, *took;

    for (size_t i = 0; i < a->record.n; i++)
        if (a->choice.chosen[i]) {
            const struct lineage_node *node = &a->record.nodes[i];
            seconds += node->result.kind ? node->result.seconds : 0;
            actions += !node->study;
            units += node->study != NULL;
        }
    what = a->o.against ? arena_printf(a->arena, "%s against %s", a->o.recipe, a->o.against)
                        : arena_printf(a->arena, "run %lld of %s", (long long)a->run, a->o.recipe);
    took = a->o.against ? "" : arena_printf(a->arena, ", which took %.1f min", seconds / 60);
    if (!what || !took)
        return error_memory(err);
    TRY(progress_open(false, &p, err));
    progress_line(p, "auditing %s%s: %d action%s and %d unit%s%s", what,
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

/* From nothing, what is made of something else has another key, and its own is not there. */
static void name_followers(struct audited *a)
{
    bool differs = false;

    for (size_t i = 0; i < a->record.n; i++)
        differs = differs || a->findings[i].verdict == VERDICT_DIFFERS;
    for (size_t i = 0; i < a->record.n; i++) {
        struct finding *f = &a->findings[i];
        if (f->verdict != VERDICT_UNCLEAR || a->record.nodes[i].fetched)
            continue;
        f->verdict = differs ? VERDICT_FOLLOWS : VERDICT_UNCLEAR;
        f->what = differs ? "it is made of something that differs"
                          : "its key is another here: the tool or its environment is not that of "
                            "the record (hpo why shows what is in a key)";
    }
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
    if (a->o.from_nothing)
        name_followers(a);
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
        const struct lineage_node *node = &a->record.nodes[i];
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
        if (a->record.nodes[i].study && a->findings[i].verdict == VERDICT_DIFFERS)
            return session_recorded(&a->o, a->store, room, a->all, take_again, a, err);
    return OK;
}

static enum status end_making(struct build *b, void *context, struct error *err)
{
    return find_folder(context, b->recipe, err);
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
    return session_audit(&o, &plan, a->all, end_making, a, err);
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
    TRY(sign(a, err));
    TRY(say(a, err));
    return conclude(a, err);
}

/* What is on record, then the audit of it. */
static enum status run_audit(struct audited *a, struct error *err)
{
    const int64_t started_ns = runner_now_ns();

    if (a->o.against) {
        TRY(take_statement(a, err));
    } else {
        TRY(take_last(a, err));
        TRY(find_record(a, err));
        TRY(check_record(a, err));
    }
    TRY(open_place(a, err));
    TRY(choose(a, err));
    TRY(say_costs(a, err));
    TRY(make_again(a, err));
    return judge(a, started_ns, err);
}

static enum status audit(const struct options *o, struct store *store, struct arena *arena,
                         struct error *err)
{
    struct audited a = {.arena = arena, .o = *o, .store = store, .place = {.lock = -1}};
    enum status s;

    a.o.from_nothing |= o->against != NULL;
    a.verdicts = (struct verdicts){.record = &a.record,
                                   .choice = &a.choice,
                                   .from_nothing = a.o.from_nothing,
                                   .sample = o->sample,
                                   .varied = VARY_ALL & ~(a.o.from_nothing ? VARY_CUTS : 0U)};
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
