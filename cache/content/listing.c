/*
 * listing: entries to text and back. The invariant of every struct tree made here: its entries are
 * sorted strictly, none excludes another, and its text is the one that has its digest. Start at
 * listing_make.
 */
#include "cache/content/listing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"

static const int64_t size_max = INT64_C(1) << 62;

bool listing_allows_link(const char *path, const char *target)
{
    size_t folders = 0;
    bool below = false; /* a component that goes down was seen */

    if (target[0] == '/' || target[0] == '\0')
        return false;
    for (const char *p = path; (p = strchr(p, '/')); p++)
        folders++;
    for (const char *part = target; *part;) {
        const size_t n = strcspn(part, "/");
        const bool up = n == 2 && part[0] == '.' && part[1] == '.';
        if (up && (below || folders == 0))
            return false;
        if (up)
            folders--;
        else if (n > 0 && !(n == 1 && part[0] == '.'))
            below = true;
        part += n + (part[n] == '/');
    }
    return true;
}

/* What is wrong with an entry by itself, or NULL. */
static const char *find_problem(const struct tree_entry *e)
{
    if (strlen(e->path) > TREE_PATH_MAX)
        return "the path is too long";
    if (!file_is_inner_path(e->path))
        return "expected a path that stays inside its folder";
    if (e->size < 0 || e->size > size_max)
        return "the size is out of range";
    switch (e->kind) {
    case TREE_FILE:
    case TREE_EXECUTABLE:
        return NULL;
    case TREE_FOLDER:
        return e->size == 0 ? NULL : "an empty folder has no size";
    case TREE_LINK:
        if (strlen(e->target) > TREE_PATH_MAX)
            return "the target of the symbolic link is too long";
        if ((size_t)e->size != strlen(e->target))
            return "the size of a symbolic link is the length of its target";
        return listing_allows_link(e->path, e->target)
                   ? NULL
                   : "the symbolic link leads out of its tree, or up in the middle";
    }
    return "the kind is not known";
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct tree_entry *)a)->path, ((const struct tree_entry *)b)->path);
}

/* Compares a path with the first n bytes of another. */
static int compare_prefix(const char *path, const char *prefix, size_t n)
{
    const int order = strncmp(path, prefix, n);

    return order != 0 ? order : path[n] != '\0';
}

/* The place where the first n bytes of path are or would be; *found says which. */
static size_t search(const struct tree *tree, const char *path, size_t n, bool *found)
{
    size_t low = 0, high = tree->n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_prefix(tree->entries[middle].path, path, n) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < tree->n && compare_prefix(tree->entries[low].path, path, n) == 0;
    return low;
}

const struct tree_entry *listing_find(const struct tree *tree, const char *path)
{
    bool found;
    const size_t i = search(tree, path, strlen(path), &found);

    return found ? &tree->entries[i] : NULL;
}

static bool lies_below(const struct tree_entry *e, const char *folder, size_t n)
{
    return strncmp(e->path, folder, n) == 0 && e->path[n] == '/';
}

/* "f/…" are neighbours, but not always behind "f": '-' sorts before '/'. */
size_t listing_below(const struct tree *tree, const char *folder, size_t *first)
{
    const size_t n = strlen(folder);
    size_t low = 0, high = tree->n, end;

    if (n == 0) {
        *first = 0;
        return tree->n;
    }
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const char *path = tree->entries[middle].path;
        const int order = strncmp(path, folder, n);
        if (order < 0 || (order == 0 && (unsigned char)path[n] < '/'))
            low = middle + 1;
        else
            high = middle;
    }
    *first = low;
    for (end = low; end < tree->n && lies_below(&tree->entries[end], folder, n);)
        end++;
    return end - low;
}

static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? (size_t)(slash - path) : 0;
}

/* Checks what entries are to each other; -1, or the index of the one that excludes another. */
static ptrdiff_t find_conflict(const struct tree *tree)
{
    for (size_t i = 0; i < tree->n; i++) {
        const char *path = tree->entries[i].path;
        const size_t n = folder_length(path);
        const char *before = i > 0 ? tree->entries[i - 1].path : "";
        bool found = i > 0 && strcmp(before, path) == 0;
        if (found)
            return (ptrdiff_t)i;
        if (i > 0 && folder_length(before) == n && strncmp(before, path, n) == 0)
            continue; /* its folders were checked with the one before */
        for (const char *p = path; (p = strchr(p, '/')); p++) {
            (void)search(tree, path, (size_t)(p - path), &found);
            if (found)
                return (ptrdiff_t)i;
        }
    }
    return -1;
}

static bool sum_up(struct tree *tree)
{
    tree->bytes = 0;
    for (size_t i = 0; i < tree->n; i++) {
        const struct tree_entry *e = &tree->entries[i];
        const bool file = e->kind == TREE_FILE || e->kind == TREE_EXECUTABLE;
        if (file && e->size > size_max - tree->bytes)
            return false;
        tree->bytes += file ? e->size : 0;
    }
    return true;
}

enum status listing_make(const struct tree_entry *entries, size_t n, struct arena *arena,
                         struct tree *out, struct error *err)
{
    struct tree_entry *sorted = arena_array(arena, n, sizeof *sorted);
    struct tree tree = {.entries = sorted, .n = n};
    ptrdiff_t conflict;
    char *text;

    if (!sorted)
        return error_memory(err);
    for (size_t i = 0; i < n; i++) {
        const char *problem = find_problem(&entries[i]);
        if (problem)
            return error_set(err, ERR_FAILED, entries[i].path, "%s", problem);
        sorted[i] = entries[i];
    }
    if (n > 0)
        qsort(sorted, n, sizeof *sorted, compare_entries);
    if ((conflict = find_conflict(&tree)) >= 0)
        return error_set(err, ERR_FAILED, sorted[conflict].path,
                         "the path is there twice, or one of its folders is a file");
    if (!sum_up(&tree))
        return error_set(err, ERR_FAILED, "", "the files of the tree are too large");
    TRY(listing_text(&tree, arena, &text, &tree.text_n, err));
    TRY(digest_bytes(text, tree.text_n, &tree.digest, err));
    *out = tree;
    return OK;
}

/* ---- writing ---- */

static bool is_plain(unsigned char c)
{
    return c > 0x20 && c != 0x7f && c != '%';
}

static void add_encoded(struct text *t, const char *string)
{
    static const char digits[] = "0123456789ABCDEF";

    for (const char *p = string; *p;) {
        size_t n = 0;
        while (p[n] && is_plain((unsigned char)p[n]))
            n++;
        text_add_bytes(t, p, n);
        p += n;
        if (*p) {
            const char code[3] = {'%', digits[(unsigned char)*p >> 4], digits[*p & 15]};
            text_add_bytes(t, code, sizeof code);
            p++;
        }
    }
}

static void add_entry(struct text *t, const struct tree_entry *e)
{
    char hex[DIGEST_HEX + 1];
    const char head[2] = {(char)e->kind, ' '};

    text_add_bytes(t, head, sizeof head);
    text_add_integer(t, e->size);
    text_add_bytes(t, " ", 1);
    if (e->kind == TREE_LINK) {
        add_encoded(t, e->target);
    } else if (e->kind == TREE_FOLDER) {
        text_add_bytes(t, "-", 1);
    } else {
        digest_hex(&e->digest, hex);
        text_add_bytes(t, hex, DIGEST_HEX);
    }
    text_add_bytes(t, " ", 1);
    add_encoded(t, e->path);
    text_add_bytes(t, "\n", 1);
}

enum status listing_text(const struct tree *tree, struct arena *arena, char **text, size_t *n,
                         struct error *err)
{
    struct text t = text_in(arena);

    for (size_t i = 0; i < tree->n; i++)
        add_entry(&t, &tree->entries[i]);
    return text_finish(&t, text, n, err);
}

/* ---- reading ---- */

/* What is left of the text; `at` is where the next byte is read. */
struct reader {
    const char *at, *end;
    size_t line;
    struct arena *arena;
    bool no_memory;
};

/* The bytes up to the next `stop`, which is passed over; false where there is none. */
static bool take_until(struct reader *r, char stop, const char **token, size_t *n)
{
    const char *found = r->at < r->end ? memchr(r->at, stop, (size_t)(r->end - r->at)) : NULL;

    if (!found)
        return false;
    *token = r->at;
    *n = (size_t)(found - r->at);
    r->at = found + 1;
    return true;
}

static int upper_nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The string behind an encoded token, or NULL where it is not exactly what add_encoded writes. */
static char *decode(struct reader *r, const char *token, size_t n)
{
    char *string = n <= (size_t)3 * TREE_PATH_MAX ? arena_copy(r->arena, token, n) : NULL;
    size_t used = 0;

    if (n > (size_t)3 * TREE_PATH_MAX)
        return NULL;
    if (!string) {
        r->no_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        char c = token[i];
        if (c == '%') {
            const int high = i + 2 < n ? upper_nibble(token[i + 1]) : -1;
            const int low = high >= 0 ? upper_nibble(token[i + 2]) : -1;
            if (low < 0)
                return NULL;
            c = (char)(high << 4 | low);
            if (c == '\0' || is_plain((unsigned char)c))
                return NULL;
            i += 2;
        } else if (!is_plain((unsigned char)c)) {
            return NULL;
        }
        string[used++] = c;
    }
    string[used] = '\0';
    return string;
}

static bool read_size(const char *token, size_t n, int64_t *size)
{
    if (n == 0 || n > 19 || (n > 1 && token[0] == '0'))
        return false;
    *size = 0;
    for (size_t i = 0; i < n; i++) {
        if (token[i] < '0' || token[i] > '9' || *size > size_max / 10)
            return false;
        *size = *size * 10 + (token[i] - '0');
    }
    return *size <= size_max;
}

static bool read_content(struct reader *r, struct tree_entry *e, const char *token, size_t n)
{
    char hex[DIGEST_HEX + 1] = "";

    switch (e->kind) {
    case TREE_LINK:
        return (e->target = decode(r, token, n)) != NULL;
    case TREE_FOLDER:
        return n == 1 && token[0] == '-';
    default:
        if (n != DIGEST_HEX)
            return false;
        memcpy(hex, token, n);
        return digest_parse(hex, &e->digest);
    }
}

/* NULL, or what was expected. */
static const char *read_entry(struct reader *r, struct tree_entry *e)
{
    const char *token;
    size_t n;

    if (!take_until(r, ' ', &token, &n) || n != 1 || !strchr("fxld", token[0]))
        return "expected a kind: f, x, l or d";
    e->kind = (enum tree_kind)token[0];
    if (!take_until(r, ' ', &token, &n) || !read_size(token, n, &e->size))
        return "expected a size";
    if (!take_until(r, ' ', &token, &n) || !read_content(r, e, token, n))
        return "expected a digest, a target or \"-\"";
    if (!take_until(r, '\n', &token, &n) || !(e->path = decode(r, token, n)))
        return "expected a path and the end of the line";
    return find_problem(e);
}

static size_t count_lines(const char *text, size_t n)
{
    size_t lines = 0;

    for (const char *p = text, *end = text + n; p < end && (p = memchr(p, '\n', (size_t)(end - p)));
         p++)
        lines++;
    return lines;
}

static enum status read_entries(struct reader *r, struct tree_entry *entries, size_t n,
                                struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        const char *problem = read_entry(r, &entries[i]);
        if (r->no_memory)
            return error_memory(err);
        if (!problem && i > 0 && strcmp(entries[i - 1].path, entries[i].path) >= 0)
            problem = "expected a path that sorts behind the one before";
        if (problem)
            return error_set(err, ERR_CORRUPT, "", "damaged tree: line %zu: %s", i + 1, problem);
    }
    return r->at == r->end ? OK
                           : error_set(err, ERR_CORRUPT, "",
                                       "damaged tree: expected the end of a line at its end");
}

enum status listing_parse(const char *text, size_t n, struct arena *arena, struct tree *out,
                          struct error *err)
{
    struct reader r = {.at = text, .end = text + n, .arena = arena};
    struct tree tree = {.n = count_lines(text, n), .text_n = n};
    struct tree_entry *entries = arena_array(arena, tree.n, sizeof *entries);
    ptrdiff_t conflict;

    if (!entries)
        return error_memory(err);
    if (n > LISTING_MAX)
        return error_set(err, ERR_CORRUPT, "", "damaged tree: its text is too long");
    TRY(read_entries(&r, entries, tree.n, err));
    tree.entries = entries;
    if ((conflict = find_conflict(&tree)) >= 0)
        return error_set(err, ERR_CORRUPT, "", "damaged tree: line %td: lies below a file",
                         conflict + 1);
    if (!sum_up(&tree))
        return error_set(err, ERR_CORRUPT, "", "damaged tree: its files are too large");
    TRY(digest_bytes(text, n, &tree.digest, err));
    *out = tree;
    return OK;
}
