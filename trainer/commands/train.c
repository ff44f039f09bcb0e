/*
 * train: flags, or the engine's environment where they are absent, → a struct train. Start at
 * command_train.
 */
#include "trainer/training/train.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "kernels/ranks.h"
#include "trainer/commands/commands.h"
#include "trainer/flags.h"
#include "trainer/interrupt.h"
#include "trainer/lines.h"
#include "trainer/model/architecture.h"
#include "trainer/model/machine.h"
#include "trainer/model/model.h"
#include "trainer/model/weights.h"
#include "trainer/tokenizer/vocabulary.h"

struct options {
    const char *model, *data, *eval, *out, *from;
    double lr, weight_decay;
    int64_t batch_size, eval_batch_size, accumulate, epochs, until, seed, checkpoint_seconds;
    bool log_steps;
    bool named;       /* under the engine: checkpoints are folders in out, named in reports */
    int64_t position; /* epochs done, as the engine says; -1: not given */
    enum preset preset;
    struct switches switches;
    enum loss_mean loss_mean;
    struct loss_scale loss_scale;
    struct machine machine;
    int64_t ranks, zero; /* 0, -1: not given */
};

static enum status read_flags(struct options *o, int argc, char **argv, struct error *err)
{
    const struct flag flags[] = {
        {.name = "--model", .kind = FLAG_STRING, .out = &o->model, .required = true},
        {.name = "--data", .kind = FLAG_STRING, .out = &o->data, .required = true},
        {.name = "--eval", .kind = FLAG_STRING, .out = &o->eval},
        {.name = "--out", .kind = FLAG_STRING, .out = &o->out},
        {.name = "--from", .kind = FLAG_STRING, .out = &o->from},
        {.name = "--until", .kind = FLAG_INTEGER, .out = &o->until, .low = 1, .high = INT32_MAX},
        {.name = "--lr", .kind = FLAG_POSITIVE, .out = &o->lr, .required = true},
        {.name = "--weight-decay", .kind = FLAG_NOT_NEGATIVE, .out = &o->weight_decay},
        {.name = "--batch-size",
         .kind = FLAG_INTEGER,
         .out = &o->batch_size,
         .low = 1,
         .high = 1 << 20},
        {.name = "--eval-batch-size",
         .kind = FLAG_INTEGER,
         .out = &o->eval_batch_size,
         .low = 1,
         .high = 1 << 20},
        {.name = "--accumulate",
         .kind = FLAG_INTEGER,
         .out = &o->accumulate,
         .low = 1,
         .high = 1 << 20},
        {.name = "--epochs",
         .kind = FLAG_INTEGER,
         .out = &o->epochs,
         .low = 1,
         .high = INT32_MAX,
         .required = true},
        {.name = "--seed", .kind = FLAG_INTEGER, .out = &o->seed, .low = 0, .high = UINT32_MAX},
        {.name = "--log-steps", .kind = FLAG_SWITCH, .out = &o->log_steps},
        {.name = "--checkpoint-seconds",
         .kind = FLAG_INTEGER,
         .out = &o->checkpoint_seconds,
         .low = 0},
        {.name = "--preset", .kind = FLAG_WORD, .words = preset_names, .out = &o->preset},
        {.name = "--loss-denominator",
         .kind = FLAG_WORD,
         .words = loss_denominator_names,
         .out = &o->switches.loss_denominator},
        {.name = "--loss-mean", .kind = FLAG_WORD, .words = loss_mean_names, .out = &o->loss_mean},
        {.name = "--ranks", .kind = FLAG_INTEGER, .out = &o->ranks, .low = 1, .high = RANKS_MAX},
        {.name = "--zero", .kind = FLAG_INTEGER, .out = &o->zero, .high = 3},
        {.name = "--decay", .kind = FLAG_WORD, .words = decay_names, .out = &o->switches.decay},
        {.name = "--max-grad-norm", .kind = FLAG_NOT_NEGATIVE, .out = &o->switches.max_grad_norm},
        {.name = "--loss-scale", .kind = FLAG_STRING, .out = &o->switches.loss_scale},
        MACHINE_FLAGS(o->machine),
    };

    return flags_parse(flags, sizeof flags / sizeof *flags, argc, argv, err);
}

/* Flags are read twice: first to find the preset, then to put the given flags over it. */
static enum status read_options(struct options *o, int argc, char **argv, struct error *err)
{
    TRY(read_flags(o, argc, argv, err));
    if (o->switches.loss_scale && o->machine.precision != PRECISION_FP16)
        return error_set(err, ERR_INPUT, "--loss-scale",
                         "only --precision fp16 has one, this is %s",
                         precision_names[o->machine.precision]);
    o->switches = preset_switches(o->preset);
    TRY(read_flags(o, argc, argv, err));
    if (o->machine.precision != PRECISION_FP16)
        return OK;
    return loss_scale_parse(o->switches.loss_scale, "--loss-scale", &o->loss_scale, err);
}

static enum status read_integer(const char *name, int64_t low, int64_t high, int64_t *out,
                                struct error *err)
{
    const char *value = getenv(name);

    return value && *value ? text_parse_integer(value, name, low, high, out, err) : OK;
}

/* Ranks and what they divide: flags, else what the engine says, for it changes no result. */
static enum status read_ranks(struct options *o, struct error *err)
{
    const char *ranks = o->ranks ? "--ranks" : "HPO_RANKS", *zero = "--zero";

    if (!o->ranks)
        TRY(read_integer("HPO_RANKS", 1, RANKS_MAX, &o->ranks, err));
    if (!o->ranks)
        o->ranks = 1;
    if (o->zero < 0) {
        zero = "HPO_ZERO";
        TRY(read_integer(zero, 0, 3, &o->zero, err));
    }
    if (o->zero > 0 && o->ranks == 1)
        return error_set(err, ERR_INPUT, zero,
                         "is %lld, but there is one rank, which has nothing to divide with",
                         (long long)o->zero);
    if (o->zero < 0)
        o->zero = o->ranks > 1;
    if (o->ranks == 1)
        return OK;
    if (strcmp(o->machine.backend, "cuda") != 0)
        return error_set(err, ERR_INPUT, ranks,
                         "is %lld, but only --backend cuda has ranks: a processor has threads",
                         (long long)o->ranks);
    if (o->accumulate % o->ranks != 0)
        return error_set(err, ERR_INPUT, "--accumulate",
                         "expected a multiple of the %lld ranks, which take its micro-batches in "
                         "turn, found %lld",
                         (long long)o->ranks, (long long)o->accumulate);
    return OK;
}

/* The engine's protocol, for what no flag gave. */
static enum status read_environment(struct options *o, struct error *err)
{
    if (!o->until)
        TRY(read_integer("HPO_UNTIL", 0, INT32_MAX, &o->until, err));
    if (!o->until)
        o->until = o->epochs;
    if (!o->out && (o->out = getenv("HPO_CHECKPOINT_OUT")))
        o->named = true;
    if (o->from)
        return OK;
    TRY(read_integer("HPO_FROM", 0, INT32_MAX, &o->position, err));
    if (o->position > 0 && !(o->from = getenv("HPO_CHECKPOINT_IN")))
        return error_set(err, ERR_INPUT, "HPO_CHECKPOINT_IN",
                         "HPO_FROM is %lld, but no checkpoint is given", (long long)o->position);
    return OK;
}

/* Where the run begins and ends. */
static enum status read_position(const struct options *o, struct position *at, struct error *err)
{
    *at = (struct position){.epoch = 0};
    if (o->from)
        TRY(checkpoint_read_position(o->from, at, err));
    if (o->position >= 0 && o->position != at->epoch)
        return error_set(err, ERR_INPUT, "HPO_FROM",
                         "is %lld, but the checkpoint stands after epoch %lld",
                         (long long)o->position, (long long)at->epoch);
    if (o->until > o->epochs)
        return error_set(err, ERR_INPUT, "--until",
                         "expected at most --epochs %lld, where the learning rate is 0, found %lld",
                         (long long)o->epochs, (long long)o->until);
    if (o->until <= at->epoch)
        return error_set(err, ERR_INPUT, "--until",
                         "expected more than the %lld epochs that are done, found %lld",
                         (long long)at->epoch, (long long)o->until);
    return OK;
}

static void fill(struct train *t, const struct options *o, const struct position *at)
{
    t->loss_mean = o->loss_mean;
    t->lr = o->lr;
    t->batch_size = o->batch_size;
    t->eval_batch_size = o->eval_batch_size;
    t->accumulate = o->accumulate;
    t->epochs = o->epochs;
    t->seed = o->seed;
    t->from = at->epoch;
    t->until = o->until;
    t->log_steps = o->log_steps;
    t->out = o->out;
    t->named = o->named;
    t->more = o->named && getenv("HPO_MORE") != NULL;
    t->checkpoint_seconds = o->checkpoint_seconds;
    t->skipped = at->skipped;
    t->loss_denominator = o->switches.loss_denominator;
    t->optimizer = optimizer_default(o->switches.decay == DECAY_APPLIED ? o->weight_decay : 0);
    t->optimizer.max_norm = o->switches.max_grad_norm;
    t->optimizer.updates = at->updates;
    t->optimizer.loss_scale = o->loss_scale;
    if (o->loss_scale.window > 0 && at->loss_scale.window > 0) /* a dynamic one continues */
        t->optimizer.loss_scale = at->loss_scale;
}

/* A checkpoint of another model might fit in its shapes, and give other numbers. */
static enum status check_same(const struct options *o, const struct model *model,
                              struct arena *arena, struct error *err)
{
    const char *field;
    struct model from;

    TRY(model_read(o->from, arena, &from, err));
    field = config_difference(&from.layout->config, &model->layout->config);
    if (!field)
        return OK;
    (void)error_set(err, ERR_INPUT, o->from,
                    "is a checkpoint of another model: its config.json has another %s than that of "
                    "--model %.200s",
                    field, o->model);
    return ERR_INPUT;
}

/* Who trains it elsewhere gets other numbers: better refused than different in silence. */
static enum status check_dropout(const struct options *o, const struct model *model,
                                 struct arena *arena, struct error *err)
{
    const char *const *f = model->layout->config.architecture->dropout_fields;

    if (!model->layout->config.dropout)
        return OK;
    (void)error_set(err, ERR_INPUT, file_join(arena, o->model, "config.json"),
                    "asks for dropout, which this trainer does not have");
    error_hint(err, "set %s%s%s%s%s to 0 in it; a rate that is absent may be 0.1", f[0],
               f[1] ? ", " : "", f[1] ? f[1] : "", f[1] && f[2] ? ", " : "",
               f[1] && f[2] ? f[2] : "");
    return ERR_INPUT;
}

/* Whether the data has questions: the trained model will answer them, through its tokenizer. */
static bool has_questions(const char *data, struct arena *arena)
{
    const char *path = file_join(arena, data, "validation.questions.jsonl");

    return path && access(path, F_OK) == 0;
}

/*
 * Nothing here needs the tokenizer, but generate and evaluate will: better reported before the
 * training than after. Where the data has no questions, a warning is enough.
 */
static enum status check_tokenizer(const struct options *o, const struct model *model,
                                   struct arena *arena, struct error *err)
{
    const struct companion *file = &model->companions[MODEL_TOKENIZER];
    const char *path = file_join(arena, o->model, "tokenizer.json");
    const bool needed = has_questions(o->eval ? o->eval : o->data, arena);
    struct arena *scratch;
    struct vocabulary v;
    enum status s;

    if (!path)
        return error_memory(err);
    if (!file->bytes && !needed)
        return OK;
    if (!file->bytes) {
        (void)error_set(err, ERR_INPUT, path,
                        "there is none, but the data has questions to answer");
        error_hint(err,
                   "put the tokenizer.json that the data was made with into the model's folder");
        return ERR_INPUT;
    }
    if (!(scratch = arena_open()))
        return error_memory(err);
    s = vocabulary_parse(file->bytes, file->n, path, scratch, &v, err);
    arena_close(scratch);
    if (s != ERR_INPUT || needed)
        return s;
    lines_warning("%s: %s: generate and evaluate will not read it", err->where, err->text);
    return OK;
}

/* What all ranks train: read and checked before any of them begins. */
struct job {
    const struct options *o;
    struct position at;
    struct model model;
    struct dataset data, validation;
    struct network_plan plan;
    struct ranks *ranks; /* NULL: one rank */
};

/* One rank: what it has stays until all have ended. */
struct member {
    struct job *job;
    size_t rank;
    struct arena *arena;
    struct backend *be;
    pthread_t thread;
    enum status status;
    struct error error;
};

static enum status read_job(struct job *job, struct arena *arena, struct error *err)
{
    const struct options *o = job->o;
    struct batch_rules rules;

    job->plan = (struct network_plan){
        .training = true, .product = machine_product(&o->machine), .accumulate = o->accumulate > 1};
    if (!o->out)
        return error_set(err, ERR_INPUT, "--out", "train needs this flag (or HPO_CHECKPOINT_OUT)");
    TRY(checkpoint_check_folder(o->named ? "HPO_CHECKPOINT_OUT" : "--out", o->out, !o->named, err));
    TRY(read_position(o, &job->at, err));
    TRY(model_read(o->model, arena, &job->model, err));
    TRY(model_read_companions(o->model, arena, &job->model, err));
    TRY(check_dropout(o, &job->model, arena, err));
    if (o->from)
        TRY(check_same(o, &job->model, arena, err));
    TRY(check_tokenizer(o, &job->model, arena, err));
    rules = batch_rules(&job->model.layout->config);
    TRY(batch_read(o->data, "train.jsonl", &rules, arena, &job->data, err));
    TRY(batch_read(o->eval ? o->eval : o->data, "validation.jsonl", &rules, arena, &job->validation,
                   err));
    return train_measure(&job->data, o->batch_size, &job->validation, o->eval_batch_size,
                         &job->plan.limits, err);
}

static void tell_memory(const struct options *o, struct backend *be)
{
    struct ops_memory m;

    be->ops->memory(be, &m);
    lines_note("each of %lld ranks in ZeRO stage %lld: states %zu bytes, whole %zu, gathered "
               "weights %zu, largest bucket %zu",
               (long long)o->ranks, (long long)o->zero, m.states, m.whole, m.gathered, m.bucket);
}

/* All memory is taken before the first step. */
static enum status train_member(struct member *m, struct error *err)
{
    const struct job *job = m->job;
    const struct options *o = job->o;
    struct machine machine = o->machine;
    struct train t;

    memset(&t, 0, sizeof t);
    if (!(m->arena = arena_open()))
        return error_memory(err);
    machine.ranks = job->ranks;
    machine.rank = m->rank;
    machine.zero = (int)o->zero;
    TRY(machine_open(&machine, &m->be, err));
    fill(&t, o, &job->at);
    t.arena = m->arena;
    t.team = (struct team){job->ranks, (size_t)o->ranks, m->rank};
    t.model = &job->model;
    t.data = job->data;
    t.validation = job->validation;
    TRY(batch_order(&t.data, m->arena, err)); /* which a rank changes */
    TRY(batch_open(&job->plan.limits, m->arena, &t.batch, err));
    TRY(network_open(m->be, job->model.layout, &job->plan, m->arena, &t.network, err));
    if (job->ranks && m->rank == 0)
        tell_memory(o, m->be);
    if (o->from)
        TRY(checkpoint_read(o->from, &t.network, err));
    else
        TRY(weights_read(o->model, m->be, job->model.layout, err));
    return train_run(&t, err);
}

static void *work(void *argument)
{
    struct member *m = argument;

    m->status = train_member(m, &m->error);
    if (m->status != OK && m->job->ranks)
        ranks_fail(m->job->ranks, m->status, &m->error);
    if (m->be) /* what its device still does may read another rank's memory */
        (void)m->be->ops->sync(m->be, &(struct error){.where = ""});
    return NULL;
}

static enum status start_member(struct member *m, struct error *err)
{
    const int failed = pthread_create(&m->thread, NULL, work, m);

    return failed
               ? error_set(err, ERR_SYSTEM, "ranks", "cannot start a thread: %s", strerror(failed))
               : OK;
}

/* Rank 0 is this thread. The first failure of any is the one to report. */
static enum status train_members(struct job *job, struct member *members, struct error *err)
{
    const size_t n = (size_t)job->o->ranks;
    enum status s = OK;
    size_t started = 1;

    for (size_t i = 0; i < n; i++)
        members[i] = (struct member){.job = job, .rank = i};
    for (; started < n && s == OK; started += s == OK)
        if ((s = start_member(&members[started], err)) != OK)
            ranks_fail(job->ranks, s, err);
    work(&members[0]);
    for (size_t i = 1; i < started; i++)
        (void)pthread_join(members[i].thread, NULL);
    for (size_t i = 0; i < started; i++) {
        backend_close(members[i].be);
        arena_close(members[i].arena);
    }
    if (job->ranks)
        return ranks_failure(job->ranks, err);
    if (members[0].status != OK)
        *err = members[0].error;
    return members[0].status;
}

/* A rank that cannot be ended: its device does not answer. */
static void stuck(enum status status, const struct error *error)
{
    lines_error(error);
    _exit(lines_exit_status(status));
}

static enum status train_with(const struct options *o, struct arena *arena, struct error *err)
{
    struct member *members = arena_array(arena, (size_t)o->ranks, sizeof *members);
    struct job *job = arena_alloc(arena, sizeof *job);
    enum status s;

    if (!members || !job)
        return error_memory(err);
    *job = (struct job){.o = o};
    TRY(read_job(job, arena, err));
    if (o->ranks > 1)
        TRY(ranks_open((size_t)o->ranks, stuck, &job->ranks, err));
    s = train_members(job, members, err);
    ranks_close(job->ranks);
    return s;
}

enum status command_train(int argc, char **argv, struct error *err)
{
    struct options o = {.batch_size = 8,
                        .eval_batch_size = 8,
                        .accumulate = 1,
                        .seed = 42,
                        .checkpoint_seconds = 60,
                        .position = -1,
                        .zero = -1,
                        .machine = machine_default()};
    struct arena *arena;
    enum status s;

    TRY(read_options(&o, argc, argv, err));
    TRY(read_environment(&o, err));
    TRY(machine_resolve(&o.machine, err));
    TRY(read_ranks(&o, err));
    TRY(machine_check(&o.machine, (size_t)o.ranks, err));
    interrupt_listen();
    if (!(arena = arena_open()))
        return error_memory(err);
    s = train_with(&o, arena, err);
    arena_close(arena);
    return s;
}
