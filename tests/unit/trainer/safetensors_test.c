/* safetensors: what is written reads back; 16-bit floats become the floats they stand for. */
#include "trainer/model/safetensors.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

static const char path[] = "/tmp/hpo-safetensors-test.safetensors";

static void put(const void *bytes, size_t n)
{
    struct error err;

    ASSERT_OK(file_write(path, bytes, n, &err));
}

static void test_round(void **state)
{
    struct safetensors_entry entries[] = {{"b", 1, {3}, NULL}, {"a", 2, {2, 2}, NULL}};
    const float a[] = {1, -2, INFINITY, 1e-42f}, b[] = {5, 6, 7};
    struct safetensors_writer *w;
    struct safetensors *file;
    struct error err;
    float buffer[4];
    const float *x;

    (void)state;
    ASSERT_OK(safetensors_begin(path, entries, 2, &w, &err));
    assert_string_equal(entries[0].name, "a"); /* sorted: the order of the data */
    safetensors_put(w, a, 1);
    safetensors_put(w, a + 1, 3);
    safetensors_put(w, b, 3);
    ASSERT_OK(safetensors_commit(w, &err));
    ASSERT_OK(safetensors_open(path, &file, &err));
    assert_int_equal(safetensors_count(file), 2);
    assert_null(safetensors_find(file, "c"));
    assert_int_equal(safetensors_find(file, "a")->shape[1], 2);
    ASSERT_OK(safetensors_floats(safetensors_find(file, "a"), 0, 4, buffer, &x, &err));
    assert_memory_equal(x, a, sizeof a);
    ASSERT_OK(safetensors_floats(safetensors_find(file, "b"), 2, 1, buffer, &x, &err));
    assert_true(x[0] == 7);
    safetensors_close(file);
    assert_int_equal(unlink(path), 0);
}

/* Too few or too many floats: no file, and the one that was there stays. */
static void test_all_or_nothing(void **state)
{
    struct safetensors_entry entry = {"a", 1, {3}, NULL};
    const float a[] = {1, 2, 3, 4};
    struct safetensors_writer *w;
    struct error err;
    struct stat st;

    (void)state;
    put("old", 3);
    ASSERT_OK(safetensors_begin(path, &entry, 1, &w, &err));
    safetensors_put(w, a, 2);
    assert_int_equal(safetensors_commit(w, &err), ERR_FAILED);
    ASSERT_OK(safetensors_begin(path, &entry, 1, &w, &err));
    safetensors_put(w, a, 4);
    safetensors_put(w, a, 3);
    assert_int_equal(safetensors_commit(w, &err), ERR_FAILED);
    ASSERT_OK(safetensors_begin(path, &entry, 1, &w, &err));
    safetensors_abandon(w);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 3);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(safetensors_begin("/nowhere/x", &entry, 1, &w, &err), ERR_SYSTEM);
}

static void test_halves(void **state)
{
    static const char header[] =
        "{\"h\":{\"dtype\":\"F16\",\"shape\":[7],\"data_offsets\":[0,14]},"
        "\"b\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[14,20]}}";
    static const unsigned char data[] = {
        0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0xff, 0x7b, 0x00, 0x7c, 0x00, 0xfe, 0xff, 0x03, /* h */
        0x80, 0x3f, 0x00, 0xff, 0x01, 0x00,                                                 /* b */
    };
    const float halves[] = {1, -2, 0x1p-24f, 65504, INFINITY, NAN, 1023 * 0x1p-24f};
    const float brains[] = {1, -0x1p127f, 0x1p-133f};
    unsigned char file_bytes[8 + sizeof header - 1 + sizeof data] = {sizeof header - 1};
    struct safetensors *file;
    struct error err;
    float buffer[7];
    const float *x;

    (void)state;
    memcpy(file_bytes + 8, header, sizeof header - 1);
    memcpy(file_bytes + 8 + sizeof header - 1, data, sizeof data);
    put(file_bytes, sizeof file_bytes);
    ASSERT_OK(safetensors_open(path, &file, &err));
    ASSERT_OK(safetensors_floats(safetensors_find(file, "h"), 0, 7, buffer, &x, &err));
    for (int i = 0; i < 7; i++)
        assert_true(isnan(halves[i]) ? isnan(x[i]) : x[i] == halves[i]);
    ASSERT_OK(safetensors_floats(safetensors_find(file, "b"), 0, 3, buffer, &x, &err));
    assert_memory_equal(x, brains, sizeof brains);
    safetensors_close(file);
    safetensors_close(NULL);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(safetensors_open(path, &file, &err), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_halves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
