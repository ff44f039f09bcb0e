/* hpo runs: the builds so far, the newest first. */
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

enum { LIMIT = 1000 };

static void add_json(struct text *t, const struct run *r)
{
    text_printf(t, "{\"run\": \"%lld\", \"recipe\": ", (long long)r->id);
    json_write_string(t, r->recipe);
    text_printf(t, ", \"set\": %s, \"started\": %lld, \"seconds\": ", r->arguments,
                (long long)r->started);
    json_write_number(t, r->seconds);
    text_printf(t, ", \"ran\": %lld, \"cached\": %lld, \"failed\": %lld, \"status\": ",
                (long long)r->ran, (long long)r->cached, (long long)r->failed);
    json_write_string(t, r->status ? r->status : "killed");
    text_add(t, "}");
}

static void add_line(struct text *t, const struct run *r)
{
    char when[32] = "";
    time_t started = (time_t)r->started;
    struct tm tm;

    if (gmtime_r(&started, &tm))
        (void)!strftime(when, sizeof when, "%Y-%m-%d %H:%M:%SZ", &tm);
    text_printf(t, "%4lld  %s  %-11s %5lld ran %5lld cached %3lld failed %8.1f s  %s %s\n",
                (long long)r->id, when, r->status ? r->status : "killed", (long long)r->ran,
                (long long)r->cached, (long long)r->failed, r->seconds, r->recipe, r->arguments);
}

static enum status print_runs(const struct options *o, struct store *store, struct arena *arena,
                              struct error *err)
{
    struct text t = text_in(arena);
    struct run *runs;
    char *string;
    size_t n;

    TRY(history_runs(store, NULL, LIMIT, arena, &runs, &n, err));
    if (o->json)
        text_add(&t, "{\"runs\": [");
    for (size_t i = 0; i < n; i++) {
        if (o->json && i > 0)
            text_add(&t, ", ");
        if (o->json)
            add_json(&t, &runs[i]);
        else
            add_line(&t, &runs[i]);
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
