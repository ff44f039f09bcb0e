/* hpo verify: whether files are those of a signed statement, and what it proves. Start at
 * verify_command. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "base/visible.h"
#include "engine/commands/commands.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/statement/signed.h"

enum { RECIPE_LIMIT = 64 << 20, NODES_LIMIT = 1 << 30, MOST_NAMES = 6 };

struct verifying {
    struct arena *arena;
    const struct signed_statement *s;
    struct text out;
    const char **left; /* sources of the recipe that cannot be checked */
    size_t n_left, n_sources;
    size_t n_nodes; /* of an audit: in the list of what it was of */
};

static enum status differs(struct error *err, const char *path, const char *what)
{
    return error_set(err, ERR_DIFFERS, path, "%s", what);
}

/* ---- files ---- */

static bool is_in(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static enum status check_file(const struct verifying *v, const struct stated_file *f,
                              struct error *err)
{
    const char *path = file_join(v->arena, v->s->folder, f->name);
    struct digest found;
    struct stat st;
    int fd;
    enum status s;

    if (!path)
        return error_memory(err);
    if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) < 0 ||
        fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        return differs(err, path, "the statement names this file, and it is not there");
    }
    if ((st.st_mode & 07000) ||
        statement_is_executable(&v->s->statement, f->name) != ((st.st_mode & 0111) != 0)) {
        close(fd);
        return differs(err, path,
                       "it may be run, and the statement says otherwise, or the reverse");
    }
    s = digest_descriptor(fd, path, &found, err);
    close(fd);
    if (s == OK && !digest_equal(&found, &f->digest))
        s = differs(err, path, "it is not the file that the statement names: its bytes differ");
    return s;
}

static enum status check_link(const struct verifying *v, const struct stated_link *l,
                              struct error *err)
{
    const char *path = file_join(v->arena, v->s->folder, l->name);
    char target[4096];
    ssize_t n;

    if (!path)
        return error_memory(err);
    n = readlink(path, target, sizeof target);
    if (n != (ssize_t)strlen(l->target) || memcmp(target, l->target, (size_t)n) != 0)
        return differs(err, path,
                       "the statement names this symbolic link, and it is not there, or "
                       "leads elsewhere");
    return OK;
}

static bool is_stated(const struct statement *s, const char *name)
{
    return statement_file(s, name) || statement_link(s, name);
}

/* Nothing lies in the target's folder but what is stated, and no folder is a link. */
static enum status check_folder(const struct verifying *v, const char *name, struct error *err)
{
    const struct statement *stated = &v->s->statement;
    const char *path = file_join(v->arena, v->s->folder, name);
    struct stat folder;
    char **names;
    size_t n;

    if (!path)
        return error_memory(err);
    if (lstat(path, &folder) != 0 || !S_ISDIR(folder.st_mode))
        return differs(err, path, "the statement is of this folder, and it is not there");
    TRY(file_list(path, v->arena, &names, &n, err));
    if (n == 0 && !statement_is_empty_folder(stated, name))
        return differs(err, path, "an empty folder, which is not in the statement");
    for (size_t i = 0; i < n; i++) {
        const char *inner = file_join(v->arena, name, names[i]);
        const char *full = inner ? file_join(v->arena, v->s->folder, inner) : NULL;
        struct stat st;
        if (!full)
            return error_memory(err);
        if (lstat(full, &st) == 0 && S_ISDIR(st.st_mode))
            TRY(check_folder(v, inner, err));
        else if (!is_stated(&v->s->statement, inner))
            return differs(err, full, "it is in the target's folder, and not in the statement");
    }
    return OK;
}

/* Whether the target is a folder: something of it lies below its name, or it is an empty one. */
static bool is_folder(const struct statement *s)
{
    const size_t n = strlen(s->target);

    for (size_t i = 0; i < s->n_files; i++)
        if (strncmp(s->files[i].name, s->target, n) == 0 && s->files[i].name[n] == '/')
            return true;
    for (size_t i = 0; i < s->n_links; i++)
        if (strncmp(s->links[i].name, s->target, n) == 0 && s->links[i].name[n] == '/')
            return true;
    return s->n_folders > 0;
}

/* What is one file, TARGET.png, has nothing beside it that could be taken for the target. */
static enum status check_place(const struct verifying *v, struct error *err)
{
    const char *path = file_join(v->arena, v->s->folder, v->s->statement.target);
    struct stat st;

    if (!path)
        return error_memory(err);
    if (is_stated(&v->s->statement, v->s->statement.target) || lstat(path, &st) != 0)
        return OK;
    return differs(err, path, "it is in the target's place, and not in the statement");
}

static enum status check_files(const struct verifying *v, struct error *err)
{
    const struct statement *s = &v->s->statement;

    for (size_t i = 0; i < s->n_files; i++)
        TRY(check_file(v, &s->files[i], err));
    for (size_t i = 0; i < s->n_links; i++)
        TRY(check_link(v, &s->links[i], err));
    for (size_t i = 0; i < s->n_folders; i++)
        TRY(check_folder(v, s->folders[i], err));
    TRY(check_file(v, &s->nodes, err));
    return is_folder(s) ? check_folder(v, s->target, err) : check_place(v, err);
}

/* ---- the recipe ---- */

/* A regular file's digest; *is_one: there is one. Nothing else is opened: who has signed the name
 * may be hostile. */
static enum status read_source(const char *path, bool *is_one, struct digest *found,
                               struct error *err)
{
    struct stat st;
    enum status s;
    int fd;

    if (!(*is_one = stat(path, &st) == 0 && S_ISREG(st.st_mode)))
        return OK;
    if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0)
        return error_system(err, path, "open");
    s = digest_descriptor(fd, path, found, err);
    close(fd);
    return s;
}

/* A module has to be there. Another source may be a folder, or lie far from the recipe, where its
 * name is all that is known: then it is left. */
static enum status check_source(struct verifying *v, const char *folder,
                                const struct stated_file *f, struct error *err)
{
    const struct statement *s = &v->s->statement;
    const bool is_module = is_in(s->modules, s->n_modules, f->name);
    const char *path = file_join(v->arena, folder, f->name);
    struct digest found;
    bool is_one;

    if (!path)
        return error_memory(err);
    TRY(read_source(path, &is_one, &found, err));
    if (!is_one && is_module)
        return differs(err, path,
                       "the recipe of the statement requires this file, and it is not there");
    if (!is_one) {
        v->left[v->n_left++] = f->name;
        return OK;
    }
    v->n_sources++;
    if (digest_equal(&found, &f->digest))
        return OK;
    return differs(err, path,
                   is_module ? "the recipe requires it, and it is another than the statement's"
                             : "the statement has a source of this name, and it is another");
}

/* An audit's result names the recipe's own file alone. */
static enum status check_recipe(struct verifying *v, const char *recipe, struct error *err)
{
    const struct statement *s = &v->s->statement;
    const char *slash = strrchr(recipe, '/');
    const char *folder = slash ? arena_copy(v->arena, recipe, (size_t)(slash - recipe) + 1) : ".";
    struct digest found;
    char *bytes;
    size_t n;
    enum status status = file_read(recipe, RECIPE_LIMIT, v->arena, &bytes, &n, err);

    TRY(status == ERR_NOT_FOUND ? ERR_INPUT : status);
    TRY(digest_bytes(bytes, n, &found, err));
    if (!digest_equal(&found, &s->recipe.digest))
        return differs(err, recipe, "it is not the recipe of the statement");
    if (!folder || !(v->left = arena_array(v->arena, s->n_sources + 1, sizeof *v->left)))
        return error_memory(err);
    for (size_t i = 0; i < s->n_sources; i++)
        TRY(check_source(v, folder, &s->sources[i], err));
    return OK;
}

/* ---- words ---- */

/* What somebody chose, on one line: a newline in it would forge a line of ours. */
static const char *shown(struct verifying *v, const char *string)
{
    struct text t = text_in(v->arena);
    struct error ignored;
    char *line;

    visible_add(&t, string, strlen(string), VISIBLE_LINE);
    if (text_finish(&t, &line, NULL, &ignored) == OK)
        return line;
    v->out.failed = true;
    return "";
}

static void say_signer(struct verifying *v)
{
    text_printf(&v->out, "holds: signed by %s (%.16s)\n", shown(v, v->s->by.name), v->s->by.id);
}

/* What was compared with --recipe, and what was not. */
static void say_recipe(struct verifying *v)
{
    text_add(&v->out, ", and it is this recipe");
    if (v->n_sources > 0)
        text_printf(&v->out, " with its %zu other file%s", v->n_sources,
                    v->n_sources == 1 ? "" : "s");
    if (v->n_left > 0)
        text_add(&v->out, "\n  not checked, as they are folders or not there: ");
    for (size_t i = 0; i < v->n_left; i++)
        text_printf(&v->out, "%s%s", i ? ", " : "", shown(v, v->left[i]));
}

static void say(struct verifying *v, const struct options *o)
{
    const struct statement *s = &v->s->statement;

    say_signer(v);
    text_printf(&v->out, "proven: %zu file%s of target %s", s->n_files, s->n_files == 1 ? "" : "s",
                shown(v, s->target));
    if (s->n_files == 1 && strcmp(s->files[0].name, s->target) != 0)
        text_printf(&v->out, " (%s)", shown(v, s->files[0].name));
    text_printf(&v->out, " %s what who has this key says hpo %s made\n",
                s->n_files == 1 ? "is" : "are", shown(v, s->version));
    text_printf(&v->out, "  from %s, with --set %s", shown(v, s->recipe.name),
                shown(v, s->arguments));
    if (o->verified_recipe)
        say_recipe(v);
    text_add(&v->out, "\n");
    text_printf(&v->out,
                "said, and not proven: %d actions and units made it; isolation: %s; %d accepted by "
                "hand; %d not reproducible\n",
                s->n_nodes, shown(v, s->isolation), s->accepted, s->not_reproducible);
    text_printf(&v->out, "not said: that making it again gives the same (hpo audit RECIPE "
                         "--against FILE)\n");
}

/* Of an audit the list of what was tested is there, and its recipe may be asked for. */
static void say_audit(struct verifying *v, const struct options *o)
{
    const struct statement *s = &v->s->statement;
    const size_t tested = s->audit.n_passed + s->audit.n_warned + s->audit.n_failed;

    say_signer(v);
    text_printf(&v->out, "proven: who has this key says that the audit of target %s came to %s\n",
                shown(v, s->target), shown(v, s->audit.result));
    text_printf(&v->out, "  of the nodes in %s%s, by %s%s\n", shown(v, s->target), STATEMENT_NODES,
                shown(v, s->recipe.name),
                o->verified_recipe
                    ? ", and it is this file; what it requires is no part of an audit's "
                      "result (hpo verify of the target's own statement)"
                    : "");
    text_printf(&v->out,
                "said, and not proven: %zu passed, %zu inconclusive, %zu excepted, %zu differ; %zu "
                "of %zu not asked for\n",
                s->audit.n_passed, s->audit.n_warned - s->audit.n_excepted, s->audit.n_excepted,
                s->audit.n_failed, v->n_nodes - (tested < v->n_nodes ? tested : v->n_nodes),
                v->n_nodes);
    if (s->audit.n_before > 0)
        text_printf(&v->out,
                    "  %zu of them were made before the audit was broken off, and kept in the "
                    "store: who can write to that could have altered them\n",
                    s->audit.n_before);
    text_add(&v->out, "not said: whether they are the nodes that made the target's files (hpo "
                      "verify of its own statement)\n");
}

/* ---- what an audit came to ---- */

/* The list of what was tested has a line a node. */
static enum status count_nodes(struct verifying *v, struct error *err)
{
    const char *path = file_join(v->arena, v->s->folder, v->s->statement.nodes.name);
    char *bytes;
    size_t n;

    TRY(check_file(v, &v->s->statement.nodes, err));
    TRY(path ? file_read(path, NODES_LIMIT, v->arena, &bytes, &n, err) : error_memory(err));
    for (size_t i = 0; i < n; i++)
        v->n_nodes += bytes[i] == '\n';
    return OK;
}

/* As many as a sentence holds. */
static const char *some_names(struct verifying *v, const char *const *names, size_t n)
{
    struct text t = text_in(v->arena);
    struct error ignored;
    char *string;

    for (size_t i = 0; i < n && i < MOST_NAMES; i++)
        text_printf(&t, "%s%s", i ? ", " : "", names[i]);
    if (n > MOST_NAMES)
        text_printf(&t, " and %zu more", n - MOST_NAMES);
    return text_finish(&t, &string, NULL, &ignored) == OK ? string : "";
}

/* A signature that holds proves what was found, not that it is good. */
static enum status judge_audit(struct verifying *v, const char *path, struct error *err)
{
    const struct stated_audit *a = &v->s->statement.audit;

    if (a->n_failed > 0)
        return error_set(err, ERR_DIFFERS, path,
                         "the signature holds; the audit has found differences: %s",
                         some_names(v, a->failed, a->n_failed));
    if (strcmp(a->result, AUDIT_FAILED) == 0)
        return error_set(err, ERR_DIFFERS, path,
                         "the signature holds; the audit has found differences: what a searcher or "
                         "a scheduler answers is not what is on record");
    if (a->n_warned > a->n_excepted)
        return error_set(err, ERR_UNCLEAR, path,
                         "the signature holds; the audit has found no difference, but could not "
                         "make everything again; warnings: %s",
                         some_names(v, a->warned, a->n_warned));
    return OK;
}

static enum status print(struct verifying *v, struct error *err)
{
    char *string;
    size_t n;

    TRY(text_finish(&v->out, &string, &n, err));
    return progress_result(string, n, err);
}

enum status verify_command(const struct options *o, struct arena *arena, struct error *err)
{
    struct signed_statement s;
    struct verifying v = {.arena = arena, .s = &s, .out = text_in(arena)};

    TRY(signed_read(o->words[0], (const char *const *)o->keys, o->n_keys, arena, &s, err));
    TRY(s.statement.audit.result ? count_nodes(&v, err) : check_files(&v, err));
    if (o->verified_recipe)
        TRY(check_recipe(&v, o->verified_recipe, err));
    if (s.statement.audit.result)
        say_audit(&v, o);
    else
        say(&v, o);
    TRY(print(&v, err));
    return s.statement.audit.result ? judge_audit(&v, o->words[0], err) : OK;
}
