/* run_sh: lines of sh. Start at run_sh_write. */
#include "engine/executor/run_sh.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/store.h"
#include "engine/graph/graph.h"
#include "engine/process/runner.h"

void run_sh_add_word(struct text *t, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+.,:/@%=";

    if (*word && !word[strspn(word, plain)]) {
        text_add(t, word);
        return;
    }
    text_add(t, "'");
    for (const char *c = word; *c; c++)
        if (*c == '\'')
            text_add(t, "'\\''");
        else
            text_add_bytes(t, c, 1);
    text_add(t, "'");
}

void run_sh_add_command(struct text *t, const struct command *command)
{
    run_sh_add_word(t, command->program);
    for (char *const *word = command->argv + 1; *word; word++) {
        text_add(t, " ");
        run_sh_add_word(t, *word);
    }
}

/* The entry is of this variable. */
static bool is_of(const char *entry, const char *name)
{
    const size_t n = strlen(name);

    return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

static bool is_passed(const struct action *a, const char *entry)
{
    for (size_t i = 0; i < a->n_pass; i++)
        if (is_of(entry, a->pass[i]))
            return true;
    return false;
}

/* HPO_MORE says that somebody is there to ask for more: nobody is. */
static void add_environment(struct text *t, const struct action *a, char *const *env)
{
    for (; *env; env++) {
        if (is_passed(a, *env) || is_of(*env, "HPO_MORE"))
            continue;
        text_add(t, "  ");
        run_sh_add_word(t, *env);
        text_add(t, " \\\n");
    }
    for (size_t i = 0; i < a->n_pass; i++)
        text_printf(t, "  ${%s+\"%s=$%s\"} \\\n", a->pass[i], a->pass[i], a->pass[i]);
}

static enum status write_script(const char *path, const char *bytes, size_t n, struct error *err)
{
    enum status s;
    int fd;

    (void)unlink(path); /* whatever the action has put there */
    if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0777)) < 0)
        return error_system(err, path, "write");
    s = file_write_all(fd, path, bytes, n, err);
    if (close(fd) != 0 && s == OK)
        s = error_system(err, path, "close");
    return s;
}

static enum status make_script(const struct store *store, const struct action *action,
                               const struct command *command, const char *folder,
                               struct arena *arena, struct error *err)
{
    const char *path = file_join(arena, folder, "run.sh");
    struct text t = text_in(arena);
    char *bytes;
    size_t n;

    if (!path)
        return error_memory(err);
    text_add(&t, "#!/bin/sh\n# Repeats what ran here. Variables that the action passes come from "
                 "whoever runs this.\ncd ");
    run_sh_add_word(&t, command->folder);
    text_add(&t, " || exit\nexec env -i \\\n");
    add_environment(&t, action, command->env);
    text_add(&t, "  ");
    if (strchr(command->program, '=')) /* env would take it for a variable */
        text_add(&t, "/bin/sh -c 'exec \"$0\" \"$@\"' ");
    run_sh_add_command(&t, command);
    text_add(&t, " </dev/null\n");
    TRY(text_finish(&t, &bytes, &n, err));
    TRY(write_script(path, bytes, n, err));
    store_open_to_group(store, path, 0777);
    return OK;
}

enum status run_sh_write(const struct store *store, const struct action *action,
                         const struct command *command, const char *folder, struct error *err)
{
    struct arena *arena = arena_open();
    enum status s =
        arena ? make_script(store, action, command, folder, arena, err) : error_memory(err);

    arena_close(arena);
    return s;
}
