/* pins: reads and writes hpo.lock. Start at pins_save: lock, read again, merge, write. */
#include "engine/graph/pins.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/text.h"

enum { VERSION = 1, SIZE_LIMIT = 16 << 20, COMMIT_DIGITS = 40 };

struct pin {
    const char *kind, *url, *rev, *commit;
    size_t number; /* place in the file that was read, from 0: for messages */
    bool set;      /* by pins_set, and not saved yet */
    bool added;    /* set, and there was none before */
};

/* The pins are sorted by kind, url and rev, and no two are equal in all three. */
struct pins {
    struct arena *arena;
    const char *path;
    struct pin *list;
    size_t n, capacity;
};

static int compare(const struct pin *a, const struct pin *b)
{
    int order = strcmp(a->kind, b->kind);

    if (order == 0)
        order = strcmp(a->url, b->url);
    if (order == 0)
        order = strcmp(a->rev, b->rev);
    return order;
}

static int compare_for_sort(const void *a, const void *b)
{
    return compare(a, b);
}

/* Where the pin is, or would be inserted; *found says which. */
static size_t find(const struct pins *pins, const struct pin *pin, bool *found)
{
    size_t low = 0, high = pins->n;

    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(&pins->list[middle], pin);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_commit(const char *string)
{
    return strlen(string) == COMMIT_DIGITS && strspn(string, "0123456789abcdef") == COMMIT_DIGITS;
}

/* What is written must be what the reader takes. */
static bool is_writable(const char *string)
{
    return *string && text_is_utf8(string, strlen(string));
}

/*
 * The line on which the n-th piece of a well-formed document begins: of its object (level 1), or of
 * its one list (level 2). Brackets and commas count outside strings alone. For messages only, so
 * that a parsed tree need not carry positions.
 */
static size_t line_of(const char *bytes, size_t size, size_t level, size_t n)
{
    size_t line = 1, depth = 0, piece = 0;
    bool in_string = false, inside = false;

    for (size_t i = 0; i < size; i++) {
        char c = bytes[i];
        if (c == '\n')
            line++;
        if (inside && piece == n && !strchr(" \t\r\n", c))
            break;
        if (c == '"')
            in_string = !in_string;
        else if (in_string)
            i += c == '\\';
        else if (c == '{' || c == '[')
            inside = ++depth == level || inside;
        else if (c == '}' || c == ']')
            depth--;
        else if (c == ',' && depth == level)
            piece++;
    }
    return line;
}

static enum status want_text(const struct json *object, const char *name, const char **out,
                             struct error *err)
{
    TRY(json_want_string(object, "", name, out, err));
    if (!**out)
        return error_set(err, ERR_INPUT, "", "%s: expected a text, found an empty one", name);
    return OK;
}

static enum status read_pin(const struct json *value, struct pin *pin, struct error *err)
{
    static const char *const names[] = {"kind", "url", "rev", "commit"};
    const char **fields[] = {&pin->kind, &pin->url, &pin->rev, &pin->commit};

    if (value->kind != JSON_OBJECT)
        return error_set(err, ERR_INPUT, "", "expected an object, found %s", json_kind_name(value));
    for (size_t i = 0; i < 4; i++)
        TRY(want_text(value, names[i], fields[i], err));
    for (size_t i = 0; i < value->n; i++)
        for (size_t k = 0; strcmp(value->members[i].name, names[k]) != 0;)
            if (++k == 4)
                return error_set(err, ERR_INPUT, "", "%s: expected kind, url, rev and commit alone",
                                 value->members[i].name);
    if (!is_commit(pin->commit))
        return error_set(err, ERR_INPUT, "",
                         "commit: expected 40 digits of 0-9 and a-f, found \"%s\"", pin->commit);
    return OK;
}

/* Checks the members of the whole document; *at is the one that a failure speaks of. */
static enum status read_root(const struct json *root, size_t *at, struct error *err)
{
    const struct json *list;
    int64_t version;

    if (root->kind != JSON_OBJECT)
        return error_set(err, ERR_INPUT, "", "expected an object, found %s", json_kind_name(root));
    for (*at = 0; *at < root->n && strcmp(root->members[*at].name, "version") != 0;)
        ++*at;
    TRY(json_want_integer(root, "", "version", 1, INT64_MAX, &version, err));
    if (version != VERSION) {
        (void)error_set(err, ERR_INPUT, "", "version: expected %d, found %lld", VERSION,
                        (long long)version);
        error_hint(err, "a newer hpo has written this file: use that one");
        return ERR_INPUT;
    }
    for (*at = 0; *at < root->n; ++*at)
        if (strcmp(root->members[*at].name, "version") != 0 &&
            strcmp(root->members[*at].name, "pins") != 0)
            return error_set(err, ERR_INPUT, "", "%s: expected version and pins alone",
                             root->members[*at].name);
    for (*at = 0; *at < root->n && strcmp(root->members[*at].name, "pins") != 0;)
        ++*at;
    return json_want_array(root, "", "pins", &list, err);
}

static enum status read_list(struct pins *pins, const struct json *list, size_t *at,
                             struct error *err)
{
    pins->capacity = pins->n = list->n;
    if (!(pins->list = arena_array(pins->arena, list->n, sizeof *pins->list)))
        return error_memory(err);
    for (*at = 0; *at < list->n; ++*at) {
        pins->list[*at].number = *at;
        TRY(read_pin(&list->items[*at], &pins->list[*at], err));
    }
    if (pins->n > 1)
        qsort(pins->list, pins->n, sizeof *pins->list, compare_for_sort);
    for (size_t i = 1; i < pins->n; i++) {
        const struct pin *a = &pins->list[i - 1], *b = &pins->list[i];
        *at = a->number > b->number ? a->number : b->number;
        if (compare(a, b) == 0)
            return error_set(err, ERR_INPUT, "", "rev: a second pin of \"%s\" of %s", b->rev,
                             b->url);
    }
    return OK;
}

/* Reads n bytes into pins, which has arena and path and nothing else. */
static enum status read_pins(struct pins *pins, const char *bytes, size_t n, struct error *err)
{
    enum status s;
    size_t at = 0;
    struct json *root;

    if (n == 0)
        return OK;
    if (n > SIZE_LIMIT)
        return error_set(err, ERR_INPUT, pins->path, "expected at most %d bytes, found %zu",
                         SIZE_LIMIT, n);
    TRY(json_parse(bytes, n, pins->path, JSON_STRICT, pins->arena, &root, err));
    if ((s = read_root(root, &at, err)) != OK) {
        error_place(err, "%s:%zu", pins->path, line_of(bytes, n, 1, at));
        return s;
    }
    if ((s = read_list(pins, json_get(root, "pins"), &at, err)) != OK)
        error_place(err, "%s:%zu: pins[%zu]", pins->path, line_of(bytes, n, 2, at), at);
    return s;
}

static enum status read_file(struct pins *pins, struct error *err)
{
    char *bytes;
    size_t n;
    enum status s = file_read(pins->path, SIZE_LIMIT, pins->arena, &bytes, &n, err);

    if (s == ERR_NOT_FOUND)
        return OK;
    return s == OK ? read_pins(pins, bytes, n, err) : s;
}

static struct pins *create(const char *path)
{
    struct arena *arena = arena_open();
    struct pins *pins = arena ? arena_alloc(arena, sizeof *pins) : NULL;

    if (!pins || !(pins->path = arena_string(arena, path))) {
        arena_close(arena);
        return NULL;
    }
    pins->arena = arena;
    return pins;
}

static enum status insert(struct pins *pins, size_t at, const struct pin *pin, struct error *err)
{
    const struct pin *last = arena_push(pins->arena, pins->list, pins->n, pins->capacity);

    if (!last)
        return error_memory(err);
    memmove(pins->list + at + 1, pins->list + at, (pins->n - 1 - at) * sizeof *pins->list);
    pins->list[at] = *pin;
    return OK;
}

/* Merges the changes of pins_set into what is on disk now. *changed: the file must be written. */
static enum status merge(const struct pins *mine, struct pins *disk, bool *changed,
                         struct error *err)
{
    *changed = false;
    for (size_t i = 0; i < mine->n; i++) {
        struct pin pin = mine->list[i];
        bool found;
        size_t at = find(disk, &pin, &found);
        if (!pin.set || (found && pin.added))
            continue;
        pin.set = pin.added = false;
        if (!found)
            TRY(insert(disk, at, &pin, err));
        else if (strcmp(disk->list[at].commit, pin.commit) == 0)
            continue;
        else
            disk->list[at].commit = pin.commit;
        *changed = true;
    }
    return OK;
}

static enum status write_pins(const struct pins *pins, const char *file, struct error *err)
{
    struct text t = text_in(pins->arena);
    char *bytes;
    size_t n;

    text_printf(&t, "{\"version\": %d, \"pins\": [", VERSION);
    for (size_t i = 0; i < pins->n; i++) {
        text_add(&t, i ? ",\n  {\"kind\": " : "\n  {\"kind\": ");
        json_write_string(&t, pins->list[i].kind);
        text_add(&t, ", \"url\": ");
        json_write_string(&t, pins->list[i].url);
        text_add(&t, ", \"rev\": ");
        json_write_string(&t, pins->list[i].rev);
        text_add(&t, ", \"commit\": ");
        json_write_string(&t, pins->list[i].commit);
        text_add(&t, "}");
    }
    text_add(&t, pins->n ? "\n]}\n" : "]}\n");
    TRY(text_finish(&t, &bytes, &n, err));
    return file_write(file, bytes, n, err);
}

/*
 * Opens the file, making it where there is none, and locks it. A build that held the lock before us
 * has put another file under this name: then the lock is of no use, and we try the new file.
 */
static enum status lock(const char *path, const struct patience *patience, int *out, bool *made,
                        struct error *err)
{
    for (*made = false;;) {
        struct stat held, named;
        enum status s;
        int fd;
        *made = *made || access(path, F_OK) != 0;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
            return error_system(err, path, "open for writing");
        if ((s = lock_wait(fd, path, patience, err)) != OK) {
            close(fd);
            return s;
        }
        if (fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_dev == named.st_dev &&
            held.st_ino == named.st_ino) {
            *out = fd;
            return OK;
        }
        close(fd);
    }
}

enum status pins_parse(const char *bytes, size_t n, const char *path, struct pins **out,
                       struct error *err)
{
    enum status s;
    struct pins *pins = create(path);

    if (!pins)
        return error_memory(err);
    if ((s = read_pins(pins, bytes, n, err)) != OK)
        pins_close(pins);
    else
        *out = pins;
    return s;
}

enum status pins_open(const char *path, struct pins **out, struct error *err)
{
    enum status s;
    struct pins *pins = create(path);

    if (!pins)
        return error_memory(err);
    if ((s = read_file(pins, err)) != OK)
        pins_close(pins);
    else
        *out = pins;
    return s;
}

const char *pins_get(const struct pins *pins, const char *kind, const char *url, const char *rev)
{
    struct pin wanted = {.kind = kind, .url = url, .rev = rev};
    bool found;
    size_t at = find(pins, &wanted, &found);

    return found ? pins->list[at].commit : NULL;
}

enum status pins_set(struct pins *pins, const char *kind, const char *url, const char *rev,
                     const char *commit, struct error *err)
{
    struct pin pin = {.kind = kind, .url = url, .rev = rev, .set = true, .added = true};
    bool found;
    size_t at = find(pins, &pin, &found);

    if (!is_commit(commit))
        return error_set(err, ERR_INPUT, pins->path,
                         "expected a commit of 40 digits of 0-9 and a-f, found \"%s\"", commit);
    if (!is_writable(kind) || !is_writable(url) || !is_writable(rev))
        return error_set(err, ERR_INPUT, pins->path,
                         "cannot pin \"%s\" of \"%s\": expected texts in UTF-8", rev, url);
    if (found && strcmp(pins->list[at].commit, commit) == 0)
        return OK;
    if (!(pin.commit = arena_string(pins->arena, commit)))
        return error_memory(err);
    if (found) {
        pins->list[at].commit = pin.commit;
        pins->list[at].set = true;
        return OK;
    }
    pin.kind = arena_string(pins->arena, kind);
    pin.url = arena_string(pins->arena, url);
    pin.rev = arena_string(pins->arena, rev);
    if (!pin.kind || !pin.url || !pin.rev)
        return error_memory(err);
    return insert(pins, at, &pin, err);
}

static bool has_changes(const struct pins *pins)
{
    for (size_t i = 0; i < pins->n; i++)
        if (pins->list[i].set)
            return true;
    return false;
}

enum status pins_save(struct pins *pins, const struct patience *patience, struct error *err)
{
    enum status s;
    int fd = -1;
    bool changed, made;
    char file[PATH_MAX] = ""; /* behind the path, which may be a link */
    struct stat st;
    struct pins disk = {.arena = pins->arena, .path = pins->path};

    if (!has_changes(pins))
        return OK;
    TRY(lock(pins->path, patience, &fd, &made, err));
    s = realpath(pins->path, file) ? OK : error_system(err, pins->path, "find");
    if (s == OK && (s = read_file(&disk, err)) == OK &&
        (s = merge(pins, &disk, &changed, err)) == OK && changed)
        s = write_pins(&disk, file, err);
    if (s == OK)
        *pins = disk;
    else if (made && fstat(fd, &st) == 0 && st.st_size == 0)
        (void)unlink(file); /* a build that waits for the lock sees that the name is gone */
    close(fd);
    return s;
}

void pins_close(struct pins *pins)
{
    if (pins)
        arena_close(pins->arena);
}
