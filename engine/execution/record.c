/* record: keys by name, tables, and the units that studies keep. Start at record_build. */
#include "engine/execution/record.h"

#include <string.h>

#include "base/arena.h"
#include "cache/records/history.h"
#include "cache/results/index.h"
#include "cache/results/roots.h"
#include "engine/execution/kept.h"
#include "engine/execution/recall.h"

struct names {
    struct build *b;
    struct node_key *keys;
    size_t n, capacity;
    const char *study;
    struct digest *wants;
    size_t n_wants, want_capacity;
    struct study_table *tables;
    size_t n_tables, table_capacity;
    enum status status;
    struct error *err;
};

static void add_name(struct names *names, const char *name, const struct digest *key)
{
    struct node_key *last = arena_push(names->b->arena, names->keys, names->n, names->capacity);

    if (last)
        *last = (struct node_key){name, *key, names->b->run};
    if (!last || !name)
        names->status = error_memory(names->err);
}

static void add_unit(void *context, int trial, struct unit *u)
{
    struct names *names = context;
    struct arena *arena = names->b->arena;

    add_name(names, arena_printf(arena, "%s/%d/%d", names->study, trial, u->t), &u->key);
    if (u->state != UNIT_KNOWN && names->status == OK) {
        char *description = unit_description(u, arena);
        names->status = description ? history_journal_put(names->b->store, &u->key, description,
                                                          names->b->today, names->err)
                                    : error_memory(names->err);
    }
    if (u->template->description && names->status == OK)
        names->status = history_journal_put(names->b->store, &u->template->key,
                                            u->template->description, names->b->today, names->err);
}

static void add_want(void *context, struct unit *u)
{
    struct names *names = context;
    struct digest *last =
        arena_push(names->b->arena, names->wants, names->n_wants, names->want_capacity);

    if (last)
        *last = u->result;
    else
        names->status = error_memory(names->err);
}

/* The table and the wishes of one study. Of one in which no trial began, those of the build before
 * stay: the recipe's mistake hides nothing that is known. */
static enum status note_study(struct names *names, int node, const char *recipe)
{
    struct build *b = names->b;
    struct study *study = work_of(b, node)->study;
    struct study_table table = {recipe, b->arguments, graph_label(b->graph, node), b->run, NULL};
    struct study_table *last;
    struct text t = text_in(b->arena);
    char *owner = arena_printf(b->arena, "%s\n%s\n%s", recipe, b->arguments, table.study);
    char *effort, *ignored;
    struct study_counts counts;

    study_count(study, &counts);
    if (counts.trials == 0)
        return OK;
    names->study = table.study;
    names->n_wants = 0;
    study_units(study, add_unit, names);
    study_keeps(study, add_want, names);
    TRY(names->status);
    TRY(study_table(study, table.study, TABLE_CACHED, &t, names->err));
    TRY(text_finish(&t, (char **)&table.body, NULL, names->err));
    if (!owner)
        return error_memory(names->err);
    TRY(history_table_put(b->store, &table, names->err));
    if (!(last = arena_push(b->arena, names->tables, names->n_tables, names->table_capacity)))
        return error_memory(names->err);
    *last = table;
    if (b->counts.ran > 0 && plan_state(b->plan, node) == PLAN_DONE) {
        TRY(recipe_table("effort", table.body, b->arena, &effort, &ignored, names->err));
        progress_text(b->progress, effort);
    }
    return roots_replace(b->store, owner, names->wants, names->n_wants, names->err);
}

/* The keys of all nodes, or only of those that a recalled build has found out anew. */
static enum status note_nodes(struct names *names, bool only_new)
{
    struct build *b = names->b;
    const struct target *targets;
    size_t n = graph_targets(b->graph, &targets);

    for (size_t i = 0; i < b->n_work; i++) {
        struct work *w = b->work[i];
        if (!w || !w->keyed || (only_new && w->recalled))
            continue;
        add_name(names, graph_label(b->graph, (int)i), &w->key);
        if (plan_state(b->plan, (int)i) == PLAN_FAILED)
            TRY(history_journal_put(b->store, &w->key, w->description, b->today, names->err));
    }
    for (size_t i = 0; i < n; i++) {
        struct work *w = work_of(b, targets[i].node);
        if (w && w->keyed && !(only_new && w->recalled) &&
            strcmp(graph_label(b->graph, targets[i].node), targets[i].name) != 0)
            add_name(names, targets[i].name, &w->key);
    }
    return names->status;
}

/* What this build used is younger to gc, by a day's measure. */
static enum status touch_results(struct names *names)
{
    struct build *b = names->b;
    struct digest *keys = arena_array(b->arena, names->n + 1, sizeof *keys);

    if (!keys)
        return error_memory(names->err);
    for (size_t i = 0; i < names->n; i++)
        keys[i] = names->keys[i].key;
    return index_results_touch(b->store, keys, names->n, b->today, names->err);
}

enum status record_build(struct build *b, struct error *err)
{
    struct names names = {.b = b, .status = OK, .err = err};
    bool covered;

    TRY(recall_covers(b, b->recipe_path, &covered, err));
    TRY(note_nodes(&names, covered));
    for (size_t i = 0; i < b->studies.n; i++)
        if (work_of(b, b->studies.nodes[i])->study)
            TRY(note_study(&names, b->studies.nodes[i], b->recipe_path));
    TRY(kept_put(b, names.tables, names.n_tables, err));
    TRY(touch_results(&names));
    return history_nodes_put(b->store, b->recipe_path, names.keys, names.n, err);
}
