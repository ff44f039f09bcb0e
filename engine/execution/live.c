/* live: gathers a board from the build, draws it, writes it. Start at live_look. */
#include "engine/execution/live.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "engine/eta.h"
#include "engine/execution/job.h"
#include "engine/execution/left.h"
#include "engine/execution/run_state.h"
#include "engine/execution/waiting.h"
#include "engine/process/runner.h"
#include "engine/running.h"

enum {
    DRAW_MS = 100,
    WRITE_MS = 1000,
    SHARE = 100 /* at most a hundredth of the time goes into each */
};

static const int64_t ms_ns = 1000000;

struct live {
    struct running file;
    struct left *left;
    struct eta_clock clock;
    int64_t started; /* in seconds since 1970 */
    int64_t started_ns, draw_ns, write_ns;
};

/* ---- gather ---- */

static void count_actions(const struct build *b, struct board *board)
{
    for (int i = 0; i < graph_size(b->graph); i++)
        if (graph_node(b->graph, i)->kind == NODE_ACTION) {
            board->total += plan_state(b->plan, i) != PLAN_IDLE;
            board->done += plan_state(b->plan, i) == PLAN_DONE;
        }
}

static const char *hex_of(const struct digest *key, struct arena *arena)
{
    char *hex = arena_alloc(arena, DIGEST_HEX + 1);

    if (hex)
        digest_hex(key, hex);
    return hex;
}

static struct board_job board_job(const struct build *b, const struct job *job, struct arena *arena)
{
    const struct run *run = job->run;
    struct board_job out = {.label = job->label,
                            .trial = run != NULL,
                            .log = job->task->log,
                            .seconds = job_seconds(job)};
    const struct unit *next;

    if (!run) {
        out.key = hex_of(&b->work[job->node]->key, arena);
        out.description = b->work[job->node]->description;
        return out;
    }
    next = run->units[run->reported < run->n ? run->reported : run->n - 1];
    out.t = run->reported > 0 ? run->units[run->reported - 1]->t : run->from ? run->from->t : 0;
    out.key = hex_of(&next->key, arena);
    if (waiting_is(job))
        out.seconds = -1;
    return out;
}

static enum status gather_jobs(const struct build *b, struct board *board, struct arena *arena,
                               struct error *err)
{
    size_t n = 0;

    for (const struct job *job = b->jobs; job; job = job->next)
        n++;
    if (!(board->jobs = arena_array(arena, n + 1, sizeof *board->jobs)))
        return error_memory(err);
    for (const struct job *job = b->jobs; job; job = job->next) {
        const int cpus = graph_node(b->graph, job->node)->action.resources.cpus;
        board->jobs[board->n_jobs++] = board_job(b, job, arena);
        if (!waiting_is(job))
            board->slots_used += cpus > 1 ? cpus : 1;
    }
    board->gpus = executor_cards(b->executor).there;
    board->gpus_used = executor_cards(b->executor).used;
    board->slots = b->o->jobs;
    if (board->slots_used > board->slots) /* who asks for more than there is gets all */
        board->slots_used = board->slots;
    return OK;
}

/* What runs of each trial. */
static void add_jobs(const struct build *b, struct board_study *s)
{
    int trial;

    for (const struct job *job = b->jobs; job; job = job->next)
        if (!waiting_is(job) && job_is_of(job, s->name, &trial) && (size_t)trial < s->n) {
            s->trials[trial].seconds = job_seconds(job);
            s->trials[trial].status = "running";
        }
}

/* The words of the rows. */
static void count_rows(struct board_study *s)
{
    const struct {
        const char *word;
        int *n;
    } counts[] = {{"running", &s->running},     {"waiting", &s->waiting}, {"paused", &s->paused},
                  {"completed", &s->completed}, {"stopped", &s->stopped}, {"failed", &s->failed}};

    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
            *counts[k].n += strcmp(s->trials[i].status, counts[k].word) == 0;
}

static enum status gather_study(const struct build *b, int node, struct arena *arena,
                                struct board_study *out, struct error *err)
{
    const struct study *study = b->work[node]->study;
    const char *params;
    const struct unit *best;
    struct study_counts counts;

    study_count(study, &counts);
    *out = (struct board_study){.name = graph_label(b->graph, node),
                                .metric = study_spec(study)->metric,
                                .open = plan_state(b->plan, node) == PLAN_BUSY,
                                .n_trials = counts.trials,
                                .samples = counts.samples,
                                .n = study_trials(study)};
    best = study_best(study, &out->best, &params, &out->best_value);
    out->best_t = best ? best->t : 0;
    if (!out->name || !(out->trials = arena_array(arena, out->n + 1, sizeof *out->trials)))
        return error_memory(err);
    for (size_t i = 0; i < out->n; i++) {
        struct study_trial t;
        study_trial(study, i, b->run, &t);
        out->trials[i] = (struct board_trial){.trial = t.number,
                                              .t = t.t,
                                              .params = t.params,
                                              .status = t.runs ? "waiting" : t.status,
                                              .value = t.value,
                                              .seconds = -1};
    }
    add_jobs(b, out);
    count_rows(out);
    return OK;
}

/* Open studies come first. */
static enum status gather_studies(const struct build *b, struct board *board, struct arena *arena,
                                  struct error *err)
{
    if (!(board->studies = arena_array(arena, b->studies.n + 1, sizeof *board->studies)))
        return error_memory(err);
    for (int open = 1; open >= 0; open--)
        for (size_t i = 0; i < b->studies.n; i++) {
            const int node = b->studies.nodes[i];
            if (!b->work[node]->study || (plan_state(b->plan, node) == PLAN_BUSY) != open)
                continue;
            TRY(gather_study(b, node, arena, &board->studies[board->n_studies++], err));
        }
    return OK;
}

static enum status gather(struct build *b, struct arena *arena, struct board *out,
                          struct error *err)
{
    struct live *live = b->live;
    double left;

    *out = (struct board){.recipe = b->recipe_path,
                          .run = b->run,
                          .ran = b->counts.ran,
                          .cached = b->counts.cached,
                          .failed = b->counts.failed,
                          .seconds = (double)(runner_now_ns() - live->started_ns) / 1e9};
    count_actions(b, out);
    TRY(gather_jobs(b, out, arena, err));
    TRY(gather_studies(b, out, arena, err));
    TRY(left_estimate(b, live->left, arena, &left, err));
    out->left = eta_show(&live->clock, out->seconds, left);
    return OK;
}

/* ---- for other processes ---- */

static void add_node(struct text *t, const char *name, const struct digest *key)
{
    char hex[DIGEST_HEX + 1];

    digest_hex(key, hex);
    text_add(t, t->bytes[t->n - 1] == '[' ? "" : ", ");
    json_write_string(t, name);
    text_printf(t, ", \"%s\"", hex);
}

/* A study, and where its units are named. */
struct naming {
    const char *study;
    struct text *text;
    struct arena *arena;
};

static void add_unit(void *context, int trial, struct unit *u)
{
    const struct naming *naming = context;
    const char *name = arena_printf(naming->arena, "%s/%d/%d", naming->study, trial, u->t);

    if (name)
        add_node(naming->text, name, &u->key);
}

/* What ran or runs in this build: of everything else the history knows the key. */
static void write_nodes(const struct build *b, struct arena *arena, struct text *t)
{
    text_add(t, "[");
    for (size_t i = 0; i < b->n_work; i++) {
        const struct work *w = b->work[i];
        const enum plan_state state = plan_state(b->plan, (int)i);
        if (w && w->keyed && !w->cached && !w->recalled &&
            (state == PLAN_BUSY || state == PLAN_DONE || state == PLAN_FAILED) &&
            graph_node(b->graph, (int)i)->kind == NODE_ACTION)
            add_node(t, graph_label(b->graph, (int)i), &w->key);
    }
    for (size_t i = 0; i < b->studies.n; i++) {
        const struct study *study = b->work[b->studies.nodes[i]]->study;
        struct naming naming = {graph_label(b->graph, b->studies.nodes[i]), t, arena};
        if (study)
            study_units(study, add_unit, &naming);
    }
    text_add(t, "]\n");
}

static enum status write_tables(const struct build *b, struct text *t, struct error *err)
{
    const char *between = "";

    text_add(t, "{\"studies\": [");
    for (size_t i = 0; i < b->studies.n; i++) {
        const struct study *study = b->work[b->studies.nodes[i]]->study;
        if (!study || study_trials(study) == 0)
            continue;
        text_add(t, between);
        between = ", ";
        TRY(study_table_now(study, graph_label(b->graph, b->studies.nodes[i]), t, err));
    }
    text_add(t, "]}\n");
    return OK;
}

/* board NULL: nothing is known yet but that it runs. */
static enum status write_state(const struct build *b, const struct board *board,
                               struct arena *arena, struct error *err)
{
    struct text t = text_in(arena);
    char *bytes;
    size_t n;

    text_add(&t, "{\"recipe\": ");
    json_write_string(&t, b->recipe_path);
    text_add(&t, ", \"arguments\": ");
    json_write_string(&t, b->arguments);
    text_printf(&t, ", \"started\": %lld, \"overhead\": ", (long long)b->live->started);
    json_write_number(&t, left_overhead(b));
    if (board) {
        text_add(&t, ", \"board\": ");
        board_write(board, &t);
    }
    text_add(&t, "}\n");
    TRY(write_tables(b, &t, err));
    write_nodes(b, arena, &t);
    TRY(text_finish(&t, &bytes, &n, err));
    running_write(&b->live->file, bytes, n);
    return OK;
}

/* ---- its life ---- */

enum status live_begin(struct build *b, int64_t started, struct error *err)
{
    struct live *live = arena_alloc(b->arena, sizeof *live);
    struct error ignored;

    if (!live)
        return error_memory(err);
    *live = (struct live){.clock = eta_clock(), .started = started, .started_ns = runner_now_ns()};
    TRY(left_open(b, &live->left, err));
    TRY(running_begin(b->store, b->run, b->arena, &live->file, err));
    b->live = live;
    (void)!write_state(b, NULL, b->arena, &ignored);
    return OK;
}

void live_end(struct build *b)
{
    if (!b->live)
        return;
    running_end(&b->live->file);
    b->live = NULL;
}

/* ---- when ---- */

static int64_t next_time(int64_t begun_ns, int64_t spent_ns, int least_ms)
{
    const int64_t pause = SHARE * spent_ns;

    return begun_ns + spent_ns + (pause > least_ms * ms_ns ? pause : least_ms * ms_ns);
}

static void look(struct build *b, struct arena *arena, bool draws, bool writes)
{
    struct live *live = b->live;
    const int64_t begun = runner_now_ns();
    int64_t gathered;
    struct error ignored; /* for want of memory: the next look may see more */
    struct board board;

    if (gather(b, arena, &board, &ignored) != OK)
        return;
    gathered = runner_now_ns() - begun;
    if (draws) {
        progress_show(b->progress, &board);
        live->draw_ns = next_time(begun, runner_now_ns() - begun, DRAW_MS);
    }
    if (writes) {
        const int64_t before = runner_now_ns();
        (void)!write_state(b, &board, arena, &ignored);
        live->write_ns = next_time(before, runner_now_ns() - before + gathered, WRITE_MS);
    }
}

void live_look(struct build *b)
{
    struct live *live = b->live;
    struct arena *arena;
    int64_t now;
    bool draws, writes;

    if (!live)
        return;
    now = runner_now_ns();
    draws = progress_wants_status(b->progress) &&
            (now >= live->draw_ns || progress_was_resized(b->progress));
    writes = now >= live->write_ns;
    if ((!draws && !writes) || !(arena = arena_open()))
        return;
    look(b, arena, draws, writes);
    arena_close(arena);
}
