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

static struct flock whole(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

/* Whether nobody has it locked. */
static bool is_free(int fd)
{
    struct flock lock = whole(F_WRLCK);

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

/* What is made there has the mode of the folder, without the x. */
static void share(int folder, int fd)
{
    struct stat st;

    if (fstat(folder, &st) == 0)
        (void)fchmod(fd, st.st_mode & 0666);
}

/* Opens and locks it; again where another build has taken it away meanwhile. */
static enum status lock(const char *path, int folder, int *out, struct error *err)
{
    struct flock exclusive = whole(F_WRLCK);
    struct stat st;
    int fd;

    for (;;) {
        if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644)) < 0)
            return error_system(err, path, "make");
        share(folder, fd);
        if (fcntl(fd, F_OFD_SETLKW, &exclusive) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0) {
            *out = fd;
            return OK;
        }
        close(fd);
    }
}

/* ---- the build itself ---- */

/* What killed builds have left: whoever locks such a file may take it away. */
static void sweep(const char *folder, struct arena *arena)
{
    struct error ignored;
    char **names;
    size_t n;

    if (file_list(folder, arena, &names, &n, &ignored) != OK)
        return;
    for (size_t i = 0; i < n; i++) {
        struct flock exclusive = whole(F_WRLCK);
        char *path = file_join(arena, folder, names[i]);
        char *state = path ? arena_printf(arena, "%s.json", path) : NULL;
        int fd = state && !strchr(names[i], '.') ? open(path, O_RDWR | O_CLOEXEC) : -1;
        if (fd < 0)
            continue;
        if (fcntl(fd, F_OFD_SETLK, &exclusive) == 0) {
            (void)unlink(state);
            (void)unlink(path);
        }
        close(fd);
    }
}

enum status running_begin(struct store *store, int64_t run, struct arena *arena,
                          struct running *out, struct error *err)
{
    const char *above = store_live(store);
    int folder;
    enum status s;

    *out = (struct running){.fd = -1};
    sweep(above, arena);
    out->state = arena_printf(arena, "%s/%lld.json", above, (long long)run);
    out->path = arena_printf(arena, "%s/%lld", above, (long long)run);
    if (!out->state || !out->path)
        return error_memory(err);
    folder = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s = lock(out->path, folder, &out->fd, err);
    if (folder >= 0)
        close(folder);
    if (s != OK)
        out->path = NULL;
    return s;
}

void running_write(const struct running *r, const char *bytes, size_t n)
{
    char path[4096];
    struct error ignored;
    struct stat st;
    int fd, length;

    if (!r->path)
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
    if (!r->path)
        return;
    (void)unlink(r->state);
    (void)unlink(r->path);
    close(r->fd);
    r->path = NULL;
}

/* ---- others ---- */

static bool is_locked(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool locked;

    if (fd < 0)
        return false;
    locked = !is_free(fd);
    close(fd);
    return locked;
}

bool running_is(const struct store *store, int64_t run)
{
    char path[4096];
    const int n = snprintf(path, sizeof path, "%s/%lld", store_live(store), (long long)run);

    return n > 0 && (size_t)n < sizeof path && is_locked(path);
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

static enum status read_run(const char *folder, const char *name, struct arena *arena,
                            struct running_build *out, struct error *err)
{
    const char *path = file_join(arena, folder, name), *state;
    struct error ignored;
    int64_t run;

    *out = (struct running_build){.run = 0};
    if (!path || !(state = arena_printf(arena, "%s.json", path)))
        return error_memory(err);
    if (text_parse_integer(name, "", 1, INT64_MAX, &run, &ignored) != OK || !is_locked(path))
        return OK;
    return read_state(state, run, arena, out, err);
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
        struct running_build found;
        TRY(read_run(store_live(store), names[i], arena, &found, err));
        if (found.run <= out->run || !found.recipe || (run && found.run != run) ||
            (recipe && strcmp(found.recipe, recipe) != 0) ||
            (arguments && strcmp(found.arguments, arguments) != 0))
            continue;
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
