/*
 * cuda: what a GPU does besides arithmetic. What is sent is the caller's again at once, what is
 * fetched is there after sync and not before; a snapshot shows the moment it was made at; what does
 * not fit is refused with the bytes, for good or for the moment.
 */
#include "card.h"

static const struct ops_shape pair[] = {{300, 33}, {70, 0}};

enum { ROWS = 300, COLUMNS = 33, MEGABYTE = 1 << 20 };

static void take(struct card *c, const struct ops_shape *shapes, size_t n)
{
    card_parameters(c, &(struct ops_parameters){.shapes = shapes, .n = n, .training = true});
}

/* ---- to and fro ---- */

static void test_send(void **state)
{
    struct card c = card_open(OPS_PRODUCT_FP32);
    char bytes[1000], got[1000];
    char *at = card_memory(&c, 3 * sizeof bytes);

    (void)state;
    for (int i = 0; i < 3; i++) {
        memset(bytes, i + 1, sizeof bytes);
        c.ops->send(c.be, at + (size_t)i * sizeof bytes, bytes, sizeof bytes);
    }
    for (int i = 0; i < 3; i++) {
        card_read(&c, got, at + (size_t)i * sizeof bytes, sizeof got);
        for (size_t j = 0; j < sizeof got; j++)
            assert_int_equal(got[j], i + 1);
    }
    c.ops->send(c.be, at, bytes, 0);
    card_close(&c);
}

/* The emulation is as late as a device may be. */
static void test_fetch(void **state)
{
    struct card c = card_open(OPS_PRODUCT_FP32);
    int sent = 42, got = 0;
    int *at = card_sent(&c, &sent, sizeof sent);

    (void)state;
    c.ops->fetch(c.be, &got, at, sizeof got);
    assert_int_equal(got, 0);
    sent = 43; /* the fetch comes before it */
    c.ops->send(c.be, at, &sent, sizeof sent);
    card_sync(&c);
    assert_int_equal(got, 42);
    card_close(&c);
}

static void test_many_fetches(void **state)
{
    enum { MANY = 1000 };
    struct card c = card_open(OPS_PRODUCT_FP32);
    int numbers[MANY], got[MANY] = {0};
    int *at;

    (void)state;
    for (int i = 0; i < MANY; i++)
        numbers[i] = i + 1;
    at = card_sent(&c, numbers, sizeof numbers);
    for (int i = 0; i < MANY; i++)
        c.ops->fetch(c.be, &got[i], at + i, sizeof *got);
    card_sync(&c);
    assert_memory_equal(got, numbers, sizeof got);
    card_close(&c);
}

/* More than the pinned memory that it goes through; and much after little. */
static void test_large(void **state)
{
    const size_t sizes[] = {10, 5 * MEGABYTE, 3 * MEGABYTE, 12 * MEGABYTE + 7, 100};
    const struct ops_shape shape = {50001, 65};
    struct card c = card_open(OPS_PRODUCT_FP32);
    float *rows, *got;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *bytes = test_malloc(sizes[i]), *back = test_malloc(sizes[i]);
        void *at;
        for (size_t j = 0; j < sizes[i]; j++)
            bytes[j] = (char)(j * 31 + i);
        at = card_sent(&c, bytes, sizes[i]);
        card_read(&c, back, at, sizes[i]);
        assert_memory_equal(bytes, back, sizes[i]);
        test_free(bytes);
        test_free(back);
    }
    take(&c, &shape, 1);
    rows = card_floats(&c, shape.n * shape.k);
    c.ops->upload(c.be, OPS_MOMENT2, 0, 0, shape.n, rows);
    got = card_download(&c, OPS_MOMENT2, 0, shape.n, shape.k);
    assert_memory_equal(rows, got, shape.n * shape.k * sizeof *rows);
    test_free(rows);
    test_free(got);
    card_close(&c);
}

/* ---- snapshots ---- */

/* AdamW changes values and moments after the snapshot was made; it shows what they were. */
static void check_snapshot(struct card *c, bool early)
{
    static const enum ops_part parts[] = {OPS_VALUE, OPS_MOMENT1, OPS_MOMENT2};
    float *want[3], *now;
    struct snapshot *s;

    for (int i = 0; i < 3; i++) {
        want[i] = card_floats(c, (size_t)ROWS * COLUMNS);
        for (size_t j = 0; j < (size_t)ROWS * COLUMNS; j++)
            want[i][j] = fabsf(want[i][j]);
        c->ops->upload(c->be, parts[i], 0, 0, ROWS, want[i]);
    }
    assert_int_equal(c->ops->snapshot(c->be, &s, &c->err), OK);
    if (early)
        card_sync(c);
    c->ops->settle(c->be);
    c->ops->adamw(c->be, &(struct adamw_args){.n = 2,
                                              .step = 1,
                                              .lr = 0.5,
                                              .beta1 = 0.5,
                                              .beta2 = 0.5,
                                              .eps = 1e-3,
                                              .grad_scale = 1});
    for (int i = 0; i < 3; i++) {
        float *got = test_malloc(sizeof *got * ROWS * COLUMNS);
        assert_int_equal(c->ops->download(s, parts[i], 0, 0, 64, got, &c->err), OK);
        assert_int_equal(
            c->ops->download(s, parts[i], 0, 64, ROWS - 64, got + (size_t)64 * COLUMNS, &c->err),
            OK);
        assert_memory_equal(got, want[i], sizeof *got * ROWS * COLUMNS);
        test_free(got);
    }
    c->ops->release(s);
    now = card_download(c, OPS_MOMENT1, 0, ROWS, COLUMNS);
    for (size_t j = 0; j < (size_t)ROWS * COLUMNS; j++)
        assert_true(now[j] == want[1][j] / 2);
    test_free(now);
    for (int i = 0; i < 3; i++)
        test_free(want[i]);
}

static void test_snapshot(void **state)
{
    struct card c = card_open(OPS_PRODUCT_FP32);

    (void)state;
    take(&c, pair, 2);
    check_snapshot(&c, false);
    check_snapshot(&c, true); /* the copy's memory is there already */
    card_close(&c);
}

/* Nothing is free for a copy on the device: it is made in the host's memory. */
static void test_snapshot_on_a_full_device(void **state)
{
    struct card c;

    (void)state;
    assert_int_equal(setenv("HPO_EMULATION_MEMORY", "4194304", 1), 0);
    c = card_open(OPS_PRODUCT_FP32);
    take(&c, pair, 2);
    (void)card_memory(&c, 4194304 - 300000); /* the slabs are 160 KB, and the copy 120 */
    check_snapshot(&c, false);
    check_snapshot(&c, true);
    card_close(&c);
    assert_int_equal(unsetenv("HPO_EMULATION_MEMORY"), 0);
}

/* ---- refusals ---- */

static void refused(struct card *c, enum status status, size_t bytes, const char *text, size_t a,
                    size_t b)
{
    char want[256];
    void *at;

    assert_int_equal(c->ops->allocate(c->be, bytes, &at, &c->err), status);
    (void)snprintf(want, sizeof want, text, a, b);
    if (!strstr(c->err.text, want))
        fail_msg("expected \"%s\", found \"%s\"", want, c->err.text);
}

/* More than the card has, with what was taken before: never. More than is free: later perhaps. */
static void test_refused(void **state)
{
    const char more[] = "needs %zu bytes of the device's memory, it has %zu";
    const char busy[] = "needs %zu more bytes of the device's memory, %zu of its ";
    struct card c, other;

    (void)state;
    assert_int_equal(setenv("HPO_EMULATION_MEMORY", "4194304", 1), 0);
    c = card_open(OPS_PRODUCT_FP32);
    other = card_open(OPS_PRODUCT_FP32);
    refused(&c, ERR_MEMORY, 4194305, more, 4194305, 4194304);
    refused(&c, ERR_MEMORY, SIZE_MAX, more, SIZE_MAX, 4194304);
    (void)card_memory(&c, 1000000);
    refused(&c, ERR_MEMORY, 3194305, more, 4194305, 4194304);
    refused(&other, ERR_BUSY, 4194304, busy, 4194304, 3194304);
    refused(&other, ERR_BUSY, 3194305, busy, 3194305, 3194304);
    (void)card_memory(&other, 3194304);
    refused(&c, ERR_BUSY, 1, busy, 1, 0);
    card_close(&other);
    (void)card_memory(&c, 3194304); /* it is free again */
    card_close(&c);
    assert_int_equal(unsetenv("HPO_EMULATION_MEMORY"), 0);
}

static void test_parameters_refused(void **state)
{
    const struct ops_shape large = {1 << 20, 1 << 10}, absurd = {SIZE_MAX / 8, SIZE_MAX / 8};
    struct card c = card_open(OPS_PRODUCT_FP32);
    size_t needed, there;

    (void)state;
    assert_int_equal(
        c.ops->parameters(
            c.be, &(struct ops_parameters){.shapes = &large, .n = 1, .training = true}, &c.err),
        ERR_MEMORY);
    assert_int_equal(
        sscanf(c.err.text, "needs %zu bytes of the device's memory, it has %zu", &needed, &there),
        2);
    assert_true(needed >= (size_t)4 << 32 && there == (size_t)8 << 30);
    card_close(&c);
    c = card_open(OPS_PRODUCT_FP32);
    assert_int_equal(
        c.ops->parameters(c.be, &(struct ops_parameters){.shapes = &absurd, .n = 1}, &c.err),
        ERR_MEMORY);
    card_close(&c);
}

/* ---- opening ---- */

static const struct refusal {
    const char *name, *value;
    int device;
    enum ops_product product;
    const char *text, *hint;
} refusals[] = {
    {"HPO_EMULATION_DRIVER", "0", 0, OPS_PRODUCT_FP32, "there is no NVIDIA driver", "--backend"},
    {"HPO_EMULATION_DRIVER", "12020", 0, OPS_PRODUCT_FP32,
     "the NVIDIA driver 535.54.03 is too old: it has CUDA 12.2, this build's CUDA 13.0 needs 580",
     "update the driver"},
    {"HPO_EMULATION_DEVICES", "0", 0, OPS_PRODUCT_FP32, "sees no card", "nvidia-smi"},
    {"HPO_EMULATION_DEVICES", "2", 2, OPS_PRODUCT_FP32,
     "there is none for rank 2, for this process sees 2", "devices"},
    {"HPO_EMULATION_DEVICES", "2", -1, OPS_PRODUCT_FP32, "there is none for rank -1", "devices"},
    {"HPO_EMULATION_CLASS", "70", 0, OPS_PRODUCT_FP32,
     "(emulated device) is sm_70: sm_75 is the oldest", "another card"},
    {"HPO_EMULATION_CLASS", "110", 0, OPS_PRODUCT_FP32, "sm_110: this build has machine code for",
     "HPO_CUDA_CARDS"},
    {"HPO_EMULATION_CLASS", "75", 0, OPS_PRODUCT_BF16,
     "bf16 needs sm_80 or newer, this card is sm_75 (emulated device)", "--precision fp16 or fp32"},
    {"HPO_EMULATION_MODE", "exclusive", 0, OPS_PRODUCT_FP32,
     "device 0 (emulated device) is in exclusive use by another process", "CUDA_VISIBLE_DEVICES"},
};

static void test_open(void **state)
{
    struct backend_options o = {.name = "cuda", .product = OPS_PRODUCT_FP16};
    struct backend *be = NULL;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *r = &refusals[i];
        const struct backend_options wanted = {
            .name = "cuda", .device = r->device, .product = r->product};
        assert_int_equal(setenv(r->name, r->value, 1), 0);
        assert_int_equal(backend_open(&wanted, &be, &err), ERR_INPUT);
        if (!strstr(err.text, r->text) || !strstr(err.hint, r->hint))
            fail_msg("expected \"%s\", found \"%s\" \"%s\"", r->text, err.text, err.hint);
        assert_int_equal(unsetenv(r->name), 0);
    }
    for (const char *const *class = (const char *const[]){"75", "87", "103", "121", NULL}; *class;
         class ++) { /* machine code runs on later minor versions */
        assert_int_equal(setenv("HPO_EMULATION_CLASS", *class, 1), 0);
        assert_int_equal(backend_open(&o, &be, &err), OK);
        backend_close(be);
    }
    assert_int_equal(unsetenv("HPO_EMULATION_CLASS"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_send),         cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_many_fetches), cmocka_unit_test(test_large),
        cmocka_unit_test(test_snapshot),     cmocka_unit_test(test_snapshot_on_a_full_device),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_parameters_refused),
        cmocka_unit_test(test_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
