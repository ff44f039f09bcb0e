/* devices: cards_choose for this build, and questions to hpo-trainer. Start at devices_cards. */
#include "engine/process/devices.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/options.h"
#include "engine/process/capture.h"

enum { IDENTITY_BYTES = 4096 };

struct devices {
    struct devices_context c;
    const char *identity; /* absolute path of the file that stands for a card, or NULL */
    char *libraries;      /* see devices_libraries */
    struct cards cards;
    struct devices_report report; /* for devices_check */
    bool found, classed, asked;
};

/* Whether it says what stands for a card; hpo-trainer looks at it closely, where it has a use. */
static enum status read_identity(const char *path, struct arena *arena, struct error *err)
{
    const char *class;
    struct json *json;
    char *text;
    size_t n;

    TRY(file_read(path, IDENTITY_BYTES, arena, &text, &n, err));
    TRY(json_parse(text, n, path, JSON_STRICT, arena, &json, err));
    return json_want_string(json, path, "class", &class, err);
}

static enum status find_identity(struct devices *d, const char *typed, struct error *err)
{
    char *path;
    enum status s;

    if (!typed)
        return OK;
    s = file_absolute(typed, d->c.arena, &path, err);
    if (s == OK && (s = read_identity(path, d->c.arena, err)) == OK)
        d->identity = path;
    if (s == OK || s == ERR_MEMORY)
        return s;
    error_place(err, "--gpu-identity");
    error_hint(err, "where the card is: hpo-trainer fingerprint --backend cuda --precision bf16 > "
                    "FILE");
    return ERR_INPUT;
}

/* One that is not there is told of by who needs it. */
static enum status find_libraries(struct devices *d, const char *typed, struct error *err)
{
    struct error ignored;

    if (file_absolute(typed, d->c.arena, &d->libraries, &ignored) == OK ||
        (d->libraries = arena_string(d->c.arena, typed)))
        return OK;
    return error_memory(err);
}

enum status devices_open(const struct devices_context *context, struct devices **out,
                         struct error *err)
{
    const char *libraries = getenv("HPO_CUDA_LIBRARIES");
    struct devices *d = arena_alloc(context->arena, sizeof *d);

    if (!d)
        return error_memory(err);
    d->c = *context;
    *out = d;
    if (libraries) /* as it reaches processes in other folders */
        TRY(find_libraries(d, libraries, err));
    return find_identity(d, context->options->gpu_identity, err);
}

const char *devices_libraries(const struct devices *d)
{
    return d->libraries;
}

enum status devices_cards(struct devices *d, const struct cards **out, struct error *err)
{
    struct cards all;

    *out = &d->cards;
    if (d->found)
        return OK;
    TRY(cards_find(d->c.arena, &all, err));
    TRY(cards_choose(&all, &d->c.options->gpus, getenv("CUDA_VISIBLE_DEVICES"), d->c.arena,
                     &d->cards, err));
    d->found = true;
    return OK;
}

/* ---- questions ---- */

static bool add_passed(struct arena *arena, char **env, size_t *n, const char *name)
{
    const char *value = getenv(name);

    if (value && !(env[(*n)++] = arena_printf(arena, "%s=%s", name, value)))
        return false;
    return true;
}

/* What a command sees that is asked beside these cards; NULL: all that there are. */
static enum status fill_env(const struct devices *d, const char *cards, char ***out,
                            struct error *err)
{
    struct arena *arena = d->c.arena;
    const char *path = getenv("PATH");
    char **env = arena_array(arena, 9, sizeof *env);
    bool whole = env;
    size_t n = 0;

    if (!env)
        return error_memory(err);
    env[n++] = "LANG=C.UTF-8";
    env[n++] = "TZ=UTC";
    env[n++] = "CUDA_DEVICE_ORDER=PCI_BUS_ID";
    whole &= (env[n++] = arena_printf(arena, "PATH=%s", path ? path : "/usr/bin:/bin")) != NULL;
    if (d->libraries)
        whole &= (env[n++] = arena_printf(arena, "HPO_CUDA_LIBRARIES=%s", d->libraries)) != NULL;
    if (d->identity)
        whole &= (env[n++] = arena_printf(arena, "HPO_GPU_IDENTITY=%s", d->identity)) != NULL;
    if (cards)
        whole &= (env[n++] = arena_printf(arena, "CUDA_VISIBLE_DEVICES=%s", cards)) != NULL;
    else
        whole &= add_passed(arena, env, &n, "CUDA_VISIBLE_DEVICES");
    *out = env;
    return whole ? OK : error_memory(err);
}

static enum status fill_question(const struct devices *d, const char *trainer,
                                 const char *const *argv, const char *cards, const char *what,
                                 struct question *q, struct error *err)
{
    char **env;

    TRY(fill_env(d, cards, &env, err));
    *q = (struct question){
        .what = what,
        .command = {
            .program = trainer, .argv = (char *const *)argv, .env = env, .folder = d->c.folder}};
    return OK;
}

/* ---- identity ---- */

/* The cards of a class. Each is asked: two of one model may differ in what results depend on. */
static size_t cards_of(const struct devices *d, const char *class, const struct card **list)
{
    size_t n = 0;

    for (size_t i = 0; i < d->cards.n; i++)
        if (card_is(&d->cards.list[i], class))
            list[n++] = &d->cards.list[i];
    return n;
}

static enum status refuse_without(const struct devices *d, const char *class, const char *where,
                                  struct error *err)
{
    const char *list = cards_list(&d->cards, d->c.arena);

    if (class && d->cards.n > 0)
        (void)error_set(err, ERR_INPUT, where,
                        "resources.gpu: there is no \"%s\" among the cards of this build: %s",
                        class, list);
    else
        (void)error_set(err, ERR_INPUT, where,
                        "backend: results in 16 bits depend on the card, and there is none: %s",
                        d->cards.lack ? d->cards.lack : "");
    error_hint(err, "--gpu-identity FILE stands for a card: what hpo-trainer fingerprint "
                    "--backend cuda says beside it");
    return ERR_INPUT;
}

static enum status take_same(const struct card *const *cards, const struct question *q, size_t n,
                             const char *where, const char **identity, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (q[i].status != OK) {
            *err = q[i].error;
            return q[i].status;
        }
        if (strcmp(q[i].answer, q[0].answer) == 0)
            continue;
        (void)error_set(err, ERR_INPUT, where,
                        "backend: results depend on which card it gets: %s and %s differ",
                        cards[0]->model ? cards[0]->model : cards[0]->name,
                        cards[i]->model ? cards[i]->model : cards[i]->name);
        error_hint(err, "resources = { gpu = \"...\" } names a class, --gpus chooses cards of one");
        return ERR_INPUT;
    }
    *identity = q[0].answer;
    return OK;
}

enum status devices_identity(struct devices *d, const char *trainer, const char *const *argv,
                             const char *class, const char *where, const char **identity,
                             struct error *err)
{
    struct arena *arena = d->c.arena;
    const bool by_file = d->identity;
    const struct cards *cards;
    const struct card **list;
    struct question *questions;
    size_t n = 1;

    TRY(devices_cards(d, &cards, err));
    if (class && strncasecmp(class, "sm_", 3) == 0 && !by_file)
        TRY(devices_classes(d, trainer, err));
    list = arena_array(arena, cards->n + 1, sizeof *list);
    questions = arena_array(arena, cards->n + 1, sizeof *questions);
    if (!list || !questions)
        return error_memory(err);
    if (!by_file && (n = cards_of(d, class, list)) == 0)
        return refuse_without(d, class, where, err);
    for (size_t i = 0; i < n; i++)
        TRY(fill_question(d, trainer, argv, by_file ? NULL : list[i]->name, "identity",
                          &questions[i], err));
    TRY(capture_all(d->c.capture, questions, n, arena, err));
    return take_same(list, questions, n, where, identity, err);
}

/* ---- what the trainer says ---- */

static const char *text_of(const struct json *object, const char *name)
{
    const struct json *value = json_get(object, name);

    return value && value->kind == JSON_STRING ? value->string : NULL;
}

static double number_of(const struct json *object, const char *name)
{
    const struct json *value = json_get(object, name);

    return value && value->kind == JSON_NUMBER && value->number > 0 ? value->number : 0;
}

static struct device read_device(const struct json *object)
{
    const struct json *usable = json_get(object, "usable");
    struct device device = {.uuid = text_of(object, "uuid"),
                            .name = text_of(object, "name"),
                            .class = text_of(object, "class"),
                            .why = text_of(object, "why"),
                            .memory = number_of(object, "memory"),
                            .free = number_of(object, "free")};

    if (!device.why && usable && usable->kind == JSON_BOOLEAN && !usable->truth)
        device.why = "hpo-trainer cannot use it";
    return device;
}

enum status devices_read(const char *text, struct arena *arena, struct devices_report *out,
                         struct error *err)
{
    const struct json *cuda, *list;
    struct json *json;

    *out = (struct devices_report){.why = NULL};
    TRY(json_parse(text, strlen(text), "hpo-trainer devices", JSON_STRICT, arena, &json, err));
    cuda = json_get(json, "cuda");
    if (!cuda || cuda->kind != JSON_OBJECT) {
        out->why = "this hpo-trainer was built without it";
        return OK;
    }
    out->driver = text_of(cuda, "driver");
    out->cublaslt = text_of(cuda, "cublaslt");
    out->nccl = text_of(cuda, "nccl");
    out->why = text_of(cuda, "why");
    list = json_get(cuda, "devices");
    if (!list || list->kind != JSON_ARRAY)
        return OK;
    if (!(out->list = arena_array(arena, list->n + 1, sizeof *out->list)))
        return error_memory(err);
    for (size_t i = 0; i < list->n; i++)
        out->list[out->n++] = read_device(&list->items[i]);
    return OK;
}

enum status devices_ask(struct devices *d, const char *trainer, struct devices_report *out,
                        struct error *err)
{
    static const char *const argv[] = {"hpo-trainer", "devices", "--json", NULL};
    struct question q;

    TRY(fill_question(d, trainer, argv, NULL, "hpo-trainer devices", &q, err));
    TRY(capture_all(d->c.capture, &q, 1, d->c.arena, err));
    if (q.status != OK)
        *err = q.error;
    TRY(q.status == ERR_INPUT ? ERR_FAILED : q.status);
    return devices_read(q.answer, d->c.arena, out, err);
}

enum status devices_check(struct devices *d, const char *trainer, int gpus, const char *where,
                          struct error *err)
{
    const struct devices_report *r = &d->report;

    if (!d->asked)
        TRY(devices_ask(d, trainer, &d->report, err));
    d->asked = true;
    if (!r->why && (r->nccl || gpus == 1))
        return OK;
    if (r->why)
        (void)error_set(err, ERR_INPUT, where, "backend: hpo-trainer cannot use \"cuda\": %s",
                        r->why);
    else
        (void)error_set(err, ERR_INPUT, where,
                        "ranks: %d of them need libnccl, which hpo-trainer does not find", gpus);
    error_hint(err, "hpo-trainer devices says more; docs/gpus.md says what it needs");
    return ERR_INPUT;
}

/* A card is known by its UUID, or by its number where the driver does not tell that yet. */
static const char *class_of(const struct devices_report *report, const struct card *card)
{
    for (size_t i = 0; card->uuid && i < report->n; i++)
        if (report->list[i].uuid && strcasecmp(report->list[i].uuid, card->uuid) == 0)
            return report->list[i].class;
    for (size_t i = 0; !card->uuid && i < report->n; i++)
        if ((int)i == card->number)
            return report->list[i].class;
    return NULL;
}

enum status devices_classes(struct devices *d, const char *trainer, struct error *err)
{
    struct devices_report report;
    struct error ignored; /* then no card has a class, and who asks for one is refused */
    const struct cards *cards;
    enum status s;

    TRY(devices_cards(d, &cards, err));
    if (d->classed || cards->n == 0)
        return OK;
    if ((s = devices_ask(d, trainer, &report, &ignored)) == ERR_INTERRUPTED)
        return error_set(err, s, "", "interrupted");
    for (size_t i = 0; i < d->cards.n && s == OK; i++)
        d->cards.list[i].class = class_of(&report, &d->cards.list[i]);
    d->classed = true;
    return OK;
}
