/* job: a process of the build, its share of the machine. Start at job_prepare. */
#include "engine/execution/job.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/blob.h"
#include "cache/history.h"
#include "engine/execution/build.h"
#include "engine/execution/commit.h"

enum {
    TAIL_LINES = 20,
    TAIL_BYTES = 16 * 1024,
    LOG_LIMIT = 1 << 30,
    TERM_SECONDS = 5,
    DISK_IS_FULL = 1 << 16
};

/* How many cpus: what it asks for, and where it may share also what would stay idle. */
static int cpus_for(const struct build *b, const struct resources *r)
{
    int total = b->o->jobs, idle = total - b->cpus_used, asked = r->cpus < 1 ? 1 : r->cpus;

    if (asked > total)
        asked = total;
    if (idle < asked)
        return 0;
    if (r->share && b->cpus_asked > 0 && idle / b->cpus_asked > asked)
        return idle / b->cpus_asked;
    return asked;
}

enum status slots_refuse(struct build *b, int node, struct error *err)
{
    const struct node *n = graph_node(b->graph, node);

    if (n->action.resources.gpus <= b->o->gpus)
        return OK;
    (void)error_set(err, ERR_INPUT, n->where, "resources.gpus: it needs %d, there are %d",
                    n->action.resources.gpus, b->o->gpus);
    error_hint(err, "--gpus LIST names those to use, like 0,1");
    return ERR_INPUT;
}

bool slots_take(struct build *b, const struct resources *r, struct job *job)
{
    int cpus = cpus_for(b, r), wanted = r->gpus;
    unsigned long long gpus = 0;

    for (int i = 0; i < b->o->gpus && i < 64 && wanted > 0; i++)
        if (!(b->gpus_used >> i & 1)) {
            gpus |= 1ULL << i;
            wanted--;
        }
    if (cpus == 0 || wanted > 0)
        return false;
    job->cpus = cpus;
    job->gpus = gpus;
    b->cpus_used += cpus;
    b->gpus_used |= gpus;
    return true;
}

void slots_give(struct build *b, struct job *job)
{
    b->cpus_used -= job->cpus;
    b->gpus_used &= ~job->gpus;
    job->cpus = 0;
    job->gpus = 0;
}

struct job *job_open(int node, const char *label)
{
    struct arena *arena = arena_open();
    struct job *job = arena ? arena_alloc(arena, sizeof *job) : NULL;

    if (!job) {
        arena_close(arena);
        return NULL;
    }
    job->arena = arena;
    job->node = node;
    job->label = label;
    job->process = (struct process){.pidfd = -1, .output = -1};
    return job;
}

enum status job_prepare(struct build *b, struct job *job, const char *name, int *lost,
                        struct error *err)
{
    const struct action *a = &graph_node(b->graph, job->node)->action;

    *lost = -1;
    TRY(workspace_make(&job->workspace, b->store, name, job->arena, err));
    for (size_t i = 0; i < a->n_inputs; i++) {
        const struct edge *e = &a->inputs[i];
        struct content *content = &work_of(b, e->node)->content;
        enum status s =
            workspace_put(&job->workspace, b->store, content, e->path, e->name, b->arena, err);
        if ((s == ERR_NOT_FOUND || s == ERR_CORRUPT) && content->origin == FROM_STORE)
            *lost = e->node;
        TRY(s);
    }
    for (size_t i = 0; i < a->n_outputs; i++)
        TRY(workspace_expect(&job->workspace, a->outputs[i], err));
    return OK;
}

/* A list of environment entries that grows. */
struct environment {
    struct arena *arena;
    char **entries;
    size_t n, capacity;
    bool failed;
};

static void add_entry(struct environment *env, char *entry)
{
    if (env->n + 1 >= env->capacity) {
        char **larger = arena_grow(env->arena, env->entries, env->n, env->n + 2, sizeof *larger,
                                   &env->capacity);
        env->failed |= !larger;
        if (!larger)
            return;
        env->entries = larger;
    }
    env->failed |= !entry;
    env->entries[env->n++] = entry;
    env->entries[env->n] = NULL;
}

static void add_gpus(struct build *b, struct job *job, struct environment *env)
{
    struct text t = text_in(job->arena);
    struct error ignored;
    char *entry;

    text_add(&t, "CUDA_VISIBLE_DEVICES=");
    for (int i = 0, n = 0; i < b->o->gpus && i < 64; i++)
        if (job->gpus >> i & 1)
            text_printf(&t, "%s%s", n++ ? "," : "", b->o->gpu_names[i]);
    add_entry(env, text_finish(&t, &entry, NULL, &ignored) == OK ? entry : NULL);
}

/* A clean environment: nothing of the caller's but PATH. A clone needs the user's keys and proxies.
 */
static char **environment_of(struct build *b, struct job *job, char *const *extra)
{
    const struct action *a = &graph_node(b->graph, job->node)->action;
    struct environment env = {.arena = job->arena};
    const char *path = getenv("PATH");

    if (a->clone) {
        extern char **environ;
        for (char **entry = environ; *entry; entry++)
            if (strncmp(*entry, "TMPDIR=", 7) != 0)
                add_entry(&env, *entry);
        add_entry(&env, arena_printf(job->arena, "TMPDIR=%s", job->workspace.folder));
        return env.failed ? NULL : env.entries;
    }
    add_entry(&env,
              arena_printf(job->arena, "PATH=%s", path ? path : "/usr/local/bin:/usr/bin:/bin"));
    add_entry(&env, arena_printf(job->arena, "HOME=%s", job->workspace.dir));
    add_entry(&env, arena_printf(job->arena, "TMPDIR=%s", job->workspace.dir));
    add_entry(&env, "LANG=C.UTF-8");
    add_entry(&env, "TZ=UTC");
    add_entry(&env, arena_printf(job->arena, "HPO_CPUS=%d", job->cpus));
    add_gpus(b, job, &env);
    for (; extra && *extra; extra++)
        add_entry(&env, *extra);
    for (size_t i = 0; i < a->n_env; i++)
        add_entry(&env, arena_printf(job->arena, "%s=%s", a->env[i].name, a->env[i].value));
    return env.failed ? NULL : env.entries;
}

/* hpo clone-tree [--mirror FROM=TO]... URL COMMIT INTO [PATH]... */
static char **clone_argv(struct build *b, struct job *job)
{
    const struct clone_spec *c = graph_node(b->graph, job->node)->action.clone;
    struct environment argv = {.arena = job->arena};

    add_entry(&argv, "hpo");
    add_entry(&argv, "clone-tree");
    for (size_t i = 0; i < b->o->n_mirrors; i++) {
        add_entry(&argv, "--mirror");
        add_entry(&argv,
                  arena_printf(job->arena, "%s=%s", b->o->mirrors[i].from, b->o->mirrors[i].to));
    }
    if (strncmp(c->url, SHIPPED, strlen(SHIPPED)) == 0)
        add_entry(&argv, "--shipped");
    add_entry(&argv, (char *)commit_location(b, c));
    add_entry(&argv, (char *)work_of(b, job->node)->commit);
    add_entry(&argv, (char *)job->workspace.dir);
    for (size_t i = 0; i < c->n_paths; i++)
        add_entry(&argv, (char *)c->paths[i]);
    return argv.failed ? NULL : argv.entries;
}

enum status job_start(struct build *b, struct job *job, char *const *extra, struct error *err)
{
    struct node *node = graph_node(b->graph, job->node);
    const struct action *a = &node->action;
    struct command command = {
        .folder = job->workspace.dir, .log = job->workspace.log, .pipe_output = job->train != NULL};

    command.env = environment_of(b, job, extra);
    if (a->clone) {
        command.program = b->o->program;
        command.argv = clone_argv(b, job);
    } else {
        TRY(tool_path(b->tools, a->run[0], &command.program, err));
        if (!command.program)
            command.program = file_join(job->arena, job->workspace.dir, a->run[0] + 2);
        command.argv = (char *const *)a->run;
    }
    if (!command.env || !command.argv || !command.program)
        return error_memory(err);
    TRY(runner_start(&b->keeper, &command, &job->process, err));
    if (a->timeout > 0)
        job->deadline_ns = job->process.started_ns + (int64_t)(a->timeout * 1e9);
    progress_verbose(b->progress, "start %s", job->label);
    return OK;
}

void job_terminate(struct job *job)
{
    if (job->term_ns)
        return;
    job->term_ns = runner_now_ns();
    runner_signal(&job->process, SIGTERM);
}

void job_close(struct build *b, struct job *job, bool keep_folder)
{
    struct error left;

    for (struct job **j = &b->jobs; *j; j = &(*j)->next)
        if (*j == job) {
            *j = job->next;
            break;
        }
    runner_close(&b->keeper, &job->process);
    slots_give(b, job);
    if (keep_folder)
        workspace_leave(&job->workspace);
    else if (workspace_remove(&job->workspace, &left) != OK)
        progress_warning(b->progress, "a working folder is left: %s: %s", left.where, left.text);
    arena_close(job->arena);
}

const char *job_verdict(const struct build *b, const struct job *job)
{
    int code = job->process.exit_code;
    const char *text;

    if (job->timed_out)
        text = arena_printf(b->arena, "nothing came from it for %g s",
                            graph_node(b->graph, job->node)->action.timeout);
    else if (code > 128)
        text = arena_printf(b->arena, "it was ended by signal %d (%s)", code - 128,
                            strsignal(code - 128));
    else
        text = arena_printf(b->arena, "it ended with status %d", code);
    return text ? text : "it failed";
}

/* The last lines of the log, as much as a screen holds. */
static const char *tail(const struct job *job)
{
    struct error ignored;
    char *bytes;
    size_t n, lines = 0;

    if (file_read(job->workspace.log, LOG_LIMIT, job->arena, &bytes, &n, &ignored) != OK)
        return "";
    for (size_t i = n; i > 0 && n - i < TAIL_BYTES; i--)
        if (bytes[i - 1] == '\n' && i < n && ++lines == TAIL_LINES)
            return bytes + i;
    return n > TAIL_BYTES ? bytes + n - TAIL_BYTES : bytes;
}

/* What failed may not have been able to say so: its log is on this disk, too. */
static bool disk_is_full(const char *folder)
{
    struct statvfs disk;

    return statvfs(folder, &disk) == 0 && disk.f_bavail * disk.f_frsize < DISK_IS_FULL;
}

void job_tell_failure(struct build *b, const struct job *job, const char *sentence)
{
    progress_line(b->progress, "failed: %s: %s", job->label, sentence);
    progress_text(b->progress, tail(job));
    if (job->workspace.folder && disk_is_full(store_work(b->store)))
        progress_line(b->progress, "  no space left on the disk of %s", store_work(b->store));
    if (job->workspace.folder)
        progress_line(b->progress, "  its folder is kept: %s", job->workspace.folder);
}

enum status job_check_sources(struct build *b, const struct job *job, struct error *err)
{
    const struct node *node = graph_node(b->graph, job->node);

    for (size_t i = 0; i < node->action.n_inputs; i++) {
        const struct content *c = &work_of(b, node->action.inputs[i].node)->content;
        bool unchanged;
        if (c->origin != FROM_SOURCE)
            continue;
        TRY(source_unchanged(b->store, c->path, &c->source, &unchanged, err));
        if (!unchanged)
            return error_set(err, ERR_FAILED, c->path,
                             "it changed while %s read it: nothing was stored", job->label);
    }
    return OK;
}

enum status job_take_log(struct build *b, struct job *job, struct digest *log, struct error *err)
{
    int64_t size;

    return blob_take(b->store, job->workspace.log, log, &size, err);
}

enum status job_note_failure(struct build *b, struct job *job, const struct digest *key,
                             const char *sentence, struct error *err)
{
    struct failure f = {.key = *key,
                        .run = b->run,
                        .name = job->label,
                        .folder = job->workspace.name,
                        .text = sentence,
                        .day = b->today};

    f.has_log = job_take_log(b, job, &f.log, err) == OK;
    return history_failure_put(b->store, &f, err);
}

enum status hold_claim(struct build *b, const struct digest *key, struct error *err)
{
    if (b->n_held == b->held_capacity) {
        struct digest *larger = arena_grow(b->arena, b->held, b->n_held, b->n_held + 1,
                                           sizeof *b->held, &b->held_capacity);
        if (!larger)
            return error_memory(err);
        b->held = larger;
    }
    b->held[b->n_held++] = *key;
    return OK;
}
