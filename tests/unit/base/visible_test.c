/* visible: what a terminal obeys is shown as an escape; all else stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"
#include "base/visible.h"

/* Both ways to write it must say the same. */
static void shown(const char *source, size_t n, enum visible_lines lines, const char *expected)
{
    struct arena *arena = arena_open();
    struct text t = text_in(arena);
    struct error err;
    char out[VISIBLE_GROWTH * 64 + 1], *string;

    assert_true(n <= 64);
    assert_int_equal(visible_write(out, source, n, lines), strlen(expected));
    assert_string_equal(out, expected);
    text_add(&t, "");
    visible_add(&t, source, n, lines);
    assert_int_equal(text_finish(&t, &string, NULL, &err), OK);
    assert_string_equal(string, expected);
    arena_close(arena);
}

#define SHOWN(source, expected) shown(source, sizeof source - 1, VISIBLE_LINE, expected)

static void letters_stand(void **state)
{
    (void)state;
    SHOWN("", "");
    SHOWN("lr=0.1 \\u001B \"x\"", "lr=0.1 \\u001B \"x\"");
    SHOWN("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 \xc2\xa0",
          "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 \xc2\xa0");
}

static void controls_are_escaped(void **state)
{
    (void)state;
    SHOWN("\033]0;owned\007x", "\\u001B]0;owned\\u0007x");
    SHOWN("a\0b\x7f", "a\\u0000b\\u007F");
    SHOWN("\xc2\x9b"
          "31m\xc2\x80",
          "\\u009B31m\\u0080");
}

static void reordering_is_escaped(void **state)
{
    (void)state;
    SHOWN("\xe2\x80\xaa\xe2\x80\xae", "\\u202A\\u202E");
    SHOWN("\xe2\x81\xa6\xe2\x81\xa9", "\\u2066\\u2069");
    SHOWN("\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa",
          "\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa");
}

static void bytes_of_no_letter_are_escaped(void **state)
{
    (void)state;
    SHOWN("\xe4x", "\\xE4x");
    SHOWN("\x9b"
          "31m",
          "\\x9B31m");
    SHOWN("\xe2\x82", "\\xE2\\x82");
    SHOWN("\xc0\x9b\xff", "\\xC0\\x9B\\xFF");
}

static void lines_keep_their_ends(void **state)
{
    (void)state;
    shown("a\tb\r\nc", 6, VISIBLE_LINE, "a\\u0009b\\u000D\\u000Ac");
    shown("a\tb\r\nc", 6, VISIBLE_LINES, "a\tb\\u000D\nc");
}

static void twice_is_once(void **state)
{
    char once[VISIBLE_GROWTH * 8 + 1];
    size_t n = visible_write(once, "\033\xff\n\\x", 5, VISIBLE_LINE);

    (void)state;
    shown(once, n, VISIBLE_LINE, once);
}

static void an_error_is_one_message(void **state)
{
    char out[VISIBLE_ERROR_MAX];
    struct error err;
    size_t n;

    (void)state;
    (void)error_set(&err, ERR_INPUT, "", "no\nhpo: all is well");
    n = visible_error(out, "hpo", &err);
    assert_string_equal(out, "hpo: no\\u000Ahpo: all is well\n");
    assert_int_equal(n, strlen(out));
    (void)error_set(&err, ERR_INPUT, "a\033.lua:1", "expected x");
    error_hint(&err, "there is \"\x9b\"");
    visible_error(out, "hpo-trainer", &err);
    assert_string_equal(out, "hpo-trainer: a\\u001B.lua:1: expected x\n  there is \"\\x9B\"\n");
}

static void the_longest_error_fits(void **state)
{
    char out[VISIBLE_ERROR_MAX];
    struct error err;

    (void)state;
    memset(&err, 1, sizeof err);
    err.where[sizeof err.where - 1] = err.text[sizeof err.text - 1] = '\0';
    err.hint[sizeof err.hint - 1] = '\0';
    assert_int_equal(visible_error(out, "hpo-trainer", &err),
                     6 * (255 + 511 + 255) + strlen("hpo-trainer: : \n  \n"));
}

/* Columns of one character. */
static size_t columns_of(const char *s)
{
    size_t columns;

    assert_int_equal(visible_fit(s, strlen(s), SIZE_MAX, &columns), strlen(s));
    return columns;
}

static void wide_characters_take_two_columns(void **state)
{
    static const char *const wide[] = {"⌚", "⏩", "⏰", "⏳",  "◽",  "☔",  "♈",  "♓", "♿", "⚓", "⚡",
                                       "⚪", "⚽", "⛄", "⛎",  "⛔",  "⛪",  "⛳",  "⛵", "⛺", "⛽", "✅",
                                       "✋", "✨", "❌", "❎",  "❓",  "❗",  "➕",  "➗", "➰", "➿", "⬛",
                                       "⬜", "⭐", "⭕", "漢", "한", "ㄱ", "！", "😀", "🚀"};
    static const char *const narrow[] = {"a", "ä", "–", "…", "⌙", "⏭", "☀", "♔", "⚠",
                                         "✓", "✔", "✗", "❤", "➡", "⬅", "⭑", "→", "■"};
    size_t columns;

    (void)state;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        assert_int_equal(columns_of(wide[i]), 2);
    for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++)
        assert_int_equal(columns_of(narrow[i]), 1);
    assert_int_equal(visible_fit("✅⭐", 6, 3, &columns), 3);
    assert_int_equal(columns, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_stand),
        cmocka_unit_test(controls_are_escaped),
        cmocka_unit_test(reordering_is_escaped),
        cmocka_unit_test(bytes_of_no_letter_are_escaped),
        cmocka_unit_test(lines_keep_their_ends),
        cmocka_unit_test(twice_is_once),
        cmocka_unit_test(an_error_is_one_message),
        cmocka_unit_test(the_longest_error_fits),
        cmocka_unit_test(wide_characters_take_two_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
