/* audit_record: what an audit compares with: the store, or a signed statement. Start at
 * audit_find_record. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/records/history.h"
#include "engine/audit/stated.h"
#include "engine/audit/subjects.h"
#include "engine/audit/tables.h"
#include "engine/commands/audit.h"
#include "engine/execution/build.h"
#include "engine/execution/provenance.h"
#include "engine/execution/session.h"

enum { MOST_RUNS = 10000, RECIPE_LIMIT = 64 << 20 };

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
    a->verdicts.recipe = recipe;
    return a->o.n_sets > 0 ? OK : options_take_arguments(&a->o, runs[0].arguments, a->arena, err);
}

/* The number of the last build with these --set. */
static enum status find_run(struct audited *a, struct error *err)
{
    struct run *runs;
    size_t n;

    TRY(history_runs(a->store, a->verdicts.recipe, MOST_RUNS, a->arena, &runs, &n, err));
    for (size_t i = 0; i < n && a->run == 0; i++)
        if (strcmp(runs[i].arguments, a->verdicts.arguments) == 0)
            a->run = runs[i].id;
    return OK;
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

enum status audit_find_folder(struct audited *a, const struct recipe *recipe, struct error *err)
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
    return audit_find_folder(a, b->recipe, err);
}

/* What the store knows of the recipe's targets, and which words of the command line are such. */
static enum status look_at_targets(struct build *b, void *context, struct error *err)
{
    struct audited *a = context;

    if (!(a->known = arena_array(a->arena, b->n_targets + 1, sizeof *a->known)))
        return error_memory(err);
    for (size_t i = 0; i < b->n_targets; i++)
        if (plan_state(b->plan, b->targets[i].node) == PLAN_DONE &&
            !(a->known[a->n_known++] = arena_string(a->arena, b->targets[i].name)))
            return error_memory(err);
    for (size_t i = 0; i < a->o.n_words; i++)
        if (is_target(b, a->o.words[i]))
            a->n_targets++;
        else if (!a->unknown)
            a->unknown = a->o.words[i];
    return OK;
}

static enum status add_target(struct audited *a, const char *name, const char *what,
                              struct error *err)
{
    struct verdicts *v = &a->verdicts;
    struct target_finding *last =
        arena_push(a->arena, v->targets, v->n_targets, v->target_capacity);

    if (!last)
        return error_memory(err);
    *last = (struct target_finding){name, what};
    return OK;
}

/* ---- tables in the store ---- */

/* Why a table cannot be compared, a line. */
static enum status add_unread(struct audited *a, const char *line, struct error *err)
{
    const char *before = a->verdicts.unread;

    a->verdicts.unread = line ? arena_printf(a->arena, "%s%s\n", before ? before : "", line) : NULL;
    return a->verdicts.unread ? OK : error_memory(err);
}

/* What `hpo table` shows of a study must follow from what is on record of its units. */
static enum status check_table(struct audited *a, struct build *b, const struct study_table *row,
                               struct error *err)
{
    const struct searched *is = NULL;
    struct text t = text_in(a->arena);
    const char *what, *name;
    char *now;
    bool one;

    for (size_t i = 0; i < a->record.n_studies; i++)
        if (strcmp(a->record.studies[i].study, row->study) == 0)
            is = &a->record.studies[i];
    for (int i = 0; i < graph_size(b->graph) && is && is->decided; i++) {
        if (graph_node(b->graph, i)->kind != NODE_STUDY || !work_of(b, i)->study ||
            strcmp(graph_label(b->graph, i), row->study) != 0)
            continue;
        TRY(study_table(work_of(b, i)->study, row->study, TABLE_CACHED, &t, err));
        TRY(text_finish(&t, &now, NULL, err));
        TRY(tables_are_of_one_search(row->body, now, a->arena, &one, err));
        if (!one)
            return add_unread(a,
                              arena_printf(a->arena,
                                           "the table of %s in the store was not compared: it is "
                                           "of another search than the recipe's",
                                           row->study),
                              err);
        TRY(tables_differ(row->body, now, a->arena, &what, err));
        if (!what)
            return OK;
        name = arena_printf(a->arena, "the table of %s in the store", row->study);
        what = arena_printf(a->arena, "%s\n", what);
        return name && what ? add_target(a, name, what, err) : error_memory(err);
    }
    return OK;
}

/* A build that did not end, or failed, knew less of the study than the store may know now. */
static enum status check_row(struct audited *a, struct build *b, const struct study_table *row,
                             const struct run *runs, size_t n, struct error *err)
{
    const struct run *run = NULL;
    const char *line;
    bool asked = false;

    for (size_t i = 0; i < a->record.n_studies; i++)
        asked |= strcmp(a->record.studies[i].study, row->study) == 0;
    if (!asked)
        return OK;
    for (size_t i = 0; i < n && !run; i++)
        run = runs[i].id == row->run ? &runs[i] : NULL;
    if (run && run->status && strcmp(run->status, "done") == 0)
        return check_table(a, b, row, err);
    if (!run) {
        line = arena_printf(a->arena, "the table of %s in the store", row->study);
        return line ? add_target(a, line, "it is of a build that the store does not know\n", err)
                    : error_memory(err);
    }
    line = arena_printf(a->arena,
                        "the table of %s in the store was not compared: it is of a build that did "
                        "not come to its end",
                        row->study);
    return add_unread(a, line, err);
}

static enum status check_tables(struct audited *a, struct build *b, struct error *err)
{
    struct study_table *rows;
    struct run *runs;
    size_t n, n_runs;

    TRY(history_runs(a->store, b->recipe_path, MOST_RUNS, a->arena, &runs, &n_runs, err));
    TRY(history_tables(a->store, b->recipe_path, b->arguments, NULL, a->arena, &rows, &n, err));
    for (size_t i = 0; i < n; i++)
        TRY(check_row(a, b, &rows[i], runs, n_runs, err));
    return OK;
}

/* "default, best", or the nodes that were named. */
static enum status name_targets(struct audited *a, const struct build *b, struct error *err)
{
    const size_t n = a->n_names > 0 ? a->n_names : b->n_targets, most = 4;
    struct text t = text_in(a->arena);
    char *string;

    for (size_t i = 0; i < n && i < most; i++)
        text_printf(&t, "%s%s", i ? ", " : "", a->n_names > 0 ? a->names[i] : b->targets[i].name);
    if (n > most)
        text_printf(&t, " and %zu more", n - most);
    TRY(text_finish(&t, &string, NULL, err));
    a->targets = string;
    return OK;
}

static enum status take_record(struct build *b, void *context, struct error *err)
{
    struct audited *a = context;

    if (!(a->verdicts.arguments = arena_string(a->arena, b->arguments)))
        return error_memory(err);
    TRY(lineage_take(b, b->targets, b->n_targets, a->arena, &a->record, err));
    TRY(check_tables(a, b, err));
    TRY(name_targets(a, b, err));
    return a->key.signer ? take_targets(b, a, err) : OK;
}

/* Words are targets, or nodes of the targets that were built: which, only the graph can say. */
static enum status choose_targets(struct audited *a, struct error *err)
{
    TRY(session_recorded(&a->o, a->store, NULL, true, look_at_targets, a, err));
    if (a->n_targets > 0 && a->unknown)
        return error_set(err, ERR_INPUT, a->unknown, "it is no target: name targets or nodes");
    if (a->n_targets > 0 || a->n_known == 0)
        return OK;
    a->names = a->o.words;
    a->n_names = a->o.n_words;
    a->o.words = a->known;
    a->o.n_words = a->n_known;
    return OK;
}

static enum status find_lineage(struct audited *a, struct error *err)
{
    if (a->o.n_words > 0)
        TRY(choose_targets(a, err));
    TRY(session_recorded(&a->o, a->store, NULL, false, take_record, a, err));
    return find_run(a, err);
}

/* Without an altered decision a build's targets are all known. */
static enum status check_record(const struct audited *a, struct error *err)
{
    if (lineage_is_altered(&a->record) || !a->record.missing)
        return OK;
    if (a->record.collected) {
        (void)error_set(err, ERR_UNCLEAR, a->record.collected,
                        "its files are not in the store any more (hpo cache gc), so the keys of "
                        "what reads them are not known");
        error_hint(err, "hpo build %s makes them again", a->o.recipe);
        return ERR_UNCLEAR;
    }
    (void)error_set(err, ERR_INPUT, a->record.missing,
                    "the store does not know this target of %s as it is now", a->o.recipe);
    error_hint(err,
               "hpo build %s makes it, hpo why tells what has changed; hpo audit %s TARGET "
               "audits others",
               a->o.recipe, a->o.recipe);
    return ERR_INPUT;
}

enum status audit_find_record(struct audited *a, struct error *err)
{
    TRY(take_last(a, err));
    TRY(find_lineage(a, err));
    return check_record(a, err);
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
    struct error unread; /* a folder, or of another place: the build will tell */
    enum status s;
    int fd;

    if (!path)
        return error_memory(err);
    if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0)
        return OK;
    s = digest_descriptor(fd, path, &found, &unread);
    close(fd);
    if (s == ERR_MEMORY)
        return error_memory(err);
    if (s != OK)
        return OK;
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

static bool is_stated_alike(const struct lineage_node *stated, const struct lineage_node *now)
{
    return strcmp(stated->name, now->name) == 0 && !stated->tool == !now->tool &&
           (!now->tool || strcmp(stated->tool, now->tool) == 0) &&
           (!now->result.kind || !stated->result.kind ||
            !stated->result.reports == !now->result.reports);
}

/* One of another key is told of as what the statement has under its name. */
static void find_unstated(const struct audited *a, struct text *lines)
{
    for (size_t i = 0; i < a->now.n; i++) {
        const struct lineage_node *node = &a->now.nodes[i];
        const struct lineage_node *stated = lineage_find(&a->record, &node->key);
        if (!stated && !lineage_named(&a->record, node->name))
            text_printf(lines, "it rests on %s, which the statement does not list\n", node->name);
        if (stated && !is_stated_alike(stated, node))
            text_printf(lines, "%s is stated under another name, tool or kind\n", node->name);
    }
}

enum status audit_compare_target(struct audited *a, struct build *b, struct error *err)
{
    const struct target *target = &b->targets[0]; /* a statement is of one */
    const char *name = a->stated.statement.target;
    struct text lines = text_in(a->arena);
    bool unread = false, excepted = false;
    char *what;

    a->folder = file_join(a->arena, a->stated.folder, "audit");
    if (!a->folder)
        return error_memory(err);
    find_unstated(a, &lines);
    for (size_t i = 0; i < a->now.n; i++)
        excepted |= a->now.nodes[i].excepted;
    if (excepted)
        TRY(add_unread(a,
                       arena_printf(a->arena,
                                    "the files of %s were not compared: it rests on what its "
                                    "recipe says cannot be reproduced",
                                    name),
                       err));
    else if (plan_state(b->plan, target->node) == PLAN_DONE)
        TRY(subjects_compare(b, target, &a->stated, &lines, &unread, err));
    if (unread)
        TRY(add_unread(a,
                       arena_printf(a->arena,
                                    "the table of %s was not compared: it is not beside the "
                                    "statement, and its bytes hold what is measured",
                                    name),
                       err));
    TRY(text_finish(&lines, &what, NULL, err));
    return *what ? add_target(a, name, what, err) : OK;
}

enum status audit_find_statement(struct audited *a, struct error *err)
{
    const struct statement *s = &a->stated.statement;
    const char **words = arena_array(a->arena, 1, sizeof *words);

    if (!words || !(a->tested = arena_alloc(a->arena, sizeof *a->tested)))
        return error_memory(err);
    TRY(signed_read(a->o.against, a->o.keys, a->o.n_keys, a->arena, &a->stated, err));
    if (s->audit.result)
        return error_set(err, ERR_INPUT, a->o.against,
                         "expected the statement of a build, found that of an audit");
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
