/* measured: what is kept beside a result, and read again. */
#include "engine/results/measured.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "engine/results/results.h"

static void what_is_put_is_read(void **state)
{
    static const char *const seen[] = {"/srv/\"venv\"", "/srv"};
    static const struct measured some[] = {{1.5, 0.375, NULL, NULL, 0},
                                           {1.5, 0, "room", seen, 2},
                                           {0, 0, NULL, NULL, 0},
                                           {1e-9, 1e9, "landlock", seen, 1}};
    struct arena *arena = arena_open();
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        struct result r = {.info = NULL};
        struct measured m;
        assert_int_equal(measured_put(&some[i], arena, &r, &err), OK);
        assert_true((r.info == NULL) == (some[i].gpu_seconds == 0 && !some[i].isolation));
        assert_int_equal(measured_get(&r, arena, &m, &err), OK);
        assert_true(m.seconds == some[i].seconds && m.gpu_seconds == some[i].gpu_seconds);
        assert_true(!m.isolation == !some[i].isolation);
        if (m.isolation)
            assert_string_equal(m.isolation, some[i].isolation);
        assert_int_equal(m.n_seen, some[i].n_seen);
        for (size_t k = 0; k < m.n_seen; k++)
            assert_string_equal(m.seen[k], seen[k]);
    }
    arena_close(arena);
}

static void what_others_wrote_is_nothing(void **state)
{
    static const char *const infos[] = {"",           "{",   "[]", "{\"gpu_seconds\": \"x\"}",
                                        "{\"a\": 1}", "null"};
    struct arena *arena = arena_open();
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof infos / sizeof *infos; i++) {
        const struct result r = {.info = infos[i], .seconds = 2};
        struct measured m;
        assert_int_equal(measured_get(&r, arena, &m, &err), OK);
        assert_true(m.seconds == 2 && m.gpu_seconds == 0);
    }
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_read),
        cmocka_unit_test(what_others_wrote_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
