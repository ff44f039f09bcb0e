/* hpo runs: the builds so far, the newest first; of one that runs, how far it is. */
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "cache/records/history.h"
#include "engine/commands/commands.h"
#include "engine/commands/reader.h"
#include "engine/execution/session.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/running.h"

enum { LIMIT = 1000 };

/* A run, and the state that it is in while it runs. */
struct shown {
    const struct run *run;
    const char *status;
    double seconds;
    struct running_build live;
};

static void add_json(struct text *t, const struct shown *s)
{
    const struct run *r = s->run;
    const struct board *board = &s->live.board;

    text_printf(t, "{\"run\": \"%lld\", \"recipe\": ", (long long)r->id);
    json_write_string(t, r->recipe);
    text_printf(t, ", \"set\": %s, \"started\": %lld, \"seconds\": ", r->arguments,
                (long long)r->started);
    json_write_number(t, s->seconds);
    text_printf(t, ", \"ran\": %lld, \"cached\": %lld, \"failed\": %lld, \"status\": ",
                (long long)r->ran, (long long)r->cached, (long long)r->failed);
    json_write_string(t, s->status);
    if (board->run) {
        text_add(t, ", \"progress\": ");
        board_write(board, t);
    }
    text_add(t, "}");
}

/* How far it is, on a line of its own. */
static enum status add_progress(struct text *t, const struct shown *s, struct arena *arena,
                                struct error *err)
{
    char *line;

    if (!s->live.board.run)
        return OK;
    TRY(board_line(&s->live.board, INT32_MAX, arena, &line, err));
    text_printf(t, "      %s\n", line);
    return OK;
}

static enum status add_line(struct text *t, const struct shown *s, struct arena *arena,
                            struct error *err)
{
    const struct run *r = s->run;
    char when[32] = "";
    time_t started = (time_t)r->started;
    struct tm tm;

    if (gmtime_r(&started, &tm))
        (void)!strftime(when, sizeof when, "%Y-%m-%d %H:%M:%SZ", &tm);
    text_printf(t, "%4lld  %s  %-11s %5lld ran %5lld cached %3lld failed %8.1f s  %s %s\n",
                (long long)r->id, when, s->status, (long long)r->ran, (long long)r->cached,
                (long long)r->failed, s->seconds, r->recipe, r->arguments);
    return add_progress(t, s, arena, err);
}

/* What is to be said of a run; one without an end runs as long as it holds its lock. */
static enum status look_at(struct run *r, const struct store *store, struct arena *arena,
                           struct shown *out, struct error *err)
{
    *out = (struct shown){.run = r, .status = r->status, .seconds = r->seconds};
    if (r->status)
        return OK;
    out->status = "killed";
    if (!running_is(store, r->id))
        return OK;
    out->status = "running";
    out->seconds = difftime(time(NULL), (time_t)r->started);
    TRY(running_find(store, NULL, NULL, r->id, arena, &out->live, err));
    r->ran = out->live.board.ran;
    r->cached = out->live.board.cached;
    r->failed = out->live.board.failed;
    return OK;
}

/* Whether all runs without an end are alive: else one may have ended since they were read. */
static bool are_alive(const struct store *store, const struct run *runs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!runs[i].status && !running_is(store, runs[i].id))
            return false;
    return true;
}

static enum status print_runs(const struct options *o, struct store *store, struct arena *arena,
                              struct error *err)
{
    struct text t = text_in(arena);
    struct run *runs;
    char *string;
    size_t n;

    TRY(history_runs(store, NULL, LIMIT, arena, &runs, &n, err));
    if (!are_alive(store, runs, n))
        TRY(history_runs(store, NULL, LIMIT, arena, &runs, &n, err));
    if (o->json)
        text_add(&t, "{\"runs\": [");
    for (size_t i = 0; i < n; i++) {
        struct shown shown;
        TRY(look_at(&runs[i], store, arena, &shown, err));
        if (o->json && i > 0)
            text_add(&t, ", ");
        if (o->json)
            add_json(&t, &shown);
        else
            TRY(add_line(&t, &shown, arena, err));
    }
    if (o->json)
        text_add(&t, "]}\n");
    TRY(text_finish(&t, &string, &n, err));
    return progress_result(string, n, err);
}

enum status runs_command(const struct options *o, struct arena *arena, struct error *err)
{
    return read_store(o, arena, print_runs, err);
}
