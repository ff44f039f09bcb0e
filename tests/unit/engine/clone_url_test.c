/*
 * clone_url: which URLs a mirror replaces, what is a folder and what a server, through
 * clone_resolve of a repository that git made. Without git the test is skipped.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/clone/clone.h"
#include "tests/unit/place.h"

static int enter(void **state)
{
    if (place_enter(state) != 0)
        return -1;
    (void)setenv("HOME", ((struct place *)*state)->folder, 1);
    (void)setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    if (mkdir("out", 0755) != 0 ||
        file_write("script", "", 0, &((struct place *)*state)->err) != OK)
        return -1;
    return system("git init -q -b master r && git -C r -c user.name=a -c user.email=a@example.org"
                  " commit -q --allow-empty -m 1");
}

static void what_is_no_repository_is_refused(void **state)
{
    static const struct {
        const char *url, *text;
    } cases[] = {
        {"none", "No such file"},
        {"out", "is not a git repository"},
        {"script", "not a git repository"},
        {"", "expected a URL or a folder"},
        {"ftp://h/x", "expected a folder or a URL of"},
        {"file://host/x", "expected file:///FOLDER"},
        {"file:///a%zz", "hexadecimal"},
        {"file:///a%00b", "hexadecimal"},
        {"https://h/x\r\ny", "on one line"},
    };
    struct place *p = *state;
    char *commit;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct clone_source source = {.url = cases[i].url, .scratch = "scratch"};
        assert_int_equal(clone_resolve(&source, "master", p->arena, &commit, &p->err), ERR_INPUT);
        if (!strstr(p->err.text, cases[i].text))
            fail_msg("%s: %s: %s", cases[i].url, p->err.where, p->err.text);
    }
}

static void mirrors_replace_the_beginning(void **state)
{
    static const struct {
        const char *mirror[2], *url;
        bool found; /* at the repository r */
    } cases[] = {
        {{"https://h/a/r=r"}, "https://h/a/r", true},
        {{"https://h/a/r=r"}, "https://h/a/r.git", true},
        {{"https://h/a/r.git/=r"}, "https://h/a/r", true},
        {{"https://h/a/r=r"}, "https://h/a/r2", false},
        {{"https://h/a=."}, "https://h/a/r", true},
        {{"https://h/a/=./"}, "https://h/a/r", true},
        {{"git@h:a=."}, "git@h:a/r", true},
        {{"git@h:=./"}, "git@h:r", true},
        {{"https://h=none", "https://h/a=."}, "https://h/a/r", true},
        {{"https://h/a=.", "https://h=none"}, "https://h/a/r", true},
        {{"https://h/a=none", "https://h/a=."}, "https://h/a/r", true},
        {{"https://h/a=.", "https://h/a=none"}, "https://h/a/r", false},
    };
    struct place *p = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clone_mirror mirrors[2];
        struct clone_source source = {.url = cases[i].url, .mirrors = mirrors, .scratch = "none"};
        char *commit;
        for (; source.n_mirrors < 2 && cases[i].mirror[source.n_mirrors]; source.n_mirrors++)
            assert_int_equal(clone_parse_mirror(cases[i].mirror[source.n_mirrors], p->arena,
                                                &mirrors[source.n_mirrors], &p->err),
                             OK);
        if ((clone_resolve(&source, "HEAD", p->arena, &commit, &p->err) == OK) != cases[i].found)
            fail_msg("case %zu: %s: %s", i, p->err.where, p->err.text);
    }
}

static void a_mirror_is_from_and_to(void **state)
{
    struct place *p = *state;
    struct clone_mirror mirror;

    assert_int_equal(clone_parse_mirror("https://h/a=x/y=z", p->arena, &mirror, &p->err), OK);
    assert_string_equal(mirror.from, "https://h/a");
    assert_string_equal(mirror.to, arena_printf(p->arena, "%s/x/y=z", p->folder));
    assert_int_equal(clone_parse_mirror("a=ssh://h/b", p->arena, &mirror, &p->err), OK);
    assert_string_equal(mirror.to, "ssh://h/b");
    assert_int_equal(clone_parse_mirror("a=h:b", p->arena, &mirror, &p->err), OK);
    assert_string_equal(mirror.to, "h:b");
    assert_int_equal(clone_parse_mirror("a", p->arena, &mirror, &p->err), ERR_INPUT);
    assert_int_equal(clone_parse_mirror("=b", p->arena, &mirror, &p->err), ERR_INPUT);
    assert_int_equal(clone_parse_mirror("a=", p->arena, &mirror, &p->err), ERR_INPUT);
    assert_string_equal(p->err.text, "expected FROM=TO, found \"a=\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_no_repository_is_refused, enter, place_leave),
        cmocka_unit_test_setup_teardown(mirrors_replace_the_beginning, enter, place_leave),
        cmocka_unit_test_setup_teardown(a_mirror_is_from_and_to, enter, place_leave),
    };

    if (system("git --version >/dev/null 2>&1") != 0) {
        (void)fprintf(stderr, "SKIP: there is no git to make repositories with\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
