/* devices: what hpo-trainer devices --json says, whole, in part, or otherwise. */
#include "engine/process/devices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static int enter(void **state)
{
    return (*state = arena_open()) ? 0 : -1;
}

static int leave(void **state)
{
    arena_close(*state);
    return 0;
}

static void a_whole_answer(void **state)
{
    static const char text[] =
        "{\"backends\": [\"cpu\", \"cuda\"], \"cuda\": {\"driver\": \"580.95.05\", \"cublaslt\": "
        "\"13.1.0\", \"nccl\": null, \"why\": null, \"devices\": [{\"index\": 0, \"uuid\": "
        "\"GPU-1\", \"name\": \"NVIDIA H100\", \"class\": \"sm_90\", \"sms\": 132, \"memory\": "
        "85000000000, \"free\": 84000000000, \"usable\": true, \"why\": null}, {\"index\": 1, "
        "\"uuid\": \"GPU-2\", \"usable\": false, \"why\": null}]}}\n";
    struct devices_report r;
    struct error err;

    assert_int_equal(devices_read(text, *state, &r, &err), OK);
    assert_string_equal(r.driver, "580.95.05");
    assert_string_equal(r.cublaslt, "13.1.0");
    assert_null(r.nccl);
    assert_null(r.why);
    assert_int_equal(r.n, 2);
    assert_string_equal(r.list[0].class, "sm_90");
    assert_true(r.list[0].memory == 85e9);
    assert_null(r.list[0].why);
    assert_null(r.list[1].class);
    assert_non_null(r.list[1].why);
}

static void an_answer_may_lack_anything(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "null",
        "{\"cuda\": null}",
        "{\"cuda\": []}",
        "{\"cuda\": {}}",
        "{\"cuda\": {\"devices\": {}, \"driver\": 580}}",
        "{\"cuda\": {\"devices\": [null, 1, [], {\"uuid\": 7, \"memory\": -1, \"free\": \"x\"}]}}",
    };
    struct devices_report r;
    struct error err;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(devices_read(texts[i], *state, &r, &err), OK);
        assert_null(r.driver);
        for (size_t k = 0; k < r.n; k++)
            assert_true(!r.list[k].uuid && r.list[k].memory == 0 && r.list[k].free == 0);
    }
    assert_int_equal(devices_read("backend cpu", *state, &r, &err), ERR_INPUT);
    assert_int_equal(devices_read("", *state, &r, &err), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_whole_answer, enter, leave),
        cmocka_unit_test_setup_teardown(an_answer_may_lack_anything, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
