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
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/clone/clone.h"
#include "engine/clone/scratch.h"

/* The worker is looked at so often within the time that a server may be silent. */
enum { LOOKS = 10, SILENCE_SECONDS = 60, SILENCE_MAX = 86400 };

/* What is asked of the worker: a commit's tree into a folder, or, without one, what rev is. */
struct job {
    struct clone_source source;
    const char *commit, *into; /* of clone-tree; into is NULL for clone-resolve */
    const char *const *paths;
    size_t n_paths;
    const char *rev; /* of clone-resolve */
    int64_t silence; /* seconds */
};

/* What the worker tells its parent, in one piece through a pipe. */
struct report {
    enum status status;
    struct error error;
    char commit[COMMIT_HEX + 1];
};

/* How the worker came to its end. */
enum ending { BY_ITSELF, STOPPED, SILENT };

/* Signals that ask us to stop. */
static const int requests[] = {SIGTERM, SIGINT, SIGHUP};

#define OPTIONS "[--mirror FROM=TO]... [--shipped] [--silence SECONDS] "
static const char *const tree_usage = OPTIONS "URL COMMIT INTO [PATH...]";
static const char *const resolve_usage = OPTIONS "URL REV";

/* The options at the front of argv; *used is the number of words they take. */
static enum status read_options(int argc, char **argv, struct arena *arena, struct job *job,
                                int *used, struct error *err)
{
    struct clone_source *source = &job->source;
    struct clone_mirror *mirrors = arena_array(arena, (size_t)argc, sizeof *mirrors);

    if (!mirrors)
        return error_memory(err);
    source->mirrors = mirrors;
    job->silence = SILENCE_SECONDS;
    for (*used = 0; *used + 1 < argc; *used += 2) {
        const char *option = argv[*used], *value = argv[*used + 1];
        if (strcmp(option, "--mirror") == 0) {
            TRY(clone_parse_mirror(value, arena, &mirrors[source->n_mirrors++], err));
        } else if (strcmp(option, "--silence") == 0) {
            TRY(text_parse_integer(value, option, 1, SILENCE_MAX, &job->silence, err));
        } else if (strcmp(option, "--shipped") == 0) {
            source->shipped = true;
            --*used; /* it has no value */
        } else {
            break;
        }
    }
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

/* How long the worker has run on a processor; -1: the system does not say. */
static int64_t ran_ns(pid_t worker)
{
    clockid_t clock;
    struct timespec ran;

    if (clock_getcpuclockid(worker, &clock) != 0 || clock_gettime(clock, &ran) != 0)
        return -1;
    return (int64_t)ran.tv_sec * 1000000000 + ran.tv_nsec;
}

/*
 * Waits for the worker's end, and ends it when a signal asks us to stop, or when it has not run at
 * all in the time that a server may be silent: each byte that comes makes it run, in whatever phase
 * and library it waits. Looks are counted, not seconds, so that time in which this machine or
 * process stood still is one look at most.
 */
static int wait_for(pid_t worker, int64_t silence, const sigset_t *signals, enum ending *ending)
{
    const int64_t look_ns = silence * 1000000000 / LOOKS;
    const struct timespec look = {.tv_sec = look_ns / 1000000000, .tv_nsec = look_ns % 1000000000};
    int status = 0, idle = 0;
    int64_t before = -1, now;
    pid_t ended = 0;

    *ending = BY_ITSELF;
    while (ended == 0) {
        int signal = sigtimedwait(signals, NULL, &look);
        if (signal < 0 && errno == EAGAIN) {
            now = ran_ns(worker);
            idle = now >= 0 && now == before ? idle + 1 : 0;
            before = now;
        }
        if (signal > 0 && signal != SIGCHLD)
            *ending = STOPPED;
        else if (idle == LOOKS)
            *ending = SILENT;
        if (*ending != BY_ITSELF)
            kill(worker, SIGKILL);
        ended = waitpid(worker, &status, *ending == BY_ITSELF ? WNOHANG : 0);
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

static enum status refuse_silence(const struct job *job, struct arena *arena, struct error *err)
{
    const char *name;

    TRY(clone_name(&job->source, arena, &name, err));
    (void)error_set(err, ERR_SYSTEM, name, "nothing came from the server for %d s",
                    (int)job->silence);
    error_hint(err, "try again later, or --mirror URL=FOLDER with a clone of your own");
    return ERR_SYSTEM;
}

/* The worker's report, or what became of a worker that made none. */
static void judge(int fd, int status, enum ending ending, struct report *report)
{
    if (ending == BY_ITSELF && read_report(fd, report) == OK)
        return;
    if (WIFSIGNALED(status) && is_request(WTERMSIG(status))) /* sent to all of a group */
        ending = STOPPED;
    if (ending == STOPPED)
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
    enum ending ending;
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
        status = wait_for(worker, job->silence, signals, &ending);
        if (ending == SILENT)
            report->status = refuse_silence(job, arena, &report->error);
        else
            judge(ends[0], status, ending, report);
    }
    close(ends[0]);
}

/* Runs the job with a scratch folder of its own; where it fails, nothing is left of it. */
static enum status run(struct job *job, struct arena *arena, struct report *report,
                       struct error *err)
{
    const char *temporary = getenv("TMPDIR");
    struct scratch scratch = {.path = NULL};
    struct error ignored;
    sigset_t signals, before;
    enum status s, removed;

    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        sigaddset(&signals, requests[i]);
    (void)sigprocmask(SIG_BLOCK, &signals, &before);
    s = scratch_open(temporary && *temporary ? temporary : "/tmp", arena, &scratch, err);
    if (s == OK) {
        job->source.scratch = scratch.path;
        supervise(job, arena, &signals, &before, report);
        if ((s = report->status) != OK)
            *err = report->error;
    }
    removed = scratch_close(&scratch, s == OK ? err : &ignored);
    if (s == OK)
        s = removed;
    if (s != OK && job->into)
        clone_sweep(job->into);
    (void)sigprocmask(SIG_SETMASK, &before, NULL); /* one that came too late ends us now */
    return s;
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
    s = read_options(argc, argv, arena, &job, &used, err);
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
    s = read_options(argc, argv, arena, &job, &used, err);
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
