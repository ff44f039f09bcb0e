/* preload: finds, starts and ends interpreters. Start at preload_find. */
#include "engine/executor/preload.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/executor/executor.h"
#include "engine/executor/local.h"
#include "engine/graph/content.h"
#include "engine/graph/graph.h"
#include "engine/process/strays.h"
#include "engine/progress.h"

enum {
    SERVERS_MAX = 4, /* that are kept, of which each holds its libraries in memory */
    SAID_MAX = 64 * 1024
};

struct preload {
    const struct local_machine *machine;
    struct leftovers *left;
    struct arena *arena;
    struct server *servers;
    long uses;
    const char **told; /* what people have read */
    size_t n_told, told_capacity;
};

enum status preload_open(const struct local_machine *machine, struct leftovers *left,
                         struct arena *arena, struct preload **out, struct error *err)
{
    struct preload *p = arena_alloc(arena, sizeof *p);

    if (!p)
        return error_memory(err);
    p->machine = machine;
    p->left = left;
    p->arena = arena;
    *out = p;
    return OK;
}

struct server *preload_servers(struct preload *p)
{
    return p->servers;
}

int preload_count(const struct preload *p)
{
    int n = 0;

    for (const struct server *s = p->servers; s; s = s->next)
        n += s->closed ? 0 : 1 + (s->interpreter.child != 0);
    return n;
}

bool preload_has(const struct preload *p, int pid)
{
    for (const struct server *s = p->servers; s; s = s->next)
        if (!s->closed && (s->interpreter.process.pid == pid || s->interpreter.child == pid))
            return true;
    return false;
}

/* ---- which runs ---- */

/* "python", "python3", "python3.11". */
static bool is_name_of_python(const char *path)
{
    static const char name[] = "python";
    const char *last = strrchr(path, '/');

    last = last ? last + 1 : path;
    return strncmp(last, name, sizeof name - 1) == 0 &&
           last[strspn(last + sizeof name - 1, "0123456789.") + sizeof name - 1] == '\0';
}

static bool is_python(const char *program, struct arena *scratch)
{
    struct error ignored;
    char *real;

    return is_name_of_python(program) ||
           (file_absolute(program, scratch, &real, &ignored) == OK && is_name_of_python(real));
}

static bool is_script(const char *program)
{
    char begin[2] = "";
    const int fd = open(program, O_RDONLY | O_CLOEXEC);
    const bool is = fd >= 0 && read(fd, begin, 2) == 2 && begin[0] == '#' && begin[1] == '!';

    if (fd >= 0)
        close(fd);
    return is;
}

/* Whether runs of a trainer are forked. Where people might expect it, and they are not, *why says
 * the reason. */
static bool is_eligible(const struct action *a, const char *program, struct arena *scratch,
                        const char **why)
{
    *why = NULL;
    if (!is_python(program, scratch))
        *why = a->n_preload > 0 ? "its program is no Python" : NULL;
    else if (a->run[1][0] == '-')
        *why = "its Python has flags";
    else if (is_script(program))
        *why = "its Python is a script that starts another";
    else
        return true;
    return false;
}

static enum status tell(struct preload *p, const char *script, const char *why, struct error *err)
{
    const char *line =
        arena_printf(p->arena, "%s is run by a fresh interpreter each time: %s", script, why);
    const char **last;

    if (!line)
        return error_memory(err);
    for (size_t i = 0; i < p->n_told; i++)
        if (strcmp(p->told[i], line) == 0)
            return OK;
    if (!(last = arena_push(p->arena, p->told, p->n_told, p->told_capacity)))
        return error_memory(err);
    *last = line;
    progress_line(p->machine->progress, "%s", line);
    return OK;
}

/* Of a run that is not forked: the beginning of its command line, which may have parameters. */
static enum status tell_of(struct preload *p, const struct action *a, const char *why,
                           struct error *err)
{
    const bool flag = a->run[1][0] == '-' && a->n_run > 2;
    const char *words = arena_printf(p->arena, "%s %s%s%s", a->run[0], a->run[1], flag ? " " : "",
                                     flag ? a->run[2] : "");

    return words ? tell(p, words, why, err) : error_memory(err);
}

/* ---- what runs have in common ---- */

static bool begins_with(const char *entry, const char *prefix)
{
    return strncmp(entry, prefix, strlen(prefix)) == 0;
}

/* The variables of a run without what is its own, for a process whose folder is another. */
static char **common_env(const struct request *r, const struct command *command, const char *folder,
                         struct arena *arena)
{
    const char *const own = command->folder;
    size_t n = 0;
    char **env;

    while (command->env[n])
        n++;
    if (!(env = arena_array(arena, n + 1, sizeof *env)))
        return NULL;
    n = 0;
    for (char *const *entry = command->env; *entry; entry++) {
        const char *value = strchr(*entry, '=') + 1;
        if ((begins_with(*entry, "HPO_") && !begins_with(*entry, "HPO_CPUS=")) ||
            (begins_with(*entry, "CUDA_VISIBLE_DEVICES=") && r->action->resources.gpus > 0))
            continue;
        env[n] = *entry;
        if ((begins_with(*entry, "HOME=") || begins_with(*entry, "TMPDIR=")) &&
            strcmp(value, own) == 0)
            env[n] = arena_printf(arena, "%.*s%s", (int)(value - *entry), *entry, folder);
        if (!env[n++])
            return NULL;
    }
    return env;
}

/* What the i-th input is: its name and its content. */
static enum status write_input(struct text *t, struct preload *p, const struct request *r, size_t i,
                               struct arena *scratch, struct error *err)
{
    const struct edge *input = &r->action->inputs[i];
    struct content content = *r->inputs[i];
    struct content_key key;
    char hex[DIGEST_HEX + 1];

    TRY(content_key(p->machine->store, &content, input->path, scratch, &key, err));
    digest_hex(&key.digest, hex);
    text_printf(t, "%s\n%d %s\n", input->name, (int)key.kind, hex);
    return OK;
}

/* The script first, where it is an input; *n_script: so far the key says which it is. */
static enum status write_key(struct preload *p, const struct request *r,
                             const struct command *command, struct arena *scratch, char **out,
                             size_t *n_script, struct error *err)
{
    const struct action *a = r->action;
    struct text t = text_in(scratch);
    char **env = common_env(r, command, "", scratch);

    if (!env)
        return error_memory(err);
    text_printf(&t, "%s\n%s\n%s\n", command->program, a->run[0], a->run[1]);
    for (size_t i = 0; i < a->n_inputs; i++)
        if (strcmp(a->inputs[i].name, a->run[1]) == 0)
            TRY(write_input(&t, p, r, i, scratch, err));
    *n_script = t.n;
    for (size_t i = 0; i < a->n_preload; i++)
        text_printf(&t, "preload %s\n", a->preload[i]);
    for (size_t i = 0; i < a->n_inputs; i++)
        TRY(write_input(&t, p, r, i, scratch, err));
    for (; *env; env++)
        text_printf(&t, "%s\n", *env);
    return text_finish(&t, out, NULL, err);
}

/* ---- life ---- */

static void end_server(struct preload *p, struct server *s)
{
    if (s->closed)
        return;
    s->closed = true;
    interpreter_close(p->machine->reaper, &s->interpreter);
    if (s->workspace.dir)
        strays_end(s->workspace.dir);
}

static void remove_folder(struct preload *p, struct server *s)
{
    struct error left; /* what cannot be removed is left to gc */

    if (workspace_remove(&s->workspace, &left) != OK)
        progress_warning(p->machine->progress, "a working folder is left: %s: %s", left.where,
                         left.text);
    workspace_leave(&s->workspace);
    s->workspace.folder = NULL;
}

void preload_close(struct preload *p)
{
    for (struct server *s = p ? p->servers : NULL; s; s = s->next) {
        end_server(p, s);
        remove_folder(p, s);
    }
}

/* Where there are many, the one goes that nobody has used for longest and nobody needs. */
static void make_room(struct preload *p)
{
    struct server **oldest = NULL, *gone;

    int n = 0;

    for (struct server **s = &p->servers; *s; s = &(*s)->next) {
        n += !(*s)->closed;
        if (!(*s)->closed && (*s)->n_children == 0 && (!oldest || (*s)->used < (*oldest)->used))
            oldest = s;
    }
    if (!oldest || n < SERVERS_MAX)
        return;
    gone = *oldest;
    *oldest = gone->next;
    end_server(p, gone);
    remove_folder(p, gone);
}

static enum status put_inputs(struct preload *p, struct server *s, const struct request *r,
                              struct arena *scratch, struct error *err)
{
    const struct action *a = r->action;

    for (size_t i = 0; i < a->n_inputs; i++) {
        struct content content = *r->inputs[i];
        TRY(workspace_put(&s->workspace, p->machine->store, &content, a->inputs[i].path,
                          a->inputs[i].name, scratch, err));
    }
    return OK;
}

static enum status start(struct preload *p, struct server *s, const struct request *r,
                         const struct command *command, struct arena *scratch, struct error *err)
{
    const struct action *a = r->action;
    struct interpreter_plan plan = {.program = command->program,
                                    .argv0 = a->run[0],
                                    .preload = p->machine->preload,
                                    .script = a->run[1],
                                    .reads = command->folder,
                                    .modules = a->preload,
                                    .n_modules = a->n_preload};
    struct digest digest;
    char hex[DIGEST_HEX + 1];

    TRY(digest_bytes(s->key, strlen(s->key), &digest, err));
    digest_hex(&digest, hex);
    hex[16] = '\0'; /* as long as a task's, so HOME is too */
    TRY(workspace_make(&s->workspace, p->machine->store, hex, p->left, p->arena, err));
    if (a->n_preload > 0)
        TRY(put_inputs(p, s, r, scratch, err));
    plan.folder = s->workspace.dir;
    plan.log = s->workspace.log;
    if (!(plan.env = common_env(r, command, plan.folder, scratch)))
        return error_memory(err);
    return interpreter_start(p->machine->reaper, &plan, scratch, &s->interpreter, err);
}

static enum status add_server(struct preload *p, const struct request *r,
                              const struct command *command, const struct server *wanted,
                              struct arena *scratch, struct server **out, struct error *err)
{
    struct server *s = arena_alloc(p->arena, sizeof *s);
    struct error why;

    if (!s)
        return error_memory(err);
    *s = *wanted;
    s->workspace.lock = -1;
    s->is_script = r->action->report != NULL;
    s->interpreter = (struct interpreter){.socket = -1, .process = {.pidfd = -1}};
    if (!(s->key = arena_string(p->arena, wanted->key)) ||
        !(s->script = arena_string(p->arena, r->action->run[1])))
        return error_memory(err);
    make_room(p);
    if (start(p, s, r, command, scratch, &why) != OK) {
        s->closed = true;
        TRY(tell(p, s->script, why.text, err));
    }
    s->next = p->servers;
    p->servers = s;
    *out = s;
    return OK;
}

/* It serves such runs, or a script of theirs that cannot be served. */
static bool suits(const struct server *s, const struct server *wanted)
{
    if (s->closed)
        return s->n_script == wanted->n_script && memcmp(s->key, wanted->key, s->n_script) == 0;
    return strcmp(s->key, wanted->key) == 0;
}

static enum status find(struct preload *p, const struct request *r, const struct command *command,
                        struct arena *scratch, struct server **out, struct error *err)
{
    struct server wanted = {.closed = false}, *s;
    const char *why;
    char *key = NULL;

    if (p->machine->sandbox != SANDBOX_OFF && r->action->n_preload > 0)
        return tell_of(p, r->action, "no input is loaded ahead outside of its sandbox", err);
    if (!is_eligible(r->action, command->program, scratch, &why))
        return why ? tell_of(p, r->action, why, err) : OK;
    TRY(write_key(p, r, command, scratch, &key, &wanted.n_script, err));
    assert(key);
    wanted.key = key;
    for (s = p->servers; s && !suits(s, &wanted);)
        s = s->next;
    if (!s)
        TRY(add_server(p, r, command, &wanted, scratch, &s, err));
    assert(s);
    if (s->closed)
        return OK;
    s->used = ++p->uses;
    s->n_children++;
    *out = s;
    return OK;
}

enum status preload_find(struct preload *p, const struct request *r, const struct command *command,
                         struct server **out, struct error *err)
{
    const struct action *a = r->action;
    struct arena *scratch;
    enum status s;

    *out = NULL;
    if (!r->trains || a->fetch || a->fresh || p->machine->fresh || a->n_run < 2)
        return OK;
    if (!(scratch = arena_open()))
        return error_memory(err);
    s = find(p, r, command, scratch, out, err);
    arena_close(scratch);
    return s;
}

void preload_leave(struct server *s)
{
    s->n_children--;
}

static enum status note_end(struct preload *p, struct server *s, struct error *err)
{
    if (s->interpreter.state != INTERPRETER_GONE || s->closed)
        return OK;
    end_server(p, s);
    return tell(p, s->script, s->interpreter.why, err);
}

enum status preload_look(struct preload *p, struct server *s, struct error *err)
{
    const enum interpreter_state was = s->interpreter.state;

    if (s->closed)
        return OK;
    interpreter_look(&s->interpreter);
    if (was == INTERPRETER_LOADS && s->interpreter.state == INTERPRETER_FORKS)
        TRY(file_read_end(s->workspace.log, SAID_MAX, p->arena, &s->said, &s->n_said, err));
    if (s->is_script && s->n_said > 0) /* it may be a report */
        interpreter_give_up(&s->interpreter, "what it imports prints on standard error");
    return note_end(p, s, err);
}

enum status preload_give_up(struct preload *p, struct server *s, const char *why, struct error *err)
{
    interpreter_give_up(&s->interpreter, why);
    return note_end(p, s, err);
}
