/* schedule: from lr to zero, the same share of the horizon at any number of steps. */
#include "trainer/training/schedule.h"

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

/* Skipped steps set the line back by as many; with another batch size, by the same share. */
static void test_skipped(void **state)
{
    struct schedule s = {.lr = 0.3, .epochs = 2, .steps_per_epoch = 5};
    struct schedule larger = {.lr = 0.3, .epochs = 2, .steps_per_epoch = 3};

    (void)state;
    for (int i = 0; i < 5; i++)
        schedule_skip(&s);
    assert_true(schedule_lr(&s, 5) == 0.3);
    assert_true(schedule_lr(&s, 9) == 0.3 * 0.6);
    larger.skipped = s.skipped;
    assert_true(schedule_lr(&larger, 3) == 0.3);
    assert_true(schedule_lr(&larger, 6) == 0.15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_line), cmocka_unit_test(test_skipped)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
