/* normal: against a longer format, at the edges, and the same bits everywhere. */
#include "base/normal.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const long double root_2 = 1.41421356237309504880168872420969808L;

static void need_long_double(void)
{
    if (LDBL_MANT_DIG < 64) {
        print_message("SKIP: long double is no longer than double here\n");
        skip();
    }
}

static long double cdf(long double x)
{
    return erfcl(-x / root_2) / 2;
}

static void assert_near(double found, long double expected, double relative)
{
    if (!(fabsl(found - expected) <= relative * fabsl(expected)))
        fail_msg("expected %.20Lg, found %.17g", expected, found);
}

static void cdf_is_near(void **unused)
{
    (void)unused;
    need_long_double();
    for (int i = -37000; i < 9000; i++)
        assert_near(normal_cdf(i * 1e-3), cdf(i * 1e-3), 1e-13);
}

/* From a to b of one sign the difference of tails is exact enough; near 0 the density's series. */
static long double mass(long double a, long double b)
{
    long double m = (a + b) / 2, w = (b - a) * (b - a), s = m * m;

    if ((b - a) * (1 + fabsl(m)) < 0.01L)
        return (b - a) * expl(-s / 2) / (root_2 * sqrtl(acosl(-1))) *
               (1 + (s - 1) * w / 24 + (s * s - 6 * s + 3) * w * w / 1920);
    return a > 0 ? cdf(-a) - cdf(-b) : cdf(b) - cdf(a);
}

static void mass_is_near(void **unused)
{
    (void)unused;
    need_long_double();
    for (int i = 0; i < 120; i++) { /* widths from 1e-12 to 36 */
        double width = 1e-12 * pow(1.3, i);
        for (int j = 0; j < 405; j++) {
            double a = -35 + 0.173 * j;
            assert_near(normal_mass(a, a + width), mass(a, a + width), 1e-11);
        }
    }
    assert_true(normal_mass(-INFINITY, INFINITY) == 1 && normal_mass(3, 3) == 0);
}

static void quantile_is_the_inverse(void **unused)
{
    (void)unused;
    need_long_double();
    for (int i = -36000; i < 0; i += 7) {
        double x = i * 1e-3, p = (double)cdf(x);
        assert_near(normal_quantile(p), x, 1e-12);
        if (x > -6)
            assert_near(normal_quantile(1 - p), -x, 1e-6);
    }
    assert_true(fabs(normal_quantile(0.5)) < 1e-16);
}

static void edges(void **unused)
{
    (void)unused;
    assert_true(normal_cdf(-INFINITY) == 0 && normal_cdf(INFINITY) == 1 && normal_cdf(-40) == 0);
    assert_true(isnan(normal_cdf(NAN)) && isnan(normal_mass(0, NAN)) && isnan(normal_mass(NAN, 0)));
    assert_true(normal_quantile(0) == -INFINITY && normal_quantile(1) == INFINITY);
    assert_true(isnan(normal_quantile(-0.1)) && isnan(normal_quantile(1.1)));
    assert_true(isnan(normal_quantile(NAN)));
}

static void between_stays_between(void **unused)
{
    (void)unused;
    for (int eighths = 0; eighths <= 8; eighths++)
        for (int power = -6; power < 6; power++) {
            double before = 0;
            for (int u = 0; u <= 64; u++) {
                double x = normal_between(eighths / 8.0, pow(10, power), 0, 1, u / 64.0);
                assert_true(x >= before && x <= 1);
                before = x;
            }
        }
    assert_true(fabs(normal_between(0.5, 1e6, 0, 1, 0.25) - 0.25) < 1e-9);
    assert_true(fabs(normal_between(0.5, 0.1, 0, 1, 0.5) - 0.5) < 1e-15);
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
    uint64_t hash = 0xcbf29ce484222325u;

    (void)unused;
    for (int i = 1; i < 20000; i++) {
        fold(&hash, normal_cdf(i * 1e-3 - 10));
        fold(&hash, normal_mass(i * 1e-3 - 10, i * 1.1e-3 - 10));
        fold(&hash, normal_quantile(i * 5e-5));
        fold(&hash, normal_between(0.3, i * 1e-4, 0, 1, i * 5e-5));
    }
    assert_int_equal(hash, 0xbb013795c055bdc5u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cdf_is_near),
        cmocka_unit_test(mass_is_near),
        cmocka_unit_test(quantile_is_the_inverse),
        cmocka_unit_test(edges),
        cmocka_unit_test(between_stays_between),
        cmocka_unit_test(bits_are_golden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
