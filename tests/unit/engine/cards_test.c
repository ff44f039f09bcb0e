/* cards: what the driver's folder says, what --gpus may say, and which cards that is. */
#include "engine/cards.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"

struct place {
    struct arena *arena;
    struct cards all;
    struct error err;
    char folder[64];
};

static int enter(void **state)
{
    static struct place p;

    p = (struct place){.arena = arena_open(), .folder = "/tmp/cards-XXXXXX"};
    *state = &p;
    return p.arena && mkdtemp(p.folder) && setenv("HPO_NVIDIA", p.folder, 1) == 0 ? 0 : -1;
}

static int leave(void **state)
{
    struct place *p = *state;

    arena_close(p->arena);
    return file_remove(p->folder, &p->err) == OK ? 0 : -1;
}

static void put(struct place *p, const char *name, const char *text)
{
    const char *path = file_join(p->arena, p->folder, name);
    char *folder = arena_string(p->arena, path);

    *strrchr(folder, '/') = '\0';
    assert_int_equal(file_make_folders(folder, &p->err), OK);
    assert_int_equal(file_write(path, text, strlen(text), &p->err), OK);
}

/* minor < 0: the driver does not say. */
static void add(struct place *p, const char *bus, const char *model, const char *uuid, int minor)
{
    char name[128], text[512];

    (void)snprintf(name, sizeof name, "gpus/%s/information", bus);
    (void)snprintf(text, sizeof text,
                   "Model: \t\t %s\nIRQ:   \t\t 143\nGPU UUID: \t %s\nVideo BIOS: \t 96.00\n"
                   "Bus Location: \t %s\n",
                   model, uuid, bus);
    if (minor >= 0)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "Device Minor: \t %d\n",
                       minor);
    put(p, name, text);
    (void)snprintf(name, sizeof name, "dev/nvidia%d", minor);
    if (minor >= 0)
        put(p, name, "");
}

static void add_three(struct place *p)
{
    add(p, "0000:41:00.0", "NVIDIA H100 80GB HBM3", "GPU-aa000000-2222", 0);
    add(p, "0000:01:00.0", "NVIDIA A100-SXM4-40GB", "GPU-aa000000-1111", 1);
    add(p, "0000:c1:00.0", "NVIDIA H100 80GB HBM3", "GPU-bb000000-3333", 2);
    assert_int_equal(cards_find(p->arena, &p->all, &p->err), OK);
}

static enum status choose(struct place *p, const char *typed, const char *visible,
                          struct cards *out)
{
    struct cards_wanted wanted = {.slots = 1};

    if (typed)
        TRY(cards_parse(typed, "--gpus", p->arena, &wanted, &p->err));
    return cards_choose(&p->all, &wanted, visible, p->arena, out, &p->err);
}

/* "1 0:4": numbers, and slots where there are several; of parts of cards the name. */
static const char *chosen(struct place *p, const char *typed, const char *visible)
{
    struct text t = text_in(p->arena);
    struct cards cards;
    char *string;

    if (choose(p, typed, visible, &cards) != OK)
        fail_msg("%s: %s", p->err.where, p->err.text);
    for (size_t i = 0; i < cards.n; i++) {
        text_add(&t, i ? " " : "");
        if (cards.list[i].number >= 0)
            text_printf(&t, "%d", cards.list[i].number);
        else
            text_add(&t, cards.list[i].name);
        if (cards.list[i].slots > 1)
            text_printf(&t, ":%d", cards.list[i].slots);
    }
    assert_int_equal(text_finish(&t, &string, NULL, &p->err), OK);
    return string;
}

static void refused(struct place *p, const char *typed, const char *visible, const char *text)
{
    struct cards cards;

    assert_int_equal(choose(p, typed, visible, &cards), ERR_INPUT);
    assert_string_equal(p->err.where, "--gpus");
    if (!strstr(p->err.text, text))
        fail_msg("%s: found \"%s\", expected \"%s\"", typed, p->err.text, text);
    assert_true(p->err.hint[0] != '\0' || strstr(p->err.text, "whole number"));
}

/* ---- found ---- */

static void cards_are_found_in_the_order_of_the_bus(void **state)
{
    struct place *p = *state;

    add_three(p);
    assert_int_equal(p->all.n, 3);
    assert_string_equal(p->all.list[0].uuid, "GPU-aa000000-1111");
    assert_string_equal(p->all.list[0].model, "NVIDIA A100-SXM4-40GB");
    assert_string_equal(p->all.list[0].name, "GPU-aa000000-1111");
    assert_int_equal(p->all.list[2].number, 2);
}

static void without_a_driver_there_are_none(void **state)
{
    struct place *p = *state;

    assert_int_equal(cards_find(p->arena, &p->all, &p->err), OK);
    assert_int_equal(p->all.n, 0);
    assert_non_null(strstr(p->all.lack, "no NVIDIA driver"));
    assert_null(cards_driver(p->arena));
    put(p, "version",
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue Sep 23 10:11:16 UTC\n");
    assert_string_equal(cards_driver(p->arena), "580.95.05");
}

static void a_card_whose_device_cannot_be_opened_is_anothers(void **state)
{
    struct place *p = *state;

    add_three(p);
    assert_int_equal(file_remove(file_join(p->arena, p->folder, "dev/nvidia1"), &p->err), OK);
    assert_int_equal(cards_find(p->arena, &p->all, &p->err), OK);
    assert_int_equal(p->all.n, 2);
    assert_string_equal(p->all.list[0].uuid, "GPU-aa000000-2222");
}

static void a_device_that_fails_is_named(void **state)
{
    struct place *p = *state;

    add(p, "0000:01:00.0", "A", "GPU-1", 0);
    assert_int_equal(file_remove(file_join(p->arena, p->folder, "dev/nvidia0"), &p->err), OK);
    put(p, "dev/nvidia0/is-a-folder", "");
    assert_int_equal(cards_find(p->arena, &p->all, &p->err), OK);
    assert_int_equal(p->all.n, 1);
    assert_non_null(strstr(p->all.list[0].why, "cannot open"));
    refused(p, "0,", NULL, "card 0 cannot be used: cannot open");
    assert_string_equal(chosen(p, NULL, NULL), "");
}

static void a_card_that_nobody_has_used_yet_goes_by_its_number(void **state)
{
    struct place *p = *state;

    add(p, "0000:01:00.0", "A", "GPU-?\?\?-?\?", -1);
    add(p, "0000:02:00.0", "A", "GPU-2", -1);
    assert_int_equal(cards_find(p->arena, &p->all, &p->err), OK);
    assert_null(p->all.list[0].uuid);
    assert_string_equal(p->all.list[0].name, "0");
    assert_string_equal(p->all.list[1].name, "1");
}

/* ---- chosen ---- */

static void all_are_chosen_unless_something_is_said(void **state)
{
    struct place *p = *state;

    add_three(p);
    assert_string_equal(chosen(p, NULL, NULL), "0 1 2");
    assert_string_equal(chosen(p, "auto", NULL), "0 1 2");
    assert_string_equal(chosen(p, "auto:4", NULL), "0:4 1:4 2:4");
    assert_string_equal(chosen(p, "2", NULL), "0 1");
    assert_string_equal(chosen(p, "0,", NULL), "0");
    assert_string_equal(chosen(p, "2,0", NULL), "2 0");
    assert_string_equal(chosen(p, "0:4", NULL), "0:4");
    assert_string_equal(chosen(p, "0:4,1", NULL), "0:4 1");
    assert_string_equal(chosen(p, "GPU-aa000000-2222", NULL), "1");
    assert_string_equal(chosen(p, "gpu-BB:2,0", NULL), "2:2 0");
    assert_string_equal(chosen(p, "MIG-1c8e,0", NULL), "MIG-1c8e 0");
}

static void the_callers_choice_bounds_ours(void **state)
{
    struct place *p = *state;

    add_three(p);
    assert_string_equal(chosen(p, NULL, "2,0"), "2 0");
    assert_string_equal(chosen(p, NULL, "GPU-bb,0"), "2 0");
    assert_string_equal(chosen(p, NULL, "1,9,0"), "1"); /* as CUDA reads it */
    assert_string_equal(chosen(p, NULL, "1,-1,0"), "1");
    assert_string_equal(chosen(p, NULL, "1,1"), "1");
    assert_string_equal(chosen(p, NULL, ""), "");
    assert_string_equal(chosen(p, NULL, "MIG-1,MIG-2"), "MIG-1 MIG-2");
    assert_string_equal(chosen(p, "MIG-2", "MIG-1,MIG-2"), "MIG-2");
    assert_string_equal(chosen(p, "1", "2,0"), "2");
    refused(p, "1,", "2,0",
            "card 1 is none of those that CUDA_VISIBLE_DEVICES names: card 2 (NVIDIA");
    refused(p, "2", "2", "2 GPUs are asked for, there is 1");
    refused(p, "1", "", "1 GPU is asked for, there are 0");
    assert_string_equal(chosen(p, NULL, " 2, 0 "), "2 0");
    assert_string_equal(chosen(p, NULL, "2,,0"), "2");
    assert_string_equal(chosen(p, NULL, ",0"), ""); /* no word names no card */
    assert_string_equal(chosen(p, NULL, "G"), "");
    p->all.n = 0;
    assert_string_equal(chosen(p, NULL, "MIG-1"), ""); /* nor is there a part of none */
    refused(p, "MIG-1", NULL, "there is no card MIG-1: there are none");
    refused(p, "MIG-3", "MIG-1,MIG-2", "there is no card MIG-3");
}

static void what_is_not_there_is_refused(void **state)
{
    struct place *p = *state;

    add_three(p);
    refused(p, "4", NULL, "4 GPUs are asked for, there are 3");
    refused(p, "3,", NULL, "there is no card 3: expected one of card 0 (NVIDIA A100");
    refused(p, "GPU-cc", NULL, "there is no card GPU-cc");
    refused(p, "GPU-aa", NULL, "2 cards begin with \"GPU-aa\"");
    refused(p, "0,0", NULL, "card 0 is named twice");
    refused(p, "0,GPU-aa000000-1111", NULL, "card GPU-aa000000-1111 is named twice");
    refused(p, "0:2,0:2", NULL, "card 0 is named twice");
    refused(p, "99999999999999999999,", NULL, "there is no card 99999999999999999999");
}

static void what_is_no_choice_is_refused(void **state)
{
    static const char *const words[] = {
        "x",   "0,x", ",",  ",0", "0,,1",  "GPU-", "-1",    "all",  "0-1", "auto,0", "0 ,1", "1.5",
        "GPU", " ",   ":4", ":",  "0:1:2", "0;1",  "autos", "MIG-", "a:b", "0,1x",   "x:1"};
    struct place *p = *state;
    struct cards_wanted wanted;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_int_equal(cards_parse(words[i], "--gpus", p->arena, &wanted, &p->err), ERR_INPUT);
        assert_memory_equal(p->err.where, "--gpus", 6); /* or "--gpus: slots of a card" */
    }
    assert_int_equal(cards_parse("0", "--gpus", p->arena, &wanted, &p->err), ERR_INPUT);
    assert_non_null(strstr(p->err.hint, "\"0,\""));
    for (int i = 0; i < 3; i++) {
        static const char *const slots[] = {"0:0", "auto:65", "0:"};
        assert_int_equal(cards_parse(slots[i], "--gpus", p->arena, &wanted, &p->err), ERR_INPUT);
    }
}

/* Words made of what choices are made of: each is taken or refused with a sentence, and what is
 * taken are cards that are there, each once. */
static void whatever_is_typed_is_taken_or_refused(void **state)
{
    static const char *const parts[] = {"0",    "1", "2",    "9",      ",",
                                        ",",    ":", "auto", "GPU-aa", "GPU-bb",
                                        "MIG-", "x", "-",    "4",      "GPU-aa000000-1111"};
    struct place *p = *state;
    uint32_t seed = 1;

    add_three(p);
    for (int round = 0; round < 20000; round++) {
        char typed[256] = "", visible[256] = "";
        struct cards cards;
        for (int i = 0; i < 12; i++) {
            seed = seed * 1664525u + 1013904223u;
            if (seed >> 28 > 3)
                (void)strcat(i % 2 ? typed : visible,
                             parts[(seed >> 8) % (sizeof parts / sizeof *parts)]);
        }
        if (choose(p, typed, round % 2 ? visible : NULL, &cards) != OK) {
            assert_true(p->err.text[0] != '\0');
            continue;
        }
        for (size_t i = 0; i < cards.n; i++) {
            assert_true(cards.list[i].slots >= 1 && cards.list[i].slots <= CARD_MOST_SLOTS);
            for (size_t k = 0; k < i; k++)
                assert_string_not_equal(cards.list[i].name, cards.list[k].name);
        }
    }
}

static void a_class_is_words_of_the_model(void **state)
{
    const struct card card = {.model = "NVIDIA H100 80GB HBM3", .class = "sm_90"};
    const struct card unknown = {.number = -1};

    (void)state;
    assert_true(card_is(&card, NULL));
    assert_true(card_is(&card, "h100"));
    assert_true(card_is(&card, "H100 80gb"));
    assert_true(card_is(&card, "nvidia"));
    assert_true(card_is(&card, "SM_90"));
    assert_false(card_is(&card, "h10"));
    assert_false(card_is(&card, "100"));
    assert_false(card_is(&card, "sm_9"));
    assert_false(card_is(&card, "h200"));
    assert_false(card_is(&unknown, "h100"));
    assert_false(card_is(&unknown, "sm_90"));
    assert_true(card_is(&unknown, NULL));
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(cards_are_found_in_the_order_of_the_bus),
        IN_PLACE(without_a_driver_there_are_none),
        IN_PLACE(a_card_whose_device_cannot_be_opened_is_anothers),
        IN_PLACE(a_device_that_fails_is_named),
        IN_PLACE(a_card_that_nobody_has_used_yet_goes_by_its_number),
        IN_PLACE(all_are_chosen_unless_something_is_said),
        IN_PLACE(the_callers_choice_bounds_ours),
        IN_PLACE(what_is_not_there_is_refused),
        IN_PLACE(what_is_no_choice_is_refused),
        IN_PLACE(whatever_is_typed_is_taken_or_refused),
        IN_PLACE(a_class_is_words_of_the_model),
    };

#ifndef HPO_FAULTS
    (void)puts("SKIP: built without HPO_FAULTS: cards cannot be made up");
    return 77;
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
