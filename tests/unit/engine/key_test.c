/* key: descriptions are canonical; every field that can change a result changes the key. */
#include "engine/graph/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

struct fixture {
    struct arena *arena;
    struct action action;
    struct content_key contents[2];
    const char *run[4], *outputs[2], *paths[2];
    struct edge inputs[2];
    struct pair env[1];
    struct fetch fetch;
};

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){.arena = arena_open(),
                         .run = {"sh", "-c", "cat a b > c", NULL},
                         .outputs = {"c", NULL},
                         .inputs = {{"a", 0, NULL}, {"b", 1, "sub/path"}},
                         .env = {{"X", "1"}}};
    f.action = (struct action){.kind = "command",
                               .run = f.run,
                               .n_run = 3,
                               .inputs = f.inputs,
                               .n_inputs = 2,
                               .outputs = f.outputs,
                               .n_outputs = 1,
                               .env = f.env,
                               .n_env = 1,
                               .params = "{\"lr\": 1e-05}"};
    f.contents[1].kind = CONTENT_FOLDER;
    memset(f.contents[1].digest.bytes, 0xab, DIGEST_BYTES);
    *state = &f;
    return f.arena ? 0 : -1;
}

static int teardown(void **state)
{
    arena_close(((struct fixture *)*state)->arena);
    return 0;
}

static struct digest key_of(struct fixture *f, const char *identity, char **description)
{
    struct digest key;
    struct error err;

    assert_int_equal(
        key_of_action(&f->action, f->contents, identity, f->arena, description, &key, &err), OK);
    return key;
}

static void the_text(void **state)
{
    struct fixture *f = *state;
    char *description;

    (void)key_of(f, "digest 00", &description);
    assert_string_equal(description,
                        "description 1\n"
                        "kind \"command\"\n"
                        "tool \"digest 00\"\n"
                        "run [\"sh\", \"-c\", \"cat a b > c\"]\n"
                        "env.X \"1\"\n"
                        "input.a \"file "
                        "0000000000000000000000000000000000000000000000000000000000000000\"\n"
                        "input.b \"folder "
                        "abababababababababababababababababababababababababababababababab\"\n"
                        "outputs [\"c\"]\n"
                        "params \"{\\\"lr\\\": 1e-05}\"\n");
}

static void fields_are_found_by_name(void **state)
{
    struct fixture *f = *state;
    struct key_field field, other;
    char *description, *renamed;
    size_t n = 0, inputs = 0;

    (void)key_of(f, "i", &renamed);
    f->inputs[0].name = "a \\b\n";
    (void)key_of(f, "i", &description);
    for (const char *at = description; key_next_field(&at, &field); n++) {
        inputs += key_is_input(&field, "a \\b\n");
        assert_false(key_is_input(&field, "a") || key_is_input(&field, "a \\b\nc"));
        assert_int_equal(key_find_field(renamed, &field, &other), !key_is_input(&field, "a \\b\n"));
    }
    assert_int_equal(inputs, 1);
    assert_int_equal(n, 9);
}

static void expect_other(struct fixture *f, const struct digest *before, const char *identity)
{
    char *description;
    struct digest key = key_of(f, identity, &description);

    assert_false(digest_equal(before, &key));
}

static void every_field_counts(void **state)
{
    struct fixture *f = *state;
    char *description;
    struct digest key = key_of(f, "i", &description);
    struct action whole = f->action;

    expect_other(f, &key, "j");
    f->run[2] = "cat a b  > c";
    expect_other(f, &key, "i");
    f->run[2] = "cat a b > c";
    f->contents[0].kind = CONTENT_PROGRAM;
    expect_other(f, &key, "i");
    f->contents[0].kind = CONTENT_FILE;
    f->env[0].value = "2";
    expect_other(f, &key, "i");
    f->env[0].value = "1";
    f->outputs[0] = "d";
    expect_other(f, &key, "i");
    f->outputs[0] = "c";
    f->action.params = NULL;
    expect_other(f, &key, "i");
    f->action = whole;
    f->action.resources.gpu = "h100";
    expect_other(f, &key, "i");
    f->action = whole;
    f->action.stateless = true;
    expect_other(f, &key, "i");
    f->action = whole;
    f->action.may_end = true;
    expect_other(f, &key, "i");
    f->action = whole;
    f->action.report = "{}";
    expect_other(f, &key, "i");
    f->action = whole;
    f->action.tty = true;
    expect_other(f, &key, "i");
}

static void some_fields_do_not(void **state)
{
    struct fixture *f = *state;
    static const char *pass[] = {"TOKEN"};
    static struct pair settings[] = {{"HPO_RANKS", "2"}};
    char *description;
    struct digest key = key_of(f, "i", &description), same;

    f->action.pass = pass;
    f->action.n_pass = 1;
    f->action.timeout = 5;
    f->action.retries = 3;
    f->action.resources.cpus = 7;
    f->action.resources.gpus = 2;
    f->action.resources.settings = settings;
    f->action.resources.n_settings = 1;
    f->inputs[1].node = 9;
    f->inputs[1].path = "elsewhere"; /* what it picks is in the content */
    same = key_of(f, "i", &description);
    assert_true(digest_equal(&key, &same));
}

static void a_clone_is_its_commit_and_paths(void **state)
{
    struct fixture *f = *state;
    char *description;
    struct digest a, b;

    f->paths[0] = "dataset";
    f->fetch = (struct fetch){"https://example.org/x", "master", f->paths, 1};
    f->action = (struct action){.kind = "clone", .fetch = &f->fetch};
    a = key_of(f, "0123", &description);
    assert_string_equal(description,
                        "description 1\nkind \"clone\"\ncommit \"0123\"\npaths [\"dataset\"]\n"
                        "outputs []\n");
    f->fetch.url = "/a/mirror";
    f->fetch.rev = "v1";
    b = key_of(f, "0123", &description);
    assert_true(digest_equal(&a, &b));
}

static void names_cannot_forge_fields(void **state)
{
    struct fixture *f = *state;
    char *description;

    f->env[0] = (struct pair){"A \"1\"\ntool", "x\ny"};
    (void)key_of(f, "i", &description);
    assert_non_null(strstr(description, "env.A\\x20\"1\"\\x0atool \"x\\ny\"\n"));
}

static void differences(void **state)
{
    struct fixture *f = *state;
    char *was, *is, *text;
    struct error err;

    (void)key_of(f, "i", &was);
    f->run[2] = "true";
    f->action.n_env = 0;
    f->action.resources.gpu = "h100";
    (void)key_of(f, "i", &is);
    assert_int_equal(key_difference(was, is, f->arena, &text, &err), OK);
    assert_string_equal(text, "  run[3]: \"cat a b > c\" → \"true\"\n"
                              "  env.X: \"1\" → absent\n"
                              "  gpu: absent → \"h100\"\n");
    assert_int_equal(key_difference(was, was, f->arena, &text, &err), OK);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_text, setup, teardown),
        cmocka_unit_test_setup_teardown(fields_are_found_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(every_field_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(some_fields_do_not, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clone_is_its_commit_and_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(names_cannot_forge_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(differences, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
