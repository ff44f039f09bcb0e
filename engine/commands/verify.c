/* hpo verify: whether files are those of a signed statement, and what it proves. Start at
 * verify_command. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/commands/commands.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/statement/signed.h"

enum { RECIPE_LIMIT = 64 << 20 };

struct verifying {
    struct arena *arena;
    const struct signed_statement *s;
    struct text out;
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
    if ((st.st_mode & 07000) || is_in(v->s->statement.executable, v->s->statement.n_executable,
                                      f->name) != ((st.st_mode & 0111) != 0)) {
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
    for (size_t i = 0; i < s->n_files; i++)
        if (strcmp(s->files[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < s->n_links; i++)
        if (strcmp(s->links[i].name, name) == 0)
            return true;
    return false;
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
    if (n == 0 && !is_in(stated->folders, stated->n_folders, name))
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
    return is_folder(s) ? check_folder(v, s->target, err) : OK;
}

static enum status check_recipe(const struct options *o, const struct statement *s,
                                struct arena *arena, struct error *err)
{
    struct digest found;
    char *bytes;
    size_t n;
    enum status status;

    if (!o->verified_recipe)
        return OK;
    status = file_read(o->verified_recipe, RECIPE_LIMIT, arena, &bytes, &n, err);
    TRY(status == ERR_NOT_FOUND ? ERR_INPUT : status);
    TRY(digest_bytes(bytes, n, &found, err));
    return digest_equal(&found, &s->recipe.digest)
               ? OK
               : differs(err, o->verified_recipe, "it is not the recipe of the statement");
}

/* ---- words ---- */

static void say(struct verifying *v, const struct options *o)
{
    const struct statement *s = &v->s->statement;

    text_printf(&v->out, "holds: signed by %s (%.16s)\n", v->s->by.name, v->s->by.id);
    text_printf(&v->out,
                "proven: %zu file%s of target %s %s what who has this key says hpo %s made\n",
                s->n_files, s->n_files == 1 ? "" : "s", s->target, s->n_files == 1 ? "is" : "are",
                s->version);
    text_printf(&v->out, "  from %s, with --set %s%s\n", s->recipe.name, s->arguments,
                o->verified_recipe ? ", and it is this recipe" : "");
    text_printf(&v->out,
                "said, and not proven: %d actions and units made it; isolation: %s; %d accepted by "
                "hand; %d not reproducible\n",
                s->n_nodes, s->isolation, s->accepted, s->not_reproducible);
    text_printf(&v->out, "not said: that making it again gives the same (hpo audit RECIPE "
                         "--against FILE)\n");
}

/* Of an audit the list of what was tested is there, and its recipe may be asked for. */
static void say_audit(struct verifying *v, const struct options *o)
{
    const struct statement *s = &v->s->statement;

    text_printf(&v->out, "holds: signed by %s (%.16s)\n", v->s->by.name, v->s->by.id);
    text_printf(&v->out, "proven: who has this key says that the audit of target %s came to %s\n",
                s->target, s->audit.result);
    text_printf(&v->out, "  of the nodes in %s%s, by %s%s\n", s->target, STATEMENT_NODES,
                s->recipe.name, o->verified_recipe ? ", and it is this recipe" : "");
    text_printf(&v->out,
                "said, and not proven: %zu passed, %zu inconclusive or excepted, %zu differ\n",
                s->audit.passed, s->audit.warned, s->audit.failed);
    text_add(&v->out, "not said: whether they are the nodes that made the target's files (hpo "
                      "verify of its own statement)\n");
}

enum status verify_command(const struct options *o, struct arena *arena, struct error *err)
{
    struct signed_statement s;
    struct verifying v = {arena, &s, text_in(arena)};
    char *string;
    size_t n;

    TRY(signed_read(o->words[0], (const char *const *)o->keys, o->n_keys, arena, &s, err));
    TRY(s.statement.audit.result ? check_file(&v, &s.statement.nodes, err) : check_files(&v, err));
    TRY(check_recipe(o, &s.statement, arena, err));
    if (s.statement.audit.result)
        say_audit(&v, o);
    else
        say(&v, o);
    TRY(text_finish(&v.out, &string, &n, err));
    return progress_result(string, n, err);
}
