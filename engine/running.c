/* running: a lock and a file for each build that runs. Start at running_begin, running_find. */
#include "engine/running.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cache/records/history.h"
#include "cache/store.h"

static const size_t state_limit = (size_t)1 << 30;

/* ---- locks ---- */

static struct flock byte_of(int64_t run, short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)run, .l_len = 1};
}

/* The file whose bytes are locked; -1: there is none. */
static int open_locks(const char *folder, int flags)
{
    char path[4096];
    const int n = snprintf(path, sizeof path, "%s/lock", folder);

    return n > 0 && (size_t)n < sizeof path ? open(path, flags | O_CLOEXEC, 0644) : -1;
}

static bool is_locked(int locks, int64_t run)
{
    struct flock lock = byte_of(run, F_WRLCK);

    return locks >= 0 && fcntl(locks, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* What is made there has the mode of the folder, without the x. */
static void share(const char *folder, int fd)
{
    struct stat st;

    if (stat(folder, &st) == 0)
        (void)fchmod(fd, st.st_mode & 0666);
}

/* The number in "12.json"; 0: it is no state. */
static int64_t run_of(const char *name)
{
    const char *end = strchr(name, '.');
    char digits[24];
    struct error ignored;
    int64_t run;

    if (!end || strcmp(end, ".json") != 0 || (size_t)(end - name) >= sizeof digits)
        return 0;
    memcpy(digits, name, (size_t)(end - name));
    digits[end - name] = '\0';
    return text_parse_integer(digits, "", 1, INT64_MAX, &run, &ignored) == OK ? run : 0;
}

/* ---- the build itself ---- */

/* What killed builds have left. */
static void sweep(const char *folder, int locks, struct arena *arena)
{
    struct error ignored;
    char **names;
    size_t n;

    if (file_list(folder, arena, &names, &n, &ignored) != OK)
        return;
    for (size_t i = 0; i < n; i++) {
        char *path = run_of(names[i]) ? file_join(arena, folder, names[i]) : NULL;
        char *half = path ? arena_printf(arena, "%s.new", path) : NULL;
        if (half && !is_locked(locks, run_of(names[i]))) {
            (void)unlink(path);
            (void)unlink(half);
        }
    }
}

enum status running_begin(struct store *store, int64_t run, struct arena *arena,
                          struct running *out, struct error *err)
{
    const char *folder = store_live(store);
    struct flock own = byte_of(run, F_WRLCK);

    *out = (struct running){.fd = -1};
    if (!(out->state = arena_printf(arena, "%s/%lld.json", folder, (long long)run)))
        return error_memory(err);
    if ((out->fd = open_locks(folder, O_RDWR)) < 0 &&
        (out->fd = open_locks(folder, O_RDWR | O_CREAT)) >= 0)
        share(folder, out->fd);
    if (out->fd < 0 || fcntl(out->fd, F_OFD_SETLK, &own) != 0) {
        const enum status s = error_system(err, folder, "lock");
        running_end(out);
        return s;
    }
    sweep(folder, out->fd, arena);
    return OK;
}

void running_write(const struct running *r, const char *bytes, size_t n)
{
    char path[4096];
    struct error ignored;
    struct stat st;
    int fd, length;

    if (r->fd < 0)
        return;
    length = snprintf(path, sizeof path, "%s.new", r->state);
    if (length < 0 || (size_t)length >= sizeof path)
        return;
    if ((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) < 0)
        return;
    if (fstat(r->fd, &st) == 0)
        (void)fchmod(fd, st.st_mode & 0666);
    if (file_write_all(fd, path, bytes, n, &ignored) != OK || rename(path, r->state) != 0)
        (void)unlink(path);
    close(fd);
}

void running_end(struct running *r)
{
    if (r->fd < 0)
        return;
    (void)unlink(r->state);
    close(r->fd);
    r->fd = -1;
}

/* ---- others ---- */

bool running_is(const struct store *store, int64_t run)
{
    const int locks = open_locks(store_live(store), O_RDONLY);
    const bool locked = is_locked(locks, run);

    if (locks >= 0)
        close(locks);
    return locked;
}

enum status running_killed(struct store *store, const char *recipe, const char *arguments,
                           struct arena *arena, int64_t *run, struct error *err)
{
    *run = 0;
    for (int look = 0; look < 2; look++) { /* it may have ended since the first */
        struct run *runs;
        size_t n, i = 0;
        TRY(history_runs(store, recipe, SIZE_MAX, arena, &runs, &n, err));
        while (i < n && arguments && strcmp(runs[i].arguments, arguments) != 0)
            i++;
        if (i == n || runs[i].status || running_is(store, runs[i].id))
            return OK;
        if (look > 0)
            *run = runs[i].id;
    }
    return OK;
}

/* The next of the text's lines, cut off. */
static char *next_line(char **text)
{
    char *line = *text, *end = strchr(line, '\n');

    if (end)
        *end++ = '\0';
    *text = end ? end : line + strlen(line);
    return line;
}

static enum status parse_state(const char *path, char *text, struct arena *arena,
                               struct running_build *out, struct error *err)
{
    struct json *head;
    const char *line = next_line(&text);

    TRY(json_parse(line, strlen(line), path, JSON_STRICT, arena, &head, err));
    TRY(json_want_string(head, path, "recipe", &out->recipe, err));
    TRY(json_want_string(head, path, "arguments", &out->arguments, err));
    TRY(json_want_integer(head, path, "started", 0, INT64_MAX, &out->started, err));
    if (json_get(head, "board"))
        TRY(board_read(json_get(head, "board"), arena, &out->board, err));
    out->studies = next_line(&text);
    out->nodes = next_line(&text);
    return OK;
}

/* Of one that has said nothing yet, or nothing that is understood (by another version), only its
 * number is known. */
static enum status read_state(const char *path, int64_t run, struct arena *arena,
                              struct running_build *out, struct error *err)
{
    char *text;
    enum status s = file_read(path, state_limit, arena, &text, NULL, err);

    *out = (struct running_build){.run = run};
    if (s == OK)
        s = parse_state(path, text, arena, out, err);
    if (s == OK || s == ERR_MEMORY)
        return s;
    *out = (struct running_build){.run = run};
    return OK;
}

enum status running_find(const struct store *store, const char *recipe, const char *arguments,
                         int64_t run, struct arena *arena, struct running_build *out,
                         struct error *err)
{
    char **names;
    size_t n;
    enum status s = file_list(store_live(store), arena, &names, &n, err);

    *out = (struct running_build){.run = 0};
    if (s == ERR_NOT_FOUND)
        return OK;
    TRY(s);
    for (size_t i = 0; i < n; i++) {
        const int64_t id = run_of(names[i]);
        struct running_build found;
        char *path;
        if (id <= out->run || (run && id != run) || !running_is(store, id))
            continue;
        if (!(path = file_join(arena, store_live(store), names[i])))
            return error_memory(err);
        TRY(read_state(path, id, arena, &found, err));
        if (found.recipe && (!recipe || strcmp(found.recipe, recipe) == 0) &&
            (!arguments || strcmp(found.arguments, arguments) == 0))
            *out = found;
    }
    return OK;
}

const struct board_job *running_job(const struct running_build *r, const char *node)
{
    for (size_t i = 0; i < r->board.n_jobs; i++)
        if (strcmp(r->board.jobs[i].label, node) == 0)
            return &r->board.jobs[i];
    return NULL;
}

/* ---- what it says of studies and nodes ---- */

/* One with that study's name is replaced, else it comes behind. */
static enum status put_table(struct study_table **tables, size_t *n, const struct study_table *new,
                             struct arena *arena, struct error *err)
{
    struct study_table *all;

    for (size_t i = 0; i < *n; i++)
        if (strcmp((*tables)[i].study, new->study) == 0) {
            (*tables)[i] = *new;
            return OK;
        }
    if (!(all = arena_array(arena, *n + 1, sizeof *all)))
        return error_memory(err);
    if (*n > 0)
        memcpy(all, *tables, *n * sizeof *all);
    all[(*n)++] = *new;
    *tables = all;
    return OK;
}

enum status running_tables(const struct running_build *r, const char *study, struct arena *arena,
                           struct study_table **tables, size_t *n, struct error *err)
{
    const struct json *studies;
    struct json *tree;

    if (!r->studies || !r->studies[0])
        return OK;
    TRY(json_parse(r->studies, strlen(r->studies), "the state of a build", JSON_STRICT, arena,
                   &tree, err));
    TRY(json_want_array(tree, "the state of a build", "studies", &studies, err));
    for (size_t i = 0; i < studies->n; i++) {
        struct study_table table = {.recipe = r->recipe, .arguments = r->arguments, .run = r->run};
        struct text t = text_in(arena);
        TRY(json_want_string(&studies->items[i], "the state of a build", "study", &table.study,
                             err));
        if (study && strcmp(table.study, study) != 0)
            continue;
        json_write(&t, &studies->items[i]);
        TRY(text_finish(&t, (char **)&table.body, NULL, err));
        TRY(put_table(tables, n, &table, arena, err));
    }
    return OK;
}

/* Whether the name is the node's, or that of a unit of the trial. */
static bool is_of(const char *name, const char *node)
{
    const size_t n = strlen(node);

    if (strncmp(name, node, n) != 0)
        return false;
    return !name[n] || (name[n] == '/' && name[n + 1] &&
                        strspn(name + n + 1, "0123456789") == strlen(name + n + 1));
}

enum status running_keys(const struct running_build *r, const char *node, struct arena *arena,
                         struct node_key **keys, size_t *n, struct error *err)
{
    struct json *nodes;
    size_t capacity = 0;

    *keys = NULL;
    *n = 0;
    if (!r->nodes || !r->nodes[0])
        return OK;
    TRY(json_parse(r->nodes, strlen(r->nodes), "the state of a build", JSON_STRICT, arena, &nodes,
                   err));
    for (size_t i = 0; nodes->kind == JSON_ARRAY && i + 1 < nodes->n; i += 2) {
        struct node_key key = {.name = nodes->items[i].string, .run = r->run};
        struct node_key *last;
        if (nodes->items[i].kind != JSON_STRING || nodes->items[i + 1].kind != JSON_STRING ||
            !is_of(key.name, node) || !digest_parse(nodes->items[i + 1].string, &key.key))
            continue;
        if (!(last = arena_push(arena, *keys, *n, capacity)))
            return error_memory(err);
        *last = key;
    }
    return OK;
}
