/*
 * ignore: patterns mean what they mean in a .gitignore, and nothing but these rules plays a part:
 * no .gitignore that lies around, no repository, nobody's settings.
 */
#include "engine/ignore/ignore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/place.h"

static struct ignore *opened(struct place *p, const char *rules)
{
    struct ignore *ignore;

    if (ignore_open(rules, p->arena, &ignore, &p->err) != OK)
        fail_msg("%s: %s", p->err.where, p->err.text);
    return ignore;
}

/* A path that ends with a slash is a folder. */
static bool matches(struct place *p, const struct ignore *ignore, const char *path)
{
    const size_t n = strlen(path);
    const bool folder = path[n - 1] == '/';
    const char *bare = folder ? arena_copy(p->arena, path, n - 1) : path;
    bool out;

    assert_non_null(bare);
    assert_int_equal(ignore_matches(ignore, bare, folder, &out, &p->err), OK);
    return out;
}

/* Rules, paths that they match and paths that they do not, each list separated by spaces. */
static const struct {
    const char *rules, *match, *none;
} cases[] = {
    {"", "", "a a/ a/b .git .git/ .gitignore"},
    {"*.log", "a.log s/a.log s/t/a.log/", "a.logs log a.LOG"},
    {"*.log\n!keep.log", "a.log", "keep.log s/keep.log"},
    {"!a\na", "a", "b"},
    {"a\n!a", "", "a a/"},
    {"data/raw", "data/raw data/raw/", "raw s/data/raw data"},
    {"/top", "top top/", "s/top"},
    {"only/", "only/ s/only/", "only s/only"},
    {"a/**/z", "a/z a/b/z a/b/c/z", "z b/z"},
    {"x/**", "x/y x/y/", "x/ x"},
    {"**/deep", "deep s/deep s/t/deep/", "deeper"},
    {"[ab]?", "ax bx", "a cx"},
    {"*\n!*.c\n!*/", "a.h s/b", "a.c s/ s/a.c"},
    {"# comment\n\n  \n\\#x\n\\!y", "#x !y", "# comment x y"},
    {"one\r\ntwo  \n", "one two", "three"},
    {"a\\\nb", "b", "ab c"},
};

static void expect(struct place *p, const struct ignore *ignore, const char *paths, bool expected,
                   const char *rules)
{
    while (*paths) {
        const size_t n = strcspn(paths, " ");
        const char *path = arena_copy(p->arena, paths, n);
        assert_non_null(path);
        if (matches(p, ignore, path) != expected)
            fail_msg("\"%s\" and \"%s\"", rules, path);
        paths += n + (paths[n] == ' ');
    }
}

static void patterns_are_those_of_a_gitignore(void **state)
{
    struct place *p = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ignore *ignore = opened(p, cases[i].rules);
        expect(p, ignore, cases[i].match, true, cases[i].rules);
        expect(p, ignore, cases[i].none, false, cases[i].rules);
        ignore_close(ignore);
    }
}

static void put(struct place *p, const char *path, const char *bytes)
{
    assert_int_equal(file_write(path, bytes, strlen(bytes), &p->err), OK);
}

/* The working folder is the user's repository and the user's home. */
static void nothing_else_plays_a_part(void **state)
{
    struct place *p = *state;
    struct ignore *ignore;

    assert_int_equal(file_make_folders(".git/info", &p->err), OK);
    assert_int_equal(file_make_folders(".git/objects", &p->err), OK);
    assert_int_equal(file_make_folders(".git/refs", &p->err), OK);
    assert_int_equal(file_make_folders(".config/git", &p->err), OK);
    assert_int_equal(file_make_folders("s", &p->err), OK);
    put(p, ".git/HEAD", "ref: refs/heads/main\n");
    put(p, ".git/info/exclude", "*\n");
    put(p, ".gitignore", "*\n");
    put(p, ".ignore", "*\n");
    put(p, "s/.gitignore", "*\n");
    put(p, ".config/git/ignore", "*\n");
    put(p, "mine", "*\n");
    put(p, ".gitconfig", "[core]\n\texcludesFile = ~/mine\n\tignoreCase = true\n");
    assert_int_equal(setenv("HOME", p->folder, 1), 0);
    assert_int_equal(unsetenv("XDG_CONFIG_HOME"), 0);
    ignore = opened(p, "a\n");
    expect(p, ignore, "a s/a a/", true, "a");
    expect(p, ignore, "b A s/ s/b .gitignore mine", false, "a");
    ignore_close(ignore);
}

static void several_are_open_at_once(void **state)
{
    struct place *p = *state;
    struct ignore *a = opened(p, "a\n"), *b = opened(p, "b\n");

    assert_true(matches(p, a, "a") && !matches(p, b, "a"));
    ignore_close(a);
    assert_true(matches(p, b, "b") && !matches(p, b, "a"));
    ignore_close(b);
    ignore_close(NULL);
}

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Some 50 ms; the bound is for a loaded machine and sanitizers. */
static void many_files_are_matched_soon(void **state)
{
    struct place *p = *state;
    struct ignore *ignore = opened(p, ".git\n*.pyc\n*.log\n!keep.log\ndata/raw\n**/x/**\n");
    const double begun = now();

    for (int i = 0; i < 20000; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "some/folder/that/is/deep/file-%d.txt", i);
        assert_false(matches(p, ignore, path));
    }
    assert_true(now() - begun < 5);
    ignore_close(ignore);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(patterns_are_those_of_a_gitignore, place_enter,
                                        place_leave),
        cmocka_unit_test_setup_teardown(nothing_else_plays_a_part, place_enter, place_leave),
        cmocka_unit_test_setup_teardown(several_are_open_at_once, place_enter, place_leave),
        cmocka_unit_test_setup_teardown(many_files_are_matched_soon, place_enter, place_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
