/*
 * pins: the bytes of hpo.lock are known; what is broken is refused with line and field; two builds
 * that pin at once lose nothing; a failure leaves the file as it was.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/lock.h"
#include "engine/graph/pins.h"
#include "tests/unit/place.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccc"

/* Who waits for nobody in particular. */
static const struct patience calm = {NULL, NULL, NULL};

static struct pins *opened(struct place *p)
{
    struct pins *pins = NULL;

    if (pins_open("hpo.lock", &pins, &p->err) != OK)
        fail_msg("%s: %s", p->err.where, p->err.text);
    return pins;
}

static void set(struct place *p, struct pins *pins, const char *url, const char *rev,
                const char *commit)
{
    assert_int_equal(pins_set(pins, "git", url, rev, commit, &p->err), OK);
}

static void save(struct place *p, struct pins *pins)
{
    if (pins_save(pins, &calm, &p->err) != OK)
        fail_msg("%s: %s", p->err.where, p->err.text);
}

static const char *content(struct place *p)
{
    char *bytes;

    assert_int_equal(file_read("hpo.lock", 1 << 20, p->arena, &bytes, NULL, &p->err), OK);
    return bytes;
}

static void put(struct place *p, const char *bytes)
{
    assert_int_equal(file_write("hpo.lock", bytes, strlen(bytes), &p->err), OK);
}

/* The folder holds hpo.lock alone, or nothing. */
static void expect_files(struct place *p, size_t expected)
{
    char **names;
    size_t n;

    assert_int_equal(file_list(".", p->arena, &names, &n, &p->err), OK);
    assert_int_equal(n, expected);
    if (n == 1)
        assert_string_equal(names[0], "hpo.lock");
}

static void an_absent_file_has_no_pins(void **state)
{
    struct place *p = *state;
    struct pins *pins = opened(p);

    assert_null(pins_get(pins, "git", "u", "master"));
    save(p, pins);
    expect_files(p, 0);
    pins_close(pins);
    pins_close(NULL);
}

static void the_format_is_one_sorted_pin_a_line(void **state)
{
    struct place *p = *state;
    struct pins *pins = opened(p);

    set(p, pins, "https://b.example/x", "v1", A);
    set(p, pins, "https://b.example/x", "master", B);
    set(p, pins, "https://a.example/\"q\"\xc3\xa9\n", "master", C);
    assert_int_equal(pins_set(pins, "hub", "a", "main", A, &p->err), OK);
    assert_string_equal(pins_get(pins, "git", "https://b.example/x", "master"), B);
    save(p, pins);
    assert_string_equal(
        content(p),
        "{\"version\": 1, \"pins\": [\n"
        "  {\"kind\": \"git\", \"url\": \"https://a.example/\\\"q\\\"\xc3\xa9\\n\","
        " \"rev\": \"master\", \"commit\": \"" C "\"},\n"
        "  {\"kind\": \"git\", \"url\": \"https://b.example/x\", \"rev\": \"master\","
        " \"commit\": \"" B "\"},\n"
        "  {\"kind\": \"git\", \"url\": \"https://b.example/x\", \"rev\": \"v1\","
        " \"commit\": \"" A "\"},\n"
        "  {\"kind\": \"hub\", \"url\": \"a\", \"rev\": \"main\", \"commit\": \"" A "\"}\n"
        "]}\n");
    pins_close(pins);
    pins = opened(p);
    assert_string_equal(pins_get(pins, "git", "https://a.example/\"q\"\xc3\xa9\n", "master"), C);
    assert_string_equal(pins_get(pins, "git", "https://b.example/x", "v1"), A);
    assert_string_equal(pins_get(pins, "hub", "a", "main"), A);
    assert_null(pins_get(pins, "hub", "https://b.example/x", "v1"));
    assert_null(pins_get(pins, "git", "https://b.example/x", "v"));
    pins_close(pins);
    expect_files(p, 1);
}

static void what_does_not_change_is_not_written(void **state)
{
    struct place *p = *state;
    struct stat before, after;
    struct pins *pins;

    put(p, "{ \"pins\" : [ ] ,\n\"version\":1 }"); /* by hand */
    assert_int_equal(stat("hpo.lock", &before), 0);
    pins = opened(p);
    save(p, pins);
    assert_int_equal(stat("hpo.lock", &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    set(p, pins, "u", "r", A);
    save(p, pins);
    assert_int_equal(stat("hpo.lock", &before), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);
    set(p, pins, "u", "r", A);
    save(p, pins);
    pins_close(pins);
    pins = opened(p);
    set(p, pins, "u", "r", A);
    save(p, pins);
    assert_int_equal(stat("hpo.lock", &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    pins_close(pins);
}

static void a_pin_not_used_stays(void **state)
{
    struct place *p = *state;
    struct pins *pins = opened(p);

    set(p, pins, "u", "old", A);
    save(p, pins);
    pins_close(pins);
    pins = opened(p);
    set(p, pins, "u", "new", B);
    save(p, pins);
    pins_close(pins);
    pins = opened(p);
    assert_string_equal(pins_get(pins, "git", "u", "old"), A);
    assert_string_equal(pins_get(pins, "git", "u", "new"), B);
    pins_close(pins);
}

/* What was added meanwhile is kept, and both builds end with the same pin; a move wins. */
static void two_builds_agree(void **state)
{
    struct place *p = *state;
    struct pins *one = opened(p), *two = opened(p);

    set(p, one, "u", "master", A);
    set(p, one, "u", "only one", A);
    set(p, two, "u", "master", B);
    set(p, two, "u", "only two", B);
    save(p, one);
    save(p, two);
    assert_string_equal(pins_get(two, "git", "u", "master"), A);
    assert_string_equal(pins_get(two, "git", "u", "only one"), A);
    assert_string_equal(pins_get(two, "git", "u", "only two"), B);
    set(p, one, "u", "master", C);
    set(p, one, "u", "master", B);
    save(p, one);
    assert_string_equal(pins_get(one, "git", "u", "master"), B);
    assert_string_equal(pins_get(one, "git", "u", "only two"), B);
    set(p, two, "u", "master", C);
    save(p, two);
    pins_close(one);
    pins_close(two);
    one = opened(p);
    assert_string_equal(pins_get(one, "git", "u", "master"), C);
    pins_close(one);
}

enum { BUILDERS = 6, PINS_EACH = 15 };

static int pin_many(int builder)
{
    struct error err;

    for (int i = 0; i < PINS_EACH; i++) {
        struct pins *pins;
        char rev[32];
        (void)snprintf(rev, sizeof rev, "%d of %d", i, builder);
        if (pins_open("hpo.lock", &pins, &err) != OK ||
            pins_set(pins, "git", "u", rev, A, &err) != OK || pins_save(pins, &calm, &err) != OK)
            return 1;
        pins_close(pins);
    }
    return 0;
}

static void many_builds_lose_no_pin(void **state)
{
    struct place *p = *state;
    struct pins *pins;

    for (int builder = 0; builder < BUILDERS; builder++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(pin_many(builder));
    }
    for (int builder = 0; builder < BUILDERS; builder++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    pins = opened(p);
    for (int builder = 0; builder < BUILDERS; builder++)
        for (int i = 0; i < PINS_EACH; i++) {
            char rev[32];
            (void)snprintf(rev, sizeof rev, "%d of %d", i, builder);
            assert_string_equal(pins_get(pins, "git", "u", rev), A);
        }
    pins_close(pins);
    expect_files(p, 1);
}

#define PIN(url, rev, commit)                                                                      \
    "{\"kind\": \"git\", \"url\": \"" url "\", \"rev\": \"" rev "\", \"commit\": \"" commit "\"}"

static void broken_files_name_line_and_field(void **state)
{
    static const struct {
        const char *bytes, *where, *text;
    } cases[] = {
        {"[]", "hpo.lock:1", "expected an object, found a list"},
        {"{}", "hpo.lock:1", "version: expected a number, found nothing"},
        {"{\n\"pins\": [],\n\"version\": \"1\"}", "hpo.lock:3", "version: expected a number"},
        {"{\"pins\": [],\n\n\"version\": 2}", "hpo.lock:3", "version: expected 1, found 2"},
        {"{\"version\": 1.5, \"pins\": []}", "hpo.lock:1", "version: expected a whole number"},
        {"{\"version\": 1}", "hpo.lock:1", "pins: expected a list, found nothing"},
        {"{\"version\": 1,\n \"pins\": {}}", "hpo.lock:2",
         "pins: expected a list, found an object"},
        {"{\"version\": 1, \"pins\": [],\n\"note\": 0}", "hpo.lock:2", "note: expected version"},
        {"{\"version\": 1, \"pins\": [\n\n7]}", "hpo.lock:3: pins[0]",
         "expected an object, found a number"},
        {"{\"version\": 1, \"pins\": [\n" PIN("u,[{\\\"", "r", A) ",\n\n " PIN("u", "r",
                                                                               "abc") "]}",
         "hpo.lock:4: pins[1]", "commit: expected 40 digits of 0-9 and a-f, found \"abc\""},
        {"{\"version\": 1, \"pins\": [\n" PIN("", "r", A) "]}", "hpo.lock:2: pins[0]",
         "url: expected a text, found an empty one"},
        {"{\"version\": 1, \"pins\": [\n" PIN("u", "r", A) ",\n" PIN("u", "s",
                                                                     A) ",\n" PIN("u", "r", B) "]}",
         "hpo.lock:4: pins[2]", "rev: a second pin of \"r\" of u"},
        {"{\"version\": 1, \"pins\": [\n{\"kind\": \"git\", \"url\": \"u\", \"rev\": null}]}",
         "hpo.lock:2: pins[0]", "rev: expected a string, found null"},
        {"{\"version\": 1, \"pins\": [{\"kind\": \"git\", \"url\": \"u\", \"rev\": \"r\", "
         "\"commit\": \"" A "\", \"size\": 1}]}",
         "hpo.lock:1: pins[0]", "size: expected kind, url, rev and commit alone"},
        {"<<<<<<< ours\n", "hpo.lock:1", "expected"},
        {"{\"version\": 1, \"pins\": [\n" PIN("u", "r", A) ",\n]}", "hpo.lock:3", "expected"},
    };
    struct place *p = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pins *pins;
        put(p, cases[i].bytes);
        p->err = (struct error){0};
        assert_int_equal(pins_open("hpo.lock", &pins, &p->err), ERR_INPUT);
        if (strncmp(p->err.where, cases[i].where, strlen(cases[i].where)) != 0 ||
            !strstr(p->err.text, cases[i].text))
            fail_msg("case %zu: %s: %s", i, p->err.where, p->err.text);
    }
}

/* A save that finds the file broken by hand meanwhile says so and leaves it. */
static void a_broken_file_is_not_replaced(void **state)
{
    struct place *p = *state;
    struct pins *pins = opened(p);

    set(p, pins, "u", "r", A);
    put(p, "{");
    assert_int_equal(pins_save(pins, &calm, &p->err), ERR_INPUT);
    assert_string_equal(content(p), "{");
    put(p, ""); /* a build that was killed between making and writing the file */
    save(p, pins);
    assert_non_null(strstr(content(p), A));
    pins_close(pins);
}

static void a_link_stays_and_its_file_is_written(void **state)
{
    static const char *const before[] = {"", "{\"version\": 1, \"pins\": []}\n"};
    struct place *p = *state;
    char target[16];

    assert_int_equal(symlink("theirs", "hpo.lock"), 0);
    for (size_t i = 0; i < 2; i++) {
        struct pins *pins;
        if (*before[i]) /* else the link leads to nothing */
            assert_int_equal(file_write("theirs", before[i], strlen(before[i]), &p->err), OK);
        pins = opened(p);
        set(p, pins, "u", "r", A);
        save(p, pins);
        pins_close(pins);
        assert_int_equal(readlink("hpo.lock", target, sizeof target), 6);
        assert_non_null(strstr(content(p), A));
    }
}

static void an_empty_file_that_was_there_stays_after_a_failure(void **state)
{
    struct place *p = *state;
    struct stat st;
    struct pins *pins;
    struct rlimit limit, none;

    put(p, "");
    pins = opened(p);
    set(p, pins, "u", "r", A);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_int_equal(pins_save(pins, &calm, &p->err), ERR_SYSTEM);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    pins_close(pins);
    assert_int_equal(stat("hpo.lock", &st), 0);
}

static void a_pin_must_be_one(void **state)
{
    struct place *p = *state;
    struct pins *pins = opened(p);

    assert_int_equal(pins_set(pins, "git", "u", "r", "abc", &p->err), ERR_INPUT);
    assert_int_equal(pins_set(pins, "git", "u", "r", A "a", &p->err), ERR_INPUT);
    assert_int_equal(
        pins_set(pins, "git", "u", "r", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &p->err),
        ERR_INPUT);
    assert_int_equal(pins_set(pins, "git", "u", "", A, &p->err), ERR_INPUT);
    assert_int_equal(pins_set(pins, "git", "\xff", "r", A, &p->err), ERR_INPUT);
    save(p, pins);
    expect_files(p, 0);
    pins_close(pins);
}

static void a_full_disk_leaves_what_was_there(void **state)
{
    struct place *p = *state;
    struct rlimit limit, none;
    struct pins *pins = opened(p);

    set(p, pins, "u", "r", A);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_int_equal(pins_save(pins, &calm, &p->err), ERR_SYSTEM);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    expect_files(p, 0);
    save(p, pins);
    assert_non_null(strstr(content(p), A));
    pins_close(pins);
}

static void a_folder_is_no_file(void **state)
{
    struct place *p = *state;
    struct pins *pins;

    assert_int_equal(mkdir("hpo.lock", 0755), 0);
    assert_int_equal(pins_open("hpo.lock", &pins, &p->err), ERR_INPUT);
}

#ifdef HPO_FAULTS
static enum status add_one(struct error *err)
{
    enum status s;
    struct pins *pins;

    TRY(pins_open("hpo.lock", &pins, err));
    s = pins_set(pins, "git", "u", "new", B, err);
    if (s == OK)
        s = pins_save(pins, &calm, err);
    pins_close(pins);
    return s;
}

static void no_memory_loses_no_pin(void **state)
{
    struct place *p = *state;
    struct pins *pins = opened(p);
    enum status s = ERR_MEMORY;

    set(p, pins, "u", "r", A);
    save(p, pins);
    pins_close(pins);
    for (long k = 1; s != OK; k++) {
        arena_fail_at(k, 0);
        s = add_one(&p->err);
        arena_fail_at(0, 0);
        assert_true(s == OK || s == ERR_MEMORY);
        expect_files(p, 1);
        pins = opened(p);
        assert_string_equal(pins_get(pins, "git", "u", "r"), A);
        pins_close(pins);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_absent_file_has_no_pins, place_enter, place_leave),
        cmocka_unit_test_setup_teardown(the_format_is_one_sorted_pin_a_line, place_enter,
                                        place_leave),
        cmocka_unit_test_setup_teardown(what_does_not_change_is_not_written, place_enter,
                                        place_leave),
        cmocka_unit_test_setup_teardown(a_pin_not_used_stays, place_enter, place_leave),
        cmocka_unit_test_setup_teardown(two_builds_agree, place_enter, place_leave),
        cmocka_unit_test_setup_teardown(many_builds_lose_no_pin, place_enter, place_leave),
        cmocka_unit_test_setup_teardown(broken_files_name_line_and_field, place_enter, place_leave),
        cmocka_unit_test_setup_teardown(a_broken_file_is_not_replaced, place_enter, place_leave),
        cmocka_unit_test_setup_teardown(a_link_stays_and_its_file_is_written, place_enter,
                                        place_leave),
        cmocka_unit_test_setup_teardown(an_empty_file_that_was_there_stays_after_a_failure,
                                        place_enter, place_leave),
        cmocka_unit_test_setup_teardown(a_pin_must_be_one, place_enter, place_leave),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_what_was_there, place_enter,
                                        place_leave),
        cmocka_unit_test_setup_teardown(a_folder_is_no_file, place_enter, place_leave),
#ifdef HPO_FAULTS
        cmocka_unit_test_setup_teardown(no_memory_loses_no_pin, place_enter, place_leave),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
