/* hpo doctor: one screen of what this machine offers and lacks. */
#include "engine/commands/doctor.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "base/visible.h"
#include "engine/commands/commands.h"
#include "engine/options.h"
#include "engine/progress.h"

enum { COLUMNS = 80, INDENT = 15, MOST_CARDS = 8 };

/* What hpo-trainer says of a card, or NULL. */
static const struct device *device_of(const struct diagnosis *d, const struct card *card)
{
    for (size_t i = 0; card->uuid && i < d->report.n; i++)
        if (d->report.list[i].uuid && strcasecmp(d->report.list[i].uuid, card->uuid) == 0)
            return &d->report.list[i];
    return NULL;
}

/* What is wrong with it; NULL: nothing. */
static const char *why_not(const struct diagnosis *d, const struct card *card)
{
    const struct device *device = device_of(d, card);

    return card->why ? card->why : device ? device->why : NULL;
}

/* How many slots builds have on it. */
static int slots_of(const struct diagnosis *d, const struct card *card)
{
    for (size_t i = 0; i < d->chosen.n; i++)
        if (strcmp(d->chosen.list[i].name, card->name) == 0)
            return d->chosen.list[i].slots;
    return 0;
}

/* ---- for people ---- */

/* Words in lines of at most 80 columns, those behind the first indented. */
static void add_words(struct text *t, const char *words, size_t column)
{
    while (*words) {
        size_t n = strcspn(words, " "), columns;
        (void)visible_fit(words, n, SIZE_MAX, &columns);
        if (column > INDENT && column + 1 + columns > COLUMNS) {
            text_printf(t, "\n%*s", INDENT, "");
            column = INDENT;
        } else if (column > INDENT) {
            text_add(t, " ");
            column++;
        }
        text_add_bytes(t, words, n);
        column += columns;
        words += n;
        words += strspn(words, " ");
    }
    text_add(t, "\n");
}

static void add_finding(struct text *t, const struct finding *f)
{
    text_printf(t, "%s %-*s", f->remedy ? "!" : " ", INDENT - 2, f->name);
    add_words(t, f->found, INDENT);
    if (!f->remedy)
        return;
    text_printf(t, "%*s", INDENT, "");
    add_words(t, f->remedy, INDENT);
}

static void add_card(struct text *t, const struct diagnosis *d, const struct card *card)
{
    const struct device *device = device_of(d, card);
    const char *why = why_not(d, card);
    const int slots = slots_of(d, card);

    text_printf(t, "%s card %-*d%s", why ? "!" : " ", INDENT - 7, card->number,
                card->model ? card->model : "of unknown model");
    if (device && device->class)
        text_printf(t, ", %s", device->class);
    if (device && device->memory > 0)
        text_printf(t, ", %.0f of %.0f GB free", device->free / 1e9, device->memory / 1e9);
    text_printf(t, "\n%*s%s\n", INDENT, "",
                card->uuid ? card->uuid : "its UUID is known once it was used");
    if (why) {
        text_printf(t, "%*s", INDENT, "");
        add_words(t, why, INDENT);
    } else if (slots > 1) {
        text_printf(t, "%*s%d slots\n", INDENT, "", slots);
    } else if (slots == 0 && d->chooser) {
        text_printf(t, "%*sleft out by %s\n", INDENT, "", d->chooser);
    }
}

static void write_text(const struct diagnosis *d, struct text *t)
{
    for (size_t i = 0; i < d->n; i++)
        add_finding(t, &d->findings[i]);
    for (size_t i = 0; i < d->all.n && i < MOST_CARDS; i++)
        add_card(t, d, &d->all.list[i]);
    if (d->all.n > MOST_CARDS)
        text_printf(t, "  %zu cards more: hpo doctor --json has them all\n", d->all.n - MOST_CARDS);
}

/* ---- for programs ---- */

static void write_string(struct text *t, const char *name, const char *value)
{
    text_printf(t, ", \"%s\": ", name);
    json_write_string(t, value);
}

static void write_card(struct text *t, const struct diagnosis *d, const struct card *card)
{
    const struct device *device = device_of(d, card);

    text_printf(t, "{\"number\": %d", card->number);
    write_string(t, "uuid", card->uuid);
    write_string(t, "model", card->model);
    write_string(t, "bus", card->bus);
    write_string(t, "class", device ? device->class : NULL);
    if (device && device->memory > 0)
        text_printf(t, ", \"memory\": %.0f, \"free\": %.0f", device->memory, device->free);
    text_printf(t, ", \"slots\": %d", slots_of(d, card));
    write_string(t, "why", why_not(d, card));
    text_add(t, "}");
}

static void write_json(const struct diagnosis *d, struct text *t)
{
    text_add(t, "{\"findings\": [");
    for (size_t i = 0; i < d->n; i++) {
        text_add(t, i ? ", {\"name\": " : "{\"name\": ");
        json_write_string(t, d->findings[i].name);
        write_string(t, "found", d->findings[i].found);
        write_string(t, "do", d->findings[i].remedy);
        text_add(t, "}");
    }
    text_add(t, "], \"cards\": [");
    for (size_t i = 0; i < d->all.n; i++) {
        text_add(t, i ? ", " : "");
        write_card(t, d, &d->all.list[i]);
    }
    text_add(t, "]}\n");
}

enum status doctor_command(const struct options *o, struct arena *arena, struct error *err)
{
    struct text t = text_in(arena);
    struct diagnosis d;
    char *string;
    size_t n;

    TRY(doctor_look(o, arena, &d, err));
    if (o->json)
        write_json(&d, &t);
    else
        write_text(&d, &t);
    TRY(text_finish(&t, &string, &n, err));
    return progress_result(string, n, err);
}
