/* hpo log: what an action, or its last failure, printed; for a trial, what each run printed; of
 * what runs now, what it has printed so far. Start at print_log. */
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "cache/content/blob.h"
#include "cache/results/index.h"
#include "engine/commands/commands.h"
#include "engine/commands/past.h"
#include "engine/commands/reader.h"
#include "engine/execution/session.h"
#include "engine/execution/trial_units.h"
#include "engine/graph/node.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/running.h"

enum { LOG_LIMIT = 1 << 30, POLL_MS = 200 };

/* Whose log it is, and how much of it was printed. */
struct reading {
    const struct options *o;
    struct store *store;
    const char *recipe, *arguments;
    int64_t run; /* the build that is followed; 0: none yet */
    size_t
        printed; /* logs, in the order in which tasks of the node ended, the open one with them */
    int fd;      /* of a task that runs, or -1 */
    char path[4096];
};

/* ---- logs that are kept ---- */

/* The log of one key; *found: there is one, which is printed unless `skip`. */
static enum status print_one(struct store *store, const struct digest *key, bool skip,
                             struct arena *arena, bool *found, struct error *err)
{
    struct failure f;
    struct result r;
    struct digest log;
    void *bytes;
    size_t n;
    enum status s = history_failure_get(store, key, arena, &f, err);

    *found = false;
    if (s == OK && f.has_log) {
        log = f.log;
    } else {
        s = index_result_get(store, key, arena, &r, err);
        if (s == ERR_NOT_FOUND || (s == OK && !r.has_log))
            return OK;
        TRY(s);
        log = r.log;
    }
    *found = true;
    if (skip)
        return OK;
    TRY(blob_read(store, &log, LOG_LIMIT, arena, &bytes, &n, err));
    return progress_data(bytes, n, err);
}

/* Those that were not printed yet. */
static enum status print_kept(struct reading *r, const struct node_key *keys, size_t n,
                              struct arena *arena, struct error *err)
{
    size_t logs = 0;

    for (size_t i = 0; i < n; i++) {
        bool found;
        TRY(print_one(r->store, &keys[i].key, logs < r->printed, arena, &found, err));
        logs += found;
    }
    if (logs > r->printed)
        r->printed = logs;
    return OK;
}

/* As earlier builds left it. */
static enum status print_past(struct reading *r, struct arena *arena, struct error *err)
{
    const struct node_name of = {r->recipe, r->o->words[0], r->o->run};
    struct node_key *keys;
    struct error second;
    enum status s = OK, said = OK;
    size_t n;

    TRY(trial_units(r->store, &of, r->arguments, arena, &keys, &n, err));
    if (n == 0)
        TRY(node_trial(r->store, &of, arena, &keys, &n, err));
    if (n == 0) {
        s = node_keys(r->store, &of, arena, &keys, &n, err);
        n = 1; /* the newest */
    }
    if (s == ERR_INPUT || (s == OK && keys[0].run > 0))
        said = past_killed(r->o, r->store, r->recipe, r->arguments, s == OK ? keys[0].run : 0,
                           arena, &second);
    TRY(s);
    if (said != OK) {
        *err = second;
        return said;
    }
    return print_kept(r, keys, n, arena, err);
}

/* ---- a log that grows ---- */

/* The bytes without those of a character whose end has yet to come. */
static size_t whole_characters(const char *bytes, size_t n)
{
    for (size_t back = 1; back <= 3 && back < n; back++) {
        const unsigned char c = (unsigned char)bytes[n - back];
        if (c < 0x80)
            break;
        if (c >= 0xc0)
            return text_utf8_length(bytes + n - back, back) == back ? n : n - back;
    }
    return n;
}

static enum status print_growth(struct reading *r, struct error *err)
{
    char bytes[65536];
    ssize_t got;

    while (r->fd >= 0 && (got = read(r->fd, bytes, sizeof bytes)) > 0) {
        const size_t n = whole_characters(bytes, (size_t)got);
        TRY(progress_data(bytes, n, err));
        if (n < (size_t)got) {
            (void)lseek(r->fd, (off_t)n - (off_t)got, SEEK_CUR);
            return OK;
        }
    }
    return OK;
}

/* The task has ended, or another one has begun: the rest of its log. */
static enum status close_log(struct reading *r, struct error *err)
{
    const enum status s = print_growth(r, err);

    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    return s;
}

static enum status open_log(struct reading *r, const char *path, struct error *err)
{
    if (r->fd >= 0 && strcmp(path, r->path) == 0)
        return print_growth(r, err);
    TRY(close_log(r, err));
    if (strlen(path) >= sizeof r->path || (r->fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        return OK; /* it has just ended: its log is kept */
    memcpy(r->path, path, strlen(path) + 1);
    r->printed++;
    return print_growth(r, err);
}

/* Whether nothing more will come of the trial. */
static bool has_ended(const struct running_build *live, const char *name)
{
    const char *slash = strrchr(name, '/');

    for (size_t i = 0; slash && i < live->board.n_studies; i++) {
        const struct board_study *s = &live->board.studies[i];
        if (strlen(s->name) != (size_t)(slash - name) ||
            strncmp(s->name, name, (size_t)(slash - name)) != 0)
            continue;
        for (size_t k = 0; k < s->n && s->open; k++) {
            const char *status = s->trials[k].status;
            struct error ignored;
            int64_t trial;
            if (text_parse_integer(slash + 1, "", 0, INT32_MAX, &trial, &ignored) == OK &&
                s->trials[k].trial == trial)
                return strcmp(status, "completed") == 0 || strcmp(status, "stopped") == 0 ||
                       strcmp(status, "failed") == 0;
        }
        return !s->open;
    }
    return true; /* an action that has a key has begun, and does not run any more */
}

/* The build that was followed is gone, and its table tells what its last state did not. */
static enum status print_rest(struct reading *r, struct arena *arena, struct error *err)
{
    const struct node_name of = {r->recipe, r->o->words[0], r->run};
    struct node_key *keys;
    size_t n;

    TRY(close_log(r, err));
    TRY(trial_units(r->store, &of, r->arguments, arena, &keys, &n, err));
    return print_kept(r, keys, n, arena, err);
}

/* What the build that runs has of it by now. *more: something may come. */
static enum status print_now(struct reading *r, struct arena *arena, bool *more, struct error *err)
{
    struct running_build live;
    const struct board_job *job;
    struct node_key *keys;
    size_t n;

    TRY(running_find(r->store, r->recipe, r->arguments, r->run, arena, &live, err));
    if (!live.run && r->run) {
        *more = false;
        return print_rest(r, arena, err);
    }
    r->run = live.run;
    TRY(running_keys(&live, r->o->words[0], arena, &keys, &n, err));
    job = running_job(&live, r->o->words[0]);
    *more = live.run && (job || n == 0 || !has_ended(&live, r->o->words[0]));
    if (!job || strcmp(job->log ? job->log : "", r->path) != 0)
        TRY(close_log(r, err));
    if (n > 0)
        TRY(print_kept(r, keys, n, arena, err));
    if (job && job->log)
        TRY(open_log(r, job->log, err));
    return OK;
}

/* Until the task, the trial or the build has ended. */
static enum status follow(struct reading *r, struct error *err)
{
    const struct timespec pause = {0, POLL_MS * 1000000L};
    enum status s = OK;
    bool more = true;

    while (s == OK && more) {
        struct arena *arena = arena_open();
        if (!arena)
            return error_memory(err);
        s = print_now(r, arena, &more, err);
        arena_close(arena);
        if (s == OK && more)
            (void)nanosleep(&pause, NULL);
    }
    return s;
}

/* ---- the command ---- */

static enum status find_arguments(struct reading *r, struct arena *arena, struct error *err)
{
    struct error unread;

    TRY(session_recipe(r->o, arena, &r->recipe, err));
    if (r->o->n_sets > 0 && session_arguments(r->o, arena, &r->arguments, &unread) != OK &&
        !(r->arguments = options_arguments(r->o, arena)))
        return error_memory(err);
    return OK;
}

/* Something runs that may print, so what is absent now may yet come. */
static enum status print_all(struct reading *r, struct arena *arena, struct error *err)
{
    struct error unknown;
    struct run run;
    bool more;
    enum status s;

    if (r->o->run > 0) {
        TRY(past_run(r->o, r->store, r->recipe, arena, &run, err));
        return print_past(r, arena, err);
    }
    TRY(print_now(r, arena, &more, err));
    if (r->printed > 0)
        return r->o->follow && more ? follow(r, err) : OK;
    s = print_past(r, arena, &unknown);
    if (s == OK || s != ERR_INPUT) {
        *err = unknown;
        return s;
    }
    if (r->o->follow && more) {
        TRY(follow(r, err));
        s = r->printed > 0 ? OK : print_past(r, arena, &unknown);
    }
    *err = unknown;
    return s;
}

static enum status print_log(const struct options *o, struct store *store, struct arena *arena,
                             struct error *err)
{
    struct reading r = {.o = o, .store = store, .fd = -1};
    enum status s;

    TRY(find_arguments(&r, arena, err));
    s = print_all(&r, arena, err);
    if (r.fd >= 0)
        close(r.fd);
    TRY(s);
    if (r.printed == 0)
        return error_set(err, ERR_INPUT, o->words[0],
                         "there is no log: a run of units keeps one with its last unit");
    return OK;
}

enum status log_command(const struct options *o, struct arena *arena, struct error *err)
{
    return read_store(o, arena, print_log, err);
}
