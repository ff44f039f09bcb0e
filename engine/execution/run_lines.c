/*
 * run_lines: the lines of a process that serves units: a report is an object with a number t,
 * anything else is log. Start at run_read.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "cache/history.h"
#include "cache/index.h"
#include "engine/execution/build.h"
#include "engine/execution/job.h"
#include "engine/execution/run.h"
#include "engine/execution/run_state.h"

enum { LINE_MAX_BYTES = 1 << 20 };

char *run_insurance_path(struct build *b, const struct unit *u, struct arena *arena)
{
    char hex[DIGEST_HEX + 1];

    digest_hex(&u->key, hex);
    return arena_printf(arena, "%s/%s.checkpoint", store_work(b->store), hex);
}

/* The canonical reports of a line: its top-level numbers by name, t among them. */
static enum status canonical_reports(const struct json *line, struct arena *arena, char **out,
                                     struct error *err)
{
    struct text t = text_in(arena);
    const char *before = "";

    text_add(&t, "{");
    for (bool first = true;; first = false) {
        const struct json_member *next = NULL;
        for (size_t i = 0; i < line->n; i++) {
            const struct json_member *m = &line->members[i];
            bool number = m->value.kind == JSON_NUMBER || m->value.kind == JSON_NULL;
            if (number && strcmp(m->name, before) > 0 && (!next || strcmp(m->name, next->name) < 0))
                next = m;
        }
        if (!next)
            break;
        text_add(&t, first ? "" : ", ");
        json_write_string(&t, next->name);
        text_add(&t, ": ");
        if (next->value.kind == JSON_NUMBER && isinf(next->value.number))
            text_add(&t, next->value.number < 0 ? "-Infinity" : "Infinity");
        else
            json_write(&t, &next->value);
        before = next->name;
    }
    text_add(&t, "}");
    return text_finish(&t, out, NULL, err);
}

static enum status wrong(struct build *b, struct job *job, const char *sentence)
{
    job->train->wrong = sentence ? sentence : "out of memory";
    job_terminate(job);
    (void)b;
    return OK;
}

/* A middle unit is known now. What was known before must be the same. */
enum status run_store_unit(struct build *b, struct job *job, struct unit *u, const char *reports,
                           struct error *err)
{
    struct result r = {.key = u->key,
                       .kind = "unit",
                       .name = job->label,
                       .reports = reports,
                       .seconds = job->train->seconds,
                       .run = b->run,
                       .used_day = b->today};
    enum put_outcome outcome;

    r.description = unit_description(u, b->arena);
    if (!r.description)
        return error_memory(err);
    TRY(index_result_put(b->store, &r, NULL, &outcome, err));
    if (outcome == PUT_DIFFERENT) {
        b->n_marked++;
        progress_warning(b->progress, "%s is not reproducible: t = %d was %s, and now is %s",
                         job->label, u->t, u->reports ? u->reports : "another", reports);
    }
    if (u->state != UNIT_KNOWN) {
        u->state = UNIT_KNOWN;
        TRY(unit_report(b->units, u, reports, err));
        u->seconds = r.seconds;
        u->run = b->run;
        TRY(history_failure_remove(b->store, &u->key, err));
    }
    return hold_claim(b, &u->key, err);
}

/* The folder that a line names as a checkpoint; NULL and a sentence where there is none such. */
static const char *checkpoint_folder(struct build *b, const struct train *run, const char *name,
                                     const char **sentence)
{
    struct stat st;
    char *folder = file_join(b->arena, run->out, name);

    *sentence = NULL;
    if (!folder)
        *sentence = "out of memory";
    else if (!file_is_inner_path(name))
        *sentence =
            arena_printf(b->arena, "its checkpoint \"%s\" is outside HPO_CHECKPOINT_OUT", name);
    else if (lstat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        *sentence = arena_printf(b->arena, "its checkpoint \"%s\" is not there", name);
    return *sentence ? NULL : folder;
}

/* The newest named checkpoint: the one before is not needed any more. */
static enum status note_checkpoint(struct build *b, struct job *job, struct unit *u,
                                   const char *folder, bool last, struct error *err)
{
    struct train *run = job->train;
    char *link = run_insurance_path(b, u, b->arena);

    if (run->named) {
        char *before = run_insurance_path(b, run->named_unit, b->arena);
        if (before)
            (void)unlink(before);
        if (strcmp(run->named, folder) != 0)
            TRY(file_remove(run->named, err));
    }
    run->named = folder;
    run->named_unit = u;
    if (!link)
        return error_memory(err);
    if (!last && (unlink(link), symlink(folder, link)) != 0)
        return error_system(err, link, "make a link");
    return OK;
}

/* One line that is a report. */
static enum status take_report(struct build *b, struct job *job, const struct json *line,
                               struct error *err)
{
    struct train *run = job->train;
    const struct json *t = json_get(line, "t"), *name = json_get(line, "checkpoint");
    struct unit *u = run->reported < run->n ? run->units[run->reported] : NULL;
    bool last = run->reported + 1 == run->n;
    const char *folder = NULL, *sentence;
    int64_t now = runner_now_ns();
    char *reports;
    enum status s;

    if (!u)
        return wrong(b, job,
                     arena_printf(b->arena, "it reported t = %lld after its last t = %d",
                                  (long long)t->integer, run->units[run->n - 1]->t));
    if (!t->whole || t->integer != u->t)
        return wrong(
            b, job,
            arena_printf(b->arena, "expected the report of t = %d, found t = %g", u->t, t->number));
    if (name && name->kind == JSON_STRING) {
        if (!(folder = checkpoint_folder(b, run, name->string, &sentence)))
            return wrong(b, job, sentence);
        TRY(note_checkpoint(b, job, u, folder, last, err));
    } else if (last && run->named) {
        return wrong(b, job, "it named a checkpoint before, and names none for its last t");
    }
    run->seconds = (double)(now - run->line_ns) / 1e9;
    run->line_ns = now;
    if (job->deadline_ns)
        job->deadline_ns = now + (int64_t)(graph_node(b->graph, job->node)->action.timeout * 1e9);
    s = job_check_sources(b, job, err);
    if (s == ERR_FAILED)
        return wrong(b, job, arena_printf(b->arena, "%s: %s", err->where, err->text));
    TRY(s);
    TRY(canonical_reports(line, b->arena, &reports, err));
    run->reported++;
    progress_verbose(b->progress, "%s %s", job->label, reports);
    if (last)
        run->last_reports = reports;
    else
        TRY(run_store_unit(b, job, u, reports, err));
    return OK;
}

/* A line is a report when it is an object with a number t; anything else is log. */
static enum status take_line(struct build *b, struct job *job, const char *line, size_t n,
                             struct error *err)
{
    struct arena *arena = arena_open();
    struct error ignored;
    struct json *json;
    const struct json *t = NULL;
    enum status s = ERR_INPUT;

    if (!arena)
        return error_memory(err);
    if (n > 0 && line[strspn(line, " \t")] == '{')
        s = json_parse(line, n, "report", JSON_NONFINITE, arena, &json, &ignored);
    if (s == OK)
        t = json_get(json, "t");
    s = s == ERR_MEMORY ? error_memory(err) : OK;
    if (t && t->kind == JSON_NUMBER && !job->train->wrong)
        s = take_report(b, job, json, err);
    arena_close(arena);
    return s;
}

/* Everything the process prints is also its log. */
static enum status append_log(const struct job *job, const char *bytes, size_t n, struct error *err)
{
    enum status s;
    int fd = open(job->log, O_WRONLY | O_APPEND | O_CLOEXEC);

    if (fd < 0)
        return error_system(err, job->log, "open");
    s = file_write_all(fd, job->log, bytes, n, err);
    close(fd);
    return s;
}

static enum status take_bytes(struct build *b, struct job *job, const char *bytes, size_t n,
                              struct error *err)
{
    struct train *run = job->train;

    while (n > 0) {
        const char *newline = memchr(bytes, '\n', n);
        size_t part = newline ? (size_t)(newline - bytes) : n;
        if (run->n_line + part > LINE_MAX_BYTES)
            part = 0; /* no report is that long: what stands there is log */
        if (run->n_line + part + 1 > run->line_capacity) {
            char *larger = arena_grow(job->arena, run->line, run->n_line, run->n_line + part + 1, 1,
                                      &run->line_capacity);
            if (!larger)
                return error_memory(err);
            run->line = larger;
        }
        memcpy(run->line + run->n_line, bytes, part);
        run->n_line += part;
        run->line[run->n_line] = '\0';
        if (!newline)
            return OK;
        TRY(take_line(b, job, run->line, run->n_line, err));
        run->n_line = 0;
        n -= (size_t)(newline - bytes) + 1;
        bytes = newline + 1;
    }
    return OK;
}

enum status run_read(struct build *b, struct job *job, struct error *err)
{
    char bytes[64 * 1024];

    while (job->process.output >= 0) {
        ssize_t n = read(job->process.output, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return OK;
        if (n <= 0) {
            close(job->process.output);
            job->process.output = -1;
            break;
        }
        TRY(append_log(job, bytes, (size_t)n, err));
        TRY(take_bytes(b, job, bytes, (size_t)n, err));
    }
    return OK;
}

enum status run_end_line(struct build *b, struct job *job, struct error *err)
{
    struct train *run = job->train;
    size_t n = run->n_line;

    run->n_line = 0;
    return n > 0 ? take_line(b, job, run->line, n, err) : OK;
}
