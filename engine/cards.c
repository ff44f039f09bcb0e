/* cards: what the driver's folder says of each card. Start at cards_find. */
#include "engine/cards.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"

enum { MOST_TEXT = 64 * 1024 };

static const char no_driver[] = "no NVIDIA driver is loaded here: hpo doctor says what to do";

/* Where the driver tells of its cards, and where their devices are. */
struct place {
    const char *driver, *devices;
};

static bool find_place(struct arena *arena, struct place *p)
{
#ifdef HPO_FAULTS /* test builds: a made-up machine, with its devices in dev */
    const char *made_up = getenv("HPO_NVIDIA");
    if (made_up) {
        *p = (struct place){made_up, file_join(arena, made_up, "dev")};
        return p->devices;
    }
#endif
    (void)arena;
    *p = (struct place){"/proc/driver/nvidia", "/dev"};
    return true;
}

/* *value: the rest of the line that begins with this word, without blanks around it; NULL: none. */
static enum status field(const char *text, const char *word, struct arena *arena,
                         const char **value, struct error *err)
{
    const size_t n = strlen(word);

    *value = NULL;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, word, n) == 0) {
            const char *rest = line + n + strspn(line + n, " \t");
            size_t length = strcspn(rest, "\n");
            while (length > 0 && isspace((unsigned char)rest[length - 1]))
                length--;
            return (*value = arena_copy(arena, rest, length)) ? OK : error_memory(err);
        }
    }
    return OK;
}

/* Whether this process may use it: opening the device is what CUDA does. */
static enum status look_at_device(const struct place *p, const char *text, struct arena *arena,
                                  bool *ours, const char **device, const char **why,
                                  struct error *err)
{
    const char *minor, *path;
    int fd;

    *ours = true;
    *device = *why = NULL;
    TRY(field(text, "Device Minor:", arena, &minor, err));
    if (!minor)
        return OK;
    if (!(path = arena_printf(arena, "%s/nvidia%s", p->devices, minor)))
        return error_memory(err);
    *device = path;
    if ((fd = open(path, O_RDWR | O_CLOEXEC)) >= 0) {
        close(fd);
        return OK;
    }
    *ours = errno != EPERM && errno != EACCES && errno != ENOENT;
    *why = arena_printf(arena, "cannot open %s: %s", path, strerror(errno));
    return *why ? OK : error_memory(err);
}

static enum status read_card(const struct place *p, const char *bus, struct arena *arena,
                             struct card *card, bool *ours, struct error *err)
{
    const char *path = arena_printf(arena, "%s/gpus/%s/information", p->driver, bus), *located;
    enum status s;
    char *text;

    if (!path)
        return error_memory(err);
    *ours = false;
    if ((s = file_read(path, MOST_TEXT, arena, &text, NULL, err)) != OK)
        return s == ERR_MEMORY ? s : OK; /* it has gone meanwhile */
    *card = (struct card){.bus = bus, .slots = 1};
    TRY(field(text, "GPU UUID:", arena, &card->uuid, err));
    TRY(field(text, "Model:", arena, &card->model, err));
    TRY(field(text, "Bus Location:", arena, &located, err));
    if (located)
        card->bus = located;
    if (card->uuid && strchr(card->uuid, '?'))
        card->uuid = NULL;
    return look_at_device(p, text, arena, ours, &card->device, &card->why, err);
}

static int by_bus(const void *a, const void *b)
{
    return strcasecmp(((const struct card *)a)->bus, ((const struct card *)b)->bus);
}

/* How processes are told of them. */
static enum status name_cards(struct cards *cards, struct arena *arena, struct error *err)
{
    bool by_number = false;

    for (size_t i = 0; i < cards->n; i++)
        by_number |= !cards->list[i].uuid;
    for (size_t i = 0; i < cards->n; i++) {
        struct card *card = &cards->list[i];
        card->number = (int)i;
        card->name = by_number ? arena_printf(arena, "%d", card->number) : card->uuid;
        if (!card->name)
            return error_memory(err);
    }
    return OK;
}

enum status cards_find(struct arena *arena, struct cards *out, struct error *err)
{
    struct place place;
    const char *folder;
    char **buses;
    enum status s;
    size_t n;

    *out = (struct cards){.lack = no_driver};
    if (!find_place(arena, &place) || !(folder = file_join(arena, place.driver, "gpus")))
        return error_memory(err);
    if ((s = file_list(folder, arena, &buses, &n, err)) != OK)
        return s == ERR_MEMORY ? s : OK;
    if (!(out->list = arena_array(arena, n + 1, sizeof *out->list)))
        return error_memory(err);
    for (size_t i = 0; i < n; i++) {
        bool ours = false;
        TRY(read_card(&place, buses[i], arena, &out->list[out->n], &ours, err));
        out->n += ours;
    }
    qsort(out->list, out->n, sizeof *out->list, by_bus);
    out->lack = out->n == 0 ? "the NVIDIA driver has no card that this process may open" : NULL;
    return name_cards(out, arena, err);
}

/* The word of digits and dots in "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05 …". */
const char *cards_driver(struct arena *arena)
{
    struct place place;
    const char *path, *at;
    struct error ignored;
    char *text;

    if (!find_place(arena, &place) || !(path = file_join(arena, place.driver, "version")) ||
        file_read(path, MOST_TEXT, arena, &text, NULL, &ignored) != OK)
        return NULL;
    for (at = text; *at && *at != '\n'; at += strcspn(at, " \t\n"), at += strspn(at, " \t")) {
        const size_t n = strspn(at, "0123456789.");
        if (n > 1 && memchr(at, '.', n) && strchr(" \t\n", at[n]))
            return arena_copy(arena, at, n);
    }
    return NULL;
}

/* ---- class ---- */

static bool is_in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

bool card_is(const struct card *card, const char *class)
{
    const size_t n = class ? strlen(class) : 0;

    if (n == 0)
        return true;
    if (strncasecmp(class, "sm_", 3) == 0)
        return card->class && strcasecmp(card->class, class) == 0;
    for (const char *at = card->model; at && *at; at++)
        if (strncasecmp(at, class, n) == 0 && !is_in_word(at[n]) &&
            (at == card->model || !is_in_word(at[-1])))
            return true;
    return false;
}

const char *cards_list(const struct cards *cards, struct arena *arena)
{
    struct text t = text_in(arena);
    struct error ignored;
    char *list;

    for (size_t i = 0; i < cards->n; i++) {
        const struct card *card = &cards->list[i];
        text_add(&t, i ? ", " : "");
        if (card->number >= 0)
            text_printf(&t, "card %d (%s)", card->number,
                        card->model ? card->model : "of unknown model");
        else
            text_add(&t, card->name);
    }
    return text_finish(&t, &list, NULL, &ignored) == OK ? list : "";
}
