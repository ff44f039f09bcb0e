/* compare: the rows of a comparison, from known studies and scores. Start at compare_json. */
#include "engine/execution/compare.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "cache/content/blob.h"
#include "engine/execution/build.h"
#include "engine/progress.h"

enum { SCORES_LIMIT = 1 << 20 };

/* exact_match and f1 of a scores file; NaN where there is none. */
static enum status read_scores(struct build *b, const struct compare_item *item,
                               double *exact_match, double *f1, struct error *err)
{
    struct content *c;
    struct content_key key;
    const struct json *number;
    struct json *scores;
    void *bytes;
    size_t n;

    *exact_match = *f1 = NAN;
    if (item->scores < 0)
        return OK;
    c = &work_of(b, item->scores)->content;
    TRY(content_key(b->store, c, item->path, b->arena, &key, err));
    TRY(blob_read(b->store, &key.digest, SCORES_LIMIT, b->arena, &bytes, &n, err));
    TRY(json_parse(bytes, n, "scores", JSON_NONFINITE, b->arena, &scores, err));
    if ((number = json_get(scores, "exact_match")) && number->kind == JSON_NUMBER)
        *exact_match = number->number;
    if ((number = json_get(scores, "f1")) && number->kind == JSON_NUMBER)
        *f1 = number->number;
    return OK;
}

static void add_number(struct text *t, const char *name, double x)
{
    text_printf(t, ", \"%s\": ", name);
    json_write_number(t, x);
}

/* The column of a study's metric: its name, unless another column has it. */
static const char *metric_column(const char *metric)
{
    static const char *const taken[] = {"run",         "exact_match", "f1",    "params",
                                        "t",           "runtime_s",   "slots", "minutes",
                                        "gpu_minutes", "ratio"};

    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(metric, taken[i]) == 0)
            return "metric";
    return metric;
}

/* The unit whose checkpoint has the scores: the best of a study, which hpo.after may have made of
 * the best of another. NULL: the recipe made something else of it. */
static struct unit *scored(struct build *b, const struct compare_item *item, double *value)
{
    int node = item->after, study = item->study, trial;
    const char *params;

    while (node >= 0 && graph_node(b->graph, node)->kind == NODE_AFTER)
        node = graph_node(b->graph, node)->after.node;
    if (node >= 0 && graph_node(b->graph, node)->kind != NODE_BEST)
        return NULL;
    if (node >= 0)
        study = graph_node(b->graph, node)->best_of;
    return study_best(work_of(b, study)->study, &trial, &params, value);
}

/* The names of rows. */
struct row_names {
    const char **names;
    size_t n;
};

static bool is_taken(const struct row_names *rows, const char *name)
{
    for (size_t i = 0; i < rows->n; i++)
        if (strcmp(rows->names[i], name) == 0)
            return true;
    return false;
}

/* Two rows of one name cannot be told apart: the later one has its number in its name. */
static enum status name_row(struct build *b, struct row_names *rows, const char **name,
                            struct error *err)
{
    const char *own = *name;

    for (int i = 2; is_taken(rows, *name); i++)
        if (!(*name = arena_printf(b->arena, "%s (%d)", own, i)))
            return error_memory(err);
    if (*name != own)
        progress_line(b->progress,
                      "hpo.compare: two rows are called \"%s\", one of them is shown as \"%s\"; "
                      "{ run = NAME, of = ... } gives it a name",
                      own, *name);
    rows->names[rows->n++] = *name;
    return OK;
}

/* One row: a study's best, with the scores of its checkpoint. */
static enum status add_row(struct build *b, const struct compare_item *item, struct row_names *rows,
                           double *reference, struct text *t, struct error *err)
{
    struct study *study = work_of(b, item->study)->study;
    const char *name = item->name ? item->name : graph_label(b->graph, item->study);
    double value, found, exact_match, f1, runtime = study_runtime(study);
    int slots = study_slots(study), trial;
    double minutes = slots * runtime / 60, gpu_seconds = study_gpu_seconds(study);
    const char *params = "{}";
    struct unit *u = scored(b, item, &value);

    (void)study_best(study, &trial, &params, &found);
    TRY(name_row(b, rows, &name, err));
    TRY(read_scores(b, item, &exact_match, &f1, err));
    if (isnan(*reference))
        *reference = minutes;
    text_add(t, "{\"run\": ");
    json_write_string(t, name);
    add_number(t, metric_column(study_spec(study)->metric), u ? value : NAN);
    add_number(t, "exact_match", exact_match);
    add_number(t, "f1", f1);
    text_printf(t, ", \"params\": %s, \"t\": %d", params, u ? u->t : 0);
    add_number(t, "runtime_s", runtime);
    text_printf(t, ", \"slots\": %d", slots);
    add_number(t, "minutes", minutes);
    if (gpu_seconds > 0)
        add_number(t, "gpu_minutes", gpu_seconds / 60);
    add_number(t, "ratio", *reference > 0 ? minutes / *reference : NAN);
    text_add(t, "}");
    return OK;
}

/* The first item of a study, with or without scores; NULL: none. */
static const struct compare_item *first_of(const struct node *n, int study, bool scores)
{
    for (size_t i = 0; i < n->compare.n; i++)
        if (n->compare.items[i].study == study && (n->compare.items[i].scores >= 0) == scores)
            return &n->compare.items[i];
    return NULL;
}

enum status compare_json(struct build *b, int node, char **json, struct error *err)
{
    const struct node *n = graph_node(b->graph, node);
    struct text t = text_in(b->arena);
    struct row_names names = {arena_array(b->arena, n->compare.n + 1, sizeof(char *)), 0};
    double reference = NAN;
    int rows = 0;

    if (!names.names)
        return error_memory(err);
    for (size_t i = 0; i < n->compare.n; i++)
        if (n->compare.items[i].row &&
            n->compare.items[i].name) /* as it was written, so its name is not changed */
            names.names[names.n++] = n->compare.items[i].name;
    text_add(&t, "{\"rows\": [");
    for (size_t i = 0; i < n->compare.n; i++) {
        const struct compare_item *item = &n->compare.items[i], *alone, *scores;
        struct compare_item row = *item;
        alone = first_of(n, item->study, false);
        scores = first_of(n, item->study, true);
        /* A study and the first scores of it are one row, in the study's place. */
        if (!item->row &&
            (item->study < 0 || (alone && item == scores) || (item->scores < 0 && item != alone)))
            continue;
        text_add(&t, rows++ ? ", " : "");
        if (item->row) {
            text_add(&t, item->row);
            continue;
        }
        if (item == alone && scores) {
            row = *scores;
            row.name = item->name;
        }
        TRY(add_row(b, &row, &names, &reference, &t, err));
    }
    text_add(&t, "]}");
    return text_finish(&t, json, NULL, err);
}
