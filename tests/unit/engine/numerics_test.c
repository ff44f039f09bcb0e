/*
 * numerics: golden digests of every number that C computes for a search. When one differs, a bit
 * changed: see engine/recipe/numerics.h. A new version has new digests, and old ones go.
 */
#include "engine/recipe/numerics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/normal.h"
#include "base/real.h"
#include "base/text.h"
#include "engine/recipe/kde.h"
#include "engine/recipe/parzen.h"

enum { MANY = 4096, AXES = 4, POINTS = 120, ROWS = 40 };

/* Results of one kind, as they come. */
struct results {
    double numbers[MANY];
    size_t n;
};

static void add(struct results *r, double x)
{
    assert_true(r->n < MANY);
    r->numbers[r->n++] = isnan(x) ? (double)NAN : x; /* one NaN for all machines */
}

/* Multiples of 2^-53 in [0, 1): splitmix64, written out so that nothing tested is in it. */
static double uniform(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static double between(uint64_t *state, double low, double high)
{
    return low + (high - low) * uniform(state);
}

static const double special[] = {
    0,          -0.0,     1,   -1,   0.5, 2,      1e-300,           1e300,
    0x1p-1074,  0x1p1023, 709, -745, 710, -746.5, (double)INFINITY, -(double)INFINITY,
    (double)NAN};
enum { SPECIALS = sizeof special / sizeof *special };

static void functions(struct results *r, double (*f)(double), double low, double high)
{
    uint64_t state = 1;

    for (size_t i = 0; i < SPECIALS; i++)
        add(r, f(special[i]));
    for (int i = 0; i < 1000; i++)
        add(r, f(between(&state, low, high)));
    for (int e = -1000; e <= 1000; e += 50)
        add(r, f(ldexp(1 + uniform(&state), e)));
}

static void logarithms(struct results *r)
{
    functions(r, real_log, 0, 100);
    functions(r, real_quick_log, 0, 100);
}

static void exponentials(struct results *r)
{
    functions(r, real_exp, -50, 50);
    functions(r, real_quick_exp, -50, 50);
}

static void powers(struct results *r)
{
    uint64_t state = 2;

    for (size_t i = 0; i < SPECIALS; i++)
        for (size_t k = 0; k < SPECIALS; k++)
            add(r, real_pow(special[i], special[k]));
    for (int i = 0; i < 1000; i++) {
        double x = between(&state, 0, 20);
        add(r, real_pow(x, between(&state, -9, 9)));
    }
}

static void normals(struct results *r)
{
    uint64_t state = 3;

    functions(r, normal_cdf, -9, 9);
    functions(r, normal_quantile, 0, 1);
    for (int i = 0; i < 500; i++) {
        double a = between(&state, -8, 8), b = a + between(&state, 0, 3);
        double deviation = between(&state, 0.01, 5);
        add(r, normal_mass(a, b));
        add(r, normal_between((a + b) / 2, deviation, a, b, uniform(&state)));
    }
}

static const struct parzen_axis axes[AXES] = {
    {PARZEN_CONTINUOUS, false, -2, 3},
    {PARZEN_WHOLE, false, 1, 12},
    {PARZEN_WHOLE, true, 1, 40},
    {PARZEN_CATEGORY, false, 0, 2},
};

static void random_point(uint64_t *state, double *x)
{
    x[0] = between(state, -2, 3);
    x[1] = floor(between(state, 1, 13));
    x[2] = floor(between(state, 1, 41));
    x[3] = floor(between(state, 0, 3));
}

/* Densities and draws while points come, in no order, and some leave. */
static void mixtures(struct results *r)
{
    void *memory = malloc(parzen_size(AXES, POINTS));
    struct parzen *p = memory ? parzen_init(memory, axes, AXES, POINTS, 0.75) : NULL;
    uint64_t state = 4;

    assert_non_null(p);
    for (int64_t i = 0; i < POINTS; i++) {
        double x[AXES], uniforms[1 + AXES];
        random_point(&state, x);
        assert_true(parzen_add(p, i * 37 % POINTS, x));
        if (i % 10 == 9)
            parzen_remove(p, (i - 4) * 37 % POINTS);
        random_point(&state, x);
        add(r, parzen_log_density(p, x));
        for (size_t k = 0; k < 1 + AXES; k++)
            uniforms[k] = uniform(&state);
        parzen_draw(p, uniforms, x);
        for (size_t k = 0; k < AXES; k++)
            add(r, x[k]);
    }
    free(memory);
}

static void random_row(uint64_t *state, double *x)
{
    x[0] = uniform(state);
    x[1] = floor(between(state, 0, 3));
    x[2] = between(state, -5, 5);
}

static void densities(struct results *r)
{
    static const struct kde_axis shapes[] = {{false, 0.3, 0}, {true, 0.2, 0.1}, {false, 1.7, 0}};
    double rows[ROWS][3];
    struct kde kde = {3, ROWS, shapes, rows[0]};
    uint64_t state = 5;

    for (size_t i = 0; i < ROWS; i++)
        random_row(&state, rows[i]);
    for (int i = 0; i < 500; i++) {
        double x[3];
        random_row(&state, x);
        add(r, kde_density(&kde, x));
    }
}

/* The texts of numbers, eight bytes as one: a suggestion is a text. */
static void texts(struct results *r)
{
    uint64_t state = 6;

    for (int i = 0; i < 1000; i++) {
        char text[NUMBER_TEXT_MAX + 8] = {0};
        size_t n = text_number(ldexp(between(&state, -1, 1), i % 80 - 40), text);
        assert_true(r->n + NUMBER_TEXT_MAX / 8 < MANY);
        for (size_t k = 0; k < n; k += 8)
            memcpy(&r->numbers[r->n++], text + k, 8);
    }
}

static const struct {
    const char *name;
    void (*compute)(struct results *r);
    const char *digest; /* of version 1 */
} golden[] = {
    {"logarithms", logarithms, "525ea3c8f30bbbc9"},
    {"exponentials", exponentials, "0d0f2bf85a1f8e24"},
    {"powers", powers, "08105c78e8bcc48e"},
    {"normals", normals, "50b199c9ed58ca65"},
    {"mixtures", mixtures, "954544508165321c"},
    {"densities", densities, "310ab7fa71075145"},
    {"texts", texts, "8c3f00fa606cfcc4"},
};

static void test_the_numbers_are_those_of_the_version(void **state)
{
    struct error err;
    int changed = 0;

    (void)state;
    assert_int_equal(SEARCH_NUMERICS, 1);
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct results r = {.n = 0};
        struct digest digest;
        char hex[DIGEST_HEX + 1];
        golden[i].compute(&r);
        assert_int_equal(digest_bytes(r.numbers, r.n * sizeof *r.numbers, &digest, &err), OK);
        digest_hex(&digest, hex);
        hex[16] = '\0';
        if (strcmp(hex, golden[i].digest) == 0)
            continue;
        print_error("%s: expected %s, found %s\n", golden[i].name, golden[i].digest, hex);
        changed++;
    }
    assert_int_equal(changed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_numbers_are_those_of_the_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
