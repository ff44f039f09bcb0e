/* schedule: from lr to zero, the same share of the horizon at any number of steps. */
#include "trainer/schedule.h"

#include "fixture.h"

static void test_line(void **state)
{
    const struct schedule s = {.lr = 0.3, .epochs = 2, .steps_per_epoch = 5};

    (void)state;
    assert_true(schedule_lr(&s, 0) == 0.3);
    assert_true(schedule_lr(&s, 5) == 0.15);
    assert_true(schedule_lr(&s, 9) == 0.3 * 0.1);
    assert_true(schedule_lr(&s, 10) == 0);
    assert_true(schedule_lr(&s, 11) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_line)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
