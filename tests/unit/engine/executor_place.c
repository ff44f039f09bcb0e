/* executor_place: a machine in a folder of /tmp. */
#include "tests/unit/engine/executor_place.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/executor/local.h"
#include "engine/graph/graph.h"
#include "engine/process/devices.h"

/* Two cards that are not there. */
static int make_cards(const struct place *p)
{
    struct error err;

    for (int i = 0; i < 2; i++) {
        char path[128], text[128];
        (void)snprintf(path, sizeof path, "%s/nvidia/gpus/0000:0%d:00.0", p->folder, i + 1);
        (void)snprintf(text, sizeof text, "Model: \t NVIDIA H100\nGPU UUID: \t GPU-%d\n", i);
        if (file_make_folders(path, &err) != OK ||
            file_write(file_join(p->arena, path, "information"), text, strlen(text), &err) != OK)
            return -1;
    }
    return setenv("HPO_NVIDIA", file_join(p->arena, p->folder, "nvidia"), 1);
}

int executor_enter(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    struct devices_context devices;
    struct tools_context tools;
    struct local_machine machine;
    struct error err;

    if (!p || !(p->arena = arena_open()))
        return -1;
    *state = p;
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/executor-XXXXXX");
    if (!mkdtemp(p->folder) || store_open(file_join(p->arena, p->folder, "store"), STORE_WRITE,
                                          NULL, &p->store, &err) != OK)
        return -1;
    p->o =
        (struct options){.program = "/bin/false", .bin = "/bin", .jobs = 4, .gpus = {.slots = 1}};
    p->capture = (struct capture){&p->reaper, -1, 10};
    devices = (struct devices_context){&p->o, &p->capture, p->folder, p->arena};
    if (make_cards(p) != 0 || devices_open(&devices, &p->devices, &err) != OK)
        return -1;
    tools = (struct tools_context){&p->o, p->store, &p->capture, p->devices, p->arena};
    if ((p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0 ||
        tools_open(&tools, &p->tools, &err) != OK)
        return -1;
    machine = (struct local_machine){.store = p->store,
                                     .reaper = &p->reaper,
                                     .tools = p->tools,
                                     .cpus = 4,
                                     .devices = p->devices,
                                     .most_logged = PLACE_LOGGED,
                                     .wake = p->wake};
    return local_executor_open(&machine, p->arena, &p->x, &err) == OK ? 0 : -1;
}

int executor_leave(void **state)
{
    struct place *p = *state;
    struct error err;

    local_executor_close(p->x);
    runner_end(&p->reaper);
    store_close(p->store);
    close(p->wake);
    if (file_remove(p->folder, &err) != OK)
        return -1;
    arena_close(p->arena);
    free(p);
    return 0;
}

/* ---- to start, and to hear ---- */

struct request shell(struct place *p, const char *script)
{
    static const struct digest key = {{1}};
    struct action *a = arena_alloc(p->arena, sizeof *a);
    const char **run = arena_array(p->arena, 4, sizeof *run);

    assert_non_null(a);
    assert_non_null(run);
    run[0] = "sh";
    run[1] = "-c";
    run[2] = script;
    *a = (struct action){.kind = "command", .run = run, .n_run = 3, .resources = {.cpus = 1}};
    return (struct request){
        .label = "test", .key = &key, .where = "r.lua:1", .action = a, .trains = true};
}

struct action *action_of(const struct request *r)
{
    return (struct action *)r->action;
}

struct task *start(struct place *p, const struct request *r)
{
    enum start_outcome outcome;
    struct task *task;
    struct error err;
    size_t lost;

    if (executor_start(p->x, r, &task, &outcome, &lost, &err) != OK)
        fail_msg("%s: %s", err.where, err.text);
    assert_int_equal(outcome, START_STARTED);
    return task;
}

struct task *start_shell(struct place *p, const char *script)
{
    const struct request r = shell(p, script);

    return start(p, &r);
}

struct heard *listen_to(struct place *p, struct task *task)
{
    struct heard *h = arena_alloc(p->arena, sizeof *h);

    assert_non_null(h);
    h->task = task;
    task->owner = h;
    return h;
}

static void note(const struct executor_event *event)
{
    struct heard *h = event->task->owner;

    assert_ptr_equal(h->task, event->task);
    assert_int_equal(h->exits, 0); /* nothing comes behind the end */
    if (event->kind == EVENT_EXIT) {
        h->exits++;
        h->exit_code = event->exit_code;
        assert_false(event->lost);
        return;
    }
    assert_true(event->n > 0);
    for (size_t i = 0; i < event->n && h->n + 1 < sizeof h->said; i++)
        h->said[h->n++] = event->bytes[i];
}

enum executor_event_kind next(struct place *p, double seconds)
{
    struct executor_event event;
    struct error err;

    if (executor_next(p->x, executor_now(p->x) + (int64_t)(seconds * 1e9), &event, &err) != OK)
        fail_msg("%s: %s", err.where, err.text);
    if (event.kind == EVENT_OUTPUT || event.kind == EVENT_EXIT)
        note(&event);
    return event.kind;
}

void hear_until(struct place *p, const struct heard *h, const char *word)
{
    while (!strstr(h->said, word)) {
        assert_int_equal(h->exits, 0);
        assert_int_not_equal(next(p, 60), EVENT_NONE);
    }
}

int hear_all(struct place *p, const struct heard *h)
{
    while (h->exits == 0)
        assert_int_not_equal(next(p, 60), EVENT_NONE);
    return h->exit_code;
}

int run(struct place *p, const char *script)
{
    struct heard *h = listen_to(p, start_shell(p, script));
    const int code = hear_all(p, h);

    executor_close(p->x, h->task, false);
    return code;
}

char *read_log(struct place *p, const struct task *task, size_t *n)
{
    struct error err;
    char *bytes;

    assert_int_equal(file_read(task->log, 1 << 24, p->arena, &bytes, n, &err), OK);
    return bytes;
}

bool is_there(const char *digits)
{
    int64_t pid;
    struct error err;
    char word[16] = "";

    (void)sscanf(digits, "%15[0-9]", word);
    assert_int_equal(text_parse_integer(word, "pid", 2, INT32_MAX, &pid, &err), OK);
    return kill((pid_t)pid, 0) == 0;
}
