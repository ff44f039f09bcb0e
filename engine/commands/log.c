/* hpo log: what an action, or its last failure, printed; for a trial, what each run printed. */
#include "base/arena.h"
#include "cache/content/blob.h"
#include "cache/results/index.h"
#include "engine/commands/commands.h"
#include "engine/commands/past.h"
#include "engine/commands/reader.h"
#include "engine/execution/session.h"
#include "engine/graph/node.h"
#include "engine/options.h"
#include "engine/progress.h"

enum { LOG_LIMIT = 1 << 30 };

/* Prints the log of one key; *printed: there is one. */
static enum status print_one(struct store *store, const struct digest *key, struct arena *arena,
                             bool *printed, struct error *err)
{
    struct failure f;
    struct result r;
    struct digest log;
    void *bytes;
    size_t n;
    enum status s = history_failure_get(store, key, arena, &f, err);

    if (s == OK && f.has_log) {
        log = f.log;
    } else {
        s = index_result_get(store, key, arena, &r, err);
        if (s == ERR_NOT_FOUND || (s == OK && !r.has_log))
            return OK;
        TRY(s);
        log = r.log;
    }
    *printed = true;
    TRY(blob_read(store, &log, LOG_LIMIT, arena, &bytes, &n, err));
    return progress_data(bytes, n, err);
}

static enum status print_log(const struct options *o, struct store *store, struct arena *arena,
                             struct error *err)
{
    struct node_name of = {.name = o->words[0], .run = o->run};
    struct run run;
    struct node_key *keys;
    bool printed = false;
    size_t n;

    TRY(session_recipe(o, arena, &of.recipe, err));
    if (o->run > 0)
        TRY(past_run(o, store, of.recipe, arena, &run, err));
    TRY(node_trial(store, &of, arena, &keys, &n, err));
    if (n == 0) {
        TRY(node_keys(store, &of, arena, &keys, &n, err));
        n = 1; /* the newest */
    }
    for (size_t i = 0; i < n; i++)
        TRY(print_one(store, &keys[i].key, arena, &printed, err));
    if (!printed)
        return error_set(err, ERR_INPUT, o->words[0],
                         "there is no log: a run of units keeps one with its last unit");
    return OK;
}

enum status log_command(const struct options *o, struct arena *arena, struct error *err)
{
    return read_store(o, arena, print_log, err);
}
