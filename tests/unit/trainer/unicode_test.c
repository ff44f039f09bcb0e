/*
 * unicode: what is not plain about Python's str, by hand. All characters against Python itself are
 * in tests/e2e/score_test.py.
 */
#include "tests/unit/trainer/fixture.h"

#include "trainer/squad/unicode.h"

static void check_lower(const char *text, const char *want)
{
    uint32_t s[64], lower[128];
    char bytes[512];
    size_t n = unicode_lower(s, unicode_decode(text, strlen(text), s), lower), n_bytes = 0;

    for (size_t i = 0; i < n; i++)
        n_bytes += unicode_encode(lower[i], bytes + n_bytes);
    bytes[n_bytes] = '\0';
    assert_string_equal(bytes, want);
}

static void lowers_as_python(void **state)
{
    (void)state;
    check_lower("", "");
    check_lower("Az[`{@", "az[`{@");
    check_lower("ÀÖ×Ø", "àö×ø");
    check_lower("İstanbul", "i\xcc\x87stanbul");
    check_lower("ĀāŸẞ", "āāÿß");
    check_lower("Ωǅ", "ωǆ"); /* title case, too */
    check_lower("ϴ", "θ");
    check_lower("\xf0\x90\x90\x80", "\xf0\x90\x90\xa8"); /* Deseret, beyond 16 bits */
    check_lower("ⓏⅫ", "ⓩⅻ");
    check_lower("中文", "中文");
}

static void ends_words_with_the_final_sigma(void **state)
{
    (void)state;
    check_lower("ΣΑΣ", "σας");
    check_lower("Σ", "σ");
    check_lower("ΑΣ.", "ας.");
    check_lower("ΑΣ.Α", "ασ.α"); /* case ignores the point */
    check_lower("Α.Σ", "α.ς");
    check_lower("ΑΣ Α", "ας α");
    check_lower("ΣΣ", "σς");
    check_lower("1Σ", "1σ");
    check_lower("a\xcc\x81Σ\xcc\x81", "a\xcc\x81ς\xcc\x81");
}

static void tells_letters_and_spaces(void **state)
{
    static const uint32_t spaces[] = {9, 0xd, 0x1c, 0x1f, 0x20, 0x85, 0xa0, 0x2003, 0x3000};
    static const uint32_t letters[] = {'0', 'z', 0xaa, 0xb2, 0xe9, 0x4e2d, 0x661, 0x2167, 0x1d400};
    static const uint32_t neither[] = {0, '_', 0x200b, 0x301, 0x2013, 0xfffd, 0x10ffff, 0xd800};

    (void)state;
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        assert_true(unicode_is_space(spaces[i]));
        assert_false(unicode_is_alphanumeric(spaces[i]));
    }
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        assert_false(unicode_is_space(letters[i]));
        assert_true(unicode_is_alphanumeric(letters[i]));
    }
    for (size_t i = 0; i < sizeof neither / sizeof *neither; i++) {
        assert_false(unicode_is_space(neither[i]));
        assert_false(unicode_is_alphanumeric(neither[i]));
    }
}

static void decodes_and_encodes_every_code_point(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char bytes[4];
        uint32_t back[4];
        const size_t n = unicode_encode(c, bytes);
        if (c >= 0xd800 && c < 0xe000) {
            assert_int_equal(unicode_decode(bytes, n, back), n);
            continue;
        }
        assert_int_equal(unicode_decode(bytes, n, back), 1);
        assert_int_equal(back[0], c);
    }
}

static void replaces_stray_bytes(void **state)
{
    static const char *const stray[] = {
        "\x80", "\xff", "\xc3", "\xe2\x82", "\xc0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80"};
    uint32_t out[8];

    (void)state;
    for (size_t i = 0; i < sizeof stray / sizeof *stray; i++) {
        const size_t n = strlen(stray[i]);
        assert_int_equal(unicode_decode(stray[i], n, out), n);
        for (size_t j = 0; j < n; j++)
            assert_int_equal(out[j], 0xfffd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lowers_as_python),
        cmocka_unit_test(ends_words_with_the_final_sigma),
        cmocka_unit_test(tells_letters_and_spaces),
        cmocka_unit_test(decodes_and_encodes_every_code_point),
        cmocka_unit_test(replaces_stray_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
