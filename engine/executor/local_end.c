/* local_end: what is left when a task has ended: processes, and its folder. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "cache/store.h"
#include "engine/executor/local_state.h"
#include "engine/executor/run_sh.h"
#include "engine/process/strays.h"
#include "engine/progress.h"

/* How many folders may wait to be removed, each of a task that took less than so long: then little
 * can lie there. */
enum { MOST_GONE = 16, SHORT_MS = 100 };

/* ---- processes ---- */

static bool is_known(const struct local *l, pid_t pid)
{
    for (const struct child *c = l->children; c; c = c->next)
        if (c->process.pid == pid || c->birth.pid == pid)
            return true;
    return pid == l->machine.reaper->pid || preload_has(l->preload, pid) ||
           rooms_has(l->rooms, pid);
}

/* How many children we know to have. */
static int count_known(const struct local *l)
{
    int n = 1 + preload_count(l->preload) + rooms_count(l->rooms); /* 1: the reaper */

    for (const struct child *c = l->children; c; c = c->next)
        n += (c->process.pid && !c->process.ended && (!c->room || c->came_in)) || c->birth.pid;
    return n;
}

void local_reap_orphans(const struct local *l)
{
    siginfo_t info = {.si_pid = 0};

    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0 &&
           !is_known(l, info.si_pid)) {
        (void)waitpid(info.si_pid, NULL, 0);
        info.si_pid = 0;
    }
}

void local_note_end(struct local *l, struct child *c)
{
    if (strays_any(l->children_list, count_known(l))) {
        strays_end(c->task.dir);
        local_reap_orphans(l);
    }
}

/* ---- folders ---- */

void local_free_child(struct local *l, struct child *c, bool keep_folder)
{
    struct error left; /* what cannot be removed is left to gc */

    if (keep_folder && c->action &&
        run_sh_write(l->machine.store, c->action, &c->command, c->task.folder, &left) != OK)
        progress_warning(l->machine.progress, "%s: %s", left.where, left.text);
    if (!keep_folder && workspace_remove(&c->workspace, &left) != OK)
        progress_warning(l->machine.progress, "a working folder is left: %s: %s", left.where,
                         left.text);
    workspace_leave(&c->workspace);
    local_close_streams(c);
    if (c->log >= 0)
        close(c->log);
    arena_close(c->arena);
}

bool local_remove_gone(struct local *l)
{
    struct child *c = l->gone;

    if (!c)
        return false;
    l->gone = c->next;
    l->n_gone--;
    local_free_child(l, c, false);
    return true;
}

void local_let_go(struct local *l, struct child *c, bool keep_folder)
{
    const int64_t ran_ns = runner_now_ns() - c->process.started_ns;

    if (keep_folder || ran_ns > SHORT_MS * (int64_t)1000000) {
        local_free_child(l, c, keep_folder);
        return;
    }
    if (l->n_gone == MOST_GONE)
        (void)local_remove_gone(l);
    c->next = l->gone;
    l->gone = c;
    l->n_gone++;
}
