/*
 * parameters: what is uploaded is downloaded, whole and by pieces, at shapes that no panel fits; a
 * snapshot holds still until it is released, in whichever thread; what does not fit is refused.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>

#include "bench.h"

enum { PARTS = 4 };

static const struct ops_shape shapes[] = {
    {1, 1},   {31, 1},   {33, 7},   {1, 1024}, {64, 16}, {70, 33},   {129, 35},
    {5, 100}, {100, 48}, {96, 600}, {1, 0},    {5, 0},   {64, 0},    {1000, 0},
    {65, 0},  {1, 17},   {32, 15},  {31, 32},  {63, 8},  {300, 257}, /* enough for threads */
};

enum { SHAPES = sizeof shapes / sizeof *shapes };

static void take(struct bench *b, bool accumulate)
{
    bench_parameters(
        b, &(struct ops_parameters){
               .shapes = shapes, .n = SHAPES, .training = true, .accumulate = accumulate});
}

static void check_whole(struct bench *b, float *want[PARTS][SHAPES])
{
    for (int part = 0; part < PARTS; part++)
        for (int i = 0; i < SHAPES; i++)
            bench_same(b, bench_download(b, (enum ops_part)part, i), want[part][i],
                       bench_size(b, i), "whole");
}

/* All are zero at first; then each has its own numbers. */
static void case_whole(struct bench *b, bool accumulate)
{
    float *want[PARTS][SHAPES];

    take(b, accumulate);
    for (int part = 0; part < PARTS; part++)
        for (int i = 0; i < SHAPES; i++)
            want[part][i] = bench_zeros(b, bench_size(b, i));
    check_whole(b, want);
    for (int part = 0; part < PARTS; part++)
        for (int i = 0; i < SHAPES; i++)
            want[part][i] = bench_upload(b, (enum ops_part)part, i);
    check_whole(b, want);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Rows [first, first + n) are new; all others are what they were. */
static void upload_piece(struct bench *b, int i, size_t first, size_t n, float *want)
{
    const size_t k = bench_columns(b, i);
    float *piece = bench_zeros(b, n * k);

    for (size_t j = 0; j < n * k; j++)
        want[first * k + j] = piece[j] = (float)bench_draw(b);
    b->ops->upload(b->be, OPS_MOMENT2, i, first, n, piece);
    bench_same(b, bench_download(b, OPS_MOMENT2, i), want, bench_size(b, i), "piece");
}

static void download_piece(struct bench *b, const struct snapshot *s, int i, size_t first, size_t n,
                           const float *want)
{
    const size_t k = bench_columns(b, i);
    float *piece = bench_zeros(b, n * k);

    assert_int_equal(b->ops->download(s, OPS_MOMENT2, i, first, n, piece, &b->err), OK);
    bench_same(b, piece, want + first * k, n * k, "downloaded piece");
}

/* Pieces of one step, of less, of more, the last one first. */
static void case_pieces(struct bench *b, int i)
{
    static const size_t lengths[] = {OPS_ROWS_STEP, 1, 45, 1000};
    const size_t n = shapes[i].n, steps = (n + OPS_ROWS_STEP - 1) / OPS_ROWS_STEP;
    struct snapshot *s;
    float *want;

    take(b, false);
    want = bench_upload(b, OPS_MOMENT2, i);
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (size_t step = steps; step-- > 0;) {
            const size_t first = step * OPS_ROWS_STEP;
            upload_piece(b, i, first, least(lengths[l], n - first), want);
        }
    assert_int_equal(b->ops->snapshot(b->be, &s, &b->err), OK);
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (size_t step = 0; step < steps; step++) {
            const size_t first = step * OPS_ROWS_STEP;
            download_piece(b, s, i, first, least(lengths[l], n - first), want);
        }
    b->ops->release(s);
}

/* Nothing of what pads a parameter reaches a product, whatever was uploaded before. */
static void case_padding(struct bench *b)
{
    enum { M = 5, N = 33, K = 7 };
    const struct ops_shape layer[] = {{N, K}, {N, 0}};
    const struct ops_rows x = bench_rows(b, M, K), out = bench_zero_rows(b, M, N);

    bench_parameters(b, &(struct ops_parameters){.shapes = layer, .n = 2, .training = true});
    for (int again = 0; again < 2; again++) {
        for (int i = 0; i < 2; i++) {
            float *rows = bench_upload(b, OPS_VALUE, i);
            for (size_t j = 0; j < bench_size(b, i) && !again; j++)
                rows[j] = NAN;
            bench_put(b, OPS_VALUE, i, rows);
        }
        b->ops->linear(b->be,
                       &(struct linear_args){.x = x, .out = out, .weight = 0, .bias = 1, .m = M});
        for (size_t i = 0; i < M; i++)
            for (size_t j = N; j < out.stride; j++)
                assert_true(bench_row(out, i)[j] == 0);
    }
    hasher_add(b->hasher, out.at, M * out.stride * sizeof(float));
}

static void all(struct bench *b)
{
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        bench_begin(b);
        case_whole(b, accumulate);
        bench_end(b);
    }
    for (int i = 0; i < SHAPES; i++) {
        bench_begin(b);
        case_pieces(b, i);
        bench_end(b);
    }
    bench_begin(b);
    case_padding(b);
    bench_end(b);
}

static void test_upload(void **state)
{
    (void)state;
    bench_on_every_backend(all);
}

/* ---- snapshots ---- */

/* A thread that reads a snapshot while the others go on, as one that writes a checkpoint does. */
struct reader {
    pthread_t thread;
    const struct ops *ops;
    struct snapshot *snapshot;
    const struct ops_shape *shapes;
    float *rows, *want[2]; /* of parameters 0 and 1 */
    sem_t *start, *next;   /* next: posted when the snapshot is released */
    atomic_int *done;
    bool failed;
};

static void *read_parameters(void *argument)
{
    enum { ROUNDS = 20 };
    struct reader *r = argument;
    struct error err;

    (void)sem_wait(r->start);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < 2; i++) {
            const size_t n = r->shapes[i].n, k = r->shapes[i].k > 0 ? r->shapes[i].k : 1;
            memset(r->rows, 0, n * k * sizeof *r->rows);
            r->failed |= r->ops->download(r->snapshot, OPS_VALUE, i, 0, n, r->rows, &err) != OK ||
                         memcmp(r->rows, r->want[i], n * k * sizeof *r->rows) != 0;
        }
    (void)atomic_fetch_add(r->done, 1);
    r->ops->release(r->snapshot);
    (void)sem_post(r->next);
    return NULL;
}

/* What a training loop does while a checkpoint is written: all but changing parameters. */
static void compute(struct bench *b, struct ops_rows x, struct ops_rows out, size_t m)
{
    for (int round = 0; round < 3; round++) {
        b->ops->micro_batch(b->be, round == 0, 1);
        b->ops->linear(b->be,
                       &(struct linear_args){.x = x, .out = out, .weight = 0, .bias = 1, .m = m});
        b->ops->linear_weight(
            b->be, &(struct linear_weight_args){.dy = out, .x = x, .weight = 0, .bias = 1, .m = m});
        b->ops->add_gradients(b->be);
    }
}

/* Two snapshots are read by threads of their own, one after the other; settle returns when both are
 * released. */
static void test_settle(void **state)
{
    enum { READERS = 2, M = 40, N = 300, K = 200 };
    static const struct ops_shape layer[] = {{N, K}, {N, 0}};
    struct bench b = {.name = "cpu", .threads = 2, .random = 1};
    struct reader readers[READERS];
    struct ops_rows x, out;
    float *want[2];
    atomic_int done = 0;
    sem_t turn[READERS + 1];

    (void)state;
    assert_int_equal(unsetenv("HPO_CPU"), 0);
    for (int i = 0; i <= READERS; i++)
        assert_int_equal(sem_init(&turn[i], 0, 0), 0);
    bench_begin(&b);
    x = bench_rows(&b, M, K);
    out = bench_zero_rows(&b, M, N);
    bench_parameters(&b, &(struct ops_parameters){
                             .shapes = layer, .n = 2, .training = true, .accumulate = true});
    b.ops->settle(b.be); /* nothing to wait for */
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 2; i++)
            want[i] = bench_upload(&b, OPS_VALUE, i);
        atomic_store(&done, 0);
        for (int i = 0; i < READERS; i++) {
            readers[i] = (struct reader){.ops = b.ops,
                                         .shapes = layer,
                                         .rows = bench_zeros(&b, (size_t)N * K),
                                         .want = {want[0], want[1]},
                                         .start = &turn[i],
                                         .next = &turn[i + 1],
                                         .done = &done};
            assert_int_equal(b.ops->snapshot(b.be, &readers[i].snapshot, &b.err), OK);
            assert_int_equal(pthread_create(&readers[i].thread, NULL, read_parameters, &readers[i]),
                             0);
        }
        assert_int_equal(sem_post(&turn[0]), 0);
        compute(&b, x, out, M);
        b.ops->settle(b.be);
        assert_int_equal(atomic_load(&done), READERS);
        b.ops->adamw(b.be, &(struct adamw_args){.n = 2, .step = 1, .lr = 1, .eps = 1});
        for (int i = 0; i < READERS; i++) {
            assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
            assert_false(readers[i].failed);
        }
    }
    bench_end(&b);
    for (int i = 0; i <= READERS; i++)
        (void)sem_destroy(&turn[i]);
}

/* ---- memory ---- */

/* The bytes that a backend says it needs for one parameter [2^30][2^20]. */
static size_t needed(bool training, bool accumulate)
{
    static const struct ops_shape shape = {(size_t)1 << 30, (size_t)1 << 20};
    const struct backend_options options = {.name = "cpu", .threads = 1};
    struct backend *be;
    struct error err;
    size_t bytes;

    assert_int_equal(backend_open(&options, &be, &err), OK);
    assert_int_equal(be->ops->parameters(be,
                                         &(struct ops_parameters){.shapes = &shape,
                                                                  .n = 1,
                                                                  .training = training,
                                                                  .accumulate = accumulate},
                                         &err),
                     ERR_MEMORY);
    assert_int_equal(sscanf(err.text, "needs %zu bytes", &bytes), 1);
    backend_close(be);
    return bytes;
}

static void test_refused(void **state)
{
    const size_t slab = (size_t)1 << 52;
    const struct backend_options options = {.name = "cpu", .threads = 1};
    const struct ops_shape shape = {SIZE_MAX / 8, SIZE_MAX / 8};
    struct backend *be;
    struct error err;

    (void)state;
    assert_int_equal(unsetenv("HPO_CPU"), 0);
    assert_int_equal(needed(false, false) / slab, 1);
    assert_int_equal(needed(true, false) / slab, 4);
    assert_int_equal(needed(true, true) / slab, 5);
    assert_int_equal(backend_open(&options, &be, &err), OK);
    assert_int_equal(
        be->ops->parameters(be, &(struct ops_parameters){.shapes = &shape, .n = 1}, &err),
        ERR_MEMORY);
    backend_close(be);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upload),
        cmocka_unit_test(test_settle),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
