/* parzen: against the mixture written out, whatever the order of its points; and kde. */
#include "engine/recipe/parzen.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/recipe/kde.h"

enum { AXES = 4, MANY = 300 };

static const struct parzen_axis axes[AXES] = {
    {PARZEN_CONTINUOUS, false, -2, 3},
    {PARZEN_WHOLE, false, 1, 12},
    {PARZEN_WHOLE, true, 1, 40},
    {PARZEN_CATEGORY, false, 0, 2},
};

/* Point number id; some coordinates repeat. */
static void point(int64_t id, double *x)
{
    x[0] = fmod((double)id * 0.7390851, 5) - 2;
    x[1] = (double)(id * 7 % 12 + 1);
    x[2] = (double)(id * 11 % 40 + 1);
    x[3] = (double)(id * 5 % 3);
}

static double phi(double a, double b)
{
    return (erfc(-b / sqrt(2)) - erfc(-a / sqrt(2))) / 2;
}

static double inner(const struct parzen_axis *a, double x)
{
    return a->log ? log(x) : x;
}

/* The kernel of point i of ids[n], or of the prior (i = n), on axis j at x. */
static double kernel(const int64_t *ids, size_t n, size_t i, size_t j, double x)
{
    const struct parzen_axis *a = &axes[j];
    double half = a->kind == PARZEN_WHOLE ? 0.5 : 0, own[AXES], other[AXES];
    double low = inner(a, a->low - half), high = inner(a, a->high + half), range = high - low;
    double mu = (low + high) / 2, sigma = range, left = 0, right = 0;
    size_t before = 0;

    if (i < n)
        point(ids[i], own);
    if (a->kind == PARZEN_CATEGORY) {
        double share = 1.0 / (double)(n + 1);
        return i == n ? 1.0 / 3 : (share + (own[j] == x)) / (1 + 3 * share);
    }
    if (i < n) {
        mu = inner(a, own[j]);
        left = mu - low;
        right = high - mu;
        for (size_t k = 0; k < n; k++) {
            point(ids[k], other);
            double m = inner(a, other[j]);
            bool first = m < mu || (m == mu && k < i);
            before += first;
            if (k != i && first)
                left = fmin(left, mu - m);
            if (k != i && !first)
                right = fmin(right, m - mu);
        }
        if (n > 1 && before == 0)
            left = 0;
        if (n > 1 && before == n - 1)
            right = 0;
        sigma = fmin(fmax(fmax(left, right), range / fmin(100, (double)n + 2)), range);
    }
    if (a->kind == PARZEN_CONTINUOUS)
        return exp(-pow((x - mu) / sigma, 2) / 2) / sqrt(2 * acos(-1)) / sigma /
               phi((low - mu) / sigma, (high - mu) / sigma);
    return phi((inner(a, x - 0.5) - mu) / sigma, (inner(a, x + 0.5) - mu) / sigma) /
           phi((low - mu) / sigma, (high - mu) / sigma);
}

static double log_density(const int64_t *ids, size_t n, const double *x)
{
    double sum = 0, total = 0;

    for (size_t i = 0; i <= n; i++) {
        size_t ramp = n > 25 ? n - 25 : 0;
        double first = 1.0 / (double)n, weight = 1, product = 1;
        if (i < ramp)
            weight = ramp == 1 ? first : first + (double)i * (1 - first) / (double)(ramp - 1);
        for (size_t j = 0; j < AXES; j++)
            product *= kernel(ids, n, i, j, x[j]);
        sum += weight * product;
        total += weight;
    }
    return log(sum / total);
}

static _Alignas(16) char memory[2][1 << 18];

static struct parzen *start(size_t capacity)
{
    assert_in_range(parzen_size(AXES, capacity), 1, sizeof memory[0]);
    return parzen_init(memory[0], axes, AXES, capacity, 1);
}

static void add(struct parzen *p, int64_t id)
{
    double x[AXES];

    point(id, x);
    assert_true(parzen_add(p, id, x));
}

static void the_formulas(void **unused)
{
    int64_t ids[MANY];
    double x[AXES];
    struct parzen *p = start(MANY);

    (void)unused;
    for (size_t n = 0; n < 60; n++) {
        for (int64_t q = 500; q < 510; q++) {
            point(q, x);
            double found = parzen_log_density(p, x), expected = log_density(ids, n, x);
            if (!(fabs(found - expected) < 1e-10))
                fail_msg("n = %zu: expected %.17g, found %.17g", n, expected, found);
        }
        ids[n] = (int64_t)n;
        add(p, ids[n]);
    }
}

/* Added in another order, with others in between that left, in a copy: not a bit differs. */
static void history_leaves_no_trace(void **unused)
{
    double plain[20], x[AXES];
    struct parzen *p = start(MANY);

    (void)unused;
    for (int64_t id = 0; id < 100; id++)
        add(p, id);
    for (int64_t q = 0; q < 20; q++) {
        point(q + 700, x);
        plain[q] = parzen_log_density(p, x);
    }
    p = start(MANY);
    for (int64_t id = 0; id < 100; id++) {
        add(p, id * 37 % 100);
        add(p, 1000 - id);
        point(id, x);
        (void)parzen_log_density(p, x);
    }
    for (int64_t id = 0; id < 100; id++)
        parzen_remove(p, 1000 - id * 41 % 100);
    parzen_remove(p, 5000);
    p = parzen_copy(memory[1], 100, p);
    for (int64_t q = 0; q < 20; q++) {
        point(q + 700, x);
        assert_true(parzen_log_density(p, x) == plain[q]);
    }
    assert_false(parzen_add(p, 200, x));
    assert_int_equal(parzen_capacity(p), 100);
    assert_int_equal(parzen_axes(p), AXES);
}

static void draws_lie_in_range_and_follow_the_points(void **unused)
{
    struct parzen *p = start(MANY);
    double x[AXES], near = 0;
    const double ends[] = {0, 0.5, 1 - 0x1p-53};

    (void)unused;
    for (int i = 0; i < 20; i++)
        assert_true(parzen_add(p, i, (const double[]){1, 3, 30, 1}));
    for (int i = 0; i < 243; i++) {
        double u[AXES + 1] = {ends[i % 3], ends[i / 3 % 3], ends[i / 9 % 3], ends[i / 27 % 3],
                              ends[i / 81]};
        parzen_draw(p, u, x);
        for (size_t j = 0; j < AXES; j++) {
            assert_true(x[j] >= axes[j].low && x[j] <= axes[j].high);
            assert_true(j == 0 || x[j] == floor(x[j]));
        }
    }
    for (int i = 0; i < 1000; i++) {
        double u = i / 1000.0, mixed = fmod(u * 617, 1);
        parzen_draw(p, (const double[]){u, mixed, mixed, mixed, mixed}, x);
        near += x[1] == 3 && x[3] == 1;
    }
    assert_true(near > 300);
}

/* On one axis: the share of draws with each whole number or category is its probability; of
 * numbers, the share of each hundredth of the range. */
static void draws_are_as_likely_as_the_density_says(void **unused)
{
    enum { DRAWS = 200000, BINS = 100 };

    (void)unused;
    for (size_t j = 0; j < AXES; j++) {
        const struct parzen_axis *a = &axes[j];
        struct parzen *p = parzen_init(memory[0], a, 1, MANY, 2);
        bool numbers = a->kind == PARZEN_CONTINUOUS;
        double width = numbers ? (a->high - a->low) / BINS : 1, share[BINS + 1] = {0}, all[AXES], x;
        for (int64_t id = 0; id < 40; id++) {
            point(id, all);
            assert_true(parzen_add(p, id, &all[j]));
        }
        for (int i = 0; i < DRAWS; i++) {
            double u[2] = {(i + 0.5) / DRAWS, fmod(i * 0.6180339887498949, 1)};
            parzen_draw(p, u, &x);
            share[(size_t)((x - a->low) / width)] += 1.0 / DRAWS;
        }
        for (int bin = 0; a->low + bin * width + (numbers ? width / 2 : 0) <= a->high; bin++) {
            x = a->low + bin * width + (numbers ? width / 2 : 0);
            double expected = exp(parzen_log_density(p, &x)) * width;
            if (!(fabs(share[bin] - expected) < 0.001))
                fail_msg("axis %zu, %g: expected %g, found %g", j, x, expected, share[bin]);
        }
    }
}

static void sizes_have_a_bound(void **unused)
{
    (void)unused;
    assert_int_equal(parzen_size(0, 1), 0);
    assert_int_equal(parzen_size(1, SIZE_MAX), 0);
    assert_int_equal(parzen_size(SIZE_MAX, 1), 0);
    assert_true(parzen_size(1000, 1 << 20) > (size_t)1000 << 20);
}

/* Two rows, by hand. */
static void kde_is_the_mean_of_products(void **unused)
{
    const struct kde_axis shape[2] = {{false, 0.5, 0}, {true, 0.2, 0.1}};
    const double rows[] = {0.25, 0, 0.75, 1}, x[] = {0.25, 1};
    const struct kde kde = {2, 2, shape, rows};
    double expected = (0.1 + 0.8 * exp(-0.5)) / 2 / (0.5 * sqrt(2 * acos(-1)));
    const struct kde_axis alike[2] = {{false, 0.5, 0}, {true, 0.2, INFINITY}};

    (void)unused;
    assert_true(fabs(kde_density(&kde, x) - expected) < 1e-15);
    assert_true(isinf(kde_density(&(struct kde){2, 1, alike, rows}, x)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_formulas),
        cmocka_unit_test(history_leaves_no_trace),
        cmocka_unit_test(draws_lie_in_range_and_follow_the_points),
        cmocka_unit_test(draws_are_as_likely_as_the_density_says),
        cmocka_unit_test(sizes_have_a_bound),
        cmocka_unit_test(kde_is_the_mean_of_products),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
