/* commands/clone: a worker clones, its parent cleans up whatever happens. Start at supervise. */
#include "engine/commands/clone.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/clone/clone.h"

/* What is asked of the worker: a commit's tree into a folder, or, without one, what rev is. */
struct job {
    struct clone_source source;
    const char *commit, *into; /* of clone-tree; into is NULL for clone-resolve */
    const char *const *paths;
    size_t n_paths;
    const char *rev; /* of clone-resolve */
};

/* What the worker tells its parent, in one piece through a pipe. */
struct report {
    enum status status;
    struct error error;
    char commit[COMMIT_HEX + 1];
};

/* Signals that ask us to stop. */
static const int requests[] = {SIGTERM, SIGINT, SIGHUP};

static const char *const tree_usage = "[--mirror FROM=TO]... [--shipped] URL COMMIT INTO [PATH...]";
static const char *const resolve_usage = "[--mirror FROM=TO]... [--shipped] URL REV";

/* The mirrors and the switch at the front of argv; *used is the number of words they take. */
static enum status read_mirrors(int argc, char **argv, struct arena *arena,
                                struct clone_source *source, int *used, struct error *err)
{
    struct clone_mirror *mirrors = arena_array(arena, (size_t)argc, sizeof *mirrors);

    if (!mirrors)
        return error_memory(err);
    source->mirrors = mirrors;
    for (*used = 0; *used + 1 < argc && strcmp(argv[*used], "--mirror") == 0; *used += 2)
        TRY(clone_parse_mirror(argv[*used + 1], arena, &mirrors[source->n_mirrors++], err));
    source->shipped = *used < argc && strcmp(argv[*used], "--shipped") == 0;
    *used += source->shipped;
    return OK;
}

static void work(const struct job *job, struct arena *arena, struct report *report)
{
    char *commit = NULL;

    if (job->into) {
        report->status = clone_export(&job->source, job->commit, job->paths, job->n_paths,
                                      job->into, &report->error);
        return;
    }
    report->status = clone_resolve(&job->source, job->rev, arena, &commit, &report->error);
    if (report->status == OK)
        memcpy(report->commit, commit, sizeof report->commit);
}

/* In the child: does the job, reports, and ends without returning to the caller's code. */
static void be_worker(const struct job *job, struct arena *arena, int pipe_in, const sigset_t *mask,
                      pid_t parent)
{
    struct report report = {0};
    struct error ignored;

    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent) {
        work(job, arena, &report);
        if (file_write_all(pipe_in, "", &report, sizeof report, &ignored) == OK)
            _exit(0);
    }
    _exit(1);
}

/* Waits for the worker's end, or kills it when a signal asks us to stop: then *stopped. */
static int wait_for(pid_t worker, const sigset_t *signals, bool *stopped)
{
    int status = 0;
    pid_t ended = 0;

    *stopped = false;
    while (ended == 0) {
        int signal = sigwaitinfo(signals, NULL);
        if (signal > 0 && signal != SIGCHLD) {
            *stopped = true;
            kill(worker, SIGKILL);
        }
        ended = waitpid(worker, &status, *stopped ? 0 : WNOHANG);
    }
    return status;
}

static bool is_request(int signal)
{
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        if (signal == requests[i])
            return true;
    return false;
}

static enum status read_report(int fd, struct report *report)
{
    char *to = (char *)report;
    size_t n = 0;

    while (n < sizeof *report) {
        ssize_t part = read(fd, to + n, sizeof *report - n);
        if (part < 0 && errno == EINTR)
            continue;
        if (part <= 0)
            return ERR_NOT_FOUND;
        n += (size_t)part;
    }
    return OK;
}

/* The worker's report, or what became of a worker that made none. */
static void judge(int fd, int status, bool stopped, struct report *report)
{
    if (!stopped && read_report(fd, report) == OK)
        return;
    if (WIFSIGNALED(status) && is_request(WTERMSIG(status))) /* sent to all of a group */
        stopped = true;
    if (stopped)
        report->status = error_set(&report->error, ERR_INTERRUPTED, "", "interrupted");
    else if (WIFSIGNALED(status))
        report->status = error_set(&report->error, ERR_SYSTEM, "",
                                   "the process that clones was ended by signal %d (%s)",
                                   WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        report->status = error_set(&report->error, ERR_SYSTEM, "",
                                   "the process that clones ended without a word");
}

/* Runs the job in a worker. Whatever happens to it, the report is filled. */
static void supervise(const struct job *job, struct arena *arena, const sigset_t *signals,
                      const sigset_t *before, struct report *report)
{
    int ends[2], status;
    bool stopped;
    pid_t worker, self = getpid();

    if (pipe2(ends, O_CLOEXEC) != 0) {
        report->status = error_system(&report->error, "", "make a pipe");
        return;
    }
    worker = fork();
    if (worker == 0)
        be_worker(job, arena, ends[1], before, self);
    close(ends[1]);
    if (worker < 0) {
        report->status = error_system(&report->error, "", "start the process that clones");
    } else {
        status = wait_for(worker, signals, &stopped);
        judge(ends[0], status, stopped, report);
    }
    close(ends[0]);
}

/* Runs the job with a scratch folder of its own; where it fails, nothing is left of it. */
static void run_in(char *scratch, struct job *job, struct arena *arena, struct report *report)
{
    struct error ignored;
    enum status removed;
    sigset_t signals, before;

    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        sigaddset(&signals, requests[i]);
    (void)sigprocmask(SIG_BLOCK, &signals, &before);
    if (mkdtemp(scratch)) {
        job->source.scratch = scratch;
        supervise(job, arena, &signals, &before, report);
        removed = file_remove(scratch, report->status == OK ? &report->error : &ignored);
        if (report->status == OK)
            report->status = removed;
    } else {
        report->status = error_system(&report->error, scratch, "make a temporary folder");
    }
    if (report->status != OK && job->into)
        clone_sweep(job->into);
    (void)sigprocmask(SIG_SETMASK, &before, NULL); /* one that came too late ends us now */
}

static enum status run(struct job *job, struct arena *arena, struct report *report,
                       struct error *err)
{
    const char *temporary = getenv("TMPDIR");
    char *scratch =
        arena_printf(arena, "%s/hpo-clone-XXXXXX", temporary && *temporary ? temporary : "/tmp");

    if (!scratch)
        return error_memory(err);
    run_in(scratch, job, arena, report);
    if (report->status != OK)
        *err = report->error;
    return report->status;
}

enum status clone_tree_command(int argc, char **argv, struct error *err)
{
    enum status s;
    int used = 0;
    struct job job = {0};
    struct report report = {0};
    struct arena *arena = arena_open();

    if (!arena)
        return error_memory(err);
    s = read_mirrors(argc, argv, arena, &job.source, &used, err);
    if (s == OK && argc - used < 3)
        s = error_set(err, ERR_INPUT, "clone-tree", "expected %s", tree_usage);
    if (s == OK) {
        job.source.url = argv[used];
        job.commit = argv[used + 1];
        job.into = argv[used + 2];
        job.paths = (const char *const *)argv + used + 3;
        job.n_paths = (size_t)(argc - used - 3);
        s = clone_check_empty(job.into, err); /* before anything is swept */
    }
    if (s == OK)
        s = run(&job, arena, &report, err);
    arena_close(arena);
    return s;
}

enum status clone_resolve_command(int argc, char **argv, struct text *out, struct error *err)
{
    enum status s;
    int used = 0;
    struct job job = {0};
    struct report report = {0};
    struct arena *arena = arena_open();

    if (!arena)
        return error_memory(err);
    s = read_mirrors(argc, argv, arena, &job.source, &used, err);
    if (s == OK && argc - used != 2)
        s = error_set(err, ERR_INPUT, "clone-resolve", "expected %s", resolve_usage);
    if (s == OK) {
        job.source.url = argv[used];
        job.rev = argv[used + 1];
        s = run(&job, arena, &report, err);
    }
    if (s == OK)
        text_printf(out, "%s\n", report.commit);
    arena_close(arena);
    return s;
}
