/* digest: FIPS 180-4's examples, pieces against the whole, hexadecimal both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"

static const struct {
    const char *message, *hex;
} examples[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void the_standards_examples(void **state)
{
    struct error err;
    struct digest d;
    char hex[DIGEST_HEX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const char *message = examples[i].message;
        assert_int_equal(digest_bytes(message, strlen(message), &d, &err), OK);
        digest_hex(&d, hex);
        assert_string_equal(hex, examples[i].hex);
    }
}

static void pieces_give_the_whole(void **state)
{
    static char message[1000];
    struct error err;
    struct hasher *h;
    struct digest whole, pieces;

    (void)state;
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (char)(i * 7);
    assert_int_equal(hasher_open(&h, &err), OK);
    for (size_t n = 0; n <= sizeof message; n += 37) { /* one hasher, many messages */
        assert_int_equal(digest_bytes(message, n, &whole, &err), OK);
        for (size_t step = 1; step < 200; step += 63) {
            for (size_t at = 0; at < n; at += step)
                hasher_add(h, message + at, n - at < step ? n - at : step);
            hasher_add(h, message, 0);
            assert_int_equal(hasher_finish(h, &pieces, &err), OK);
            assert_true(digest_equal(&whole, &pieces));
        }
    }
    hasher_close(h);
    hasher_close(NULL);
}

static void a_million_letters(void **state)
{
    static char letters[1000];
    struct error err;
    struct hasher *h;
    struct digest d;
    char hex[DIGEST_HEX + 1];

    (void)state;
    memset(letters, 'a', sizeof letters);
    assert_int_equal(hasher_open(&h, &err), OK);
    for (int i = 0; i < 1000; i++)
        hasher_add(h, letters, sizeof letters);
    assert_int_equal(hasher_finish(h, &d, &err), OK);
    hasher_close(h);
    digest_hex(&d, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void hexadecimal_both_ways(void **state)
{
    struct error err;
    struct digest d, again;
    char hex[DIGEST_HEX + 2];

    (void)state;
    assert_int_equal(digest_bytes("abc", 3, &d, &err), OK);
    digest_hex(&d, hex);
    assert_true(digest_parse(hex, &again));
    assert_true(digest_equal(&d, &again));
    again.bytes[DIGEST_BYTES - 1] ^= 1;
    assert_false(digest_equal(&d, &again));
    hex[DIGEST_HEX - 1] = 'A'; /* upper case, letters beyond f, too long, too short, nothing */
    assert_false(digest_parse(hex, &again));
    hex[DIGEST_HEX - 1] = 'g';
    assert_false(digest_parse(hex, &again));
    hex[DIGEST_HEX - 1] = '/';
    assert_false(digest_parse(hex, &again));
    hex[DIGEST_HEX - 1] = ':';
    assert_false(digest_parse(hex, &again));
    memcpy(hex + DIGEST_HEX - 1, "00", 3);
    assert_false(digest_parse(hex, &again));
    hex[DIGEST_HEX - 1] = '\0';
    assert_false(digest_parse(hex, &again));
    assert_false(digest_parse("", &again));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standards_examples),
        cmocka_unit_test(pieces_give_the_whole),
        cmocka_unit_test(a_million_letters),
        cmocka_unit_test(hexadecimal_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
