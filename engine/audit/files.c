/* files: two listings, then two files mapped side by side. Start at files_compare. */
#include "engine/audit/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/content/blob.h"
#include "cache/content/tree.h"
#include "cache/store.h"
#include "engine/audit/tensors.h"

enum { MOST_FILES = 4, SHOWN = 120 };

/* ---- one file ---- */

struct mapped {
    const unsigned char *bytes;
    size_t n;
};

/* A copy of the blob, which nobody changes while it is read. */
static enum status open_copy(struct store *store, const struct tree_entry *e, const char *path,
                             int *fd, struct error *err)
{
    TRY(file_remove(path, err));
    TRY(blob_place(store, &e->digest, e->size, path, false, err));
    *fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return *fd < 0 ? error_system(err, path, "open") : OK;
}

/* All of it has its place on the disk: what is mapped cannot say that there is none. */
static enum status map_blob(struct store *store, const struct tree_entry *e, const char *path,
                            struct mapped *out, struct error *err)
{
    void *bytes;
    int fd;

    *out = (struct mapped){(const unsigned char *)"", 0};
    if (e->size == 0)
        return OK;
    TRY(open_copy(store, e, path, &fd, err));
    if ((errno = posix_fallocate(fd, 0, e->size)) != 0 && errno != EOPNOTSUPP) {
        (void)error_system(err, path, "keep a copy in");
        close(fd);
        return ERR_SYSTEM;
    }
    bytes = mmap(NULL, (size_t)e->size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED)
        return error_system(err, path, "map");
    *out = (struct mapped){bytes, (size_t)e->size};
    return OK;
}

static void unmap(const struct mapped *m)
{
    if (m->n > 0)
        (void)munmap((void *)m->bytes, m->n);
}

/* The line of the byte, as far as it is text. */
static void show_line(const struct mapped *m, size_t at, const char *word, struct text *out)
{
    size_t begin = at, end = at;
    char line[SHOWN + 1];

    while (begin > 0 && at - begin < SHOWN / 2 && m->bytes[begin - 1] != '\n')
        begin--;
    while (end < m->n && end - begin < SHOWN && m->bytes[end] != '\n')
        end++;
    memcpy(line, m->bytes + begin, end - begin);
    line[end - begin] = '\0';
    for (size_t i = 0; i < end - begin; i++)
        if ((unsigned char)line[i] < ' ' && line[i] != '\t')
            return;
    if (text_is_utf8(line, end - begin))
        text_printf(out, "  %s: %s\n", word, line);
}

static void compare_bytes(const char *path, const struct mapped *was, const struct mapped *is,
                          struct arena *arena, struct text *out)
{
    const size_t n_path = strlen(path), ending = strlen(".safetensors"), before = out->n;
    size_t at = 0;

    if (n_path > ending && strcmp(path + n_path - ending, ".safetensors") == 0)
        tensors_compare(was->bytes, was->n, is->bytes, is->n, path, arena, out);
    if (out->n > before)
        return;
    while (at < was->n && at < is->n && was->bytes[at] == is->bytes[at])
        at++;
    text_printf(out, "%s differs at byte %zu (%zu bytes on record, %zu now)\n", path, at, was->n,
                is->n);
    show_line(was, at, "was", out);
    show_line(is, at, "is ", out);
}

static enum status compare_file(struct store *recorded, const struct tree_entry *was,
                                struct store *room, const struct tree_entry *is,
                                struct arena *arena, struct text *out, struct error *err)
{
    const char *a = file_join(arena, store_work(room), "was");
    const char *b = file_join(arena, store_work(room), "is");
    struct mapped x = {.n = 0}, y = {.n = 0};
    enum status s = a && b ? map_blob(recorded, was, a, &x, err) : error_memory(err);

    if (s == OK)
        s = map_blob(room, is, b, &y, err);
    if (s == OK)
        compare_bytes(was->path, &x, &y, arena, out);
    unmap(&x);
    unmap(&y);
    if (s == OK)
        s = file_remove(a, err);
    return s == OK ? file_remove(b, err) : s;
}

/* ---- two trees ---- */

static bool is_file(const struct tree_entry *e)
{
    return e->kind == TREE_FILE || e->kind == TREE_EXECUTABLE;
}

static bool is_same(const struct tree_entry *a, const struct tree_entry *b)
{
    return a->kind == b->kind && a->size == b->size &&
           (!is_file(a) || digest_equal(&a->digest, &b->digest)) &&
           (a->kind != TREE_LINK || strcmp(a->target, b->target) == 0);
}

static enum status compare_entry(struct store *recorded, const struct tree_entry *was,
                                 struct store *room, const struct tree_entry *is,
                                 struct arena *arena, struct text *out, struct error *err)
{
    enum status s;

    if (!is || !was) {
        text_printf(out, was ? "%s is not made now\n" : "%s is made now, and was not\n",
                    was ? was->path : is->path);
        return OK;
    }
    if (!is_file(was) || !is_file(is) || digest_equal(&was->digest, &is->digest)) {
        text_printf(out, "%s is of another kind, or leads elsewhere\n", was->path);
        return OK;
    }
    s = compare_file(recorded, was, room, is, arena, out, err);
    if (s != ERR_NOT_FOUND)
        return s;
    text_printf(out, "%s differs; the one on record is not kept\n", was->path);
    return OK;
}

/* Both listings are sorted. */
static enum status compare_trees(struct store *recorded, const struct tree *was, struct store *room,
                                 const struct tree *is, struct arena *arena, struct text *out,
                                 struct error *err)
{
    size_t i = 0, k = 0, told = 0;

    while (i < was->n || k < is->n) {
        const struct tree_entry *a = i < was->n ? &was->entries[i] : NULL;
        const struct tree_entry *b = k < is->n ? &is->entries[k] : NULL;
        const int order = !a ? 1 : !b ? -1 : strcmp(a->path, b->path);
        a = order <= 0 ? a : NULL;
        b = order >= 0 ? b : NULL;
        i += a != NULL;
        k += b != NULL;
        if ((a && b && is_same(a, b)) || told++ >= MOST_FILES)
            continue;
        TRY(compare_entry(recorded, a, room, b, arena, out, err));
    }
    if (told > MOST_FILES)
        text_printf(out, "%zu more files differ\n", told - MOST_FILES);
    return OK;
}

enum status files_compare(struct store *recorded, const struct digest *was, struct store *room,
                          const struct digest *is, struct arena *arena, struct text *out,
                          struct error *err)
{
    struct tree before, now;
    enum status s = recorded ? tree_read(recorded, was, arena, &before, err) : ERR_NOT_FOUND;

    if (s == ERR_NOT_FOUND) {
        char a[DIGEST_HEX + 1], b[DIGEST_HEX + 1];
        digest_hex(was, a);
        digest_hex(is, b);
        text_printf(out, "its files were %.12s, and are %.12s; those on record are not kept\n", a,
                    b);
        return OK;
    }
    TRY(s);
    TRY(tree_read(room, is, arena, &now, err));
    return compare_trees(recorded, &before, room, &now, arena, out, err);
}

static enum status check_file(struct store *recorded, const struct tree_entry *e, const char *path,
                              struct error *err)
{
    struct digest found;
    int fd = -1;
    enum status s = open_copy(recorded, e, path, &fd, err);

    if (s == OK)
        s = digest_descriptor(fd, path, &found, err);
    if (fd >= 0)
        close(fd);
    if (s == ERR_CORRUPT || s == ERR_NOT_FOUND || (s == OK && !digest_equal(&found, &e->digest)))
        s = error_set(err, ERR_CORRUPT, "",
                      "%s in the store is not what was made: its bytes have "
                      "changed",
                      e->path);
    return s;
}

enum status files_check(struct store *recorded, const struct digest *digest, struct store *room,
                        struct arena *arena, struct error *err)
{
    const char *path = file_join(arena, store_work(room), "was");
    struct tree tree;
    enum status s;

    if (!path)
        return error_memory(err);
    s = tree_read(recorded, digest, arena, &tree, err);
    if (s == ERR_NOT_FOUND)
        return error_set(err, ERR_CORRUPT, "", "the store has lost the list of its files");
    TRY(s);
    for (size_t i = 0; i < tree.n; i++)
        if (is_file(&tree.entries[i]))
            TRY(check_file(recorded, &tree.entries[i], path, err));
    return file_remove(path, err);
}
