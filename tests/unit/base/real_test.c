#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/real.h"

enum { ARGUMENTS = 400000 };

/* Marsaglia's xorshift: arguments that are the same in every run. */
static uint64_t next_bits(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static double uniform(uint64_t *state, double low, double high)
{
    return low + (double)(next_bits(state) >> 11) * 0x1p-53 * (high - low);
}

/* Any finite double > 0, every exponent as likely. */
static double any_positive(uint64_t *state)
{
    double x;

    do {
        uint64_t bits = next_bits(state) >> 1;
        memcpy(&x, &bits, sizeof x);
    } while (!isfinite(x) || x == 0);
    return x;
}

/* How far x is from the reference, in units of the last place of a double. */
static double error_in_ulps(double x, long double reference)
{
    int exponent;
    double rounded = (double)reference;

    if (isinf(rounded) || isinf(x))
        return x == rounded ? 0 : HUGE_VAL;
    (void)frexp(rounded, &exponent);
    if (exponent < DBL_MIN_EXP)
        exponent = DBL_MIN_EXP;
    return (double)fabsl((x - reference) / ldexpl(1, exponent - DBL_MANT_DIG));
}

/* The reference needs some bits more than a double. */
static void need_long_double(void)
{
    if (LDBL_MANT_DIG < 64) {
        print_message("SKIP: long double is no longer than double here\n");
        skip();
    }
}

static void assert_close(double worst, double limit)
{
    if (!(worst <= limit))
        fail_msg("off by %g ulp, at most %g", worst, limit);
}

static void log_is_rounded_right(void **unused)
{
    uint64_t state = 1;
    double worst = 0;

    (void)unused;
    need_long_double();
    for (int i = 0; i < ARGUMENTS; i++) {
        double x = any_positive(&state), near_one = uniform(&state, 0.9, 1.1);
        worst = fmax(worst, error_in_ulps(real_log(x), logl(x)));
        worst = fmax(worst, error_in_ulps(real_log(near_one), logl(near_one)));
    }
    assert_close(worst, 0.501);
}

static void exp_is_rounded_right(void **unused)
{
    uint64_t state = 2;
    double worst = 0, subnormal = 0;

    (void)unused;
    need_long_double();
    for (int i = 0; i < ARGUMENTS; i++) {
        double x = uniform(&state, -708, 709.7), small = uniform(&state, -1e-3, 1e-3);
        double tiny_result = uniform(&state, -745, -708.5);
        worst = fmax(worst, error_in_ulps(real_exp(x), expl(x)));
        worst = fmax(worst, error_in_ulps(real_exp(small), expl(small)));
        subnormal = fmax(subnormal, error_in_ulps(real_exp(tiny_result), expl(tiny_result)));
    }
    assert_close(worst, 0.501);
    assert_close(subnormal, 1);
}

static void pow_is_rounded_right(void **unused)
{
    uint64_t state = 3;
    double worst = 0;

    (void)unused;
    need_long_double();
    for (int i = 0; i < ARGUMENTS; i++) {
        double x = exp(uniform(&state, -40, 40)), y = uniform(&state, -16, 16);
        double near_one = uniform(&state, 1 - 1e-7, 1 + 1e-7), large = uniform(&state, -6e9, 6e9);
        worst = fmax(worst, error_in_ulps(real_pow(x, y), powl(x, y)));
        worst = fmax(worst, error_in_ulps(real_pow(near_one, large), powl(near_one, large)));
    }
    assert_close(worst, 0.501);
}

/* base^k by multiplication, as long as that is exact. */
static void assert_powers(double base, double limit)
{
    double power = 1;
    int k = 0;

    while (power <= limit) {
        if (real_pow(base, k) != power)
            fail_msg("%g^%d is %.17g, found %.17g", base, k, power, real_pow(base, k));
        power *= base;
        k++;
    }
}

static void exact_results_are_exact(void **unused)
{
    (void)unused;
    for (int base = 2; base <= 100; base++)
        assert_powers(base, 0x1p53);
    assert_powers(10, 1e22);
    assert_powers(2.5, 6e8);
    assert_powers(1.5, 7e5);
    for (int k = -1074; k <= 1023; k++)
        assert_true(real_pow(2, k) == ldexp(1, k));
    assert_true(real_pow(4, 0.5) == 2 && real_pow(6.25, 0.5) == 2.5 && real_pow(-3, 5) == -243);
    assert_true(real_exp(0) == 1 && real_log(1) == 0 && real_pow(0.1, 1) == 0.1);
    assert_true(real_pow(7, -1) == 1.0 / 7);
}

static void assert_same(double found, double expected, const char *what, double x, double y)
{
    if (isnan(expected) ? !isnan(found) : found != expected || signbit(found) != signbit(expected))
        fail_msg("%s(%g, %g): expected %g, found %g", what, x, y, expected, found);
}

static void special_values_are_those_of_c(void **unused)
{
    static const double values[] = {0.0, -0.0,   1,       -1,     2,      -2,       3,
                                    -3,  0.5,    -0.5,    1e300,  -1e300, INFINITY, -INFINITY,
                                    NAN, 5e-324, -5e-324, 0x1p53, 1.5};
    const size_t n = sizeof values / sizeof *values;

    (void)unused;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            assert_same(real_pow(values[i], values[j]), pow(values[i], values[j]), "pow", values[i],
                        values[j]);
    assert_same(real_log(-1), NAN, "log", -1, 0);
    assert_same(real_log(-0.0), -INFINITY, "log", 0, 0);
    assert_same(real_log(INFINITY), INFINITY, "log", INFINITY, 0);
    assert_same(real_log(NAN), NAN, "log", NAN, 0);
    assert_same(real_exp(-INFINITY), 0, "exp", -INFINITY, 0);
    assert_same(real_exp(INFINITY), INFINITY, "exp", INFINITY, 0);
    assert_same(real_exp(1e308), INFINITY, "exp", 1e308, 0);
    assert_same(real_exp(-1e308), 0, "exp", -1e308, 0);
    assert_same(real_exp(NAN), NAN, "exp", NAN, 0);
}

static void quick_ones_are_near(void **unused)
{
    uint64_t state = 5;
    double worst = 0;

    (void)unused;
    need_long_double();
    for (int i = 0; i < ARGUMENTS; i++) {
        double x = uniform(&state, -708, 709), y = any_positive(&state);
        double near_one = uniform(&state, 0.5, 2), small = uniform(&state, -1e-3, 1e-3);
        worst = fmax(worst, error_in_ulps(real_quick_exp(x), expl(x)));
        worst = fmax(worst, error_in_ulps(real_quick_exp(small), expl(small)));
        worst = fmax(worst, error_in_ulps(real_quick_log(y), logl(y)));
        worst = fmax(worst, error_in_ulps(real_quick_log(near_one), logl(near_one)));
    }
    assert_close(worst, 2);
    assert_true(real_quick_exp(-INFINITY) == 0 && real_quick_exp(INFINITY) == INFINITY);
    assert_true(real_quick_log(0) == -INFINITY && real_quick_log(INFINITY) == INFINITY);
    assert_true(isnan(real_quick_exp(NAN)) && isnan(real_quick_log(NAN)) &&
                isnan(real_quick_log(-1)));
    assert_true(real_quick_exp(0) == 1 && real_quick_log(1) == 0);
}

static void fold(uint64_t *hash, double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    for (int i = 0; i < 64; i += 8)
        *hash = (*hash ^ (bits >> i & 0xff)) * 0x100000001b3u;
}

/* The same bits with every compiler, level of optimisation and processor. */
static void bits_are_golden(void **unused)
{
    uint64_t state = 4, hash = 0xcbf29ce484222325u;

    (void)unused;
    for (int i = 0; i < 100000; i++) {
        fold(&hash, real_log(any_positive(&state)));
        fold(&hash, real_exp(uniform(&state, -745, 709)));
        double x = uniform(&state, 0, 100), y = uniform(&state, -50, 50);
        fold(&hash, real_pow(x, y));
    }
    assert_int_equal(hash, 0xa9ccd1d7f5f564e3u);
    hash = 0xcbf29ce484222325u;
    for (int i = 0; i < 100000; i++) {
        fold(&hash, real_quick_log(any_positive(&state)));
        fold(&hash, real_quick_exp(uniform(&state, -745, 709)));
    }
    assert_int_equal(hash, 0xa64c535724d56244u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_is_rounded_right), cmocka_unit_test(exp_is_rounded_right),
        cmocka_unit_test(pow_is_rounded_right), cmocka_unit_test(exact_results_are_exact),
        cmocka_unit_test(quick_ones_are_near),  cmocka_unit_test(special_values_are_those_of_c),
        cmocka_unit_test(bits_are_golden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
