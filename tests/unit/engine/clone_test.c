/*
 * clone: names become the commits that git says, chosen paths become files with git's bytes, and
 * trees made to do harm are refused with nothing left. Repositories are made by git itself; without
 * it the test is skipped. Servers are in tests/e2e/clone_test.py.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
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

/* Runs commands of the shell, with `put MODE TYPE ID NAME...` lines for trees of any kind. */
static void sh(struct place *p, const char *script)
{
    static const char prelude[] =
        "set -eu; exec >log 2>&1; cd r\n"
        "save() { git rev-parse \"$2\" >../$1; }\n"
        /* commit FILE: a commit of the tree whose ls-tree lines are the input, its id to FILE */
        "commit() { git commit-tree -m x \"$(git mktree --missing)\" >../$1; }\n"
        "blob() { printf \"$1\" | git hash-object -w --stdin; }\n";
    const char *whole = arena_printf(p->arena, "%s%s", prelude, script);
    char *log = NULL;

    assert_non_null(whole);
    assert_int_equal(file_write("script", whole, strlen(whole), &p->err), OK);
    if (system("sh ./script") != 0) {
        (void)!file_read("log", 1 << 20, p->arena, &log, NULL, &p->err);
        fail_msg("%s", log ? log : "the script failed");
    }
}

static int enter(void **state)
{
    if (place_enter(state) != 0)
        return -1;
    (void)setenv("HOME", ((struct place *)*state)->folder, 1);
    (void)setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    (void)setenv("GIT_AUTHOR_NAME", "a", 1);
    (void)setenv("GIT_AUTHOR_EMAIL", "a@example.org", 1);
    (void)setenv("GIT_COMMITTER_NAME", "a", 1);
    (void)setenv("GIT_COMMITTER_EMAIL", "a@example.org", 1);
    if (mkdir("out", 0755) != 0 || mkdir("scratch", 0755) != 0)
        return -1;
    return system("git init -q -b master r");
}

static const char *content(struct place *p, const char *path)
{
    char *bytes;
    size_t n;

    if (file_read(path, 1 << 24, p->arena, &bytes, &n, &p->err) != OK)
        fail_msg("%s: %s", p->err.where, p->err.text);
    if (n == COMMIT_HEX + 1 && bytes[COMMIT_HEX] == '\n')
        bytes[COMMIT_HEX] = '\0'; /* an id that git printed */
    return bytes;
}

/* All that lies in a folder, sorted, folders with a '/' behind, links with their targets. */
static void list(struct place *p, const char *folder, const char *prefix, char *out, size_t size)
{
    char **names;
    size_t n;

    assert_int_equal(file_list(folder, p->arena, &names, &n, &p->err), OK);
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        char target[256] = "";
        const char *path = file_join(p->arena, folder, names[i]);
        const char *shown = arena_printf(p->arena, "%s%s", prefix, names[i]);
        assert_int_equal(lstat(path, &st), 0);
        if (S_ISDIR(st.st_mode)) {
            list(p, path, arena_printf(p->arena, "%s/", shown), out, size);
            continue;
        }
        if (S_ISLNK(st.st_mode))
            assert_true(readlink(path, target, sizeof target - 1) > 0);
        (void)snprintf(out + strlen(out), size - strlen(out), "%s%s%s%s ", shown,
                       st.st_mode & S_IXUSR && !*target ? "*" : "", *target ? ">" : "", target);
    }
}

static void expect_files(struct place *p, const char *expected)
{
    char found[4096] = "";

    list(p, "out", "", found, sizeof found);
    assert_string_equal(found, expected);
}

static enum status export(struct place *p, const char *commit, const char *const *paths, size_t n) {
    const struct clone_source source = {.url = "r", .scratch = "scratch"};

    p->err = (struct error){0};
    return clone_export(&source, commit, paths, n, "out", &p->err);
}

static void expect_export(struct place *p, const char *commit, const char *const *paths, size_t n)
{
    if (export(p, commit, paths, n) != OK)
        fail_msg("%s: %s", p->err.where, p->err.text);
}

/* The commit saved under this name is refused with a text that holds all of these. */
static void expect_refusal(struct place *p, const char *name, const char *path, const char *reason)
{
    if (export(p, content(p, name), NULL, 0) != ERR_INPUT || !strstr(p->err.text, path) ||
        !strstr(p->err.text, reason) || !strstr(p->err.text, "of commit"))
        fail_msg("%s: %s: %s", name, p->err.where, p->err.text);
    expect_files(p, "");
    assert_int_not_equal(access("pwned", F_OK), 0);
}

static enum status resolve(struct place *p, const char *rev, const char **out)
{
    const struct clone_source source = {.url = "r", .scratch = "scratch"};
    char *commit = NULL;
    enum status s;

    p->err = (struct error){0};
    s = clone_resolve(&source, rev, p->arena, &commit, &p->err);
    *out = commit;
    return s;
}

static void expect_commit(struct place *p, const char *rev, const char *expected)
{
    const char *commit;

    if (resolve(p, rev, &commit) != OK)
        fail_msg("%s: %s: %s", rev, p->err.where, p->err.text);
    assert_string_equal(commit, expected);
}

static void expect_no_commit(struct place *p, const char *rev, const char *reason)
{
    const char *commit;

    if (resolve(p, rev, &commit) != ERR_INPUT || !strstr(p->err.text, reason))
        fail_msg("%s: %s: %s", rev, p->err.where, p->err.text);
}

static void names_become_commits(void **state)
{
    struct place *p = *state;
    const char *first, *second;

    sh(p, "git commit -q --allow-empty -m 1; save first HEAD; git tag v1\n"
          "git tag -a -m t v2; git tag -a -m t v3 v2; git tag both; git tag same; git branch same\n"
          "git branch feature/x; git branch abcdef12\n"
          "git commit -q --allow-empty -m 2; save second HEAD; git branch both; save tag v3\n"
          "git tag -m t odd $(blob x)");
    first = content(p, "first");
    second = content(p, "second");
    expect_commit(p, "master", second);
    expect_commit(p, "HEAD", second);
    expect_commit(p, "refs/heads/master", second);
    expect_commit(p, "v1", first);
    expect_commit(p, "v2", first);
    expect_commit(p, "v3", first);
    expect_commit(p, "refs/tags/v3", first);
    expect_commit(p, "same", first);
    expect_commit(p, "feature/x", first);
    expect_commit(p, "abcdef12", first);
    expect_commit(p, arena_printf(p->arena, "%.12s", first), first);
    expect_commit(p, arena_printf(p->arena, "%.39s", second), second);
    expect_commit(p, arena_printf(p->arena, "%.8s", content(p, "tag")), first);
    expect_commit(p, "0123456789012345678901234567890123456789",
                  "0123456789012345678901234567890123456789");
    expect_commit(p, "ABCDEF0123ABCDEF0123ABCDEF0123ABCDEF0123",
                  "abcdef0123abcdef0123abcdef0123abcdef0123");
    expect_no_commit(p, "both", "is a branch and a tag of another commit");
    expect_commit(p, "refs/heads/both", second);
    expect_no_commit(p, "nope", "no branch, tag or commit is called \"nope\"");
    assert_string_equal(p->err.hint, "there are: abcdef12, both, feature/x, master, same, both, "
                                     "same, v1, v2, v3");
    expect_no_commit(p, "odd", "no branch");
    expect_no_commit(p, "00000", "no branch");
    expect_no_commit(p, "master~1", "no branch");
    expect_no_commit(p, "", "no branch");
    expect_no_commit(p, "abc", "no branch"); /* too short to be an id */
}

static void an_ambiguous_short_id_is_refused(void **state)
{
    struct place *p = *state;

    /* 16,384 blobs: by the birthday some two share their first five digits. */
    sh(p,
       "git commit -q --allow-empty -m 1\n"
       "i=0; while [ $i -lt 3000 ]; do printf 'blob\\ndata <<E\\n%s\\nE\\n' $i; i=$((i+1)); done |"
       " git fast-import --quiet\n"
       "git cat-file --batch-all-objects --batch-check='%(objectname)' | cut -c1-4 | uniq -d |"
       " head -n 1 >../twice");
    assert_int_equal(strlen(content(p, "twice")), 5);
    expect_no_commit(p, arena_printf(p->arena, "%.4s", content(p, "twice")),
                     "more than one object's id begins with");
}

static void fill(struct place *p)
{
    sh(p, "mkdir -p a/b bin; printf 'one\\r\\n' >a/one; printf two >a/b/two; printf x >a-x\n"
          "printf '#!/bin/sh\\n' >bin/tool; chmod 755 bin/tool; printf r >README.md\n"
          "ln -s ../README.md a/up; ln -s a/b down; ln -s ./nowhere dangling\n"
          "printf '* text eol=crlf export-ignore\\n' >.gitattributes\n"
          "git add . 2>/dev/null; git commit -q -m 1; save id HEAD");
}

static void a_tree_becomes_files(void **state)
{
    struct place *p = *state;
    struct stat st;
    mode_t mask = umask(077);

    fill(p);
    expect_export(p, content(p, "id"), NULL, 0);
    (void)umask(mask);
    expect_files(p, ".gitattributes README.md a/b/two a/one a/up>../README.md a-x bin/tool* "
                    "dangling>./nowhere down>a/b ");
    assert_string_equal(content(p, "out/a/one"), "one\n"); /* as stored, without filters */
    assert_int_equal(stat("out/bin/tool", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(stat("out/README.md", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
}

static void chosen_paths_only(void **state)
{
    static const char *const paths[] = {"a/b/two", "a", "a-x", "a/one", "a", "bin/tool"};
    struct place *p = *state;

    fill(p);
    expect_export(p, content(p, "id"), paths, 6);
    expect_files(p, "a/b/two a/one a/up>../README.md a-x bin/tool* ");
    clone_sweep("out");
    expect_files(p, "");
    expect_export(p, content(p, "id"), (const char *const[]){"a/up", "a/b/two"}, 2);
    expect_files(p, "a/b/two a/up>../README.md ");
}

static void a_path_that_is_not_there_is_named(void **state)
{
    static const struct {
        const char *path, *text;
    } cases[] = {
        {"a/none", "a/none of commit"},    {"none/x", "none of commit"},
        {"a/one/x", "a/one of commit"},    {"a/up/x", "a/up of commit"},
        {"../a", "found \"../a\""},        {"/etc", "found \"/etc\""},
        {"a//one", "found \"a//one\""},    {"", "found \"\""},
        {".git/config", ".git of commit"}, {"a/", "found \"a/\""},
    };
    struct place *p = *state;

    fill(p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const paths[] = {"README.md", cases[i].path};
        assert_int_equal(export(p, content(p, "id"), paths, 2), ERR_INPUT);
        if (!strstr(p->err.text, cases[i].text))
            fail_msg("%s: %s", cases[i].path, p->err.text);
        expect_files(p, "");
    }
}

static void what_is_no_commit_is_refused(void **state)
{
    struct place *p = *state;

    fill(p);
    sh(p, "save tree HEAD:; save blob HEAD:README.md; git tag -m t v; save tag v");
    assert_int_equal(export(p, content(p, "tree"), NULL, 0), ERR_INPUT);
    assert_non_null(strstr(p->err.text, "there is no commit"));
    assert_int_equal(export(p, content(p, "blob"), NULL, 0), ERR_INPUT);
    assert_int_equal(export(p, "0123456789012345678901234567890123456789", NULL, 0), ERR_INPUT);
    assert_int_equal(export(p, "master", NULL, 0), ERR_INPUT);
    assert_int_equal(export(p, "", NULL, 0), ERR_INPUT);
    expect_files(p, "");
    expect_export(p, content(p, "tag"), (const char *const[]){"a-x"}, 1);
    expect_files(p, "a-x ");
}

static void a_folder_with_files_is_left_alone(void **state)
{
    struct place *p = *state;

    fill(p);
    assert_int_equal(file_write("out/mine", "m", 1, &p->err), OK);
    assert_int_equal(export(p, content(p, "id"), NULL, 0), ERR_INPUT);
    expect_files(p, "mine ");
    assert_int_equal(file_remove("out", &p->err), OK);
    assert_int_equal(export(p, content(p, "id"), NULL, 0), ERR_INPUT);
}

/* Each tree also holds a good file that sorts first, so that "nothing is left" means something. */
static void hostile_trees_are_refused(void **state)
{
    struct place *p = *state;

    sh(p, "b=$(blob pwned); good=\"100644 blob $b\t!good\"\n"
          "one() { printf '%s\\n100644 blob %s\\t%s\\n' \"$good\" $b \"$2\" | commit $1; }\n"
          "one up ..; one dot .; one git .git; one upper .GiT\n"
          "t=$(printf '100644 blob %s\\tpwned\\n' $b | git mktree)\n"
          "printf '%s\\n040000 tree %s\\t..\\n' \"$good\" $t | commit up_folder\n"
          "printf '%s\\n040000 tree %s\\t.git\\n' \"$good\" $t | commit git_folder\n"
          "printf '%s\\n100644 blob %s\\ttwice\\n100644 blob %s\\ttwice\\n' \"$good\" $b $b |"
          " commit twice\n"
          "l=$(blob ..); printf '%s\\n120000 blob %s\\tx\\n040000 tree %s\\tx\\n' \"$good\" $l $t |"
          " commit outside_twice\n"
          "l=$(blob .); printf '%s\\n120000 blob %s\\tx\\n040000 tree %s\\tx\\n' \"$good\" $l $t |"
          " commit link_and_folder\n"
          "printf '%s\\n160000 commit %s\\tsub\\n' \"$good\" "
          "0123456789012345678901234567890123456789 |"
          " commit submodule\n"
          "n=$(printf %0256d 0); one long $n");
    expect_refusal(p, "up", "..", "may not hold this name");
    expect_refusal(p, "dot", ".", "may not hold this name");
    expect_refusal(p, "git", ".git", "may not hold this name");
    expect_refusal(p, "upper", ".GiT", "may not hold this name");
    expect_refusal(p, "up_folder", "..", "may not hold this name");
    expect_refusal(p, "git_folder", ".git", "may not hold this name");
    expect_refusal(p, "twice", "twice", "holds this name twice");
    expect_refusal(p, "outside_twice", "x", "may lead out of the tree");
    expect_refusal(p, "link_and_folder", "x", "holds this name twice");
    expect_refusal(p, "submodule", "sub", "a submodule");
    assert_non_null(strstr(p->err.hint, "`paths`"));
    expect_refusal(p, "long", "0000", "a name may have 255 bytes");
}

static void links_never_leave_the_tree(void **state)
{
    static const struct {
        const char *target;
        bool good; /* in the folder a/b */
    } cases[] = {
        {"x", true},          {"../../x", true},
        {"./x//y/./z", true}, {"../..", true},
        {"../../..", false},  {"/etc", false},
        {"x/../y", false},    {"../x/../../y", false},
        {"./../../.", true},  {"..//..//..", false},
        {"...", true},        {"..x/y", true},
        {"x/..", false},      {"../../../../../etc/passwd", false},
    };
    struct place *p = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sh(p, arena_printf(p->arena,
                           "t=$(printf '120000 blob %%s\\tl\\n' $(blob '%s') | git mktree)\n"
                           "t=$(printf '040000 tree %%s\\tb\\n' $t | git mktree)\n"
                           "printf '040000 tree %%s\\ta\\n' $t | commit link",
                           cases[i].target));
        if (cases[i].good) {
            expect_export(p, content(p, "link"), NULL, 0);
            expect_files(p, arena_printf(p->arena, "a/b/l>%s ", cases[i].target));
            clone_sweep("out");
        } else {
            expect_refusal(p, "link", "a/b/l", cases[i].target);
        }
    }
    sh(p, "printf '120000 blob %s\\tl\\n' $(blob '') | commit empty\n"
          "printf '120000 blob %s\\tl\\n' $(blob 'a\\0b') | commit nul\n"
          "printf '120000 blob %s\\tl\\n' $(blob $(printf %05000d 0)) | commit long");
    expect_refusal(p, "empty", "l", "may lead out of the tree");
    expect_refusal(p, "nul", "l", "not a target");
    expect_refusal(p, "long", "l", "not a target");
}

static void an_lfs_pointer_is_no_file(void **state)
{
    static const char *const paths[] = {"other"};
    struct place *p = *state;

    sh(p,
       "l=$(blob 'version https://git-lfs.github.com/spec/v1\\noid sha256:0\\nsize 9\\n')\n"
       "printf '100644 blob %s\\tmodel.bin\\n100644 blob %s\\tother\\n' $l $(blob o) | commit lfs");
    expect_refusal(p, "lfs", "model.bin", "a git-lfs pointer");
    expect_export(p, content(p, "lfs"), paths, 1);
    expect_files(p, "other ");
}

static void a_submodule_is_named_by_a_path_into_it(void **state)
{
    static const char *const paths[] = {"sub/x"}, *const without[] = {"f"};
    struct place *p = *state;

    sh(p, "printf '160000 commit %s\\tsub\\n100644 blob %s\\tf\\n'"
          " 0123456789012345678901234567890123456789 $(blob f) | commit id");
    assert_int_equal(export(p, content(p, "id"), paths, 1), ERR_INPUT);
    assert_non_null(strstr(p->err.text, "sub of commit"));
    assert_non_null(strstr(p->err.text, "a submodule"));
    expect_export(p, content(p, "id"), without, 1);
    expect_files(p, "f ");
}

/* Ten folders of ten of ten: a few hundred bytes of tree that would fill a disk; and a deep one. */
static void a_tree_too_deep_is_refused(void **state)
{
    struct place *p = *state;

    sh(p, "t=$(printf '100644 blob %s\\tf\\n' $(blob f) | git mktree)\n"
          "i=0; while [ $i -lt 201 ]; do t=$(printf '040000 tree %s\\td\\n' $t | git mktree);"
          " i=$((i+1)); done; git commit-tree -m x $t >../deep");
    expect_refusal(p, "deep", "d/d/d", "more than 200 folders deep");
}

#ifdef HPO_SMALL
/* Ten folders of ten of ten: a few hundred bytes that would fill a disk. */
static void a_tree_too_large_is_refused(void **state)
{
    struct place *p = *state;

    sh(p, "t=$(printf '100644 blob %s\\tf\\n' $(blob f) | git mktree)\n"
          "for level in 1 2 3; do t=$(for i in 0 1 2 3 4 5 6 7 8 9; do"
          " printf '040000 tree %s\\t%s\\n' $t $i; done | git mktree); done\n"
          "git commit-tree -m x $t >../large");
    expect_refusal(p, "large", "4/7/3/f", "more than 1000 entries");
}
#endif

static void a_missing_object_is_explained(void **state)
{
    struct place *p = *state;

    sh(p, "printf '100644 blob 0123456789012345678901234567890123456789\\tgone\\n' | commit id");
    expect_refusal(p, "id", "gone", "its object is not in the repository");
    assert_non_null(strstr(p->err.hint, "shallow or partial"));
}

/* A byte of a stored object is changed so that it still unpacks: only its id can tell. */
static void a_changed_object_is_noticed(void **state)
{
    struct place *p = *state;

    sh(p, "b=$(blob honest); printf '100644 blob %s\\tf\\n' $b | commit id\n"
          "c=$(blob forged); rm -f .git/objects/${b%${b#??}}/${b#??}\n"
          "cp .git/objects/${c%${c#??}}/${c#??} .git/objects/${b%${b#??}}/${b#??}");
    assert_int_equal(export(p, content(p, "id"), NULL, 0), ERR_CORRUPT);
    assert_string_equal(p->err.where, "f: r");
    expect_files(p, "");
}

static void bare_and_worktree_and_file_urls(void **state)
{
    static const char *const urls[] = {"r", "r/.git", "bare.git", "bare", "w"};
    struct place *p = *state;
    char *commit;

    fill(p);
    sh(p, "git clone -q --bare . ../bare.git; git worktree add -q ../w; ln -s bare.git ../'a b%'");
    for (size_t i = 0; i < 6; i++) {
        const char *url =
            i < 5 ? urls[i] : arena_printf(p->arena, "file://%s/a%%20b%%25", p->folder);
        const struct clone_source source = {.url = url, .scratch = "scratch"};
        if (clone_resolve(&source, "master", p->arena, &commit, &p->err) != OK)
            fail_msg("%s: %s", p->err.where, p->err.text);
        assert_string_equal(commit, content(p, "id"));
        if (clone_export(&source, commit, NULL, 0, "out", &p->err) != OK)
            fail_msg("%s: %s", p->err.where, p->err.text);
        clone_sweep("out");
    }
}

#ifdef HPO_FAULTS
static void no_memory_leaves_nothing(void **state)
{
    static const char *const paths[] = {"a", "bin/tool"};
    struct place *p = *state;
    enum status s = ERR_MEMORY;
    const char *commit;

    fill(p);
    for (long k = 1; s != OK; k++) {
        arena_fail_at(k, 0);
        s = export(p, "", NULL, 0) == ERR_MEMORY ? ERR_MEMORY : OK;
        arena_fail_at(0, 0);
    }
    commit = content(p, "id");
    s = ERR_MEMORY;
    for (long k = 1; s != OK; k++) {
        arena_fail_at(k, 0);
        s = export(p, commit, paths, 2);
        arena_fail_at(0, 0);
        assert_true(s == OK || s == ERR_MEMORY);
        expect_files(p, s == OK ? "a/b/two a/one a/up>../README.md bin/tool* " : "");
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_become_commits, enter, place_leave),
        cmocka_unit_test_setup_teardown(an_ambiguous_short_id_is_refused, enter, place_leave),
        cmocka_unit_test_setup_teardown(a_tree_becomes_files, enter, place_leave),
        cmocka_unit_test_setup_teardown(chosen_paths_only, enter, place_leave),
        cmocka_unit_test_setup_teardown(a_path_that_is_not_there_is_named, enter, place_leave),
        cmocka_unit_test_setup_teardown(what_is_no_commit_is_refused, enter, place_leave),
        cmocka_unit_test_setup_teardown(a_folder_with_files_is_left_alone, enter, place_leave),
        cmocka_unit_test_setup_teardown(hostile_trees_are_refused, enter, place_leave),
        cmocka_unit_test_setup_teardown(links_never_leave_the_tree, enter, place_leave),
        cmocka_unit_test_setup_teardown(an_lfs_pointer_is_no_file, enter, place_leave),
        cmocka_unit_test_setup_teardown(a_submodule_is_named_by_a_path_into_it, enter, place_leave),
        cmocka_unit_test_setup_teardown(a_tree_too_deep_is_refused, enter, place_leave),
#ifdef HPO_SMALL
        cmocka_unit_test_setup_teardown(a_tree_too_large_is_refused, enter, place_leave),
#endif
        cmocka_unit_test_setup_teardown(a_missing_object_is_explained, enter, place_leave),
        cmocka_unit_test_setup_teardown(a_changed_object_is_noticed, enter, place_leave),
        cmocka_unit_test_setup_teardown(bare_and_worktree_and_file_urls, enter, place_leave),
#ifdef HPO_FAULTS
        cmocka_unit_test_setup_teardown(no_memory_leaves_nothing, enter, place_leave),
#endif
    };

    if (system("git --version >/dev/null 2>&1") != 0) {
        (void)fprintf(stderr, "SKIP: there is no git to make repositories with\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
