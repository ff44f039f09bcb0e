/* local_cards: GPUs of the local executor. Start at local_find_cards. */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/text.h"
#include "engine/cards.h"
#include "engine/executor/local_state.h"
#include "engine/graph/graph.h"
#include "engine/process/devices.h"
#include "engine/process/tool.h"

enum status local_find_cards(struct local *l, const struct resources *r, struct error *err)
{
    const struct cards *cards;
    const char *trainer;
    struct error ignored; /* without it no card has such a class: see slots_refuse */

    if (r->gpus < 1)
        return OK;
    TRY(devices_cards(l->machine.devices, &cards, err));
    if (!l->has_cards)
        TRY(slots_add_cards(&l->slots, cards, l->arena, err));
    l->has_cards = true;
    if (r->gpu && strncasecmp(r->gpu, "sm_", 3) == 0 &&
        tool_path(l->machine.tools, "hpo-trainer", &trainer, &ignored) == OK)
        return devices_classes(l->machine.devices, trainer, err);
    return OK;
}

const char *local_name_cards(const struct local *l, const struct share *share, struct arena *arena)
{
    struct text t = text_in(arena);
    struct error ignored;
    char *names;

    for (size_t i = 0; i < share->n_cards; i++)
        text_printf(&t, "%s%s", i ? "," : "", l->slots.cards[share->cards[i]].card->name);
    return text_finish(&t, &names, NULL, &ignored) == OK ? names : NULL;
}

struct card_count local_cards(const struct executor *x)
{
    const struct slots *slots = &((const struct local *)x)->slots;
    struct card_count count = {0, 0, 0};

    for (size_t i = 0; i < slots->n_cards; i++)
        if (!slots->cards[i].broken) {
            count.there++;
            count.used += slots->cards[i].used > 0;
            count.slots += slots->cards[i].card->slots;
        }
    return count;
}

/* Those of its cards whose UUID stands in the text; all where none does. */
static enum status find_named(const struct local *l, struct child *c, const char *said,
                              struct share *out, struct error *err)
{
    *out = c->share;
    if (!(out->cards = arena_array(c->arena, c->share.n_cards + 1, sizeof *out->cards)))
        return error_memory(err);
    out->n_cards = 0;
    for (size_t i = 0; i < c->share.n_cards; i++) {
        const char *uuid = l->slots.cards[c->share.cards[i]].card->uuid;
        if (said && uuid && strstr(said, uuid))
            out->cards[out->n_cards++] = c->share.cards[i];
    }
    for (size_t i = 0; out->n_cards == 0 && i < c->share.n_cards; i++)
        out->cards[i] = c->share.cards[i];
    if (out->n_cards == 0)
        out->n_cards = c->share.n_cards;
    return OK;
}

/* They leave; those that had left before are not told of again. */
static void drop(struct local *l, struct share *blamed)
{
    size_t n = 0;

    for (size_t i = 0; i < blamed->n_cards; i++) {
        struct slot_card *card = &l->slots.cards[blamed->cards[i]];
        if (!card->broken)
            blamed->cards[n++] = blamed->cards[i];
        card->broken = true;
    }
    blamed->n_cards = n;
}

enum status local_blame(struct executor *x, struct task *task, enum card_fault fault,
                        const char *said, const char **cards, struct error *err)
{
    struct local *l = (struct local *)x;
    struct child *c = (struct child *)task;
    struct share blamed = c->share;

    if (fault == CARD_FULL) {
        l->slots.now_ns = l->now_ns;
        slots_fill(&l->slots, &c->share);
        c->found_full = true;
    } else {
        TRY(find_named(l, c, said, &blamed, err));
        drop(l, &blamed);
    }
    return (*cards = local_name_cards(l, &blamed, c->arena)) ? OK : error_memory(err);
}
