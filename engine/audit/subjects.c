/* subjects: names, one by one. Start at subjects_compare. */
#include "engine/audit/subjects.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/audit/tables.h"
#include "engine/execution/output.h"
#include "engine/statement/signed.h"

enum { TABLE_LIMIT = 1 << 30 };

static bool is_file(const struct piece *p)
{
    return p->kind == TREE_FILE || p->kind == TREE_EXECUTABLE;
}

/* ---- what is made now ---- */

static bool is_stated(const struct statement *s, const struct piece *p)
{
    const struct stated_link *link = statement_link(s, p->path);

    if (is_file(p))
        return statement_file(s, p->path) != NULL;
    return p->kind == TREE_LINK ? link && strcmp(link->target, p->target) == 0
                                : statement_is_empty_folder(s, p->path);
}

static void compare_piece(const struct statement *s, const struct piece *p, bool table,
                          struct text *lines)
{
    const struct stated_file *f = statement_file(s, p->path);

    if (!is_stated(s, p))
        text_printf(lines, "%s is made now, and is not stated\n", p->path);
    else if (is_file(p) && !table && !digest_equal(&f->digest, &p->digest))
        text_printf(lines, "%s is stated with other bytes than are made now\n", p->path);
    else if (is_file(p) && statement_is_executable(s, p->path) != (p->kind == TREE_EXECUTABLE))
        text_printf(lines, "%s is %sstated as a program\n", p->path,
                    p->kind == TREE_EXECUTABLE ? "not " : "");
}

/* ---- what is stated ---- */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct piece *)a)->path, ((const struct piece *)b)->path);
}

/* Pieces are sorted by path. */
static bool is_made(const struct piece *pieces, size_t n, const char *name)
{
    const struct piece wanted = {.path = name};

    return n > 0 && bsearch(&wanted, pieces, n, sizeof *pieces, by_path);
}

static void find_missing(const struct statement *s, const struct piece *pieces, size_t n,
                         struct text *lines)
{
    static const char words[] = "%s is stated, and is not made now\n";

    for (size_t i = 0; i < s->n_files; i++)
        if (!is_made(pieces, n, s->files[i].name))
            text_printf(lines, words, s->files[i].name);
    for (size_t i = 0; i < s->n_links; i++)
        if (!is_made(pieces, n, s->links[i].name))
            text_printf(lines, words, s->links[i].name);
    for (size_t i = 0; i < s->n_folders; i++)
        if (!is_made(pieces, n, s->folders[i]))
            text_printf(lines, words, s->folders[i]);
}

/* ---- tables ---- */

/* What is drawn of a table must be drawn of the stated one. */
static enum status check_drawn(const struct statement *s, const char *name, const char *text,
                               struct text *lines, struct error *err)
{
    const struct stated_file *f = statement_file(s, name);
    struct digest digest;

    TRY(digest_bytes(text, strlen(text), &digest, err));
    if (f && !digest_equal(&digest, &f->digest))
        text_printf(lines, "%s is stated otherwise than table.json says\n", name);
    return OK;
}

static enum status compare_table(struct build *b, const struct target *target, const char *kind,
                                 const char *json, const struct signed_statement *s,
                                 struct text *lines, bool *unread, struct error *err)
{
    struct arena *arena = b->arena;
    const char *name = file_join(arena, target->name, "table.json"), *what;
    const char *path = name ? file_join(arena, s->folder, name) : NULL;
    const struct stated_file *f = name ? statement_file(&s->statement, name) : NULL;
    char *theirs, *text, *csv, *drawn_csv = file_join(arena, target->name, "table.csv"),
                               *drawn_text = file_join(arena, target->name, "table.txt");
    struct digest digest;
    enum status status;
    size_t n;

    if (!path || !drawn_csv || !drawn_text)
        return error_memory(err);
    status = file_read(path, TABLE_LIMIT, arena, &theirs, &n, err);
    *unread |= status == ERR_NOT_FOUND;
    if (status == ERR_NOT_FOUND || !f)
        return OK;
    TRY(status);
    TRY(digest_bytes(theirs, n, &digest, err));
    if (!digest_equal(&digest, &f->digest)) {
        text_printf(lines, "%s is not the file that is stated\n", path);
        return OK;
    }
    TRY(tables_differ(theirs, json, arena, &what, err));
    if (what)
        text_printf(lines, "%s: %s\n", name, what);
    status = recipe_table(kind, theirs, arena, &text, &csv, err);
    if (status == ERR_INPUT) {
        text_printf(lines, "%s: nothing can be drawn of it: %s\n", name, err->text);
        return OK;
    }
    TRY(status);
    TRY(check_drawn(&s->statement, drawn_csv, csv, lines, err));
    return check_drawn(&s->statement, drawn_text, text, lines, err);
}

enum status subjects_compare(struct build *b, const struct target *target,
                             const struct signed_statement *s, struct text *lines, bool *unread,
                             struct error *err)
{
    struct piece *pieces;
    const char *kind, *json;
    size_t n;

    TRY(output_pieces(b, target, b->arena, &pieces, &n, &kind, &json, err));
    for (size_t i = 0; i < n; i++)
        compare_piece(&s->statement, &pieces[i], kind != NULL, lines);
    find_missing(&s->statement, pieces, n, lines);
    return kind ? compare_table(b, target, kind, json, s, lines, unread, err) : OK;
}
