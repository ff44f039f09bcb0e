/*
 * local_process: a task's own process, in a room or in none. A room is the task's until its process
 * has ended. Start at local_start_process.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/store.h"
#include "engine/executor/environment.h"
#include "engine/executor/local_state.h"
#include "engine/graph/graph.h"
#include "engine/process/devices.h"
#include "engine/process/places.h"
#include "engine/process/tool.h"
#include "engine/progress.h"
#include "engine/room/landlock.h"
#include "engine/room/room.h"

static const char *const all_see[] = {"/bin", "/etc", "/lib",  "/lib32", "/lib64", "/libx32",
                                      "/nix", "/opt", "/sbin", "/sys",   "/usr"};
static const char *const cards_see[] = {"/dev/nvidiactl", "/dev/nvidia-uvm",
                                        "/dev/nvidia-uvm-tools", "/dev/nvidia-caps"};

/* Of a card its device; a part of one has its own under /dev/nvidia-caps. */
static enum status add_cards(const struct local *l, const struct child *c, struct places *p,
                             struct error *err)
{
    for (size_t i = 0; i < sizeof cards_see / sizeof *cards_see && c->share.n_cards > 0; i++)
        TRY(places_add(p, cards_see[i], err));
    for (size_t i = 0; i < c->share.n_cards; i++)
        TRY(places_add(p, l->slots.cards[c->share.cards[i]].card->device, err));
    return OK;
}

/* What the caller's variables name, where the action asks for these: folders, such as caches, may
 * be written to. Any other value may be a secret, and what is shown is written down. */
static enum status add_passed(const struct action *a, struct places *p, struct places *written,
                              struct error *err)
{
    for (size_t i = 0; i < a->n_pass; i++) {
        const char *value = getenv(a->pass[i]);
        if (value && value[0] == '/' && access(value, F_OK) == 0)
            TRY(places_add(file_is_folder(value) ? written : p, value, err));
    }
    return OK;
}

/* Each folder of such a list; of PATH with what its programs need, where that does not show the
 * store, and with it what lies around a recipe. */
static enum status add_folders(const struct local *l, const char *list, bool programs,
                               struct places *p, struct error *err)
{
    for (const char *at = list ? list : ""; *at;) {
        const size_t n = strcspn(at, ":");
        const char *folder = arena_copy(p->arena, at, n);
        if (!folder)
            return error_memory(err);
        at += n + (at[n] == ':');
        if (!file_is_folder(folder) || file_is_below(store_work(l->machine.store), folder))
            continue;
        TRY(programs ? places_add_programs(p, folder, err) : places_add(p, folder, err));
    }
    return OK;
}

/* What its own variables say of where programs and modules are. */
static enum status add_env(const struct local *l, const struct action *a, struct places *p,
                           struct error *err)
{
    for (size_t i = 0; i < a->n_env; i++) {
        const bool programs = strcmp(a->env[i].name, "PATH") == 0;
        if (programs || strcmp(a->env[i].name, "PYTHONPATH") == 0)
            TRY(add_folders(l, a->env[i].value, programs, p, err));
    }
    return OK;
}

enum status local_find_system(struct local *l, struct error *err)
{
    l->system = (struct places){.arena = l->arena};
    for (size_t i = 0; i < sizeof all_see / sizeof *all_see; i++)
        TRY(places_add(&l->system, all_see[i], err));
    for (size_t i = 0; i < l->machine.n_system; i++)
        TRY(places_add(&l->system, l->machine.system[i], err));
    TRY(places_add(&l->system, l->machine.modules, err));
    TRY(add_folders(l, getenv("PATH"), true, &l->system, err));
    places_finish(&l->system);
    return OK;
}

static enum status find_places(const struct local *l, const struct child *c, struct places *p,
                               struct places *written, struct error *err)
{
    TRY(places_join(p, &l->system, err));
    TRY(tool_places(l->machine.tools, c->action, p, err));
    if (c->action->resources.n_settings > 0)
        TRY(places_add(p, devices_libraries(l->machine.devices), err));
    TRY(add_passed(c->action, p, written, err));
    TRY(add_env(l, c->action, p, err));
    TRY(add_cards(l, c, p, err));
    places_finish(p);
    places_finish(written);
    return OK;
}

static bool all_see_it(const struct local *l, const char *place)
{
    for (size_t i = 0; i < sizeof all_see / sizeof *all_see; i++)
        if (file_is_below(place, all_see[i]))
            return true;
    return (file_is_below(place, "/dev") && !file_is_below(place, "/dev/shm")) ||
           (l->machine.modules && strcmp(place, l->machine.modules) == 0);
}

static enum status show_to(const struct local *l, struct child *c, const struct room_view *view,
                           const char *isolation, struct error *err)
{
    const size_t n = view->n + view->n_written;
    const char **shown = arena_array(c->arena, n + 1, sizeof *shown);
    const char **bound = arena_array(c->arena, n + 1, sizeof *bound);

    if (!shown || !bound)
        return error_memory(err);
    c->task.n_bound = 0;
    for (size_t i = 0; i < n; i++) {
        shown[i] = i < view->n ? view->places[i] : view->written[i - view->n];
        if (i >= view->n || !all_see_it(l, shown[i]))
            bound[c->task.n_bound++] = shown[i];
    }
    c->task.bound = bound;
    c->task.shown = shown;
    c->task.n_shown = n;
    c->task.isolation = isolation;
    c->task.network = view->network || !c->room;
    return OK;
}

/* Where there are no rooms, the second best; and else nothing is hidden. */
static enum status restrict_it(struct local *l, struct child *c, const struct room_view *view,
                               const struct error *refusal, struct error *err)
{
    struct error no_rules;
    const enum status s = landlock_open(view, c->task.folder, &c->command.ruleset, &no_rules);

    if (s == ERR_MEMORY)
        return error_memory(err);
    if (s != OK)
        c->command.ruleset = 0;
    else
        TRY(show_to(l, c, view, "landlock", err));
    if (!l->said_refused)
        progress_line(
            l->machine.progress,
            s == OK ? "files are hidden from actions by Landlock, and the network is not: the "
                      "kernel refuses namespaces (%s)"
                    : "actions see all files of this machine: the kernel does not let hpo "
                      "hide them (%s)",
            refusal->text);
    l->said_refused = true;
    return OK;
}

static enum status take_room(struct local *l, struct child *c, struct error *err)
{
    struct places places = {.arena = c->arena}, written = {.arena = c->arena};
    struct room_view view;
    struct error refusal;
    enum status s;

    TRY(find_places(l, c, &places, &written, err));
    view = (struct room_view){places.list, places.n, written.list, written.n, c->action->network};
    s = rooms_take(l->rooms, &view, &c->room, &refusal);
    if (s == OK)
        return show_to(l, c, &view, "room", err);
    if (s != ERR_FAILED) {
        *err = refusal;
        return s;
    }
    if (l->machine.sandbox == SANDBOX_STRICT)
        return error_set(err, ERR_INPUT, "--sandbox",
                         "strict needs namespaces, which the kernel refuses (%s): see hpo doctor",
                         refusal.text);
    return restrict_it(l, c, &view, &refusal, err);
}

/* It is not the task's any more. whole: others may have it. */
static void drop_room(struct local *l, struct child *c, bool whole)
{
    rooms_give(l->rooms, c->room, whole);
    c->room = NULL;
    c->came_in = false;
}

static enum status start_in_none(struct local *l, struct child *c, struct error *err)
{
    const enum status s = runner_start(l->machine.reaper, &c->command, &c->process, err);

    if (c->command.ruleset)
        close(c->command.ruleset);
    c->command.ruleset = 0;
    return s;
}

void local_close_streams(struct child *c)
{
    for (int i = 0; i < ROOM_STREAMS; i++) {
        if (c->streams[i] >= 0)
            close(c->streams[i]);
        c->streams[i] = -1;
    }
}

/* It does not begin. */
static enum status give_up(struct child *c, enum status s, struct error *err)
{
    error_place(err, "%s", c->command.argv[0]);
    local_close_streams(c);
    runner_drop_streams(&c->process);
    return s;
}

/* Whether it may begin in another room, as it has not in this one: that had died while nobody used
 * it, or serves nobody more; or the kernel refuses to watch, and that alone. */
static bool has_another_try(struct local *l, struct child *c)
{
    const bool gone = room_is_gone(c->room), again = c->again;

    drop_room(l, c, false);
    if (again || (!gone && (!c->watched || l->machine.sandbox == SANDBOX_STRICT)))
        return false;
    c->again = true;
    c->watched &= gone;
    if (gone)
        rooms_drop_idle(l->rooms);
    return true;
}

/* What it was told already is in its streams. */
static enum status begin_again(struct local *l, struct child *c, enum status s, struct error *err)
{
    while (s != OK && has_another_try(l, c)) {
        s = take_room(l, c, err);
        if (s != OK)
            break;
        s = room_start(c->room, &c->command, c->task.folder, c->watched, c->streams, &c->process,
                       err);
    }
    return s == OK ? OK : give_up(c, s, err);
}

enum status local_start_process(struct local *l, struct child *c, struct error *err)
{
    enum status s;

    if (l->rooms && c->action)
        TRY(take_room(l, c, err));
    if (!c->room)
        return start_in_none(l, c, err);
    s = runner_streams(&c->command, c->streams, &c->process, err);
    if (s != OK) {
        drop_room(l, c, true);
        return s;
    }
    s = room_start(c->room, &c->command, c->task.folder, c->watched, c->streams, &c->process, err);
    return begin_again(l, c, s, err);
}

bool local_enter(struct local *l, struct child *c, struct entry *entry, int ways[ROOM_WAYS])
{
    struct error refusal; /* who cannot enter begins as a fresh process, which says it */

    *entry = (struct entry){.n = 0};
    for (int i = 0; i < ROOM_WAYS; i++)
        ways[i] = -1;
    if (!l->rooms)
        return true;
    if (take_room(l, c, &refusal) != OK)
        return false;
    if (!c->room && c->command.ruleset) {
        ways[0] = c->command.ruleset;
        c->command.ruleset = 0;
        *entry = (struct entry){ways, 1, 0};
    }
    if (!c->room)
        return true;
    *entry = (struct entry){ways, ROOM_WAYS, room_rights};
    c->came_in = room_await(c->room, c->task.folder, ways, &refusal) == OK;
    if (c->came_in)
        return true;
    drop_room(l, c, false);
    return false;
}

void local_leave(struct local *l, struct child *c)
{
    struct process in_there = {.pidfd = -1};

    if (!c->room)
        return;
    drop_room(l, c, room_end(c->room, &in_there));
}

void local_signal(const struct child *c, int signal)
{
    if (c->room && !c->came_in)
        room_signal(c->room, signal);
    else
        runner_signal(&c->process, signal);
}

/* The room is free, and nothing of it is left. */
static void give_back(struct local *l, struct child *c, bool whole)
{
    drop_room(l, c, whole);
    c->roomy = true;
}

/* Under --sandbox strict it ends there. */
static enum status look_at_asked(const struct local *l, struct child *c, struct error *err)
{
    const struct room_asked *asked;
    struct asked_for *last, *list = (struct asked_for *)c->task.asked;
    const size_t n = room_asked(c->room, &asked);

    while (c->task.n_asked < n) {
        const struct room_asked *a = &asked[c->task.n_asked];
        if (!(last = arena_push(c->arena, list, c->task.n_asked, c->asked_capacity)))
            return error_memory(err);
        *last = (struct asked_for){arena_string(c->arena, a->what), a->makes};
        c->task.asked = list;
        if (!last->what)
            return error_memory(err);
    }
    if (l->machine.sandbox == SANDBOX_STRICT && n > 0 && !c->task.caught) {
        c->task.caught = true;
        room_signal(c->room, SIGKILL);
    }
    return OK;
}

enum status local_poll_process(struct local *l, struct child *c, struct error *err)
{
    enum status s;

    if (c->room && !c->came_in) {
        s = room_poll(c->room, &c->process, err);
        if (s != OK)
            return begin_again(l, c, s, err);
        if (room_has_begun(c->room))
            local_close_streams(c);
        if (c->watched)
            TRY(look_at_asked(l, c, err));
        if (c->process.ended)
            give_back(l, c, !room_is_gone(c->room));
        return OK;
    }
    runner_poll(l->machine.reaper, &c->process);
    if (c->room && c->process.ended) {
        local_leave(l, c);
        c->roomy = true;
    }
    return OK;
}

void local_close_process(struct local *l, struct child *c)
{
    if (c->room && !c->came_in)
        give_back(l, c, room_end(c->room, &c->process));
    runner_close(l->machine.reaper, &c->process); /* has nothing to kill where it has ended */
    if (c->room) {
        local_leave(l, c);
        c->roomy = true;
    }
}
