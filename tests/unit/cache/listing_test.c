/*
 * listing: entries → text → the same entries; hostile texts and entries are refused, each for its
 * reason.
 */
#include "cache/content/listing.h"
#include "tests/unit/cache/place.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct tree_entry file_entry(const char *path, int64_t size)
{
    struct tree_entry e = {.kind = TREE_FILE, .path = path, .size = size};

    assert_true(digest_parse(HEX, &e.digest));
    return e;
}

static struct tree_entry link_entry(const char *path, const char *target)
{
    return (struct tree_entry){
        .kind = TREE_LINK, .path = path, .target = target, .size = (int64_t)strlen(target)};
}

static void the_text_is_as_documented(void **state)
{
    struct place *p = *state;
    struct tree_entry entries[] = {
        link_entry("b/l", "../a b"),
        file_entry("a b", 12),
        {.kind = TREE_FOLDER, .path = "e%\x7f"},
        file_entry("b/\xc3\xa9", 0),
    };
    struct tree tree, again;
    char *text;
    size_t n;

    entries[3].kind = TREE_EXECUTABLE;
    assert_ok(p, listing_make(entries, 4, p->arena, &tree, &p->err));
    assert_ok(p, listing_text(&tree, p->arena, &text, &n, &p->err));
    assert_string_equal(text, "f 12 " HEX " a%20b\n"
                              "l 6 ../a%20b b/l\n"
                              "x 0 " HEX " b/\xc3\xa9\n"
                              "d 0 - e%25%7F\n");
    assert_int_equal(tree.bytes, 12);
    assert_int_equal(tree.text_n, n);
    assert_ok(p, listing_parse(text, n, p->arena, &again, &p->err));
    assert_true(digest_equal(&tree.digest, &again.digest));
    assert_int_equal(again.n, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(again.entries[i].kind, tree.entries[i].kind);
        assert_string_equal(again.entries[i].path, tree.entries[i].path);
        assert_int_equal(again.entries[i].size, tree.entries[i].size);
    }
    assert_string_equal(again.entries[1].target, "../a b");
}

static void nothing_is_the_empty_text(void **state)
{
    struct place *p = *state;
    const struct digest empty = digest_of(p, "");
    struct tree tree;

    assert_ok(p, listing_make(NULL, 0, p->arena, &tree, &p->err));
    assert_true(digest_equal(&tree.digest, &empty));
    assert_ok(p, listing_parse("", 0, p->arena, &tree, &p->err));
    assert_int_equal(tree.n, 0);
    assert_true(digest_equal(&tree.digest, &empty));
}

static void hostile_texts_are_refused(void **state)
{
    static const char *const texts[] = {
        "f",
        "\n",
        "f 1 " HEX " a",                      /* no end of line */
        "f 1 " HEX " a\nf",                   /* rest */
        "f 1 " HEX " a\n\n",                  /* empty line */
        "g 1 " HEX " a\n",                    /* kind */
        "ff 1 " HEX " a\n",                   /* kind */
        "f  1 " HEX " a\n",                   /* empty size */
        "f 01 " HEX " a\n",                   /* leading zero */
        "f -1 " HEX " a\n",                   /* sign */
        "f 4611686018427387905 " HEX " a\n",  /* 2^62 + 1 */
        "f 99999999999999999999 " HEX " a\n", /* overflow */
        "f 1 " HEX "0 a\n",                   /* long digest */
        "f 1 0123 a\n",                       /* short digest */
        "f 1 - a\n",                          /* a folder's content */
        "f 1 0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef a\n",
        "d 1 - a\n",        /* an empty folder has no size */
        "d 0 " HEX " a\n",  /* nor a digest */
        "f 1 " HEX " \n",   /* empty path */
        "f 1 " HEX " /a\n", /* absolute */
        "f 1 " HEX " a/\n", /* empty component */
        "f 1 " HEX " a//b\n",
        "f 1 " HEX " .\n",
        "f 1 " HEX " ../a\n", /* leads out */
        "f 1 " HEX " a/../b\n",
        "f 1 " HEX " a b\n", /* not encoded */
        "f 1 " HEX " a%\n",  /* half a code */
        "f 1 " HEX " a%2\n",
        "f 1 " HEX " a%2f\n", /* lower case */
        "f 1 " HEX " a%2F\n", /* need not be encoded */
        "f 1 " HEX " a%41\n",
        "f 1 " HEX " a%00\n", /* the end of a string */
        "f 1 " HEX " a\r\n",
        "f 1 " HEX " b\nf 1 " HEX " a\n",   /* order */
        "f 1 " HEX " a\nf 1 " HEX " a\n",   /* twice */
        "f 1 " HEX " a\nf 1 " HEX " a/b\n", /* below a file */
        "f 1 " HEX " a\nf 1 " HEX " a-\nf 1 " HEX " a/b\n",
        "l 1 b a\nf 1 " HEX " a/b\n", /* below a link */
        "d 0 - a\nf 1 " HEX " a/b\n", /* not empty */
        "l 2 b a\n",                  /* length */
        "l 0  a\n",                   /* no target */
        "l 4 /etc a\n",               /* absolute */
        "l 4 ../b a\n",               /* leads out */
        "l 7 ../../b c/a\n",
        "l 6 b/../c a\n",                                   /* up in the middle: b may be a link */
        "f 4611686018427387904 " HEX " a\nf 1 " HEX " b\n", /* too large together */
    };
    static const char nul[] = "f 1 " HEX " a\0\n";
    struct place *p = *state;
    struct tree tree;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (listing_parse(texts[i], strlen(texts[i]), p->arena, &tree, &p->err) != ERR_CORRUPT)
            fail_msg("accepted: %s", texts[i]);
    assert_int_equal(listing_parse(nul, sizeof nul - 1, p->arena, &tree, &p->err), ERR_CORRUPT);
}

static void every_changed_byte_is_another_tree_or_none(void **state)
{
    static const char text[] = "f 12 " HEX " a%20b\nl 6 ../a%20b b/l\nd 0 - e\n";
    struct place *p = *state;
    struct tree tree, changed;
    char copy[sizeof text];

    assert_ok(p, listing_parse(text, strlen(text), p->arena, &tree, &p->err));
    for (size_t i = 0; i < strlen(text); i++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, text, sizeof text);
            copy[i] = (char)(copy[i] ^ 1 << bit);
            if (listing_parse(copy, strlen(text), p->arena, &changed, &p->err) == OK)
                assert_false(digest_equal(&tree.digest, &changed.digest));
        }
}

static void entries_that_exclude_each_other_are_refused(void **state)
{
    struct place *p = *state;
    struct tree_entry twice[] = {file_entry("a", 1), file_entry("b", 1), file_entry("a", 2)};
    struct tree_entry below[] = {file_entry("a/b/c", 1), file_entry("a", 1)};
    struct tree_entry out[] = {file_entry("../a", 1)};
    struct tree_entry far[] = {link_entry("a/b", "../../c")};
    char *path = arena_alloc(p->arena, TREE_PATH_MAX + 2);
    struct tree_entry many[] = {file_entry(path, 1)};
    struct tree tree;

    assert_int_equal(listing_make(twice, 3, p->arena, &tree, &p->err), ERR_FAILED);
    assert_string_equal(p->err.where, "a");
    assert_int_equal(listing_make(below, 2, p->arena, &tree, &p->err), ERR_FAILED);
    assert_string_equal(p->err.where, "a/b/c");
    assert_int_equal(listing_make(out, 1, p->arena, &tree, &p->err), ERR_FAILED);
    assert_int_equal(listing_make(far, 1, p->arena, &tree, &p->err), ERR_FAILED);
    assert_string_equal(p->err.where, "a/b");
    memset(path, 'x', TREE_PATH_MAX + 1);
    assert_int_equal(listing_make(many, 1, p->arena, &tree, &p->err), ERR_FAILED);
    path[TREE_PATH_MAX] = '\0';
    assert_ok(p, listing_make(many, 1, p->arena, &tree, &p->err));
}

static void links_stay_inside(void **state)
{
    (void)state;
    assert_true(listing_allows_link("a", "b"));
    assert_true(listing_allows_link("a", "b/c/"));
    assert_true(listing_allows_link("a", "./b"));
    assert_true(listing_allows_link("a", "."));
    assert_true(listing_allows_link("d/a", ".."));
    assert_true(listing_allows_link("d/e/a", "../../b"));
    assert_true(listing_allows_link("d/e/a", ".././../b"));
    assert_true(listing_allows_link("a", "..b/...c"));
    assert_false(listing_allows_link("a", ""));
    assert_false(listing_allows_link("a", "/"));
    assert_false(listing_allows_link("a", ".."));
    assert_false(listing_allows_link("d/a", "../.."));
    assert_false(listing_allows_link("d/a", "..//../b"));
    assert_false(listing_allows_link("d/e/a", "b/.."));
    assert_false(listing_allows_link("d/e/a", "../b/../c"));
}

static void entries_are_found(void **state)
{
    struct place *p = *state;
    struct tree_entry entries[] = {
        file_entry("a", 1),
        file_entry("b-x", 1),
        file_entry("b/x", 1),
        file_entry("b/y/z", 1),
        file_entry("b0", 1),
        file_entry("c/a", 1),
        {.kind = TREE_FOLDER, .path = "d"},
    };
    struct tree tree;
    size_t first;

    assert_ok(p, listing_make(entries, 7, p->arena, &tree, &p->err));
    for (size_t i = 0; i < 7; i++)
        assert_ptr_equal(listing_find(&tree, entries[i].path),
                         &tree.entries[listing_find(&tree, entries[i].path) - tree.entries]);
    assert_null(listing_find(&tree, "b"));
    assert_null(listing_find(&tree, ""));
    assert_null(listing_find(&tree, "b/x/"));
    assert_null(listing_find(&tree, "zz"));
    assert_int_equal(listing_below(&tree, "b", &first), 2);
    assert_string_equal(tree.entries[first].path, "b/x");
    assert_int_equal(listing_below(&tree, "b/y", &first), 1);
    assert_string_equal(tree.entries[first].path, "b/y/z");
    assert_int_equal(listing_below(&tree, "", &first), 7);
    assert_int_equal(listing_below(&tree, "a", &first), 0);
    assert_int_equal(listing_below(&tree, "d", &first), 0);
    assert_int_equal(listing_below(&tree, "z", &first), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_text_is_as_documented, enter, leave),
        cmocka_unit_test_setup_teardown(nothing_is_the_empty_text, enter, leave),
        cmocka_unit_test_setup_teardown(hostile_texts_are_refused, enter, leave),
        cmocka_unit_test_setup_teardown(every_changed_byte_is_another_tree_or_none, enter, leave),
        cmocka_unit_test_setup_teardown(entries_that_exclude_each_other_are_refused, enter, leave),
        cmocka_unit_test(links_stay_inside),
        cmocka_unit_test_setup_teardown(entries_are_found, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
