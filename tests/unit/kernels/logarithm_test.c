/* logarithm: against libm's, and at the ends of its range. */
#include "kernels/logarithm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_values(void **state)
{
    (void)state;
    for (int i = -1030; i < 1023; i++) {
        const double x = ldexp(1 + fabs(sin(i)), i);
        const double want = log(x), got = logarithm(x);
        if (fabs(got - want) > 2 * 2.3e-16 * fabs(want) + 1e-17)
            fail_msg("logarithm(%.17g) is %.17g, not %.17g", x, got, want);
    }
    for (int i = -10000; i <= 10000; i++) {
        const double x = 1 + i * 1e-5;
        assert_true(fabs(logarithm(x) - log(x)) <= 2 * 2.3e-16 * fabs(log(x)) + 1e-17);
    }
}

static void test_ends(void **state)
{
    (void)state;
    assert_true(logarithm(1) == 0);
    assert_true(logarithm(0) == -INFINITY);
    assert_true(logarithm(INFINITY) == INFINITY);
    assert_true(isnan(logarithm(-1)));
    assert_true(isnan(logarithm(NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_ends)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
