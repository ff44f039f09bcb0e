/*
 * pieces: every code point is classified as the header says; the cuts are those of a loop over
 * characters that is as plain as possible, at every place relative to the blocks of 64.
 */
#include "tests/unit/trainer/fixture.h"

#include "trainer/tokenizer/pieces.h"

static const unsigned separators[] = {
    0x9,    0xa,    0xb,    0xc,    0xd,    0x20,   0x21,   0x28,   0x29,   0x2c,
    0x2e,   0x3f,   0x7c,   0x85,   0xa0,   0x60c,  0x6d4,  0x964,  0x1680, 0x2000,
    0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a,
    0x2026, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0x3001, 0x3002, 0xff0c};

static bool is_separator(unsigned c)
{
    for (size_t i = 0; i < sizeof separators / sizeof *separators; i++)
        if (separators[i] == c)
            return true;
    return false;
}

static size_t put(char *out, unsigned c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    out[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* All ends of a text, over as many calls as it takes. */
static size_t cut(const char *text, size_t n, uint32_t *ends)
{
    struct pieces p = pieces_of(SPLITTING_BLOOM, text, n);
    uint32_t batch[PIECES_BATCH];
    size_t all = 0, found;

    while ((found = pieces_next(&p, batch)) > 0) {
        memcpy(ends + all, batch, found * sizeof *ends);
        all += found;
    }
    return all;
}

static void classifies_every_code_point(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 0x110000; c++) {
        char text[8] = "x";
        uint32_t ends[8];
        size_t n = 1;
        if (c >= 0xd800 && c < 0xe000)
            continue;
        n += put(text + n, c);
        text[n++] = 'x';
        /* x + separator + x: a space goes to the word behind it */
        assert_int_equal(cut(text, n, ends), is_separator(c) ? c == ' ' ? 2 : 3 : 1);
    }
}

/* One character of a text: where it ends, and what it is. */
struct character {
    uint32_t end;
    bool separator, space;
};

static size_t cut_plainly(const struct character *c, size_t n, uint32_t *ends)
{
    size_t all = 0;

    for (size_t i = 1; i < n; i++) {
        bool begins = c[i].separator != c[i - 1].separator; /* a run of the other kind */
        if (begins && !c[i].separator && c[i - 1].space)
            begins = false; /* that word began at its space */
        if (c[i].space && i + 1 < n && !c[i + 1].separator)
            begins = true;
        if (begins)
            ends[all++] = c[i - 1].end;
    }
    if (n > 0)
        ends[all++] = c[n - 1].end;
    return all;
}

static void cuts_like_the_plain_loop(void **state)
{
    static const unsigned letters[] = {' ',   ' ',    'a',    'b',     '.',    ',',    '\n',
                                       0xe9,  0x85,   0xa0,   0x964,   0x2003, 0x2026, 0x3002,
                                       0x4e2, 0x4e2d, 0xff0c, 0x1f600, 'z',    '!',    0x600};
    unsigned random = 12345;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        static char text[400 * 4];
        static struct character characters[400];
        static uint32_t want[400], got[400];
        size_t n = 0, length = (random >> 8) % 400, kinds;
        random = random * 1103515245 + 12345;
        kinds = 3 + (random >> 16) % 19;
        for (size_t i = 0; i < length; i++) {
            unsigned c;
            random = random * 1103515245 + 12345;
            c = letters[(random >> 16) % kinds];
            n += put(text + n, c);
            characters[i] = (struct character){(uint32_t)n, is_separator(c), c == ' '};
        }
        kinds = cut_plainly(characters, length, want);
        assert_int_equal(cut(text, n, got), kinds);
        assert_memory_equal(got, want, kinds * sizeof *want);
    }
}

static void check(const char *text, const char *const *pieces)
{
    uint32_t ends[64];
    const size_t n = cut(text, strlen(text), ends);
    size_t i;

    for (i = 0; pieces[i]; i++) {
        const uint32_t start = i > 0 ? ends[i - 1] : 0;
        assert_true(i < n);
        assert_int_equal(ends[i] - start, strlen(pieces[i]));
        assert_memory_equal(text + start, pieces[i], ends[i] - start);
    }
    assert_int_equal(n, i);
}

static void cuts_the_examples(void **state)
{
    (void)state;
    check("", (const char *const[]){NULL});
    check(" ", (const char *const[]){" ", NULL});
    check("x ", (const char *const[]){"x", " ", NULL});
    check(" x", (const char *const[]){" x", NULL});
    check(" ,", (const char *const[]){" ,", NULL});
    check("two  spaces", (const char *const[]){"two", " ", " spaces", NULL});
    check("a \n b", (const char *const[]){"a", " \n", " b", NULL});
    check("end.) Next  a", (const char *const[]){"end", ".)", " Next", " ", " a", NULL});
    check(".  ", (const char *const[]){".  ", NULL});
}

/* Cut-off characters and stray bytes are word characters, also across the end of a block. */
static void takes_any_bytes(void **state)
{
    (void)state;
    for (size_t pad = 50; pad < 70; pad++) {
        static const char *const stray[] = {"\xe2\x80", "\xe2",         "\xc2",        "\x80",
                                            "\xff\xfe", "\xe2\xe2\x80", "\xf0\x80\x80"};
        for (size_t i = 0; i < sizeof stray / sizeof *stray; i++) {
            char text[100];
            uint32_t ends[8] = {0};
            memset(text, 'a', pad);
            memcpy(text + pad, stray[i], strlen(stray[i]));
            assert_int_equal(cut(text, pad + strlen(stray[i]), ends), 1);
            assert_int_equal(ends[0], pad + strlen(stray[i]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classifies_every_code_point),
        cmocka_unit_test(cuts_like_the_plain_loop),
        cmocka_unit_test(cuts_the_examples),
        cmocka_unit_test(takes_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
