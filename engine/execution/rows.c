/* rows: one reader for tables, one for objects. Start at rows_read. */
#include "engine/execution/rows.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/execution/report.h"

struct reader {
    const char *metric;
    struct arena *arena;
    struct row *rows;
    size_t n, capacity;
};

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);

    return n >= m && strcmp(name + n - m, end) == 0;
}

bool rows_is_whole(const char *name)
{
    return ends_with(name, ".json");
}

static enum status add_row(struct reader *r, const struct row *row, struct error *err)
{
    struct row *last = arena_push(r->arena, r->rows, r->n, r->capacity);

    if (!last)
        return error_memory(err);
    *last = *row;
    return OK;
}

/* ---- numbers of a row ---- */

static bool is_there(const struct numbers *numbers, const char *name)
{
    for (size_t i = 0; i < numbers->n; i++)
        if (strcmp(numbers->names[i], name) == 0)
            return true;
    return false;
}

/* Room for n numbers. */
static enum status open_row(struct reader *r, size_t n, const char *shown, struct row *row,
                            const char ***names, double **values, struct error *err)
{
    *names = arena_array(r->arena, n + 1, sizeof **names);
    *values = arena_array(r->arena, n + 1, sizeof **values);
    *row = (struct row){.numbers = {0, *names, *values}, .value = NAN, .t = NAN, .shown = shown};
    return *names && *values ? OK : error_memory(err);
}

static void add_number(struct row *row, const char **names, double *values, const char *name,
                       double x)
{
    if (strcmp(name, "t") == 0) {
        row->t = x;
        return;
    }
    names[row->numbers.n] = name;
    values[row->numbers.n++] = x;
}

/* ---- tables ---- */

/* The cell that begins at *at, which moves behind it and its comma; NULL behind the last. */
static char *next_cell(char **at, char comma)
{
    char *cell = *at, *to = cell, *s = cell;
    bool quoted = false;

    if (!s)
        return NULL;
    for (; *s && (quoted || *s != comma); s++)
        if (*s != '"')
            *to++ = *s;
        else if (quoted && s[1] == '"')
            *to++ = *s++;
        else
            quoted = !quoted;
    *at = *s ? s + 1 : NULL;
    while (to > cell && to[-1] == ' ')
        to--;
    *to = '\0';
    return cell + strspn(cell, " ");
}

static enum status split(char *line, char comma, struct arena *arena, const char ***cells,
                         size_t *n, struct error *err)
{
    size_t capacity = 0;
    char *cell;

    *cells = NULL;
    *n = 0;
    while ((cell = next_cell(&line, comma)) != NULL) {
        const char **last = arena_push(arena, *cells, *n, capacity);
        if (!last)
            return error_memory(err);
        *last = cell;
    }
    return OK;
}

static enum status read_cells(struct reader *r, const char **names, size_t n_names,
                              const char **cells, size_t n, const char *shown, struct error *err)
{
    const char **kept;
    double *values;
    struct row row;
    bool found = false;

    TRY(open_row(r, n, shown, &row, &kept, &values, err));
    for (size_t i = 0; i < n && i < n_names; i++) {
        const bool is_metric = strcmp(names[i], r->metric) == 0;
        double x;
        if (!*cells[i] || is_there(&row.numbers, names[i]) ||
            !text_is_utf8(names[i], strlen(names[i])))
            continue;
        if (report_number(cells[i], &x)) {
            add_number(&row, kept, values, names[i], x);
            row.value = is_metric ? x : row.value;
        } else {
            row.wrong |= is_metric;
        }
        found |= is_metric;
    }
    return found ? add_row(r, &row, err) : OK;
}

/* ---- objects ---- */

static enum status read_object(struct reader *r, const char *line, size_t n, struct error *err)
{
    const struct json *metric;
    const char **names;
    struct json *object;
    struct error refusal;
    double *values;
    struct row row = {.value = NAN, .t = NAN, .shown = line, .wrong = true};
    const enum status s = json_parse(line, n, "", JSON_NONFINITE, r->arena, &object, &refusal);

    if (s == ERR_MEMORY)
        return error_memory(err);
    if (s != OK || object->kind != JSON_OBJECT)
        return add_row(r, &row, err);
    if (!(metric = json_get(object, r->metric)))
        return OK;
    TRY(open_row(r, object->n, line, &row, &names, &values, err));
    for (size_t i = 0; i < object->n; i++) {
        const struct json *value = &object->members[i].value;
        if (value->kind == JSON_NUMBER || value->kind == JSON_NULL)
            add_number(&row, names, values, object->members[i].name,
                       value->kind == JSON_NUMBER ? value->number : NAN);
    }
    row.wrong = metric->kind != JSON_NUMBER && metric->kind != JSON_NULL;
    row.value = metric->kind == JSON_NUMBER ? metric->number : NAN;
    return add_row(r, &row, err);
}

/* ---- files ---- */

static enum status read_line(struct reader *r, char comma, char *line, const char ***names,
                             size_t *n_names, struct error *err)
{
    const char *shown = arena_string(r->arena, line), **cells;
    size_t n;

    if (!shown)
        return error_memory(err);
    if (!comma)
        return read_object(r, shown, strlen(shown), err);
    TRY(split(line, comma, r->arena, &cells, &n, err));
    if (*names)
        return read_cells(r, *names, *n_names, cells, n, shown, err);
    *names = cells;
    *n_names = n;
    return OK;
}

/* The next line that has ended and is not blank; NULL: there is none. */
static char *next_line(char **at, bool complete)
{
    for (char *line = *at, *end; *line; line = *at) {
        if (!(end = strchr(line, '\n')) && !complete)
            return NULL;
        *at = end ? end + 1 : line + strlen(line);
        if (end)
            *end = '\0';
        line[strcspn(line, "\r")] = '\0';
        if (line[strspn(line, " \t")])
            return line;
    }
    return NULL;
}

/* What stands between cells; 0: its lines are objects. */
static char comma_of(const char *name)
{
    if (ends_with(name, ".csv"))
        return ',';
    return ends_with(name, ".tsv") ? '\t' : '\0';
}

static char *copy_text(const struct rows_file *file, struct arena *arena)
{
    char *copy = arena_copy(arena, file->bytes, file->n);

    return copy && file->n >= 3 && memcmp(copy, "\xef\xbb\xbf", 3) == 0 ? copy + 3 : copy;
}

enum status rows_read(const struct rows_file *file, const char *metric, struct arena *arena,
                      struct row **out, size_t *n_rows, struct error *err)
{
    const bool whole = rows_is_whole(file->name);
    const char comma = comma_of(file->name);
    struct reader r = {.metric = metric, .arena = arena};
    const char **names = NULL;
    char *copy = copy_text(file, arena), *line;
    size_t n_names = 0;

    if (!copy)
        return error_memory(err);
    if (whole)
        TRY(read_object(&r, copy, strlen(copy), err));
    while (!whole && (line = next_line(&copy, file->complete)) != NULL)
        TRY(read_line(&r, comma, line, &names, &n_names, err));
    if (whole && !file->complete && r.n == 1 && !r.rows[0].numbers.names)
        r.n = 0; /* it is being written */
    *out = r.rows;
    *n_rows = r.n;
    return OK;
}

static void add_name(struct text *t, const char *name)
{
    text_add(t, t->n > 0 ? ", " : "");
    text_add(t, name);
}

enum status rows_names(const struct rows_file *file, struct arena *arena, const char **out,
                       struct error *err)
{
    const char comma = comma_of(file->name);
    char *copy = copy_text(file, arena), *line;
    struct text t = text_in(arena);
    struct error unread;
    struct json *object;
    const char **cells;
    size_t n = 0;

    if (!copy)
        return error_memory(err);
    line = rows_is_whole(file->name) ? copy : next_line(&copy, file->complete);
    if (line && comma) {
        TRY(split(line, comma, arena, &cells, &n, err));
        for (size_t i = 0; i < n; i++)
            add_name(&t, cells[i]);
    } else if (line &&
               json_parse(line, strlen(line), "", JSON_NONFINITE, arena, &object, &unread) == OK) {
        for (size_t i = 0; object->kind == JSON_OBJECT && i < object->n; i++)
            add_name(&t, object->members[i].name);
    }
    return text_finish(&t, (char **)out, NULL, err);
}
