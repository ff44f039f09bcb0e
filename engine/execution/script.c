/* script: lines → captures → a report; rows of a file → reports. Start at script_take_line and
 * script_look. */
#include "engine/execution/script.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/execution/report.h"
#include "engine/execution/rows.h"
#include "engine/execution/run_state.h"

/* Longer lines are log: what a pattern with two repetitions needs for one grows with its square. */
enum { LONGEST = 32 * 1024, SHOWN = 200, FILE_MAX = 256 * 1024 * 1024 };

struct pattern {
    const char *metric, *text;
    double value;
    bool matched, ever; /* since the last report; in any line */
};

/* How the file looked. */
struct look {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed;
};

struct script {
    struct pattern *patterns; /* sorted by metric, without: */
    size_t n;
    struct pattern *t;
    const char *file, *metric;
    bool last;
    bool said_long;
    int k;                   /* reports so far */
    struct look look;        /* zeros: it was not there */
    const char *columns;     /* of a file that has no row, once all is written */
    double row_value, row_t; /* of the last row that is a report */
};

/* ---- open ---- */

static enum status read_patterns(struct script *script, const struct json *patterns,
                                 struct arena *arena, struct error *err)
{
    if (!(script->patterns = arena_array(arena, patterns->n + 1, sizeof *script->patterns)))
        return error_memory(err);
    for (size_t i = 0; i < patterns->n; i++) {
        const struct json_member *m = &patterns->members[i];
        struct pattern *p = &script->patterns[script->n++];
        if (strcmp(m->name, "t") == 0) {
            script->n--;
            p = script->t = arena_alloc(arena, sizeof *p);
        }
        if (!p)
            return error_memory(err);
        *p = (struct pattern){.metric = m->name, .text = m->value.string};
    }
    return OK;
}

enum status script_open(const struct action *action, struct arena *arena, struct script **out,
                        struct error *err)
{
    struct script *script = arena_alloc(arena, sizeof *script);
    const struct json *patterns;
    struct json *spec;

    if (!script)
        return error_memory(err);
    *out = script;
    TRY(json_parse(action->report, strlen(action->report), "report", JSON_STRICT, arena, &spec,
                   err));
    script->last = json_get(spec, "last") != NULL;
    if ((patterns = json_get(spec, "patterns")) != NULL)
        return read_patterns(script, patterns, arena, err);
    TRY(json_want_string(spec, "report", "metric", &script->metric, err));
    return json_want_string(spec, "report", "file", &script->file, err);
}

/* ---- reports ---- */

/* {"t": 3, "loss": 0.5, ...}, as a trainer would have written it. */
static enum status report(struct build *b, struct job *job, const struct numbers *numbers,
                          struct error *err)
{
    struct arena *arena = arena_open();
    struct text t = text_in(arena);
    enum status s;
    char *line;
    size_t n;

    if (!arena)
        return error_memory(err);
    text_printf(&t, "{\"t\": %d", ++job->run->script->k);
    for (size_t i = 0; i < numbers->n; i++) {
        const double x = numbers->values[i];
        text_add(&t, ", ");
        json_write_string(&t, numbers->names[i]);
        text_add(&t, ": ");
        if (isfinite(x))
            text_add_number(&t, x);
        else
            text_add(&t, isnan(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity");
    }
    text_add(&t, "}");
    s = text_finish(&t, &line, &n, err);
    if (s == OK)
        s = run_take_line(b, job, line, n, err);
    arena_close(arena);
    return s;
}

/* ---- lines ---- */

/* A line without what terminals are told. */
struct plain {
    const char *text;
    size_t n;
    struct arena *arena; /* for what is found in it */
};

/* The number that the pattern finds in the line; *found false: nothing, or no number, and then the
 * run is wrong. */
static enum status match(struct build *b, struct job *job, struct pattern *p,
                         const struct plain *line, double *x, bool *found, struct error *err)
{
    const char *capture;

    *found = false;
    TRY(recipe_match(b->recipe, graph_node(b->graph, job->node)->where, p->text, line->text,
                     line->n, line->arena, &capture, err));
    if (!capture)
        return OK;
    p->ever = true;
    if ((*found = report_number(capture, x)))
        return OK;
    return run_wrong(b, job,
                     arena_printf(b->arena,
                                  "expected a number for %s, found \"%.*s\" in the line `%.*s%s`",
                                  p->metric, (int)SHOWN, capture, (int)SHOWN, line->text,
                                  line->n > SHOWN ? "..." : ""));
}

static void forget(struct script *script)
{
    for (size_t i = 0; i < script->n; i++)
        script->patterns[i].matched = false;
}

/* A report, if every pattern has matched. */
static enum status complete(struct build *b, struct job *job, struct arena *arena,
                            struct error *err)
{
    struct script *script = job->run->script;
    const char **names = arena_array(arena, script->n + 1, sizeof *names);
    double *values = arena_array(arena, script->n + 1, sizeof *values);

    if (!names || !values)
        return error_memory(err);
    for (size_t i = 0; i < script->n; i++) {
        if (!script->patterns[i].matched)
            return OK;
        names[i] = script->patterns[i].metric;
        values[i] = script->patterns[i].value;
    }
    forget(script);
    return report(b, job, &(struct numbers){script->n, names, values}, err);
}

/* Where the line says that another report begins, the one before is whole. */
static enum status take_t(struct build *b, struct job *job, const struct plain *line,
                          struct error *err)
{
    struct script *script = job->run->script;
    struct pattern *p = script->t;
    double t;
    bool found;

    TRY(match(b, job, p, line, &t, &found, err));
    if (!found || (p->matched && p->value == t))
        return OK;
    TRY(complete(b, job, line->arena, err));
    p->value = t;
    p->matched = true;
    forget(script);
    return OK;
}

static enum status take_plain(struct build *b, struct job *job, const struct plain *line,
                              struct error *err)
{
    struct script *script = job->run->script;
    bool any = false;

    if (script->t)
        TRY(take_t(b, job, line, err));
    if (script->t && !script->t->matched)
        return OK;
    for (size_t i = 0; i < script->n && !job->run->wrong; i++) {
        struct pattern *p = &script->patterns[i];
        bool found;
        double x;
        TRY(match(b, job, p, line, &x, &found, err));
        if (!found)
            continue;
        p->value = x;
        p->matched = any = true;
    }
    if (!any || job->run->wrong || script->t || script->last) /* more may follow */
        return OK;
    return complete(b, job, line->arena, err);
}

enum status script_take_line(struct build *b, struct job *job, const char *line, size_t n,
                             struct error *err)
{
    struct script *script = job->run->script;
    struct plain plain = {.n = n};
    enum status s;

    if (script->file || job->run->wrong)
        return OK;
    if (n > LONGEST) {
        if (!script->said_long)
            progress_warning(b->progress, "%s: a line of more than %d bytes is log, never a report",
                             job->label, (int)LONGEST);
        script->said_long = true;
        return OK;
    }
    if (!(plain.arena = arena_open()))
        return error_memory(err);
    plain.text = report_plain(line, &plain.n, plain.arena);
    s = plain.text ? take_plain(b, job, &plain, err) : error_memory(err);
    arena_close(plain.arena);
    return s;
}

/* ---- files ---- */

static enum status wrong_row(struct build *b, struct job *job, const struct row *row,
                             const char *what, struct error *err)
{
    const char *sentence =
        arena_printf(b->arena, "%s: %s: `%.*s%s`", job->run->script->file, what, (int)SHOWN,
                     row->shown, strlen(row->shown) > SHOWN ? "..." : "");

    (void)err;
    return run_wrong(b, job, sentence);
}

/* Of a file that is replaced as a whole: which report it is must not depend on when it was read. */
static enum status take_whole(struct build *b, struct job *job, const struct row *row,
                              struct error *err)
{
    const int k = job->run->script->k;

    if (isnan(row->t))
        return wrong_row(b, job, row, "what is replaced as a whole needs a field t", err);
    if (row->t == k)
        return OK;
    if (row->t == k + 1)
        return report(b, job, &row->numbers, err);
    return wrong_row(
        b, job, row,
        arena_printf(b->arena,
                     "expected t = %d, found t = %g: t counts from 1, and a file that is replaced "
                     "faster than it is read should be a .jsonl to which lines are added",
                     k + 1, row->t),
        err);
}

/* Of rows that stay: i counts those that are there. */
static enum status take_row(struct build *b, struct job *job, const struct row *row, int i,
                            struct error *err)
{
    struct script *script = job->run->script;
    const bool known = isnan(row->t) ? i < script->k : script->k > 0 && row->t <= script->row_t;

    if (known && isnan(row->t) && i == script->k - 1 && row->value != script->row_value &&
        !(isnan(row->value) && isnan(script->row_value)))
        return wrong_row(b, job, row,
                         arena_printf(b->arena,
                                      "its row %d was another one before: what is replaced as a "
                                      "whole needs a field t",
                                      i + 1),
                         err);
    if (known)
        return OK;
    script->row_t = row->t;
    script->row_value = row->value;
    return report(b, job, &row->numbers, err);
}

static enum status take_rows(struct build *b, struct job *job, const struct row *rows, size_t n,
                             struct error *err)
{
    const struct script *script = job->run->script;

    for (size_t i = script->last && n > 0 ? n - 1 : 0; i < n && !job->run->wrong; i++) {
        if (rows[i].wrong)
            TRY(wrong_row(b, job, &rows[i],
                          arena_printf(b->arena, "expected a number for %s, found", script->metric),
                          err));
        else if (script->last)
            TRY(report(b, job, &rows[i].numbers, err));
        else if (rows_is_whole(script->file))
            TRY(take_whole(b, job, &rows[i], err));
        else
            TRY(take_row(b, job, &rows[i], (int)i, err));
    }
    return OK;
}

/* Whether the file looks as when it was read last. */
static bool looks_the_same(const struct look *look, const struct stat *st)
{
    return st->st_ino == look->ino && st->st_dev == look->dev && st->st_size == look->size &&
           st->st_mtim.tv_sec == look->changed.tv_sec &&
           st->st_mtim.tv_nsec == look->changed.tv_nsec;
}

static enum status read_path(struct build *b, struct job *job, const char *path, bool ended,
                             struct arena *arena, struct error *err)
{
    struct script *script = job->run->script;
    struct rows_file file = {.name = script->file, .complete = ended};
    struct row *rows;
    char *bytes;
    size_t n;
    const enum status s = file_read(path, FILE_MAX, arena, &bytes, &file.n, err);

    if (s == ERR_NOT_FOUND) /* another takes its place just now */
        return OK;
    if (s == ERR_INPUT || s == ERR_SYSTEM)
        return run_wrong(b, job, arena_printf(b->arena, "%s: %s", script->file, err->text));
    TRY(s);
    file.bytes = bytes;
    TRY(rows_read(&file, script->metric, arena, &rows, &n, err));
    if (ended && n == 0)
        TRY(rows_names(&file, job->arena, &script->columns, err));
    return take_rows(b, job, rows, n, err);
}

/* Reads the file where it has changed. ended: as it is now it stays. */
static enum status read_file(struct build *b, struct job *job, bool ended, bool *changed,
                             struct error *err)
{
    struct script *script = job->run->script;
    struct arena *arena = arena_open();
    const char *path = arena ? file_join(arena, job->task->dir, script->file) : NULL;
    struct stat st;
    enum status s = path ? OK : error_memory(err);

    *changed = path && stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
               (ended || !looks_the_same(&script->look, &st));
    if (*changed) {
        script->look = (struct look){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
        s = read_path(b, job, path, ended, arena, err);
    }
    arena_close(arena);
    return s;
}

static bool is_watched(const struct job *job)
{
    const struct run *run = job->run;

    return run && run->script && run->script->file && !run->script->last && !run->wrong &&
           run->waiting == WAITS_NOT && !job->ending;
}

bool script_watches(const struct build *b)
{
    for (const struct job *job = b->jobs; job; job = job->next)
        if (is_watched(job))
            return true;
    return false;
}

enum status script_look(struct build *b, bool *came, struct error *err)
{
    *came = false;
    for (struct job *job = b->jobs; job; job = job->next) {
        bool changed;
        if (!is_watched(job))
            continue;
        TRY(read_file(b, job, false, &changed, err));
        *came |= changed;
    }
    return OK;
}

/* ---- the end ---- */

enum status script_finish(struct build *b, struct job *job, bool with_0, struct error *err)
{
    const struct script *script = job->run->script;
    struct arena *arena;
    bool changed;
    enum status s;

    if (script->last && !with_0)
        return OK;
    if (script->file)
        return read_file(b, job, with_0, &changed, err);
    if (!with_0 || !(script->last || script->t))
        return OK;
    if (!(arena = arena_open()))
        return error_memory(err);
    s = complete(b, job, arena, err);
    arena_close(arena);
    return s;
}

static const char *missing_pattern(struct build *b, const struct script *script)
{
    const struct pattern *p = script->t && !script->t->ever ? script->t : NULL;

    for (size_t i = 0; i < script->n && !p; i++)
        if (!script->patterns[i].ever)
            p = &script->patterns[i];
    if (p)
        return arena_printf(b->arena, "no line of it matches %s = \"%s\"", p->metric, p->text);
    return arena_printf(b->arena, "its patterns have matched, but never all of them in one report");
}

static const char *missing_row(struct build *b, const struct script *script)
{
    if (script->look.ino == 0)
        return arena_printf(b->arena, "it has not written \"%s\"", script->file);
    if (script->columns && *script->columns)
        return arena_printf(b->arena, "\"%s\" has no row with a number for %s; its columns: %.*s%s",
                            script->file, script->metric, (int)SHOWN, script->columns,
                            strlen(script->columns) > SHOWN ? "..." : "");
    return arena_printf(b->arena, "\"%s\" has no row with a number for %s", script->file,
                        script->metric);
}

const char *script_missing(struct build *b, const struct job *job)
{
    const struct script *script = job->run->script;
    const char *why = script->file ? missing_row(b, script) : missing_pattern(b, script);

    return why ? arena_printf(b->arena, "it ended with status 0 without a report: %s", why) : NULL;
}
