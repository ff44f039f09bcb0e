/* alphabet: the map is one to one, its order and its spelling are those of the reference file. */
#include "tests/unit/trainer/fixture.h"

#include "trainer/tokenizer/alphabet.h"

static void known_characters(void **state)
{
    (void)state;
    assert_int_equal(alphabet_character('!'), '!');
    assert_int_equal(alphabet_character(' '), 0x120);
    assert_int_equal(alphabet_character(0), 0x100);
    assert_int_equal(alphabet_character('\n'), 0x10a);
    assert_int_equal(alphabet_character(0x7f), 0x121);
    assert_int_equal(alphabet_character(0xa0), 0x142);
    assert_int_equal(alphabet_character(0xad), 0x143);
    assert_int_equal(alphabet_character(0xff), 0xff);
}

static void order_ascends_and_spelling_comes_back(void **state)
{
    unsigned char order[ALPHABET_SIZE], out[3];
    char spelling[3];

    (void)state;
    alphabet_order(order);
    for (size_t i = 0; i < ALPHABET_SIZE; i++) {
        const size_t n = alphabet_spell(order[i], spelling);
        if (i > 0)
            assert_true(alphabet_character(order[i - 1]) < alphabet_character(order[i]));
        assert_true(alphabet_character(order[i]) < ALPHABET_END);
        assert_int_equal(strlen(spelling), n);
        assert_int_equal(alphabet_decode(spelling, n, out), 1);
        assert_int_equal(out[0], order[i]);
    }
}

static void a_foreign_character_leaves_all_as_it_is(void **state)
{
    static const char *const foreign[] = {"a b",   "\xc4\x84\xc5\x84", "\xe4\xb8\xad", "\xc2\xad",
                                          "x\xc2", "\xc4\xa0\xff"};
    unsigned char out[16];

    (void)state;
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        const size_t n = strlen(foreign[i]);
        assert_int_equal(alphabet_decode(foreign[i], n, out), n);
        assert_memory_equal(out, foreign[i], n);
    }
}

static void agrees_with_the_reference_file(void **state)
{
    struct arena *arena = arena_open();
    const struct json *cases = shared_json("fixtures/bpe_training.json", arena);
    const struct json *ids = json_get(&cases->items[0], "first_ids");
    unsigned char order[ALPHABET_SIZE];
    char spelling[3];

    (void)state;
    alphabet_order(order);
    for (size_t i = 0; i < ALPHABET_SIZE; i++) {
        (void)alphabet_spell(order[i], spelling);
        assert_string_equal(spelling, ids->items[4 + i].string);
    }
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_characters),
        cmocka_unit_test(order_ascends_and_spelling_comes_back),
        cmocka_unit_test(a_foreign_character_leaves_all_as_it_is),
        cmocka_unit_test(agrees_with_the_reference_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
