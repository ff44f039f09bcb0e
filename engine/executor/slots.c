/* slots: counts of cpus, bytes and slots of cards. */
#include "engine/executor/slots.h"

#include <strings.h>

#include "base/arena.h"
#include "base/text.h"
#include "engine/cards.h"
#include "engine/graph/graph.h"

enum { LONGEST_WAIT = 60 };

static const int64_t second_ns = 1000000000;

enum status slots_add_cards(struct slots *slots, const struct cards *cards, struct arena *arena,
                            struct error *err)
{
    if (!(slots->cards = arena_array(arena, cards->n + 1, sizeof *slots->cards)))
        return error_memory(err);
    for (size_t i = 0; i < cards->n; i++)
        slots->cards[i] = (struct slot_card){.card = &cards->list[i]};
    slots->n_cards = cards->n;
    slots->lack = cards->lack;
    return OK;
}

enum status slots_share(const struct resources *r, struct arena *arena, struct share *out,
                        struct error *err)
{
    const size_t most = r->gpus > 0 ? (size_t)r->gpus : 0;

    *out = (struct share){.cards = arena_array(arena, most + 1, sizeof *out->cards)};
    return out->cards ? OK : error_memory(err);
}

/* ---- cards ---- */

/* Whether the action could have it, were it free. A part of a card works alone. */
static bool suits(const struct slot_card *c, const struct resources *r)
{
    return card_is(c->card, r->gpu) && (r->gpus < 2 || c->card->number >= 0);
}

static bool is_free(const struct slots *slots, const struct slot_card *c, const struct resources *r)
{
    return suits(c, r) && !c->broken && c->full_until_ns <= slots->now_ns &&
           (r->gpus > 1 ? c->used == 0 : c->used < c->card->slots);
}

/* One more of the free cards, the emptiest; false: there is none. */
static bool find_card(const struct slots *slots, const struct resources *r, struct share *out)
{
    const struct slot_card *best = NULL;

    for (size_t i = 0; i < slots->n_cards; i++) {
        const struct slot_card *c = &slots->cards[i];
        bool taken = false;
        for (size_t k = 0; k < out->n_cards; k++)
            taken |= out->cards[k] == i;
        if (!taken && is_free(slots, c, r) && (!best || c->used < best->used))
            best = c;
    }
    if (best)
        out->cards[out->n_cards++] = (size_t)(best - slots->cards);
    return best;
}

/* How many slots of each card a share has. */
static int slots_of(const struct slot_card *c, const struct share *share)
{
    return share->n_cards > 1 ? c->card->slots : 1;
}

/* ---- refuse ---- */

static const char *list(const struct slots *slots, const struct resources *r, bool broken,
                        struct arena *arena)
{
    struct text t = text_in(arena);
    struct error ignored;
    char *string;

    for (size_t i = 0; i < slots->n_cards; i++) {
        const struct card *card = slots->cards[i].card;
        if (broken && (!slots->cards[i].broken || !suits(&slots->cards[i], r)))
            continue;
        text_printf(&t, "%s%s", t.n > 0 ? ", " : "",
                    broken || !card->model ? card->name : card->model);
        if (!broken && card->class)
            text_printf(&t, " (%s)", card->class);
    }
    return text_finish(&t, &string, NULL, &ignored) == OK ? string : "";
}

/* Whether cards have no such names here: hpo-trainer, which gives them, did not know any card. */
static bool is_unknown(const struct slots *slots, const char *class)
{
    if (strncasecmp(class, "sm_", 3) != 0)
        return false;
    for (size_t i = 0; i < slots->n_cards; i++)
        if (slots->cards[i].card->class)
            return false;
    return true;
}

static enum status refuse_class(const struct slots *slots, const struct resources *r,
                                const char *where, int there, struct arena *arena,
                                struct error *err)
{
    if (there > 0)
        (void)error_set(err, ERR_INPUT, where, "resources.gpus: it needs %d of \"%s\", there %s %d",
                        r->gpus, r->gpu, there == 1 ? "is" : "are", there);
    else
        (void)error_set(err, ERR_INPUT, where,
                        "resources.gpu: there is no \"%s\" among the cards of this build: %s",
                        r->gpu, list(slots, r, false, arena));
    error_hint(err, "%s",
               is_unknown(slots, r->gpu)
                   ? "hpo-trainer devices, which knows classes such as sm_90, says none of these "
                     "cards"
                   : "a class is words of a card's model, or sm_NN; hpo doctor lists the cards");
    return ERR_INPUT;
}

static enum status refuse_gpus(const struct slots *slots, const struct resources *r,
                               const char *where, struct arena *arena, struct error *err)
{
    int there = 0, whole = 0;

    for (size_t i = 0; i < slots->n_cards; i++) {
        there += suits(&slots->cards[i], r);
        whole += suits(&slots->cards[i], r) && !slots->cards[i].broken;
    }
    if (r->gpus <= whole)
        return OK;
    if (r->gpus <= there)
        return error_set(err, ERR_FAILED, where,
                         "resources.gpus: it needs %d, and %d are left of the cards that it could "
                         "have: broken ones left this build, %s",
                         r->gpus, whole, list(slots, r, true, arena));
    if (r->gpu && slots->n_cards > 0)
        return refuse_class(slots, r, where, there, arena, err);
    (void)error_set(err, ERR_INPUT, where, "resources.gpus: it needs %d, there %s %d", r->gpus,
                    there == 1 ? "is" : "are", there);
    error_hint(err, "%s", slots->lack ? slots->lack : "--gpus says which cards a build may use");
    return ERR_INPUT;
}

enum status slots_refuse(const struct slots *slots, const struct resources *r, const char *where,
                         struct arena *arena, struct error *err)
{
    if (r->memory > slots->memory)
        return error_set(err, ERR_INPUT, where,
                         "resources.memory: it needs %.4g GB, there are %.4g",
                         (double)r->memory / 1e9, (double)slots->memory / 1e9);
    return r->gpus > 0 ? refuse_gpus(slots, r, where, arena, err) : OK;
}

/* ---- take and give ---- */

static int find_cpus(const struct slots *slots, const struct resources *r, int others)
{
    const int idle = slots->cpus - slots->cpus_used;
    int asked = r->cpus < 1 ? 1 : r->cpus;

    if (asked > slots->cpus)
        asked = slots->cpus;
    if (idle < asked)
        return 0;
    return r->share && idle / (others + 1) > asked ? idle / (others + 1) : asked;
}

bool slots_find(const struct slots *slots, const struct resources *r, int others, struct share *out)
{
    out->cpus = find_cpus(slots, r, others);
    out->memory = r->memory;
    out->n_cards = 0;
    for (int i = 0; i < r->gpus; i++)
        if (!find_card(slots, r, out))
            return false;
    return out->cpus > 0 && r->memory <= slots->memory - slots->memory_used;
}

void slots_take(struct slots *slots, const struct share *share)
{
    slots->cpus_used += share->cpus;
    slots->memory_used += share->memory;
    for (size_t i = 0; i < share->n_cards; i++) {
        struct slot_card *c = &slots->cards[share->cards[i]];
        c->used += slots_of(c, share);
    }
}

void slots_give(struct slots *slots, const struct share *share)
{
    slots->cpus_used -= share->cpus;
    slots->memory_used -= share->memory;
    for (size_t i = 0; i < share->n_cards; i++) {
        struct slot_card *c = &slots->cards[share->cards[i]];
        c->used -= slots_of(c, share);
    }
}

void slots_fill(struct slots *slots, const struct share *share)
{
    for (size_t i = 0; i < share->n_cards; i++) {
        struct slot_card *c = &slots->cards[share->cards[i]];
        const int seconds = c->waits < 6 ? 1 << c->waits : LONGEST_WAIT;
        const bool alone = c->used <= slots_of(c, share);
        c->waits += alone;
        c->full_until_ns = alone ? slots->now_ns + seconds * second_ns : INT64_MAX;
    }
}

void slots_fit(struct slots *slots, const struct share *share)
{
    for (size_t i = 0; i < share->n_cards; i++) {
        slots->cards[share->cards[i]].full_until_ns = 0;
        slots->cards[share->cards[i]].waits = 0;
    }
}

double slots_weight(const struct slots *slots, const struct share *share)
{
    if (share->n_cards == 1)
        return 1.0 / slots->cards[share->cards[0]].card->slots;
    return (double)share->n_cards;
}
