/* cards_choose: from words to cards. Start at cards_parse, then cards_choose. */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/text.h"
#include "engine/cards.h"

static bool is_number(const char *word, size_t n)
{
    return n > 0 && strspn(word, "0123456789") >= n;
}

static bool is_part(const char *word)
{
    return strncasecmp(word, "MIG-", 4) == 0;
}

static bool is_uuid(const char *word)
{
    return (strncasecmp(word, "GPU-", 4) == 0 || is_part(word)) && word[4];
}

/* ---- words ---- */

static enum status refuse(const char *flag, const char *found, struct error *err)
{
    (void)error_set(err, ERR_INPUT, flag,
                    "expected numbers of GPUs, UUIDs, how many, or auto, found \"%s\"", found);
    error_hint(err,
               "such as 0,1 or 0:4 (four slots) or GPU-8f0c…, 2 for two of them, auto for all");
    return ERR_INPUT;
}

/* "NAME[:SLOTS]" of n bytes. */
static enum status split_slots(const char *word, size_t n, const char *flag, struct arena *arena,
                               const char **name, int *slots, struct error *err)
{
    const char *colon = memchr(word, ':', n);
    const size_t length = colon ? (size_t)(colon - word) : n;
    const char *number = colon ? arena_copy(arena, colon + 1, n - length - 1) : "1";
    const char *what = arena_printf(arena, "%s: slots of a card", flag);
    int64_t count;

    if (!what || !number || !(*name = arena_copy(arena, word, length)))
        return error_memory(err);
    TRY(text_parse_integer(number, what, 1, CARD_MOST_SLOTS, &count, err));
    *slots = (int)count;
    return OK;
}

static enum status take_names(const char *typed, const char *flag, struct arena *arena,
                              struct cards_wanted *out, struct error *err)
{
    size_t most = 1;

    for (const char *c = typed; *c; c++)
        most += *c == ',';
    out->names = arena_array(arena, most, sizeof *out->names);
    out->name_slots = arena_array(arena, most, sizeof *out->name_slots);
    if (!out->names || !out->name_slots)
        return error_memory(err);
    for (const char *word = typed; *word;) {
        const size_t n = strcspn(word, ",");
        const char *name;
        TRY(split_slots(word, n, flag, arena, &name, &out->name_slots[out->n], err));
        if (!is_number(name, strlen(name)) && !is_uuid(name))
            return refuse(flag, typed, err);
        out->names[out->n++] = name;
        word += n;
        word += *word == ',';
    }
    return out->n > 0 ? OK : refuse(flag, typed, err);
}

enum status cards_parse(const char *typed, const char *flag, struct arena *arena,
                        struct cards_wanted *out, struct error *err)
{
    int64_t count;

    *out = (struct cards_wanted){.typed = typed, .slots = 1};
    if (strcmp(typed, "auto") == 0 || strncmp(typed, "auto:", 5) == 0) {
        const char *name;
        return split_slots(typed, strlen(typed), flag, arena, &name, &out->slots, err);
    }
    if (!is_number(typed, strlen(typed)))
        return take_names(typed, flag, arena, out, err);
    TRY(text_parse_integer(typed, flag, 0, INT32_MAX, &count, err));
    if (count == 0) {
        (void)error_set(err, ERR_INPUT, flag,
                        "a number alone says how many GPUs, and 0 of them are none");
        error_hint(err,
                   "the card of number 0 is \"0,\"; without --gpus a build uses all there are");
        return ERR_INPUT;
    }
    out->count = (int)count;
    return OK;
}

/* ---- cards ---- */

/* A part of a card is taken as it is given. */
static enum status take_part(const char *name, struct arena *arena, struct card *out,
                             struct error *err)
{
    *out = (struct card){.number = -1, .slots = 1, .name = arena_string(arena, name)};
    out->uuid = out->name;
    return out->name ? OK : error_memory(err);
}

/* The card of that number or UUID, how many there are that it could mean in *n. */
static const struct card *find(const struct cards *cards, const char *name, size_t *n)
{
    const struct card *found = NULL;
    struct error ignored;
    int64_t number = -1;

    *n = 0;
    if (is_number(name, strlen(name)) &&
        text_parse_integer(name, "", 0, INT32_MAX, &number, &ignored) != OK)
        return NULL;
    for (size_t i = 0; i < cards->n; i++) {
        const struct card *card = &cards->list[i];
        const bool begins =
            card->uuid && is_uuid(name) && strncasecmp(card->uuid, name, strlen(name)) == 0;
        if (!begins && (number < 0 || card->number != number))
            continue;
        found = card;
        (*n)++;
        if (number >= 0 || strlen(card->uuid) == strlen(name)) {
            *n = 1;
            break;
        }
    }
    return found;
}

static bool has(const struct cards *cards, const struct card *card)
{
    for (size_t i = 0; i < cards->n; i++)
        if (strcasecmp(cards->list[i].name, card->name) == 0)
            return true;
    return false;
}

/* As CUDA reads the variable: what is behind the first word that names no card does not count.
 * Where there is no card, no part of one is there either. */
static enum status take_visible(const struct cards *all, const char *visible, struct arena *arena,
                                struct cards *out, struct error *err)
{
    for (const char *word = visible + strspn(visible, " "); *word && all->n > 0;) {
        const size_t length = strcspn(word, ",");
        const char *name = arena_copy(arena, word, strcspn(word, ", "));
        const struct card *found;
        struct card part;
        size_t n = 1;
        if (!name)
            return error_memory(err);
        if (is_part(name))
            TRY(take_part(name, arena, &part, err));
        found = is_part(name) ? &part : find(all, name, &n);
        if (!found || n != 1)
            break;
        if (!has(out, found))
            out->list[out->n++] = *found;
        word += length;
        word += *word == ',';
        word += strspn(word, " ");
    }
    if (out->n == 0 && all->n > 0)
        out->lack = "CUDA_VISIBLE_DEVICES is set where hpo was called, and names no card";
    return OK;
}

/* One that is named and is not there. */
static enum status refuse_name(const struct cards *all, const struct cards *visible,
                               const char *name, struct arena *arena, struct error *err)
{
    const char *there = cards_list(visible, arena);
    size_t n;

    if (find(all, name, &n) && n == 1)
        (void)error_set(err, ERR_INPUT, "--gpus",
                        "card %s is none of those that CUDA_VISIBLE_DEVICES names: %s", name,
                        *there ? there : "it names none");
    else if (n > 1)
        (void)error_set(err, ERR_INPUT, "--gpus", "%zu cards begin with \"%s\"", n, name);
    else if (visible->n == 0)
        (void)error_set(err, ERR_INPUT, "--gpus", "there is no card %s: there are none", name);
    else
        (void)error_set(err, ERR_INPUT, "--gpus", "there is no card %s: expected one of %s", name,
                        there);
    error_hint(err, "%s", visible->lack ? visible->lack : "hpo doctor lists the cards");
    return ERR_INPUT;
}

/* limited: the caller has said which cards are visible. */
static enum status take_named(const struct cards *all, const struct cards *visible, bool limited,
                              const struct cards_wanted *wanted, struct arena *arena,
                              struct cards *out, struct error *err)
{
    for (size_t i = 0; i < wanted->n; i++) {
        const char *name = wanted->names[i];
        size_t n = 1;
        const struct card *found = find(visible, name, &n);
        struct card card;
        if (found && n == 1)
            card = *found;
        else if (is_part(name) && !limited && all->n > 0)
            TRY(take_part(name, arena, &card, err));
        else
            return refuse_name(all, visible, name, arena, err);
        if (has(out, &card)) {
            (void)error_set(err, ERR_INPUT, "--gpus", "card %s is named twice", name);
            error_hint(err, "%s:2 gives it two slots", name);
            return ERR_INPUT;
        }
        if (card.why) {
            (void)error_set(err, ERR_INPUT, "--gpus", "card %s cannot be used: %s", name, card.why);
            error_hint(err, "hpo doctor lists the cards");
            return ERR_INPUT;
        }
        card.slots = wanted->name_slots[i];
        out->list[out->n++] = card;
    }
    return OK;
}

/* The first ones, or all that can be used. */
static enum status take_first(const struct cards *visible, const struct cards_wanted *wanted,
                              struct cards *out, struct error *err)
{
    for (size_t i = 0; i < visible->n && (!wanted->count || out->n < (size_t)wanted->count); i++) {
        if (visible->list[i].why)
            continue;
        out->list[out->n] = visible->list[i];
        out->list[out->n++].slots = wanted->slots;
    }
    if (out->n == 0 && visible->n > 0)
        out->lack = "no card can be used: hpo doctor says why";
    if (out->n >= (size_t)wanted->count)
        return OK;
    (void)error_set(err, ERR_INPUT, "--gpus", "%d GPU%s asked for, there %s %zu", wanted->count,
                    wanted->count == 1 ? " is" : "s are", out->n == 1 ? "is" : "are", out->n);
    error_hint(err, "%s",
               out->lack ? out->lack : "a number alone is a count: card 0 alone is \"0,\"");
    return ERR_INPUT;
}

enum status cards_choose(const struct cards *all, const struct cards_wanted *wanted,
                         const char *visible, struct arena *arena, struct cards *out,
                         struct error *err)
{
    struct cards seen = *all;
    size_t most = all->n + wanted->n + 1;

    for (const char *c = visible; c && *c; c++)
        most += *c == ',';
    *out = (struct cards){.lack = all->lack};
    if (visible) {
        seen = (struct cards){arena_array(arena, most, sizeof *seen.list), 0, all->lack};
        if (!seen.list)
            return error_memory(err);
        TRY(take_visible(all, visible, arena, &seen, err));
        out->lack = seen.lack;
    }
    if (!(out->list = arena_array(arena, most, sizeof *out->list)))
        return error_memory(err);
    if (wanted->n > 0)
        return take_named(all, &seen, visible != NULL, wanted, arena, out, err);
    return take_first(&seen, wanted, out, err);
}
