/* local: one poll over all processes, one event at a time. Start at local_start and local_next. */
#include "engine/executor/local.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/content/tree.h"
#include "cache/store.h"
#include "engine/executor/environment.h"
#include "engine/executor/local_state.h"
#include "engine/executor/memory.h"
#include "engine/executor/run_sh.h"
#include "engine/executor/slots.h"
#include "engine/executor/workspace.h"
#include "engine/graph/content.h"
#include "engine/graph/graph.h"
#include "engine/process/runner.h"
#include "engine/process/strays.h"
#include "engine/progress.h"

enum { TERM_SECONDS = 5, NAP_MS = 500, PIPE_BYTES = 1024 * 1024 };

static const int64_t second_ns = 1000000000;

static struct local *of(struct executor *x)
{
    return (struct local *)x;
}

static struct child *child_of(struct task *task)
{
    return (struct child *)task;
}

/* ---- time ---- */

/* Lets time go on, by at most a second more than we meant to sleep: the rest we were not there. */
static void look_at_clock(struct local *l, int64_t slept_ns)
{
    const int64_t real_ns = runner_now_ns();
    int64_t passed = real_ns - l->real_ns;

    if (passed > slept_ns + second_ns)
        passed = slept_ns + second_ns;
    l->real_ns = real_ns;
    l->now_ns += passed;
}

static int64_t local_now(const struct executor *x)
{
    return ((const struct local *)x)->now_ns;
}

/* ---- start ---- */

static bool local_has_slot(const struct executor *x)
{
    const struct slots *slots = &((const struct local *)x)->slots;

    return slots->cpus_used < slots->cpus;
}

/* What would be free if nobody held anything while it waits for a word. */
static bool fits_without_resting(const struct local *l, const struct request *r,
                                 struct share *share, struct slots *slots)
{
    for (const struct child *c = l->children; c; c = c->next)
        if (c->rests) {
            struct share held = c->share;
            held.cpus = 0;
            slots_give(slots, &held);
            slots_fit(slots, &held);
        }
    return slots_find(slots, &r->action->resources, r->others, share);
}

static enum status find_slot(const struct local *l, const struct request *r, struct arena *arena,
                             enum slot *slot, struct error *err)
{
    const struct resources *asked = &r->action->resources;
    struct slots slots = l->slots;
    struct share share;

    *slot = SLOT_FREE;
    TRY(slots_share(asked, arena, &share, err));
    if (slots_find(&slots, asked, r->others, &share))
        return OK;
    slots.now_ns = INT64_MAX - 1; /* when cards that are full for a while are not any more */
    *slot = slots_find(&slots, asked, r->others, &share) ? SLOT_LATER : SLOT_BUSY;
    slots = l->slots;
    if (!(slots.cards = arena_array(arena, slots.n_cards + 1, sizeof *slots.cards)))
        return error_memory(err);
    if (slots.n_cards > 0)
        memcpy(slots.cards, l->slots.cards, slots.n_cards * sizeof *slots.cards);
    if (fits_without_resting(l, r, &share, &slots))
        *slot = SLOT_HELD;
    return OK;
}

static enum status local_slot(struct executor *x, const struct request *r, enum slot *slot,
                              struct error *err)
{
    struct local *l = of(x);
    struct arena *arena = arena_open();
    enum status s;

    if (!arena)
        return error_memory(err);
    l->slots.now_ns = l->now_ns;
    s = local_find_cards(l, &r->action->resources, err);
    if (s == OK)
        s = slots_refuse(&l->slots, &r->action->resources, r->where, arena, err);
    if (s == OK)
        s = find_slot(l, r, arena, slot, err);
    arena_close(arena);
    if (s != ERR_FAILED)
        return s;
    *slot = SLOT_REFUSED;
    return OK;
}

/* Those at the front are served first. */
static void add_to_end(struct local *l, struct child *c)
{
    struct child **at = &l->children;

    while (*at)
        at = &(*at)->next;
    c->next = NULL;
    *at = c;
}

static void take_out(struct local *l, struct child *c)
{
    struct child **at = &l->children;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
}

static enum status local_start(struct executor *x, const struct request *r, struct task **task,
                               enum start_outcome *outcome, size_t *lost, struct error *err)
{
    struct local *l = of(x);
    struct surroundings surroundings = {.cpus = 0};
    struct arena *arena = arena_open();
    struct child *c = arena ? arena_alloc(arena, sizeof *c) : NULL;
    enum status s;

    if (!c) {
        arena_close(arena);
        return error_memory(err);
    }
    *c = (struct child){.arena = arena,
                        .workspace = {.lock = -1},
                        .birth = {-1, 0},
                        .log = -1,
                        .streams = {-1, -1, -1}};
    c->process = (struct process){.pidfd = -1, .output = -1, .input = -1};
    *outcome = START_STARTED;
    surroundings.task = &c->task;
    s = local_find_cards(l, &r->action->resources, err);
    if (s == OK)
        s = slots_share(&r->action->resources, arena, &c->share, err);
    if (s == OK) {
        (void)slots_find(&l->slots, &r->action->resources, r->others, &c->share);
        c->task.gpus = slots_weight(&l->slots, &c->share);
        s = local_fill_folder(l, c, r, &surroundings, outcome, lost, err);
    }
    if (s == OK && *outcome == START_STARTED)
        s = local_begin(l, c, r, &surroundings, err);
    if (s != OK || *outcome != START_STARTED) {
        if (c->server)
            preload_leave(c->server);
        local_free_child(l, c, false);
        return s;
    }
    slots_take(&l->slots, &c->share);
    add_to_end(l, c);
    *task = &c->task;
    return OK;
}

/* ---- to a task ---- */

static enum status local_say(struct executor *x, struct task *task, const char *line,
                             struct error *err)
{
    struct child *c = child_of(task);
    const char *whole = arena_printf(c->arena, "%s\n", line);

    (void)x;
    if (!whole)
        return error_memory(err);
    return runner_say(&c->process, whole, strlen(whole), err);
}

static void local_pause(struct executor *x, struct task *task, bool paused)
{
    (void)x;
    local_signal(child_of(task), paused ? SIGSTOP : SIGCONT);
}

/* What is on a GPU and in memory stays there. */
static struct share cpus_of(const struct child *c)
{
    return (struct share){.cpus = c->share.cpus};
}

static void local_rest(struct executor *x, struct task *task)
{
    struct child *c = child_of(task);
    const struct share cpus = cpus_of(c);

    if (!c->rests)
        slots_give(&of(x)->slots, &cpus);
    c->rests = true;
}

static bool local_wake(struct executor *x, struct task *task)
{
    struct slots *slots = &of(x)->slots;
    struct child *c = child_of(task);
    const struct share cpus = cpus_of(c);

    if (c->rests && slots->cpus - slots->cpus_used < c->share.cpus)
        return false;
    if (c->rests)
        slots_take(slots, &cpus);
    c->rests = false;
    return true;
}

/* The kernel is asked twice a second. */
static bool local_is_short(struct executor *x)
{
    struct local *l = of(x);

    if (l->now_ns >= l->ask_memory_ns) {
        l->ask_memory_ns = l->now_ns + NAP_MS * (int64_t)1000000;
        l->memory_is_short = memory_is_short();
    }
    return l->memory_is_short;
}

static void local_end(struct executor *x, struct task *task, bool by_force)
{
    struct child *c = child_of(task);

    if (c->unborn)
        local_abandon(c);
    if (by_force)
        local_signal(c, SIGKILL);
    if (by_force || c->kill_ns)
        return;
    look_at_clock(of(x), 0);
    c->kill_ns = local_now(x) + TERM_SECONDS * second_ns;
    local_signal(c, SIGTERM);
    local_signal(c, SIGCONT); /* it may be paused */
}

/* ---- end ---- */

static void local_close(struct executor *x, struct task *task, bool keep_folder)
{
    struct local *l = of(x);
    struct child *c = child_of(task);
    const bool runs = !c->process.ended && !c->unborn;

    take_out(l, c);
    interpreter_refuse(&c->birth);
    local_close_process(l, c);
    if (runs && !c->roomy)
        local_note_end(l, c);
    if (c->rests)
        c->share.cpus = 0;
    slots_give(&l->slots, &c->share);
    if (!c->found_full)
        slots_fit(&l->slots, &c->share);
    if (c->server)
        preload_leave(c->server);
    local_let_go(l, c, keep_folder);
}

/* ---- events ---- */

/* Everything that a task prints is also its log, until that is as long as a log may be. */
static enum status append_log(const struct local *l, struct child *c, const char *bytes, size_t n,
                              struct error *err)
{
    static const char full[] = "\nhpo: the log ends here: it is as long as a log may be\n";
    const int64_t left = l->machine.most_logged - c->logged;
    enum status s;

    if (left <= 0)
        return OK;
    s = file_write_all(c->log, c->task.log, bytes, (int64_t)n < left ? n : (size_t)left, err);
    if (s == OK && (int64_t)n >= left)
        s = file_write_all(c->log, c->task.log, full, sizeof full - 1, err);
    c->logged += (int64_t)n;
    return s;
}

/* What has come from the process; *event stays NONE where nothing has. */
static enum status read_output(struct local *l, struct child *c, struct executor_event *event,
                               struct error *err)
{
    ssize_t n;

    if (c->process.output < 0)
        return OK;
    do
        n = read(c->process.output, l->bytes, sizeof l->bytes);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EIO) /* so a terminal ends */
        n = 0;
    if (n < 0 && errno != EAGAIN)
        return error_system(err, c->task.log, "read the output of the command");
    if (n > 0)
        TRY(append_log(l, c, l->bytes, (size_t)n, err));
    c->late += c->process.ended && n > 0 ? (size_t)n : 0;
    if (n > 0 && c->watched) /* it may have asked, and then said this */
        TRY(local_poll_process(l, c, err));
    if (n > 0 && !c->task.caught)
        *event = (struct executor_event){
            .kind = EVENT_OUTPUT, .task = &c->task, .bytes = l->bytes, .n = (size_t)n};
    /* After its end only the pipe can hold more; who still writes is none of the task's. */
    if (n == 0 || (c->process.ended && (n < 0 || c->late > PIPE_BYTES))) {
        close(c->process.output);
        c->process.output = -1;
    }
    return OK;
}

/* One event of this process; *event stays NONE where there is none. */
static enum status look_at_child(struct local *l, struct child *c, struct executor_event *event,
                                 struct error *err)
{
    if (c->unborn)
        return c->birth.reply >= 0 ? local_bear(l, c, err) : OK;
    if (!c->process.ended) {
        TRY(local_poll_process(l, c, err));
        if (c->process.ended && !c->roomy)
            local_note_end(l, c);
    }
    TRY(read_output(l, c, event, err));
    if (event->kind == EVENT_NONE && c->process.ended && c->process.output < 0 && !c->told) {
        c->told = true;
        if (c->task.out) /* all it said is known: its checkpoint may be taken */
            workspace_leave(&c->workspace);
        *event = (struct executor_event){.kind = EVENT_EXIT,
                                         .task = &c->task,
                                         .exit_code =
                                             c->task.caught ? 128 + SIGKILL : c->process.exit_code};
    }
    return OK;
}

static void keep_promises(struct local *l)
{
    for (struct child *c = l->children; c; c = c->next)
        if (c->kill_ns && l->now_ns >= c->kill_ns && !c->process.ended)
            local_signal(c, SIGKILL);
}

/* Never long, so that a stop of this program is noticed: see look_at_clock. */
static int sleep_ms(const struct local *l, int64_t until_ns)
{
    const int64_t nap_ns = l->now_ns + NAP_MS * (int64_t)1000000;

    if (until_ns > nap_ns)
        until_ns = nap_ns;
    for (const struct child *c = l->children; c; c = c->next) {
        if (c->kill_ns > l->now_ns && c->kill_ns < until_ns && !c->process.ended)
            until_ns = c->kill_ns;
        if (c->process.ended && !c->told)
            return 0;
    }
    return until_ns <= l->now_ns ? 0 : (int)((until_ns - l->now_ns) / 1000000 + 1);
}

/* What is readable when a process has ended, or an unborn one is there. */
static int end_of(const struct child *c)
{
    return c->unborn ? c->birth.reply : c->process.ended ? -1 : c->process.pidfd;
}

/* Sleeps until something may have come. *woken: from outside. */
static enum status wait_for_any(struct local *l, int ms, bool *any, bool *woken, struct error *err)
{
    struct arena *arena = arena_open();
    struct pollfd *fds;
    nfds_t n = 1;
    int came, left = 0; /* of which more is to be told, whatever poll says */

    for (const struct child *c = l->children; c; c = c->next) {
        n += 2;
        left += c->process.ended && !c->told;
    }
    for (const struct server *s = preload_servers(l->preload); s; s = s->next)
        n++;
    fds = arena ? arena_array(arena, n, sizeof *fds) : NULL;
    if (!fds) {
        arena_close(arena);
        return error_memory(err);
    }
    fds[0] = (struct pollfd){.fd = l->machine.wake, .events = POLLIN};
    n = 1;
    for (const struct child *c = l->children; c; c = c->next) {
        fds[n++] = (struct pollfd){.fd = end_of(c), .events = POLLIN};
        fds[n++] = (struct pollfd){.fd = c->unborn ? -1 : c->process.output, .events = POLLIN};
    }
    for (const struct server *s = preload_servers(l->preload); s; s = s->next)
        fds[n++] = (struct pollfd){.fd = s->interpreter.socket, .events = POLLIN};
    came = poll(fds, n, ms);
    *any = came > 0 || left > 0;
    *woken = came < 0 ? errno == EINTR : fds[0].revents != 0;
    n = 1;
    for (struct child *c = l->children; c && *any; c = c->next, n += 2)
        c->ready = (c->process.ended && !c->told) || fds[n].revents || fds[n + 1].revents;
    arena_close(arena);
    look_at_clock(l, ms * (int64_t)1000000);
    return OK;
}

/* What is there already; *event stays NONE where nothing is. */
static enum status find_event(struct local *l, struct executor_event *event, struct error *err)
{
    for (struct child *c = l->children; c; c = c->next) {
        if (c->ready)
            TRY(look_at_child(l, c, event, err));
        if (event->kind != EVENT_NONE) {
            take_out(l, c);
            add_to_end(l, c); /* one that always speaks lets others speak */
            break;
        }
    }
    return OK;
}

static enum status local_next(struct executor *x, int64_t until_ns, struct executor_event *event,
                              struct error *err)
{
    struct local *l = of(x);
    bool any = true, woken = false;

    *event = (struct executor_event){.kind = EVENT_NONE};
    look_at_clock(l, 0);
    while (any && event->kind == EVENT_NONE) {
        keep_promises(l);
        TRY(local_begin_more(l, err));
        TRY(wait_for_any(l, l->gone ? 0 : sleep_ms(l, until_ns), &any, &woken, err));
        if (woken)
            event->kind = EVENT_WAKE;
        else if (any)
            TRY(find_event(l, event, err));
        else if (local_remove_gone(l))
            any = true; /* and something may have come meanwhile */
        else
            any = l->now_ns < until_ns; /* it was only time to keep a promise */
    }
    return OK;
}

static const struct executor_calls calls = {
    .has_slot = local_has_slot,
    .slot = local_slot,
    .start = local_start,
    .say = local_say,
    .pause = local_pause,
    .rest = local_rest,
    .wake = local_wake,
    .is_short = local_is_short,
    .cards = local_cards,
    .blame = local_blame,
    .end = local_end,
    .close = local_close,
    .next = local_next,
    .now = local_now,
};

enum status local_executor_open(const struct local_machine *machine, struct arena *arena,
                                struct executor **out, struct error *err)
{
    struct local *l = arena_alloc(arena, sizeof *l);

    if (!l)
        return error_memory(err);
    l->executor.calls = &calls;
    l->machine = *machine;
    l->arena = arena;
    l->slots = (struct slots){.cpus = machine->cpus, .memory = machine->memory};
    l->leftovers.arena = arena;
    TRY(preload_open(&l->machine, &l->leftovers, arena, &l->preload, err));
    if (machine->sandbox != SANDBOX_OFF) {
        TRY(local_find_system(l, err));
        TRY(rooms_open(machine->reaper, 2 * (size_t)machine->cpus, &l->rooms, err));
    }
    l->real_ns = runner_now_ns();
    l->children_list = strays_adopt();
    *out = &l->executor;
    return OK;
}

void local_executor_close(struct executor *x)
{
    while (x && of(x)->children)
        local_close(x, &of(x)->children->task, false);
    while (x && local_remove_gone(of(x)))
        continue;
    if (x) {
        preload_close(of(x)->preload);
        rooms_close(of(x)->rooms);
        of(x)->rooms = NULL;
        local_reap_orphans(of(x));
    }
    if (x && of(x)->children_list >= 0)
        close(of(x)->children_list);
}
