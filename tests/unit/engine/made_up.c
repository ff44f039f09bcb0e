/* made_up: see made_up.h. Start at next_event. */
#include "tests/unit/engine/made_up.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "engine/graph/graph.h"

enum { MOST_REPORTS = 6 };

enum fate { LIVES, DIES, HANGS, IS_LOST };

struct made_up_task {
    struct task task; /* first: a task is its made_up_task */
    struct made_up_task *next;
    struct executor_event event; /* of its end */
    enum fate fate;
    int at; /* the t before which its fate comes */
    int t, until;
    int most;       /* it ends by itself there; 0: only where it is told */
    int spare;      /* of a paused one: reports that it had written before */
    double x, loss; /* all of its state: a checkpoint is the loss reported with it */
    bool script, paused;
    bool trains, ending, speaks, keeps, rests, saving;
    char line[128];
    size_t n_line, said; /* bytes of the line, of which so many were given */
};

struct made_up_row {
    struct result result;
    bool held; /* its checkpoint lies where its trainer made it */
};

struct made_up_question {
    struct asker *asker;
    struct digest key;
};

static struct made_up *of_executor(struct executor *x)
{
    return (struct made_up *)x;
}

static struct made_up *of_results(struct results *r)
{
    return (struct made_up *)((char *)r - offsetof(struct made_up, results));
}

/* xorshift64*: Vigna 2016. */
static unsigned draw(struct made_up *m, unsigned n)
{
    m->random ^= m->random >> 12;
    m->random ^= m->random << 25;
    m->random ^= m->random >> 27;
    return (unsigned)((m->random * UINT64_C(2685821657736338717)) >> 33) % n;
}

/* Whether something goes wrong now, once in n times. */
static bool goes_wrong(struct made_up *m, unsigned n)
{
    if (m->faults == 0 || draw(m, n) != 0)
        return false;
    m->faults--;
    return true;
}

static void *must(void *memory)
{
    assert(memory);
    return memory;
}

static struct made_up_row *find(struct made_up *m, const struct digest *key)
{
    for (size_t i = 0; i < m->n_rows; i++)
        if (digest_equal(&m->rows[i].result.key, key))
            return &m->rows[i];
    return NULL;
}

/* ---- executor ---- */

static bool has_slot(const struct executor *x)
{
    const struct made_up *m = (const struct made_up *)x;

    return m->running - m->resting < m->slots;
}

static enum status slot(struct executor *x, const struct request *r, enum slot *slot,
                        struct error *err)
{
    (void)r, (void)err;
    *slot = has_slot(x) ? SLOT_FREE : SLOT_BUSY;
    return OK;
}

/* What the trainer goes on from. */
static double loss_of(struct made_up *m, const struct digest *checkpoint)
{
    static const char field[] = "\"loss\": ";
    const struct made_up_row *row = find(m, checkpoint);

    assert(row && row->result.has_tree && row->result.kept);
    return strtod(strstr(row->result.reports, field) + sizeof field - 1, NULL);
}

/* It knows no protocol: it reports as often as it likes, and its x is an argument. */
static void be_script(struct made_up_task *t, const struct action *action)
{
    t->script = true;
    t->x = strtod(action->run[1], NULL);
    t->most = 1 + (int)(t->x * MOST_REPORTS);
    assert(!t->speaks && t->t == 0);
}

static enum status start(struct executor *x, const struct request *r, struct task **task,
                         enum start_outcome *outcome, size_t *lost, struct error *err)
{
    struct made_up *m = of_executor(x);
    struct made_up_task *t = must(arena_alloc(m->arena, sizeof *t));

    (void)lost;
    assert(has_slot(x));
    *outcome = START_STARTED;
    if (r->checkpoint && goes_wrong(m, 6)) {
        m->gone++;
        (void)error_set(err, ERR_NOT_FOUND, "", "the made-up checkpoint is gone");
        *outcome = START_LOST_CHECKPOINT;
        return OK;
    }
    m->starts++;
    m->running++;
    t->trains = r->trains;
    t->speaks = r->speaks && draw(m, 4) != 0; /* some trainers cannot go on */
    t->keeps = draw(m, 2);
    t->t = r->from;
    t->until = r->until;
    t->x = r->action->params ? strtod(strstr(r->action->params, ":") + 1, NULL) : 0;
    t->loss = r->checkpoint ? loss_of(m, r->checkpoint) : 1;
    assert(!r->checkpoint == (r->from == 0));
    t->task.out = "out";
    t->task.dir = "dir";
    if (r->action->report)
        be_script(t, r->action);
    else if (r->action->may_end)
        t->most = 1 + (int)(t->x * MOST_REPORTS);
    if (goes_wrong(m, 4)) {
        t->fate = (enum fate)(1 + draw(m, 3));
        m->hangs += t->fate == HANGS;
        t->at = r->from + (int)draw(m, (unsigned)(r->until - r->from) + 1);
    }
    t->next = m->tasks;
    m->tasks = t;
    *task = &t->task;
    return OK;
}

static enum status say(struct executor *x, struct task *task, const char *line, struct error *err)
{
    static const char until[] = "{\"until\": ", save[] = "{\"save\": ";
    struct made_up *m = of_executor(x);
    struct made_up_task *t = (struct made_up_task *)task;

    (void)err;
    if (strncmp(line, until, sizeof until - 1) == 0) {
        assert(!t->rests && t->t == t->until);
        t->until = (int)strtol(line + sizeof until - 1, NULL, 10);
        assert(t->until > t->t);
        m->gone_on++;
    } else if (strncmp(line, save, sizeof save - 1) == 0) {
        assert(t->rests && t->keeps && t->n_line == t->said);
        (void)snprintf(t->line, sizeof t->line, "{\"saved\": \"kept%d\"}\n", t->t);
        t->n_line = strlen(t->line);
        t->said = 0;
        m->kept++;
    } else {
        assert(strcmp(line, "{\"end\": \"save\"}") == 0 ||
               strcmp(line, "{\"end\": \"stop\"}") == 0);
        t->saving = true;
    }
    return OK;
}

static void rest(struct executor *x, struct task *task)
{
    struct made_up_task *t = (struct made_up_task *)task;

    of_executor(x)->resting += !t->rests;
    t->rests = true;
}

static bool wake(struct executor *x, struct task *task)
{
    struct made_up_task *t = (struct made_up_task *)task;

    if (t->rests && !has_slot(x))
        return false;
    of_executor(x)->resting -= t->rests;
    t->rests = false;
    return true;
}

static bool is_short(struct executor *x)
{
    return goes_wrong(of_executor(x), 50);
}

static struct card_count cards(const struct executor *x)
{
    (void)x;
    return (struct card_count){0, 0, 0};
}

static enum status blame(struct executor *x, struct task *task, enum card_fault fault,
                         const char *said, const char **cards, struct error *err)
{
    (void)x, (void)task, (void)fault, (void)said, (void)err;
    *cards = "";
    return OK;
}

static void pause_task(struct executor *x, struct task *task, bool paused)
{
    struct made_up *m = of_executor(x);
    struct made_up_task *t = (struct made_up_task *)task;

    assert(t->script);
    t->paused = paused;
    t->spare = (int)draw(m, 3);
    m->paused += paused;
}

static void end_task(struct executor *x, struct task *task, bool by_force)
{
    (void)x, (void)by_force;
    ((struct made_up_task *)task)->ending = true;
    ((struct made_up_task *)task)->paused = false;
}

static void close_task(struct executor *x, struct task *task, bool keep_folder)
{
    struct made_up *m = of_executor(x);

    (void)keep_folder;
    for (struct made_up_task **t = &m->tasks; *t; t = &(*t)->next)
        if (&(*t)->task == task) {
            *t = (*t)->next;
            m->running--;
            m->resting -= ((struct made_up_task *)task)->rests;
            return;
        }
}

/* The next bytes of the task's line: all that is left, or a part. */
static void speak(struct made_up *m, struct made_up_task *t, struct executor_event *event)
{
    size_t left = t->n_line - t->said;
    const size_t n = draw(m, 3) ? left : 1 + draw(m, (unsigned)left);

    *event = (struct executor_event){
        .kind = EVENT_OUTPUT, .task = &t->task, .bytes = t->line + t->said, .n = n};
    t->said += n;
}

static void exit_with(struct made_up_task *t, int code, bool lost, struct executor_event *event)
{
    *event = (struct executor_event){
        .kind = EVENT_EXIT, .task = &t->task, .exit_code = code, .lost = lost};
}

/* The next report, with the checkpoint that it names, or the word that there may be more. */
static void report(struct made_up_task *t)
{
    const bool last = ++t->t == t->until;
    char rest[64];

    t->loss = 0.5 * t->loss + fabs(t->x - 0.3);
    if (last && t->speaks)
        (void)snprintf(rest, sizeof rest, "\"more\": %s", t->keeps ? "\"save\"" : "true");
    else
        (void)snprintf(rest, sizeof rest, "\"checkpoint\": \"%s%d\"", last ? "last" : "t", t->t);
    (void)snprintf(t->line, sizeof t->line, "{\"t\": %d, \"loss\": %.17g, %s}\n", t->t, t->loss,
                   rest);
    t->n_line = strlen(t->line);
    t->said = 0;
}

/* A line that the script prints: the next report, or, asked to end, one that would be wrong. */
static void print(struct made_up_task *t)
{
    t->t++;
    t->loss = 0.5 * t->loss + fabs(t->x - 0.3);
    (void)snprintf(t->line, sizeof t->line, "epoch %d: loss=%.17g%s", t->t,
                   t->ending ? -1.0 : t->loss, t->t % 2 ? "\n" : "\r");
    t->n_line = strlen(t->line);
    t->said = 0;
}

/* What a script does that is not at its end; false: nothing, as it hangs or stands still. */
static bool script_goes_on(struct made_up *m, struct made_up_task *t, struct executor_event *event)
{
    if (t->paused && t->spare-- <= 0) {
        t->spare = 0;
        if (!goes_wrong(m, 20))
            return false;
        m->deaths++;
        exit_with(t, 137, false, event);
    } else if (t->t < t->most) {
        print(t);
        speak(m, t, event);
    } else {
        m->ended++;
        exit_with(t, 0, false, event);
    }
    return true;
}

/* What the task does when it has its turn; false: nothing, as it hangs. */
static bool go_on(struct made_up *m, struct made_up_task *t, struct executor_event *event)
{
    if (t->said < t->n_line) {
        speak(m, t, event);
    } else if (t->ending && t->script && t->t < t->most && draw(m, 2)) {
        print(t);
        speak(m, t, event);
    } else if (t->ending) {
        exit_with(t, t->script && draw(m, 2) ? 0 : 143, false, event);
    } else if (t->fate != LIVES && t->t >= t->at) {
        m->deaths += t->fate == DIES;
        m->losses += t->fate == IS_LOST;
        if (t->fate == HANGS)
            return false;
        exit_with(t, t->fate == DIES ? 137 : 0, t->fate == IS_LOST, event);
    } else if (t->script) {
        return script_goes_on(m, t, event);
    } else if (t->most && t->t >= t->most && t->t < t->until) {
        m->ended++;
        exit_with(t, 0, false, event);
    } else if (t->trains && t->t < t->until) {
        report(t);
        speak(m, t, event);
    } else if (t->rests && !t->saving) {
        if (!goes_wrong(m, 20))
            return false; /* it waits for a word */
        m->deaths++;
        exit_with(t, 137, false, event);
    } else {
        exit_with(t, 0, false, event);
    }
    return true;
}

static enum status next_event(struct executor *x, int64_t until_ns, struct executor_event *event,
                              struct error *err)
{
    struct made_up *m = of_executor(x);

    (void)err;
    *event = (struct executor_event){.kind = EVENT_NONE};
    if (m->running > 0 && !(until_ns <= m->now_ns && draw(m, 3) == 0)) {
        struct made_up_task *t = m->tasks;
        for (unsigned i = draw(m, (unsigned)m->running); i > 0; i--)
            t = t->next;
        for (int tried = 0; tried < m->running; tried++) {
            if (go_on(m, t, event))
                return OK;
            t = t->next ? t->next : m->tasks;
        }
    }
    if (until_ns > m->now_ns)
        m->now_ns = until_ns + 1;
    return OK;
}

static int64_t now(const struct executor *x)
{
    return ((const struct made_up *)x)->now_ns;
}

static const struct executor_calls executor_calls = {
    .has_slot = has_slot,
    .slot = slot,
    .start = start,
    .say = say,
    .pause = pause_task,
    .rest = rest,
    .wake = wake,
    .is_short = is_short,
    .cards = cards,
    .blame = blame,
    .end = end_task,
    .close = close_task,
    .next = next_event,
    .now = now,
};

/* ---- results ---- */

static enum answer answer_of(struct made_up *m, const struct digest *key, struct result *out)
{
    const struct made_up_row *row = find(m, key);

    if (!row || !row->result.kind)
        return ANSWER_ABSENT;
    *out = row->result;
    return ANSWER_KNOWN;
}

static enum status lookup(struct results *r, const struct digest *key, struct asker *asker,
                          struct arena *arena, struct result *out, enum answer *answer,
                          struct error *err)
{
    struct made_up *m = of_results(r);

    (void)arena, (void)err;
    if (asker && draw(m, 3) == 0) {
        *(struct made_up_question *)must(
            arena_push(m->arena, m->questions, m->n_questions, m->question_capacity)) =
            (struct made_up_question){asker, *key};
        m->late++;
        *answer = ANSWER_LATER;
        return OK;
    }
    *answer = answer_of(m, key, out);
    return OK;
}

static enum status next_answer(struct results *r, struct arena *arena, struct asker **asker,
                               struct result *out, enum answer *answer, struct error *err)
{
    struct made_up *m = of_results(r);
    size_t i;

    (void)arena, (void)err;
    *asker = NULL;
    if (m->n_questions == 0 || draw(m, 2) == 0)
        return OK;
    i = draw(m, (unsigned)m->n_questions);
    *asker = m->questions[i].asker;
    *answer = answer_of(m, &m->questions[i].key, out);
    m->questions[i] = m->questions[--m->n_questions];
    return OK;
}

/* Another build may hold some, for a while. */
static enum status claim(struct results *r, const struct chain *chain, int *taken,
                         struct error *err)
{
    struct made_up *m = of_results(r);

    (void)err;
    *taken = chain->n;
    if (goes_wrong(m, 8)) {
        *taken = (int)draw(m, (unsigned)chain->n + 1);
        m->refused++;
    }
    return OK;
}

static void release(struct results *r, const struct chain *chain)
{
    (void)r, (void)chain;
}

static struct made_up_row *row_of(struct made_up *m, const struct digest *key)
{
    struct made_up_row *row = find(m, key);

    if (!row) {
        row = must(arena_push(m->arena, m->rows, m->n_rows, m->row_capacity));
        *row = (struct made_up_row){.result.key = *key};
    }
    return row;
}

static enum status publish(struct results *r, struct result *result, const struct files *files,
                           enum put_outcome *outcome, struct error *err)
{
    struct made_up_row *row = row_of(of_results(r), &result->key);

    (void)err;
    if (files && files->folder) {
        result->has_tree = true;
        result->tree = result->key; /* one tree a key */
        result->kept = true;
    }
    *outcome = !row->result.kind ? PUT_NEW : PUT_SAME;
    if (row->result.kind && result->reports && strcmp(row->result.reports, result->reports) != 0)
        *outcome = PUT_DIFFERENT;
    if (!row->result.kind || result->has_tree)
        row->result = *result;
    return OK;
}

static enum status locate(struct results *r, const char *out, const char *name, struct arena *arena,
                          const char **folder, struct error *err)
{
    (void)r, (void)out, (void)err;
    *folder = must(arena_string(arena, name));
    return OK;
}

static enum status hold(struct results *r, const struct digest *key, const char *folder,
                        struct error *err)
{
    (void)folder, (void)err;
    row_of(of_results(r), key)->held = true;
    return OK;
}

static void drop(struct results *r, const struct digest *key, const char *folder)
{
    (void)folder;
    row_of(of_results(r), key)->held = false;
}

/* Sometimes it has changed since, and is not to be had. */
static enum status adopt(struct results *r, struct result *result, const char *log, bool *adopted,
                         enum put_outcome *outcome, struct error *err)
{
    struct made_up *m = of_results(r);
    struct made_up_row *row = find(m, &result->key);
    const struct files files = {.folder = "held"};

    (void)log;
    *adopted = row && row->held && draw(m, 4) != 0;
    if (row)
        row->held = false;
    return *adopted ? publish(r, result, &files, outcome, err) : OK;
}

static enum status retire(struct results *r, const struct digest *keys, size_t n,
                          enum retired *retired, struct error *err)
{
    struct made_up *m = of_results(r);

    (void)err;
    for (size_t i = 0; i < n; i++) {
        retired[i] = (enum retired)draw(m, 3);
        if (retired[i] == RETIRED_GONE)
            row_of(m, &keys[i])->result.kept = false;
    }
    return OK;
}

static enum unsynced unsynced(const struct results *r)
{
    (void)r;
    return UNSYNCED_NOTHING;
}

static enum status sync_results(struct results *r, struct error *err)
{
    (void)r, (void)err;
    return OK;
}

static const struct results_calls results_calls = {
    .lookup = lookup,
    .next = next_answer,
    .claim = claim,
    .release = release,
    .publish = publish,
    .locate = locate,
    .hold = hold,
    .drop = drop,
    .adopt = adopt,
    .retire = retire,
    .unsynced = unsynced,
    .sync = sync_results,
};

void made_up_open(struct made_up *m, struct arena *arena, uint64_t seed, int slots, int faults)
{
    *m = (struct made_up){.executor = {&executor_calls},
                          .results = {&results_calls},
                          .arena = arena,
                          .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
                          .slots = slots,
                          .faults = faults};
}
