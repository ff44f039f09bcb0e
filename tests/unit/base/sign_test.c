/* sign: an example of RFC 8032, keys that are none, what openssl says; base64 both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/sign.h"

/* Section 7.1, TEST 2: the message is one byte, 0x72. */
static const char private_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
    "-----END PRIVATE KEY-----\n";
static const char public_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n"
                                 "-----END PUBLIC KEY-----\n";
static const unsigned char message = 0x72;
static const char signature_64[] =
    "kqAJqfDUyrhyDoILX2QlQKKye1QWUD+Ps3YiI+vbadoIWsHkPhWZbkWPNhPQ8R2MOHsurrQwKu6wDSkWErsMAA==";

static void the_standards_example(void **state)
{
    struct arena *arena = arena_open();
    unsigned char signature[SIGNATURE_BYTES];
    struct verifier *v;
    struct signer *s;
    struct error err;
    bool right;
    char *pem;

    (void)state;
    assert_int_equal(signer_open(private_pem, strlen(private_pem), &s, &err), OK);
    assert_int_equal(signer_public(s, arena, &pem, &err), OK);
    assert_string_equal(pem, public_pem);
    assert_int_equal(signer_sign(s, &message, 1, signature, &err), OK);
    assert_string_equal(base64_encode(signature, sizeof signature, arena), signature_64);
    assert_int_equal(verifier_open(pem, strlen(pem), &v, &err), OK);
    assert_int_equal(verifier_check(v, &message, 1, signature, sizeof signature, &right, &err), OK);
    assert_true(right);
    for (size_t i = 0; i < sizeof signature; i++) {
        signature[i] ^= 1;
        assert_int_equal(verifier_check(v, &message, 1, signature, sizeof signature, &right, &err),
                         OK);
        assert_false(right);
        signature[i] ^= 1;
    }
    assert_int_equal(verifier_check(v, &message, 1, signature, 63, &right, &err), OK);
    assert_false(right);
    signer_close(s);
    verifier_close(v);
    arena_close(arena);
}

static void a_new_key_is_another(void **state)
{
    struct arena *arena = arena_open();
    struct error err;
    char *first, *second;
    struct signer *s;
    size_t n;

    (void)state;
    assert_int_equal(sign_make(arena, &first, &n, &err), OK);
    assert_int_equal(sign_make(arena, &second, &n, &err), OK);
    assert_string_not_equal(first, second);
    assert_int_equal(signer_open(first, strlen(first), &s, &err), OK);
    signer_close(s);
    sign_forget(first, strlen(second));
    assert_int_equal(signer_open(first, n, &s, &err), ERR_INPUT);
    arena_close(arena);
}

static void what_is_no_key_is_refused(void **state)
{
    struct verifier *v;
    struct signer *s;
    struct error err;

    (void)state;
    assert_int_equal(signer_open("", 0, &s, &err), ERR_INPUT);
    assert_int_equal(signer_open(public_pem, strlen(public_pem), &s, &err), ERR_INPUT);
    assert_int_equal(verifier_open(private_pem, strlen(private_pem), &v, &err), ERR_INPUT);
    assert_int_equal(verifier_open(public_pem, 40, &v, &err), ERR_INPUT);
}

static void base64_both_ways(void **state)
{
    static const char *const bad[] = {"A", "AAAAA", "A=AA", "AA A", "AA\nA", "\xc3\xa4=="};
    struct arena *arena = arena_open();
    unsigned char bytes[64], *back;
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(255 - 3 * i);
    for (size_t length = 0; length <= sizeof bytes; length++) {
        char *text = base64_encode(bytes, length, arena);
        assert_int_equal(strlen(text), 4 * ((length + 2) / 3));
        for (size_t cut = 0; cut < 2; cut++) { /* with padding, and in the other alphabet without */
            assert_true(base64_decode(text, strlen(text), arena, &back, &n));
            assert_int_equal(n, length);
            assert_memory_equal(back, bytes, length);
            for (char *c = text; *c; c++)
                *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
            text[strcspn(text, "=")] = '\0';
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(base64_decode(bad[i], strlen(bad[i]), arena, &back, &n));
    arena_close(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standards_example),
        cmocka_unit_test(a_new_key_is_another),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(base64_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
