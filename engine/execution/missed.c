/* missed: words of a log that are paths, and names of what lies beside the recipe. Start at
 * missed_find. */
#include "engine/execution/missed.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/execution/build.h"

enum { MOST_TOLD = 8 };

static const char ends[] = " \t\r\n'\"`,;:()[]{}<>|";

/* Also those of people, as GNU's programs have them. */
static const char *const quotes[][2] = {
    {"'", "'"}, {"\"", "\""}, {"`", "'"}, {"\xE2\x80\x98", "\xE2\x80\x99"}};
enum { N_QUOTES = sizeof quotes / sizeof *quotes };

static const char stops[] = ".!?"; /* of a sentence, behind a path */

/* What programs say of a file that they do not find, */
static const char *const failures[] = {"o such", "ot found", "annot",  "an't",  "enied", "ot exist",
                                       "nable",  "rrno",     "issing", "rror:", "ailed", NULL};

/* of one where nothing can be made, */
static const char *const read_only[] = {"ead-only file system", NULL};

/* of one that they cannot make, */
static const char *const writes[] = {"ead-only file system", "annot create",    "annot touch",
                                     "annot save",           "ould not create", NULL};

/* and where there is no network. */
static const char *const no_network[] = {"Network is unreachable", "Could not resolve host",
                                         "Temporary failure in name resolution",
                                         "Name or service not known"};

struct seeking {
    const struct build *b;
    const struct task *task;
    const struct action *action;
    struct arena *arena;
    struct text *out;
    const char *told[MOST_TOLD];
    size_t n;
};

static bool is_there(const char *path)
{
    return path && access(path, F_OK) == 0;
}

static bool is_shown(const struct task *task, const char *path)
{
    for (size_t i = 0; i < task->n_shown; i++)
        if (file_is_below(path, task->shown[i]))
            return true;
    return false;
}

static bool is_seen(const struct task *task, const char *path)
{
    /* it has a /tmp of its own */
    return strcmp(path, "/tmp") == 0 || file_is_below(path, "/proc") ||
           file_is_below(path, "/dev") || file_is_below(path, task->folder) || is_shown(task, path);
}

/* ---- telling ---- */

/* Whether it is told now: each thing once, and no more than a few. */
static bool is_new(struct seeking *s, const char *what)
{
    if (s->n == MOST_TOLD)
        return false;
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->told[i], what) == 0)
            return false;
    s->told[s->n++] = what;
    return true;
}

/* A name may have any byte but NUL: none of them ends the line, or the quotes. */
static void add_name(struct text *out, const char *path)
{
    for (; *path; path++)
        text_printf(out, "%c", (unsigned char)*path < ' ' || *path == '"' ? '?' : *path);
}

/* Under which name an input is that path outside, or holds it; NULL: none does. */
static const char *input_name(const struct seeking *s, const struct edge *input, const char *path)
{
    const struct node *node = graph_node(s->b->graph, input->node);
    const char *from, *name;
    struct error ignored;
    char *real;

    if (node->kind != NODE_SOURCE)
        return NULL;
    from = input->path ? file_join(s->arena, node->source.path, input->path) : node->source.path;
    if (!from || file_absolute(from, s->arena, &real, &ignored) != OK || !file_is_below(path, real))
        return NULL;
    name = arena_printf(s->arena, "%s%s", input->name, path + strlen(real));
    return name && is_there(file_join(s->arena, s->task->dir, name)) ? name : NULL;
}

static const char *name_inside(const struct seeking *s, const char *path)
{
    const char *name = NULL;
    struct error ignored;
    char *real;

    if (file_absolute(path, s->arena, &real, &ignored) != OK)
        return NULL;
    for (size_t i = 0; i < s->action->n_inputs && !name; i++)
        name = input_name(s, &s->action->inputs[i], real);
    return name;
}

static void tell_hidden(struct seeking *s, const char *path)
{
    const char *name = name_inside(s, path);

    if (name) {
        text_add(s->out, ", which is among its inputs as ");
        add_name(s->out, name);
        text_add(s->out, ": it has to open it by that name\n");
    } else {
        text_add(s->out, ", which is not among its inputs: add hpo.source \"");
        add_name(s->out, path);
        text_add(s->out, "\"\n");
    }
}

static void tell(struct seeking *s, const struct asked_for *asked)
{
    if (!is_new(s, asked->what))
        return;
    text_add(s->out, "  it asked for ");
    add_name(s->out, asked->what);
    if (*asked->what != '/')
        text_add(s->out, ", and there is none in its sandbox: what it fetches has to be among its "
                         "inputs, or the action says network = true\n");
    else if (asked->makes && is_seen(s->task, asked->what))
        text_add(s->out, " to write there, and the system is read-only in a sandbox: what it "
                         "writes has to be in its folder, or in /tmp\n");
    else if (asked->makes)
        text_add(s->out, " to write there, which is not in its folder: what it leaves has to be "
                         "among its outputs, hpo.output\n");
    else
        tell_hidden(s, asked->what);
}

/* ---- absolute paths ---- */

static bool says(const char *line, const char *const *words)
{
    const size_t n = strcspn(line, "\n");

    for (; *words; words++) {
        const char *found = strstr(line, *words);
        if (found && found < line + n)
            return true;
    }
    return false;
}

static const char *line_of(const char *log, const char *at)
{
    while (at > log && at[-1] != '\n')
        at--;
    return at;
}

/* Whether nothing is said behind this line. */
static bool is_last(const char *line)
{
    const char *end = line + strcspn(line, "\n");

    return end[strspn(end, " \t\r\n")] == '\0';
}

/* The folder in which it would be. */
static bool has_folder(struct seeking *s, const char *path)
{
    const size_t n = (size_t)(strrchr(path, '/') - path);

    return is_there(arena_copy(s->arena, path, n > 0 ? n : 1));
}

/* False: these so many bytes are no path that is worth a word. */
static bool consider(struct seeking *s, const char *line, const char *at, size_t n)
{
    const char *path = arena_copy(s->arena, at, n);
    bool makes, seen;

    if (!path)
        return false;
    makes = says(line, writes);
    seen = is_seen(s->task, path);
    if (seen ? !makes || !is_shown(s->task, path) || !says(line, read_only)
             : !makes && !says(line, failures) && !is_last(line))
        return false;
    if (makes ? !has_folder(s, path) : !is_there(path))
        return false;
    tell(s, &(struct asked_for){path, makes});
    return true;
}

/* What ends the quotes that begin right before it; NULL: none do. */
static const char *closing(const char *log, const char *at)
{
    for (size_t i = 0; i < N_QUOTES; i++) {
        const size_t n = strlen(quotes[i][0]);
        if ((size_t)(at - log) >= n && memcmp(at - n, quotes[i][0], n) == 0)
            return quotes[i][1];
    }
    return NULL;
}

/* To the end of its quotes, of the word, or of the sentence; gives what it has passed over. */
static size_t take_path(struct seeking *s, const char *log, const char *at, const char *close)
{
    const char *line = line_of(log, at), *quoted = close ? strstr(at, close) : NULL;
    const size_t word = strcspn(at, ends);
    size_t sentence = word;

    if (quoted && (size_t)(quoted - at) < strcspn(at, "\n") &&
        consider(s, line, at, (size_t)(quoted - at)))
        return (size_t)(quoted - at);
    while (sentence > 1 && strchr(stops, at[sentence - 1]))
        sentence--;
    if (word > 1 && !consider(s, line, at, word) && sentence < word && sentence > 1)
        (void)consider(s, line, at, sentence);
    return word;
}

static void find_paths(struct seeking *s, const char *log)
{
    for (const char *at = log; *at; at++) {
        const char *close = *at == '/' ? closing(log, at) : NULL;
        if (*at == '/' && (at == log || close || strchr(ends, at[-1]) || at[-1] == '='))
            at += take_path(s, log, at, close) - 1;
    }
}

/* ---- names beside the recipe ---- */

static bool is_declared(const struct action *a, const char *name)
{
    for (size_t i = 0; i < a->n_inputs; i++)
        if (file_is_below(name, a->inputs[i].name))
            return true;
    for (size_t i = 0; i < a->n_outputs; i++)
        if (file_is_below(name, a->outputs[i]) || file_is_below(a->outputs[i], name))
            return true;
    return false;
}

/* Some programs say where in its folder a name would be. */
static void consider_name(struct seeking *s, const char *at, size_t n)
{
    const char *name = arena_copy(s->arena, at, n);

    if (!name)
        return;
    if (file_is_below(name, s->task->dir) && name[strlen(s->task->dir)])
        name += strlen(s->task->dir) + 1;
    while (name[0] == '.' && name[1] == '/')
        name += 2;
    if (!file_is_inner_path(name) || is_declared(s->action, name) ||
        is_there(file_join(s->arena, s->task->dir, name)) ||
        !is_there(file_join(s->arena, recipe_folder(s->b->recipe), name)) || !is_new(s, name))
        return;
    text_add(s->out, "  it asked for ");
    add_name(s->out, name);
    text_add(s->out, ", which lies beside the recipe and is not among its inputs: add hpo.source "
                     "\"");
    add_name(s->out, name);
    text_add(s->out, "\"\n");
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Names in quotes. That of "can't" is none. */
static void find_quoted(struct seeking *s, const char *line, const char *end)
{
    for (const char *at = line; at < end; at++)
        for (size_t i = 0; i < N_QUOTES; i++) {
            const size_t n = strlen(quotes[i][0]);
            const char *close;
            if (strncmp(at, quotes[i][0], n) != 0 || (at > line && is_letter(at[-1])))
                continue;
            close = strstr(at + n, quotes[i][1]);
            if (!close || close >= end)
                continue;
            consider_name(s, at + n, (size_t)(close - at) - n);
            at = close + strlen(quotes[i][1]) - 1;
            break;
        }
}

/* A name right before what is said of it: "cat: NAME: No such file", "cannot open NAME: ...", */
static void find_bare(struct seeking *s, const char *line, const char *said)
{
    const char *from = line, *word = line;

    while (said > line && strchr(": (", said[-1]))
        said--;
    for (const char *at = line; at < said; at++) {
        if (*at == ' ')
            word = at + 1;
        if (*at == ' ' && at > line && at[-1] == ':')
            from = at + 1;
    }
    consider_name(s, from, (size_t)(said - from));
    if (word > from)
        consider_name(s, word, (size_t)(said - word));
}

static void find_names(struct seeking *s, const char *log)
{
    static const char no[] = "o such file"; /* behind an N, or n */

    for (const char *line = log; *line;) {
        const char *end = line + strcspn(line, "\n"), *said = strstr(line, no);
        if (!said)
            return;
        if (said > line && said < end) {
            find_quoted(s, line, end);
            find_bare(s, line, said - 1);
        }
        line = end + (*end == '\n');
    }
}

/* ---- all ---- */

void missed_find(const struct build *b, const struct job *job, const char *log, struct text *out)
{
    const struct task *task = job->task;
    struct seeking s = {.b = b,
                        .task = task,
                        .action = &graph_node(b->graph, job->node)->action,
                        .arena = job->arena,
                        .out = out};

    for (size_t i = 0; i < task->n_asked; i++)
        tell(&s, &task->asked[i]);
    find_names(&s, log);
    if (!task->shown || task->n_asked > 0)
        return;
    find_paths(&s, log);
    for (size_t i = 0; i < sizeof no_network / sizeof *no_network && !task->network; i++)
        if (strstr(log, no_network[i])) {
            tell(&s, &(struct asked_for){"the network", false});
            return;
        }
}
