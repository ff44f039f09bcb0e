/* slots: what a task gets of a machine, and what is left. */
#include "engine/executor/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"
#include "engine/cards.h"
#include "engine/graph/graph.h"

static void cpus_are_counted(void **state)
{
    const struct resources two = {.cpus = 2}, one = {.cpus = 1}, none = {.cpus = 0};
    struct slots slots = {.cpus = 4};
    struct share a, b, c;

    (void)state;
    assert_true(slots_find(&slots, &two, 0, &a));
    assert_int_equal(a.cpus, 2);
    slots_take(&slots, &a);
    assert_true(slots_find(&slots, &none, 0, &b));
    assert_int_equal(b.cpus, 1); /* nobody runs on nothing */
    slots_take(&slots, &b);
    assert_false(slots_find(&slots, &two, 0, &c));
    assert_true(slots_find(&slots, &one, 0, &c));
    slots_take(&slots, &c);
    assert_false(slots_find(&slots, &one, 0, &c));
    slots_give(&slots, &a);
    assert_true(slots_find(&slots, &two, 0, &c));
}

static void memory_is_counted_where_it_is_declared(void **state)
{
    const struct resources six = {.cpus = 1, .memory = 6}, none = {.cpus = 1},
                           many = {.memory = 11};
    struct slots slots = {.cpus = 4, .memory = 10};
    struct share share, other;
    struct error err;

    (void)state;
    assert_true(slots_find(&slots, &six, 0, &share));
    slots_take(&slots, &share);
    assert_false(slots_find(&slots, &six, 0, &other));
    assert_true(slots_find(&slots, &none, 0, &other));
    slots_give(&slots, &share);
    assert_true(slots_find(&slots, &six, 0, &other));
    assert_int_equal(slots_refuse(&slots, &many, "r.lua:1", NULL, &err), ERR_INPUT);
    assert_string_equal(err.where, "r.lua:1");
}

static void who_asks_for_too_many_cpus_gets_all(void **state)
{
    const struct resources many = {.cpus = 100};
    struct slots slots = {.cpus = 4};
    struct share share;
    struct error err;

    (void)state;
    assert_int_equal(slots_refuse(&slots, &many, "r.lua:1", NULL, &err), OK);
    assert_true(slots_find(&slots, &many, 0, &share));
    assert_int_equal(share.cpus, 4);
    slots.cpus_used = 1;
    assert_false(slots_find(&slots, &many, 0, &share));
}

static void idle_cpus_are_shared_by_those_that_could_start(void **state)
{
    const struct resources shares = {.cpus = 1, .share = true}, alone = {.cpus = 1};
    const struct slots slots = {.cpus = 8};
    struct share share;

    (void)state;
    assert_true(slots_find(&slots, &shares, 0, &share));
    assert_int_equal(share.cpus, 8);
    assert_true(slots_find(&slots, &shares, 2, &share));
    assert_int_equal(share.cpus, 2);
    assert_true(slots_find(&slots, &shares, 100, &share));
    assert_int_equal(share.cpus, 1);
    assert_true(slots_find(&slots, &alone, 0, &share));
    assert_int_equal(share.cpus, 1);
}

/* A machine with cards: so many slots each; NULL for their model: a part of a card. */
struct machine {
    struct arena *arena;
    struct card cards[70];
    struct slots slots;
    struct error err;
};

static void add(struct machine *m, const char *model, int slots)
{
    struct cards all = {m->cards, m->slots.n_cards + 1, NULL};
    struct card *card = &m->cards[m->slots.n_cards];

    *card = (struct card){.number = model ? (int)m->slots.n_cards : -1,
                          .model = model,
                          .name = arena_printf(m->arena, "GPU-%zu", m->slots.n_cards),
                          .slots = slots};
    assert_int_equal(slots_add_cards(&m->slots, &all, m->arena, &m->err), OK);
}

static int enter(void **state)
{
    static struct machine m;

    m = (struct machine){.arena = arena_open(), .slots = {.cpus = 64}};
    *state = &m;
    return m.arena ? 0 : -1;
}

static int leave(void **state)
{
    arena_close(((struct machine *)*state)->arena);
    return 0;
}

/* The numbers of the cards that a task gets and takes: "0 2", or "none". */
static const char *take(struct machine *m, int gpus, const char *class, struct share *share)
{
    const struct resources r = {.cpus = 1, .gpus = gpus, .gpu = class};
    struct text t = text_in(m->arena);
    char *names;

    assert_int_equal(slots_share(&r, m->arena, share, &m->err), OK);
    if (!slots_find(&m->slots, &r, 0, share))
        return "none";
    slots_take(&m->slots, share);
    for (size_t i = 0; i < share->n_cards; i++)
        text_printf(&t, "%s%zu", i ? " " : "", share->cards[i]);
    assert_int_equal(text_finish(&t, &names, NULL, &m->err), OK);
    return names;
}

static enum status refuse(struct machine *m, int gpus, const char *class)
{
    const struct resources r = {.cpus = 1, .gpus = gpus, .gpu = class};

    return slots_refuse(&m->slots, &r, "r.lua:7", m->arena, &m->err);
}

static void gpus_are_given_by_place(void **state)
{
    struct machine *m = *state;
    struct share a, b, c;

    for (int i = 0; i < 3; i++)
        add(m, "A", 1);
    assert_string_equal(take(m, 1, NULL, &a), "0");
    assert_string_equal(take(m, 2, NULL, &b), "1 2");
    assert_string_equal(take(m, 1, NULL, &c), "none");
    slots_give(&m->slots, &a);
    assert_string_equal(take(m, 2, NULL, &c), "none");
    assert_string_equal(take(m, 1, NULL, &c), "0");
}

static void a_card_has_slots_and_the_emptiest_comes_first(void **state)
{
    struct machine *m = *state;
    struct share shares[5];

    add(m, "A", 2);
    add(m, "A", 3);
    assert_string_equal(take(m, 1, NULL, &shares[0]), "0");
    assert_string_equal(take(m, 1, NULL, &shares[1]), "1");
    assert_string_equal(take(m, 1, NULL, &shares[2]), "0");
    assert_string_equal(take(m, 1, NULL, &shares[3]), "1");
    assert_string_equal(take(m, 1, NULL, &shares[4]), "1");
    assert_true(slots_weight(&m->slots, &shares[0]) == 0.5);
    assert_string_equal(take(m, 1, NULL, &shares[0]), "none");
}

static void several_gpus_are_whole_cards(void **state)
{
    struct machine *m = *state;
    struct share one, two;

    add(m, "A", 4);
    add(m, "A", 4);
    assert_string_equal(take(m, 2, NULL, &two), "0 1");
    assert_true(slots_weight(&m->slots, &two) == 2);
    assert_string_equal(take(m, 1, NULL, &one), "none");
    slots_give(&m->slots, &two);
    assert_string_equal(take(m, 1, NULL, &one), "0");
    assert_string_equal(take(m, 2, NULL, &two), "none");
}

static void a_class_gets_its_cards_alone(void **state)
{
    struct machine *m = *state;
    struct share share;

    add(m, "NVIDIA A100-SXM4-40GB", 1);
    add(m, "NVIDIA H100 80GB HBM3", 1);
    m->cards[1].class = "sm_90";
    assert_string_equal(take(m, 1, "h100", &share), "1");
    assert_string_equal(take(m, 1, "H100", &share), "none");
    slots_give(&m->slots, &(struct share){.cards = (size_t[]){1}, .n_cards = 1});
    assert_string_equal(take(m, 1, "sm_90", &share), "1");
    assert_string_equal(take(m, 1, "100", &share), "none"); /* whole words */
    assert_int_equal(refuse(m, 1, "h200"), ERR_INPUT);
    assert_non_null(strstr(m->err.text, "there is no \"h200\" among the cards of this build"));
    assert_non_null(strstr(m->err.text, "NVIDIA A100-SXM4-40GB, NVIDIA H100 80GB HBM3 (sm_90)"));
    assert_int_equal(refuse(m, 2, "h100"), ERR_INPUT);
    assert_non_null(strstr(m->err.text, "it needs 2 of \"h100\", there is 1"));
    assert_int_equal(refuse(m, 2, NULL), OK);
}

static void a_part_of_a_card_works_alone(void **state)
{
    struct machine *m = *state;
    struct share share;

    add(m, NULL, 1);
    add(m, NULL, 1);
    assert_string_equal(take(m, 2, NULL, &share), "none");
    assert_int_equal(refuse(m, 2, NULL), ERR_INPUT);
    assert_string_equal(take(m, 1, NULL, &share), "0");
    assert_int_equal(refuse(m, 1, "h100"), ERR_INPUT); /* its class is unknown */
}

static void more_gpus_than_there_are_is_refused(void **state)
{
    struct machine *m = *state;

    m->slots.lack = "no driver";
    assert_int_equal(refuse(m, 1, NULL), ERR_INPUT);
    assert_string_equal(m->err.hint, "no driver");
    add(m, "A", 8);
    add(m, "A", 8);
    assert_int_equal(refuse(m, 3, NULL), ERR_INPUT);
    assert_string_equal(m->err.where, "r.lua:7");
    assert_non_null(strstr(m->err.text, "it needs 3, there are 2"));
    assert_non_null(strstr(m->err.hint, "--gpus"));
}

static void any_number_of_cards_is_used(void **state)
{
    struct machine *m = *state;
    struct share share;

    for (int i = 0; i < 70; i++)
        add(m, "A", 1);
    m->slots.cpus = 1000;
    assert_int_not_equal(strcmp(take(m, 69, NULL, &share), "none"), 0);
    assert_string_equal(take(m, 1, NULL, &share), "69");
    assert_string_equal(take(m, 1, NULL, &share), "none");
}

static void a_full_card_waits_for_an_end_or_for_a_while(void **state)
{
    const int64_t second = 1000000000;
    struct machine *m = *state;
    struct share a, b, c;

    add(m, "A", 2);
    assert_string_equal(take(m, 1, NULL, &a), "0");
    assert_string_equal(take(m, 1, NULL, &b), "0");
    slots_fill(&m->slots, &b); /* another task is there: until that ends */
    slots_give(&m->slots, &b);
    m->slots.now_ns = 1000 * second;
    assert_string_equal(take(m, 1, NULL, &c), "none");
    slots_give(&m->slots, &a);
    slots_fit(&m->slots, &a);
    for (int seconds = 1; seconds <= 64; seconds *= 2) { /* nobody is: 1, 2, 4, ... 60 s */
        assert_string_equal(take(m, 1, NULL, &b), "0");
        slots_fill(&m->slots, &b);
        slots_give(&m->slots, &b);
        m->slots.now_ns += (seconds > 60 ? 60 : seconds) * second - 1;
        assert_string_equal(take(m, 1, NULL, &c), "none");
        m->slots.now_ns++;
    }
    assert_string_equal(take(m, 1, NULL, &b), "0");
}

static void a_broken_card_has_no_slot_any_more(void **state)
{
    struct machine *m = *state;
    struct share share;

    add(m, "A", 1);
    add(m, "A", 1);
    m->slots.cards[0].broken = true;
    assert_string_equal(take(m, 1, NULL, &share), "1");
    assert_int_equal(refuse(m, 1, NULL), OK);
    assert_int_equal(refuse(m, 2, NULL), ERR_FAILED);
    assert_non_null(
        strstr(m->err.text,
               "1 are left of the cards that it could have: broken ones left this build, GPU-0"));
    assert_int_equal(refuse(m, 3, NULL), ERR_INPUT);
}

#define WITH_CARDS(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CARDS(cpus_are_counted),
        WITH_CARDS(memory_is_counted_where_it_is_declared),
        WITH_CARDS(who_asks_for_too_many_cpus_gets_all),
        WITH_CARDS(idle_cpus_are_shared_by_those_that_could_start),
        WITH_CARDS(gpus_are_given_by_place),
        WITH_CARDS(a_card_has_slots_and_the_emptiest_comes_first),
        WITH_CARDS(several_gpus_are_whole_cards),
        WITH_CARDS(a_class_gets_its_cards_alone),
        WITH_CARDS(a_part_of_a_card_works_alone),
        WITH_CARDS(more_gpus_than_there_are_is_refused),
        WITH_CARDS(any_number_of_cards_is_used),
        WITH_CARDS(a_full_card_waits_for_an_end_or_for_a_while),
        WITH_CARDS(a_broken_card_has_no_slot_any_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
