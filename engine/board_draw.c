/* board_draw: a board as lines of a terminal. Start at board_draw; the one-line form is
 * board_line. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "base/visible.h"
#include "engine/board.h"

enum {
    LEAST_ROWS = 7, /* below, and below so many columns, a table says less than a line */
    LEAST_COLUMNS = 40,
    MOST_PARAMS = 32,
    CELL = 18,     /* letters of a value, at most */
    FEW_TRIALS = 2 /* rows that a study has, where there is room for its table at all */
};

/* Lines that are drawn so far. */
struct lines {
    const struct board_size *size;
    struct arena *arena;
    const char **lines;
    size_t n, capacity;
    bool failed;
};

/* ---- words ---- */

void board_duration(struct text *t, double seconds)
{
    const long long s = seconds > 0 && seconds < 1e9 ? (long long)seconds : 0;

    if (s >= 3600)
        text_printf(t, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else
        text_printf(t, "%lld:%02lld", s / 60, s % 60);
}

static void add_visible(struct text *t, const char *s)
{
    visible_add(t, s, strlen(s), VISIBLE_LINE);
}

static void add_value(struct text *t, double value)
{
    if (isfinite(value))
        text_printf(t, "%.4g", value);
    else
        text_add(t, "–");
}

/* The string, its end cut off where it takes more columns. */
static void add_cut(struct text *t, const char *s, size_t most)
{
    const size_t n = strlen(s);
    size_t columns, fit = visible_fit(s, n, most, &columns);

    if (fit < n && most > 0)
        fit = visible_fit(s, n, most - 1, &columns);
    text_add_bytes(t, s, fit);
    if (fit < n && most > 0)
        text_add(t, "…");
}

static size_t width(const char *s)
{
    size_t columns;

    (void)visible_fit(s, strlen(s), SIZE_MAX, &columns);
    return columns;
}

static const char *finish(struct lines *l, struct text *t)
{
    if (t->failed)
        l->failed = true;
    return t->failed || !t->bytes ? "" : t->bytes;
}

static const char *shown(struct lines *l, const char *s)
{
    struct text t = text_in(l->arena);

    add_visible(&t, s);
    return finish(l, &t);
}

/* One more line; it is cut where it is too wide. style: of a terminal, or NULL. */
static void add_line(struct lines *l, struct text *t, const char *style)
{
    struct text line = text_in(l->arena);
    const char **last;

    if (style && l->size->color)
        text_add(&line, style);
    add_cut(&line, finish(l, t), (size_t)l->size->columns);
    if (style && l->size->color)
        text_add(&line, "\033[0m");
    if (!(last = arena_push(l->arena, l->lines, l->n, l->capacity))) {
        l->failed = true;
        return;
    }
    *last = finish(l, &line);
}

/* ---- the first line ---- */

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void add_times(struct text *t, const struct board *b)
{
    board_duration(t, b->seconds);
    if (!isnan(b->left)) {
        text_add(t, ", about ");
        board_duration(t, fmax(rint(b->left), 1));
        text_add(t, " left");
    }
}

static void draw_heading(struct lines *l, const struct board *b)
{
    struct text t = text_in(l->arena), times = text_in(l->arena);
    size_t room;

    add_times(&times, b);
    text_printf(&times, "  run %lld", (long long)b->run);
    if (b->total > 0)
        text_printf(&times, ", %zu of %zu actions", b->done, b->total);
    if (b->slots > 0)
        text_printf(&times, ", %d of %d slots", b->slots_used, b->slots);
    if (b->gpus > 0)
        text_printf(&times, ", %d of %d GPUs", b->gpus_used, b->gpus);
    if (b->failed > 0)
        text_printf(&times, ", %lld failed", (long long)b->failed);
    room = (size_t)l->size->columns > width(finish(l, &times)) + 2
               ? (size_t)l->size->columns - width(finish(l, &times)) - 2
               : 0;
    if (room >= 8) {
        add_cut(&t, shown(l, file_name(b->recipe)), room);
        text_add(&t, "  ");
    }
    text_add(&t, finish(l, &times));
    add_line(l, &t, NULL);
}

/* ---- a study in a line ---- */

/* "; best eval_loss 0.412 (trial 7)", in as many columns as there are; the value is never cut. */
static const char *best_words(struct lines *l, const struct board_study *s, size_t room)
{
    const char *words = "";

    for (int form = 0; form < 3 && s->best >= 0; form++) {
        struct text t = text_in(l->arena);
        text_add(&t, "; best ");
        if (form < 2) {
            add_cut(&t, shown(l, s->metric), CELL);
            text_add(&t, " ");
        }
        add_value(&t, s->best_value);
        if (form < 1)
            text_printf(&t, " (trial %d)", s->best);
        words = finish(l, &t);
        if (width(words) <= room)
            break;
    }
    return words;
}

/* "asha: 12 of 20 trials, 4 running, 7 stopped; best eval_loss 0.412 (trial 7)" */
static void draw_study(struct lines *l, const struct board_study *s)
{
    const size_t room = (size_t)l->size->columns;
    const struct {
        int n;
        const char *word;
    } parts[] = {{s->running, "running"}, {s->waiting, "waiting"},     {s->paused, "paused"},
                 {s->stopped, "stopped"}, {s->completed, "completed"}, {s->failed, "failed"}};
    struct text t = text_in(l->arena);
    const char *name = shown(l, s->name), *best;
    char counts[64];
    size_t taken, left;

    (void)snprintf(counts, sizeof counts, ": %d of %d trials", s->n_trials, s->samples);
    taken = width(name) + width(counts);
    best = best_words(l, s, room > taken ? room - taken : 0);
    left = room > width(counts) + width(best) ? room - width(counts) - width(best) : 1;
    add_cut(&t, name, left);
    text_add(&t, counts);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        (void)snprintf(counts, sizeof counts, ", %d %s", parts[i].n, parts[i].word);
        if (parts[i].n > 0 && width(finish(l, &t)) + width(counts) + width(best) <= room)
            text_add(&t, counts);
    }
    text_add(&t, best);
    add_line(l, &t, "\033[1m");
}

/* ---- its trials ---- */

/* A column: what stands in it, a cell a row, the title first. */
struct column {
    const char **cells;
    size_t width;
    bool right;
};

struct grid {
    struct lines *l;
    size_t rows; /* with that of the titles */
};

static bool open_column(struct grid *g, struct column *c, const char *title, bool right)
{
    *c = (struct column){.right = right};
    c->cells = arena_array(g->l->arena, g->rows, sizeof *c->cells);
    if (!c->cells) {
        g->l->failed = true;
        return false;
    }
    for (size_t i = 0; i < g->rows; i++)
        c->cells[i] = "";
    c->cells[0] = title;
    return true;
}

static void close_column(const struct grid *g, struct column *c)
{
    for (size_t i = 0; i < g->rows; i++) {
        struct text t = text_in(g->l->arena);
        add_cut(&t, c->cells[i], CELL);
        c->cells[i] = finish(g->l, &t);
        if (width(c->cells[i]) > c->width)
            c->width = width(c->cells[i]);
    }
}

static const char *number(struct lines *l, double value, bool whole)
{
    struct text t = text_in(l->arena);

    if (whole)
        text_printf(&t, "%.0f", value);
    else
        add_value(&t, value);
    return finish(l, &t);
}

static const char *status_words(struct lines *l, const struct board_trial *trial)
{
    struct text t = text_in(l->arena);

    add_visible(&t, trial->status);
    if (trial->seconds >= 0)
        text_printf(&t, " %.1f s", trial->seconds);
    return finish(l, &t);
}

static const char *param_words(struct lines *l, const struct json *value)
{
    struct text t = text_in(l->arena), visible = text_in(l->arena);

    if (value->kind == JSON_STRING)
        text_add(&t, value->string);
    else if (value->kind == JSON_NUMBER && !value->whole)
        text_printf(&t, "%.4g", value->number);
    else
        json_write(&t, value);
    add_visible(&visible, finish(l, &t));
    return finish(l, &visible);
}

/* The column of that name among those of the parameters, which is made where it is absent. */
static struct column *param_column(struct grid *g, struct column *columns, size_t *n,
                                   const char *name)
{
    const char *title = shown(g->l, name);

    for (size_t i = 0; i < *n; i++)
        if (strcmp(columns[i].cells[0], title) == 0)
            return &columns[i];
    if (*n == MOST_PARAMS || !open_column(g, &columns[*n], title, true))
        return NULL;
    return &columns[(*n)++];
}

static void fill_params(struct grid *g, struct column *columns, size_t *n,
                        const struct board_trial *trial, size_t row)
{
    struct error ignored;
    struct json *params;

    if (json_parse(trial->params, strlen(trial->params), "params", JSON_STRICT, g->l->arena,
                   &params, &ignored) != OK)
        return;
    for (size_t i = 0; params->kind == JSON_OBJECT && i < params->n; i++) {
        struct column *c = param_column(g, columns, n, params->members[i].name);
        if (!c)
            return;
        c->cells[row] = param_words(g->l, &params->members[i].value);
        c->right = c->right && params->members[i].value.kind == JSON_NUMBER;
    }
}

static void add_cell(struct text *t, const struct column *c, const char *cell, bool last)
{
    const size_t gap = c->width - width(cell);

    if (c->right)
        text_printf(t, "%*s", (int)gap, "");
    text_add(t, cell);
    if (!c->right && !last)
        text_printf(t, "%*s", (int)gap, "");
}

/* trial, parameters as far as there is room, t, metric, status. */
static void draw_rows(struct grid *g, const struct board_study *s, const size_t *places,
                      const struct column *fixed, const struct column *params, size_t n_params)
{
    size_t room = (size_t)g->l->size->columns, taken = 2 + 3 * 2, left = 0;

    for (size_t i = 0; i < 4; i++)
        taken += fixed[i].width;
    while (left < n_params && taken + params[left].width + 2 <= room)
        taken += params[left++].width + 2;
    for (size_t row = 0; row < g->rows; row++) {
        const bool best = row > 0 && s->trials[places[row - 1]].trial == s->best;
        struct text t = text_in(g->l->arena);
        text_add(&t, best ? "* " : "  ");
        add_cell(&t, &fixed[0], fixed[0].cells[row], false);
        for (size_t i = 0; i < left; i++) {
            text_add(&t, "  ");
            add_cell(&t, &params[i], params[i].cells[row], false);
        }
        for (size_t i = 1; i < 4; i++) {
            text_add(&t, "  ");
            add_cell(&t, &fixed[i], fixed[i].cells[row], i == 3);
        }
        add_line(g->l, &t, row == 0 ? "\033[2m" : best ? "\033[32m" : NULL);
    }
}

/* At most so many lines, the titles and the number of those that are left out among them. */
static void draw_trials(struct lines *l, const struct board_study *s, size_t most)
{
    const bool all = s->n == (size_t)s->n_trials && s->n + 1 <= most;
    size_t *places = arena_array(l->arena, most + 1, sizeof *places);
    const size_t n = places ? board_choose(s, all ? s->n : most - 2, places) : 0;
    struct grid g = {l, n + 1};
    struct column fixed[4], params[MOST_PARAMS];
    size_t n_params = 0;

    if (!places || !open_column(&g, &fixed[0], "trial", true) ||
        !open_column(&g, &fixed[1], "t", true) ||
        !open_column(&g, &fixed[2], shown(l, s->metric), true) ||
        !open_column(&g, &fixed[3], "status", false)) {
        l->failed = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct board_trial *trial = &s->trials[places[i]];
        fixed[0].cells[i + 1] = number(l, trial->trial, true);
        fixed[1].cells[i + 1] = number(l, trial->t, true);
        fixed[2].cells[i + 1] = number(l, trial->value, false);
        fixed[3].cells[i + 1] = status_words(l, trial);
        fill_params(&g, params, &n_params, trial, i + 1);
    }
    for (size_t i = 0; i < 4; i++)
        close_column(&g, &fixed[i]);
    for (size_t i = 0; i < n_params; i++)
        close_column(&g, &params[i]);
    draw_rows(&g, s, places, fixed, params, n_params);
    if (!all) {
        struct text t = text_in(l->arena);
        text_printf(&t, "  … %zu more", (size_t)s->n_trials - n);
        add_line(l, &t, "\033[2m");
    }
}

/* ---- the whole ---- */

/* Actions that run, in one line. */
static void draw_actions(struct lines *l, const struct board *b)
{
    struct text t = text_in(l->arena);

    for (size_t i = 0; i < b->n_jobs; i++)
        if (!b->jobs[i].trial) {
            text_add(&t, t.n == 0 ? "running: " : ", ");
            add_visible(&t, b->jobs[i].label);
            text_printf(&t, " %.1f s", b->jobs[i].seconds);
        }
    if (t.n > 0)
        add_line(l, &t, NULL);
}

static size_t count_actions(const struct board *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n_jobs; i++)
        n += !b->jobs[i].trial;
    return n;
}

static bool runs(const struct board_study *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->trials[i].seconds >= 0)
            return true;
    return false;
}

static size_t wanted(const struct board_study *s)
{
    return s->open && s->n > 0 ? (size_t)s->n_trials + 1 : 0;
}

/*
 * How many of the lines each study's trials get: equal shares, but no more than there are trials,
 * and nothing where that would be less than a table. Studies of which something runs come first.
 */
static void share(const struct board *b, size_t left, size_t *shares)
{
    size_t waits = 0;

    for (size_t i = 0; i < b->n_studies; i++)
        waits += wanted(&b->studies[i]) > 0;
    if (waits > left / (2 + FEW_TRIALS))
        waits = left / (2 + FEW_TRIALS);
    for (int running = 1; running >= 0; running--)
        for (size_t i = 0; i < b->n_studies && waits > 0; i++) {
            const size_t most = left / waits, most_wanted = wanted(&b->studies[i]);
            if (most_wanted == 0 || runs(&b->studies[i]) != running)
                continue;
            shares[i] = most < most_wanted ? most : most_wanted;
            left -= shares[i];
            waits--;
        }
}

static void draw_studies(struct lines *l, const struct board *b, size_t room)
{
    size_t *shares = arena_array(l->arena, b->n_studies + 1, sizeof *shares);
    struct text t = text_in(l->arena);

    if (!shares) {
        l->failed = true;
        return;
    }
    share(b, room > b->n_studies ? room - b->n_studies : 0, shares);
    for (size_t i = 0; i < b->n_studies; i++) {
        if (i + 1 == room && i + 1 < b->n_studies) {
            text_printf(&t, "… %zu more studies", b->n_studies - i);
            add_line(l, &t, NULL);
            return;
        }
        draw_study(l, &b->studies[i]);
        if (shares[i] > 0)
            draw_trials(l, &b->studies[i], shares[i]);
    }
}

enum status board_draw(const struct board *b, const struct board_size *size, struct arena *arena,
                       const char ***lines, size_t *n, struct error *err)
{
    struct lines l = {.size = size, .arena = arena};
    const size_t rows = (size_t)size->rows, actions = count_actions(b) > 0;

    if (size->rows < LEAST_ROWS || size->columns < LEAST_COLUMNS || b->n_studies == 0) {
        struct text t = text_in(arena);
        char *line;
        TRY(board_line(b, size->columns, arena, &line, err));
        text_add(&t, line);
        add_line(&l, &t, NULL);
    } else {
        draw_heading(&l, b);
        draw_studies(&l, b, rows - 1 - actions);
        draw_actions(&l, b);
    }
    *lines = l.lines;
    *n = l.n;
    return l.failed ? error_memory(err) : OK;
}
