/* tree: what is taken from one folder comes out in another, and nothing else does. */
#include "cache/content/blob.h"
#include "cache/content/tree.h"
#include "tests/unit/cache/place.h"

/* An action's folder with all that outputs may be. */
static const char *make_outputs(struct place *p)
{
    const char *folder = in_work(p, "action");

    assert_ok(p, file_remove(folder, &p->err));
    assert_ok(p, file_make_folders(in_work(p, "action/model/deep/er"), &p->err));
    assert_ok(p, file_make_folders(in_work(p, "action/model/empty"), &p->err));
    assert_ok(p, file_make_folders(in_work(p, "action/not an output"), &p->err));
    put_file(in_work(p, "action/model/config.json"), "{}");
    put_bytes(in_work(p, "action/model/deep/er/weights"), "0123456789", 100000);
    put_file(in_work(p, "action/run.sh"), "#!/bin/sh\n");
    assert_int_equal(chmod(in_work(p, "action/run.sh"), 0755), 0);
    put_file(in_work(p, "action/not an output/x"), "x");
    assert_int_equal(symlink("deep/er/weights", in_work(p, "action/model/link")), 0);
    assert_int_equal(symlink("../..", in_work(p, "action/model/deep/up")), 0);
    return folder;
}

static const char *const outputs[] = {"run.sh", "model"};

static void take(struct place *p, struct tree *tree)
{
    assert_ok(p, tree_take(p->store, make_outputs(p), outputs, 2, p->arena, tree, &p->err));
}

static void outputs_come_out_again(void **state)
{
    struct place *p = *state;
    struct tree tree, read;
    char target[100] = "";
    struct stat st;

    take(p, &tree);
    assert_int_equal(tree.n, 6);
    assert_int_equal(tree.bytes, 2 + 100000 + 10);
    assert_false(exists(in_work(p, "action/run.sh")));
    assert_true(exists(in_work(p, "action/not an output/x")));
    assert_ok(p, store_sync(p->store, &p->err));
    reopen(p);
    assert_ok(p, tree_read(p->store, &tree.digest, p->arena, &read, &p->err));
    assert_int_equal(read.n, tree.n);
    assert_int_equal(read.bytes, tree.bytes);
    assert_ok(p, tree_place(p->store, &read, "out/x", &p->err));
    assert_string_equal(content(p, "out/x/model/config.json"), "{}");
    assert_string_equal(content(p, "out/x/run.sh"), "#!/bin/sh\n");
    assert_int_equal(strlen(content(p, "out/x/model/link")), 100000);
    assert_int_equal(readlink("out/x/model/deep/up", target, sizeof target), 5);
    assert_string_equal(target, "../..");
    assert_int_equal(stat("out/x/run.sh", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(stat("out/x/model/config.json", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(stat("out/x/model/empty", &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_false(exists("out/x/not an output"));
}

static void the_same_outputs_are_the_same_tree(void **state)
{
    struct place *p = *state;
    static const char *const swapped[] = {"model", "run.sh"};
    struct tree first, second;

    take(p, &first);
    assert_ok(p, tree_take(p->store, make_outputs(p), swapped, 2, p->arena, &second, &p->err));
    assert_true(digest_equal(&first.digest, &second.digest));
}

static enum status take_one(struct place *p, const char *name)
{
    struct tree tree;

    return tree_take(p->store, store_work(p->store), &name, 1, p->arena, &tree, &p->err);
}

static void wrong_outputs_are_named(void **state)
{
    struct place *p = *state;
    struct tree tree;
    static const char *const both[] = {"ok", "ok"};

    put_file(in_work(p, "ok"), "fine");
    assert_int_equal(take_one(p, "absent"), ERR_NOT_FOUND);
    assert_string_equal(p->err.where, "absent");
    assert_int_equal(take_one(p, "ok/below"), ERR_NOT_FOUND);
    assert_int_equal(take_one(p, "../lock"), ERR_INPUT);
    assert_int_equal(take_one(p, "/etc/passwd"), ERR_INPUT);
    assert_int_equal(mkdir(in_work(p, "d"), 0777), 0);
    assert_int_equal(mkfifo(in_work(p, "d/fifo"), 0666), 0);
    assert_int_equal(take_one(p, "d"), ERR_FAILED);
    assert_non_null(strstr(p->err.where, "d/fifo"));
    assert_int_equal(symlink("../..", in_work(p, "out")), 0);
    assert_int_equal(take_one(p, "out"), ERR_FAILED);
    assert_string_equal(p->err.where, "out");
    assert_int_equal(take_one(p, "out/lock"), ERR_FAILED); /* through a link */
    assert_int_equal(symlink("/etc/passwd", in_work(p, "abs")), 0);
    assert_int_equal(take_one(p, "abs"), ERR_FAILED);
    assert_int_equal(tree_take(p->store, store_work(p->store), both, 2, p->arena, &tree, &p->err),
                     ERR_FAILED);
    assert_string_equal(content(p, in_work(p, "ok")), "fine"); /* nothing was moved */
    assert_ok(p, take_one(p, "ok"));
}

static void no_outputs_are_a_tree_too(void **state)
{
    struct place *p = *state;
    struct tree tree, read;

    assert_ok(p, tree_take(p->store, store_work(p->store), NULL, 0, p->arena, &tree, &p->err));
    assert_int_equal(tree.n, 0);
    assert_ok(p, tree_read(p->store, &tree.digest, p->arena, &read, &p->err));
    assert_ok(p, tree_place(p->store, &read, "out", &p->err));
    assert_true(exists("out"));
}

static void what_is_not_a_tree_is_damage(void **state)
{
    struct place *p = *state;
    struct digest d;
    struct tree tree;

    assert_ok(p, blob_put(p->store, "no tree\n", 8, &d, &p->err));
    assert_int_equal(tree_read(p->store, &d, p->arena, &tree, &p->err), ERR_CORRUPT);
    assert_non_null(strstr(p->err.text, "line 1"));
    d = digest_of(p, "absent");
    assert_int_equal(tree_read(p->store, &d, p->arena, &tree, &p->err), ERR_NOT_FOUND);
}

static void lost_blobs_are_named(void **state)
{
    struct place *p = *state;
    const struct tree_entry *missing = NULL;
    struct tree tree;
    bool there;

    take(p, &tree);
    assert_ok(p, tree_exists(p->store, &tree, &there, &missing, &p->err));
    assert_true(there);
    assert_int_equal(unlink(blob_path(p, &listing_find(&tree, "model/deep/er/weights")->digest)),
                     0);
    assert_ok(p, tree_exists(p->store, &tree, &there, &missing, &p->err));
    assert_false(there);
    assert_string_equal(missing->path, "model/deep/er/weights");
    assert_int_equal(tree_place(p->store, &tree, "out", &p->err), ERR_NOT_FOUND);
    assert_ok(p, tree_exists(p->store, &tree, &there, NULL, &p->err));
}

static void paths_are_picked(void **state)
{
    struct place *p = *state;
    struct tree tree, alone;
    struct pick pick;
    static const char *const er[] = {"weights"};

    take(p, &tree);
    assert_ok(p, tree_pick(&tree, "run.sh", p->arena, &pick, &p->err));
    assert_false(pick.folder);
    assert_int_equal(pick.entry.kind, TREE_EXECUTABLE);
    assert_true(digest_equal(&pick.digest, &listing_find(&tree, "run.sh")->digest));
    assert_ok(p, tree_pick(&tree, "model/link", p->arena, &pick, &p->err)); /* followed */
    assert_string_equal(pick.entry.path, "model/deep/er/weights");
    assert_ok(p, tree_pick(&tree, "model/deep/up/run.sh", p->arena, &pick, &p->err));
    assert_string_equal(pick.entry.path, "run.sh");
    assert_ok(p, tree_pick(&tree, "model/deep/up", p->arena, &pick, &p->err));
    assert_true(pick.folder && digest_equal(&pick.digest, &tree.digest));
    assert_ok(p, tree_pick(&tree, "model/empty", p->arena, &pick, &p->err));
    assert_true(pick.folder && pick.tree.n == 0);

    /* A folder has the digest that its own tree has. */
    assert_ok(p, tree_pick(&tree, "model/deep/er", p->arena, &pick, &p->err));
    assert_true(pick.folder && pick.tree.n == 1 && pick.tree.bytes == 100000);
    assert_string_equal(pick.tree.entries[0].path, "weights");
    put_bytes(in_work(p, "weights"), "0123456789", 100000);
    assert_ok(p, tree_take(p->store, store_work(p->store), er, 1, p->arena, &alone, &p->err));
    assert_true(digest_equal(&pick.digest, &alone.digest));
    assert_ok(p, tree_place(p->store, &pick.tree, "picked", &p->err));
    assert_int_equal(strlen(content(p, "picked/weights")), 100000);
}

static void wrong_picks_are_refused(void **state)
{
    struct place *p = *state;
    const struct tree_entry circle[] = {
        {.kind = TREE_LINK, .path = "a", .target = "b", .size = 1},
        {.kind = TREE_LINK, .path = "b", .target = "a", .size = 1},
        {.kind = TREE_LINK, .path = "c", .target = "nowhere", .size = 7},
    };
    struct tree tree;
    struct pick pick;

    take(p, &tree);
    assert_int_equal(tree_pick(&tree, "absent", p->arena, &pick, &p->err), ERR_NOT_FOUND);
    assert_int_equal(tree_pick(&tree, "run.sh/x", p->arena, &pick, &p->err), ERR_NOT_FOUND);
    assert_int_equal(tree_pick(&tree, "mod", p->arena, &pick, &p->err), ERR_NOT_FOUND);
    assert_int_equal(tree_pick(&tree, "../x", p->arena, &pick, &p->err), ERR_NOT_FOUND);
    assert_int_equal(tree_pick(&tree, "", p->arena, &pick, &p->err), ERR_NOT_FOUND);
    assert_int_equal(tree_pick(&tree, "model/deep", p->arena, &pick, &p->err), ERR_FAILED);
    assert_ok(p, tree_make(p->store, circle, 3, p->arena, &tree, &p->err));
    assert_int_equal(tree_pick(&tree, "a", p->arena, &pick, &p->err), ERR_FAILED);
    assert_non_null(strstr(p->err.text, "circle"));
    assert_int_equal(tree_pick(&tree, "c", p->arena, &pick, &p->err), ERR_NOT_FOUND);
}

static void what_is_there_is_not_overwritten(void **state)
{
    struct place *p = *state;
    struct tree tree;

    take(p, &tree);
    assert_int_equal(mkdir("out", 0777), 0);
    put_file("out/run.sh", "mine");
    assert_int_equal(tree_place(p->store, &tree, "out", &p->err), ERR_SYSTEM);
    assert_string_equal(content(p, "out/run.sh"), "mine");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(outputs_come_out_again, enter, leave),
        cmocka_unit_test_setup_teardown(the_same_outputs_are_the_same_tree, enter, leave),
        cmocka_unit_test_setup_teardown(wrong_outputs_are_named, enter, leave),
        cmocka_unit_test_setup_teardown(no_outputs_are_a_tree_too, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_not_a_tree_is_damage, enter, leave),
        cmocka_unit_test_setup_teardown(lost_blobs_are_named, enter, leave),
        cmocka_unit_test_setup_teardown(paths_are_picked, enter, leave),
        cmocka_unit_test_setup_teardown(wrong_picks_are_refused, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_there_is_not_overwritten, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
