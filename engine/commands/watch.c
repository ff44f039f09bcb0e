/* hpo watch: a build that runs elsewhere, full-screen, until it ends. Start at watch_build. */
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "cache/records/history.h"
#include "engine/board.h"
#include "engine/commands/commands.h"
#include "engine/commands/reader.h"
#include "engine/execution/session.h"
#include "engine/interrupt.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/running.h"
#include "engine/screen.h"

enum { POLL_MS = 250, TEXT_COLUMNS = 160 };

struct watched {
    struct store *store;
    const char *recipe, *arguments;
    int64_t run;
};

/* What it looks like by now, on so large a terminal; run 0 in *live: it has ended. */
static enum status draw(const struct watched *w, const struct board_size *size, struct arena *arena,
                        struct running_build *live, const char ***lines, size_t *n,
                        struct error *err)
{
    static const char *begun[] = {"the build has begun"};

    *lines = begun;
    *n = 1;
    TRY(running_find(w->store, w->recipe, w->arguments, w->run, arena, live, err));
    return live->board.run ? board_draw(&live->board, size, arena, lines, n, err) : OK;
}

/* ---- without a terminal ---- */

static enum status print_once(const struct watched *w, struct arena *arena, struct error *err)
{
    const struct board_size size = {.columns = TEXT_COLUMNS, .rows = BOARD_ROWS};
    struct running_build live;
    struct text t = text_in(arena);
    const char **lines;
    char *string;
    size_t n;

    TRY(draw(w, &size, arena, &live, &lines, &n, err));
    for (size_t i = 0; i < n; i++)
        text_printf(&t, "%s\n", lines[i]);
    TRY(text_finish(&t, &string, &n, err));
    return progress_result(string, n, err);
}

/* ---- with one ---- */

static enum status paint(const struct watched *w, struct arena *arena, bool *ended,
                         struct error *err)
{
    const struct board_size size = screen_size(STDOUT_FILENO);
    struct running_build live;
    struct text t = text_in(arena);
    const char **lines;
    size_t n;

    TRY(draw(w, &size, arena, &live, &lines, &n, err));
    *ended = live.run == 0;
    if (*ended)
        return OK;
    screen_fill(&t, lines, n);
    return screen_put(STDOUT_FILENO, &t, err);
}

/* A moment, or until a key is pressed, a signal comes, or the terminal has another size. */
static bool wait_for_leave(void)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = interrupt_descriptor(), .events = POLLIN}};
    char key;

    if (poll(fds, 2, POLL_MS) > 0 && fds[0].revents && read(STDIN_FILENO, &key, 1) == 1 &&
        (key == 'q' || key == 'Q'))
        return true;
    return *interrupt_count() > 0;
}

/* Until the build has ended (*ended), the reader has seen enough, or Ctrl-Z asks to stop. */
static enum status show(const struct watched *w, bool *ended, struct error *err)
{
    do {
        struct arena *arena = arena_open();
        enum status s = arena ? paint(w, arena, ended, err) : error_memory(err);
        arena_close(arena);
        TRY(s);
    } while (!*ended && !wait_for_leave() && !interrupt_stop_is_asked());
    return OK;
}

/* The terminal is as it was whenever this returns. */
static enum status full_screen(const struct watched *w, struct arena *arena, bool *ended,
                               struct error *err)
{
    struct text enter = text_in(arena), leave = text_in(arena);
    struct termios before;
    struct error ignored;
    enum status s;

    if (!screen_enter(STDIN_FILENO, &before, &enter))
        return error_system(err, "standard input", "read keys");
    s = screen_put(STDOUT_FILENO, &enter, err);
    if (s == OK)
        s = show(w, ended, err);
    screen_leave(STDIN_FILENO, &before, &leave);
    (void)!screen_put(STDOUT_FILENO, &leave, &ignored);
    return s;
}

/* ---- the command ---- */

/* How it ended, as the history has it. */
static enum status say_end(const struct watched *w, struct arena *arena, struct error *err)
{
    struct text t = text_in(arena);
    struct run *runs;
    char *string;
    size_t n;

    TRY(history_runs(w->store, w->recipe, SIZE_MAX, arena, &runs, &n, err));
    for (size_t i = 0; i < n; i++)
        if (runs[i].id == w->run)
            text_printf(&t, "run %lld has ended: %s, %lld ran, %lld cached, %lld failed (%.1f s)\n",
                        (long long)w->run, runs[i].status ? runs[i].status : "killed",
                        (long long)runs[i].ran, (long long)runs[i].cached,
                        (long long)runs[i].failed, runs[i].seconds);
    TRY(text_finish(&t, &string, &n, err));
    return progress_result(string, n, err);
}

static enum status refuse(const struct options *o, const struct watched *w, struct arena *arena,
                          struct error *err)
{
    struct run *runs;
    size_t n;

    TRY(history_runs(w->store, w->recipe, 1, arena, &runs, &n, err));
    if (n > 0)
        (void)error_set(err, ERR_INPUT, o->recipe, "no build of it runs%s; the last was run %lld",
                        o->n_sets > 0 ? " with these --set" : "", (long long)runs[0].id);
    else
        (void)error_set(err, ERR_INPUT, o->recipe, "no build of it runs");
    error_hint(err, "hpo runs lists builds, hpo table %s shows what the last one left", o->recipe);
    return ERR_INPUT;
}

static enum status watch_build(const struct options *o, struct store *store, struct arena *arena,
                               struct error *err)
{
    struct watched w = {.store = store};
    struct running_build live;
    bool ended = false;

    TRY(session_recipe(o, arena, &w.recipe, err));
    if (o->n_sets > 0)
        TRY(session_arguments(o, arena, &w.arguments, err));
    TRY(running_find(store, w.recipe, w.arguments, 0, arena, &live, err));
    if (!live.run)
        return refuse(o, &w, arena, err);
    w.run = live.run;
    if (!screen_is_terminal(STDOUT_FILENO) || !isatty(STDIN_FILENO))
        return print_once(&w, arena, err);
    TRY(interrupt_listen(err));
    interrupt_on_resize();
    interrupt_defer_stops();
    TRY(full_screen(&w, arena, &ended, err));
    while (!ended && interrupt_stop_is_asked()) {
        interrupt_stop_if_asked();
        TRY(full_screen(&w, arena, &ended, err));
    }
    return ended ? say_end(&w, arena, err) : OK;
}

enum status watch_command(const struct options *o, struct arena *arena, struct error *err)
{
    return read_store(o, arena, watch_build, err);
}
