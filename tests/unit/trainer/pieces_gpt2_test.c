/*
 * pieces_gpt2: cuts are those of the regular expression's alternatives, tried one after another as
 * plainly as possible; any bytes are taken. Which code points are of which class is compared with
 * the library in tests/e2e/tokenizer_gpt2_test.py.
 */
#include "tests/unit/trainer/fixture.h"

#include "base/text.h"
#include "trainer/tokenizer/gpt2_classes.h"
#include "trainer/tokenizer/pieces.h"

/* All ends of a text, over as many calls as it takes. */
static size_t cut(const char *text, size_t n, uint32_t *ends)
{
    struct pieces p = pieces_of(SPLITTING_GPT2, text, n);
    uint32_t batch[PIECES_BATCH];
    size_t all = 0, found;

    while ((found = pieces_next(&p, batch)) > 0) {
        memcpy(ends + all, batch, found * sizeof *ends);
        all += found;
    }
    return all;
}

/* ---- the expression, over characters ---- */

struct character {
    uint32_t code;
    uint32_t end; /* in bytes */
    enum class class;
};

/* By a walk through the table. */
static enum class class_of(uint32_t code) {
    enum class class = OTHER;

    if (code < 0x80) return ascii_classes[code];
    for (size_t i = 0; i < sizeof class_runs / sizeof *class_runs;
         i++) if (class_runs[i].first <= code) class
    = class_runs[i].class;
    return class;
}

static size_t count(const struct character *c, size_t n, enum class class)
{
    size_t i = 0;

    while (i < n && c[i].class == class)
        i++;
    return i;
}

/* How many of the n characters, one or more, the first alternative takes that takes any. */
static size_t take(const struct character *c, size_t n)
{
    static const char *const contractions[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    static const enum class classes[] = {LETTER, NUMBER, OTHER};
    size_t spaces;

    for (size_t i = 0; i < sizeof contractions / sizeof *contractions; i++) {
        const size_t length = strlen(contractions[i]);
        size_t same = 0;
        while (same < length && same < n && c[same].code == (unsigned char)contractions[i][same])
            same++;
        if (same == length)
            return length;
    }
    for (size_t i = 0; i < 3; i++)
        for (size_t space = c[0].code == ' '; space <= 1; space--) {
            const size_t taken = count(c + space, n - space, classes[i]);
            if (taken > 0)
                return space + taken;
        }
    for (spaces = count(c, n, SPACE); spaces > 0; spaces--)
        if (spaces == n || c[spaces].class == SPACE)
            return spaces;
    return count(c, n, SPACE);
}

static size_t cut_plainly(const struct character *c, size_t n, uint32_t *ends)
{
    size_t all = 0;

    for (size_t at = 0; at < n;) {
        at += take(c + at, n - at);
        ends[all++] = c[at - 1].end;
    }
    return all;
}

/* ---- tests ---- */

static size_t put(char *out, uint32_t c)
{
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    const size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 63));
    out[0] = (char)(n > 1 ? first[n] | c : c);
    return n;
}

static void cuts_like_the_alternatives(void **state)
{
    static const uint32_t letters[] = {
        ' ',   'a',  '\'',  's',    ' ',     '\n',    'l',  'r',    'e',    '1',    '.',
        'v',   't',  'm',   'd',    'S',     0xe9,    0x85, 0xa0,   0x2003, 0x3000, 0x4e2d,
        0x661, 0xbd, 0x301, 0x2019, 0x1f600, 0x1d7d8, 0,    0x200d, 0x2163, 0x3007, 0x10ffff};
    static char text[400 * 4];
    static struct character characters[400];
    static uint32_t want[400], got[400];
    unsigned random = 12345;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        const size_t length = (random >> 8) % (round % 2 ? 400 : 12);
        const unsigned kinds = 3 + (random >> 20) % (sizeof letters / sizeof *letters - 2);
        size_t n = 0, n_want;
        random = random * 1103515245 + 12345;
        for (size_t i = 0; i < length; i++) {
            uint32_t c;
            random = random * 1103515245 + 12345;
            c = letters[(random >> 16) % kinds];
            n += put(text + n, c);
            characters[i] = (struct character){c, (uint32_t)n, class_of(c)};
        }
        n_want = cut_plainly(characters, length, want);
        assert_int_equal(cut(text, n, got), n_want);
        assert_memory_equal(got, want, n_want * sizeof *want);
    }
}

/* x + character + x: nothing else stands beside what would join it. */
static void classifies_every_code_point(void **state)
{
    static const size_t pieces[] = {[OTHER] = 3, [LETTER] = 1, [NUMBER] = 3, [SPACE] = 3};
    enum class class = OTHER;
    size_t run = 0;

    (void)state;
    for (uint32_t c = 0x80; c < 0x110000; c++) {
        char text[16] = "x";
        uint32_t ends[16];
        size_t n = 1, all;
        if (run < sizeof class_runs / sizeof *class_runs && class_runs[run].first == c)
            class = class_runs[run++].class;
        if (c >= 0xd800 && c < 0xe000)
            continue;
        n += put(text + n, c);
        text[n++] = 'x';
        all = cut(text, n, ends);
        assert_int_equal(all, pieces[class]);
        text[0] = '1';
        n = 1 + put(text + 1, c);
        assert_int_equal(cut(text, n, ends), class == NUMBER ? 1 : 2);
        text[0] = '!';
        assert_int_equal(cut(text, n, ends), class == OTHER ? 1 : 2);
        text[0] = '\n';
        assert_int_equal(cut(text, n, ends), class == SPACE ? 1 : 2);
    }
    assert_int_equal(run, sizeof class_runs / sizeof *class_runs);
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

#define PIECES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void cuts_the_examples(void **state)
{
    (void)state;
    check("", (const char *const[]){NULL});
    check(" ", PIECES(" "));
    check("   ", PIECES("   "));
    check("x ", PIECES("x", " "));
    check(" x", PIECES(" x"));
    check("  x", PIECES(" ", " x"));
    check(" \nx", PIECES(" ", "\n", "x"));
    check("\n x", PIECES("\n", " x"));
    check("She's  12a.", PIECES("She", "'s", " ", " 12", "a", "."));
    check("'sx 's ''s", PIECES("'s", "x", " '", "s", " ''", "s"));
    check("I'LL we'll they'r", PIECES("I", "'", "LL", " we", "'ll", " they", "'", "r"));
    check("x'l'le'", PIECES("x", "'", "l", "'", "le", "'"));
    check("a\xc2\xa0 b", PIECES("a", "\xc2\xa0", " b"));
    check(" \xc2\xa0"
          "b",
          PIECES(" ", "\xc2\xa0", "b"));
    check("x\xc2\xb2y", PIECES("x", "\xc2\xb2", "y"));       /* a number, if no digit */
    check("e\xcc\x81t", PIECES("e", "\xcc\x81", "t"));       /* a mark is no letter */
    check("<|endoftext|>", PIECES("<|", "endoftext", "|>")); /* an added token is found elsewhere */
}

/* What is no character is as U+FFFD, and joins other characters. */
static void takes_any_bytes(void **state)
{
    static const char *const stray[] = {
        "\xe2\x80",     "\xe2",         "\xc2",         "\x80",     "\xff\xfe",
        "\xe2\xe2\x80", "\xf0\x80\x80", "\xed\xa0\x80", "\xc0\xa0", "\xf4\x90\x80\x80"};
    (void)state;
    for (size_t i = 0; i < sizeof stray / sizeof *stray; i++) {
        const size_t n = strlen(stray[i]);
        char text[20];
        uint32_t ends[20] = {0};
        (void)snprintf(text, sizeof text, "a %s.b%s", stray[i], stray[i]);
        assert_int_equal(cut(text, strlen(text), ends), 4);
        assert_int_equal(ends[0], 1);
        assert_int_equal(ends[1], 3 + n);
        assert_int_equal(ends[2], 4 + n);
        assert_int_equal(ends[3], 4 + 2 * n);
    }
}

/* More pieces than one call gives, and the last call's are the end of the text. */
static void gives_batches(void **state)
{
    enum { N = 3 * PIECES_BATCH };
    static char text[N];
    static uint32_t ends[N];

    (void)state;
    for (size_t i = 0; i < N; i++)
        text[i] = i % 2 ? '1' : 'a';
    for (size_t n = PIECES_BATCH - 1; n <= N; n += n < PIECES_BATCH + 1 ? 1 : 997) {
        assert_int_equal(cut(text, n, ends), n);
        assert_int_equal(ends[n - 1], n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_like_the_alternatives),
        cmocka_unit_test(classifies_every_code_point),
        cmocka_unit_test(cuts_the_examples),
        cmocka_unit_test(takes_any_bytes),
        cmocka_unit_test(gives_batches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
