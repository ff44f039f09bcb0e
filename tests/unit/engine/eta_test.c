/* eta: the time left of builds that were recorded (recorded/record says how), and of made-up
 * ones. */
#include "engine/eta.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"

enum { MOST_STUDIES = 4, MOST_TRIALS = 128, MOST_T = 16, WORDS = 16 };

/* A recorded build, as far as it was read. */
struct replay {
    const char *name;
    struct eta_study studies[MOST_STUDIES];
    const char *names[MOST_STUDIES];
    struct eta_trial trials[MOST_STUDIES][MOST_TRIALS];
    int n_studies, slots;
    bool decides[MOST_STUDIES][MOST_T]; /* its scheduler may end a trial at this t */
    double end, now;
    struct eta_clock clock;
    int looks, bad, jumps;
    double end_before; /* the end that the last look has shown */
};

static int find_study(const struct replay *r, const char *name)
{
    for (int i = 0; i < r->n_studies; i++)
        if (strcmp(r->names[i], name) == 0)
            return i;
    fail_msg("%s: no study %s", r->name, name);
    return -1;
}

/* All that is known by r->now is read: is the estimate right? */
static void look(struct replay *r, struct arena *arena)
{
    const double left = r->end - r->now;
    struct error err = {.text = ""};
    double work = 0, span = 0, shown, seconds = 0, units = 0;

    for (int i = 0; i < r->n_studies; i++)
        for (size_t k = 0; k < r->studies[i].n; k++) {
            seconds += r->trials[i][k].seconds + r->trials[i][k].past_seconds;
            units += r->trials[i][k].units + r->trials[i][k].past_units;
        }
    for (int i = 0; i < r->n_studies; i++) {
        struct eta eta;
        r->studies[i].pace = seconds / units;
        assert_int_equal(eta_study(&r->studies[i], arena, &eta, &err), OK);
        work += eta.work;
        span = fmax(span, eta.span);
    }
    shown = eta_show(&r->clock, r->now, fmax(span, work / r->slots));
    if (getenv("ETA_VERBOSE"))
        print_message("%s: %6.1f: %6.1f left, shown %6.1f (span %.1f, work %.1f)\n", r->name,
                      r->now, left, shown, span, work / r->slots);
    if (r->now < r->end / 2)
        return;
    r->looks++;
    r->bad += !(fabs(shown - left) <= 0.3 * left + 0.05 * r->end);
    if (r->end_before > 0) /* it shrinks: the end that is shown stays about where it was */
        r->jumps += !(fabs(r->now + shown - r->end_before) <= 0.15 * r->end);
    r->end_before = r->now + shown;
}

static double number(const char *word)
{
    char *end;
    const double x = strtod(word, &end);

    assert_int_equal(*end, '\0');
    return x;
}

static void take_trial(struct replay *r, char **w)
{
    const int s = find_study(r, w[1]), i = (int)number(w[2]);
    struct eta_study *study = &r->studies[s];

    int until = (int)number(w[3]);

    while (w[4][0] == 'r' && ++until < study->max_t && !r->decides[s][until])
        ;
    assert_true(i < MOST_TRIALS && i <= (int)study->n);
    study->n += i == (int)study->n;
    r->trials[s][i] = (struct eta_trial){.t = (int)number(w[3]),
                                         .until = until,
                                         .state = w[4][0] == 'r'   ? ETA_RUNNING
                                                  : w[4][0] == 'p' ? ETA_PAUSED
                                                                   : ETA_ENDED,
                                         .cost = 1,
                                         .units = (int)number(w[5]),
                                         .seconds = number(w[6]),
                                         .past_units = (int)number(w[7]),
                                         .past_seconds = number(w[8])};
}

/* What the scheduler of the last study does. */
static void take_decision(struct replay *r, const char *word)
{
    struct eta_study *study = &r->studies[r->n_studies];

    if (strcmp(word, "exploits") == 0)
        study->exploits = true;
    else if (strncmp(word, "1/", 2) == 0)
        study->passes = 1 / number(word + 2);
    else
        r->decides[r->n_studies][(int)number(word)] = true;
}

static void take_line(struct replay *r, char **w, struct arena *arena)
{
    if (strcmp(w[0], "slots") == 0)
        r->slots = (int)number(w[1]);
    if (strcmp(w[0], "study") == 0) {
        assert_true(r->n_studies < MOST_STUDIES);
        r->names[r->n_studies] = w[1];
        r->studies[r->n_studies] = (struct eta_study){.workers = (int)number(w[2]),
                                                      .samples = (int)number(w[3]),
                                                      .max_t = (int)number(w[4]),
                                                      .pace = NAN,
                                                      .trials = r->trials[r->n_studies]};
        for (int i = 5; w[i]; i++)
            take_decision(r, w[i]);
        r->n_studies++;
    }
    if (strcmp(w[0], "trial") == 0)
        take_trial(r, w);
    if (strcmp(w[0], "at") == 0 || strcmp(w[0], "end") == 0) {
        if (r->now > 0)
            look(r, arena);
        r->now = number(w[1]);
        for (int i = 0; i < r->n_studies; i++)
            r->studies[i].overhead = w[2] ? number(w[2]) : 1;
    }
}

static void split(char *line, char **words)
{
    for (int i = 0; i < WORDS; i++)
        words[i] = strtok(i ? NULL : line, " ");
}

/* In the last half no estimate is beside the time that was left by more than 30 % of it, and a
 * twentieth of the whole. */
static void replay(const char *name, int least)
{
    struct arena *arena = arena_open();
    struct replay r = {.name = name, .clock = eta_clock()};
    char *path = arena_printf(arena, "tests/unit/engine/recorded/%s.txt", name), *text, *next;
    struct error err = {.text = ""};

    assert_int_equal(file_read(path, 1 << 20, arena, &text, NULL, &err), OK);
    next = strstr(text, "\nend ");
    assert_non_null(next);
    r.end = strtod(next + 5, NULL);
    for (char *line = text; *line; line = next) {
        char *words[WORDS];
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = '\0';
        split(line, words);
        take_line(&r, words, arena);
    }
    print_message("%s: %d looks, %d beside the bound, %d jumps\n", name, r.looks, r.bad, r.jumps);
    assert_true(r.looks >= least);
    assert_int_equal(r.bad, 0);
    assert_int_equal(r.jumps, 0);
    arena_close(arena);
}

static void asha(void **state)
{
    (void)state;
    replay("asha", 5);
}

static void bohb(void **state)
{
    (void)state;
    replay("bohb", 10);
}

static void population(void **state)
{
    (void)state;
    replay("pbt", 10);
}

static void several_studies(void **state)
{
    (void)state;
    replay("several", 10);
}

static void on_two_slots(void **state)
{
    (void)state;
    replay("two_slots", 20);
}

static void resumed(void **state)
{
    (void)state;
    replay("resumed", 10);
}

/* Reused units are no work done: what is left is known from the first moment, and right. */
static void what_is_reused_is_no_work(void **state)
{
    enum { N = 20, T = 10 };
    struct arena *arena = arena_open();
    struct eta_trial trials[N];
    struct eta_study study = {.workers = 2,
                              .samples = N,
                              .max_t = T,
                              .pace = NAN,
                              .overhead = 1,
                              .trials = trials,
                              .n = N};
    struct error err = {.text = ""};
    struct eta eta;

    (void)state;
    for (int i = 0; i < N; i++) /* all but the last two are known; a unit takes 3 s */
        trials[i] = (struct eta_trial){.t = i < N - 2 ? T : 0,
                                       .until = T,
                                       .state = i < N - 2 ? ETA_ENDED : ETA_RUNNING,
                                       .cost = 1,
                                       .past_units = i < N - 2 ? T : 0,
                                       .past_seconds = i < N - 2 ? 3 * T : 0};
    assert_int_equal(eta_study(&study, arena, &eta, &err), OK);
    assert_true(fabs(eta.work - 2 * T * 3) < 1e-9 && fabs(eta.span - T * 3) < 1e-9);
    trials[N - 1].since = 2; /* 2 of the 3 s of a unit are over */
    assert_int_equal(eta_study(&study, arena, &eta, &err), OK);
    assert_true(fabs(eta.work - (2 * T * 3 - 2)) < 1e-9);
    study.overhead = 2;
    study.n = 0; /* nothing has begun, and nothing is known */
    assert_int_equal(eta_study(&study, arena, &eta, &err), OK);
    assert_true(isnan(eta.work));
    study.pace = 1;
    assert_int_equal(eta_study(&study, arena, &eta, &err), OK);
    assert_true(fabs(eta.work - N * T * 2) < 1e-9 && fabs(eta.span - N * T) < 1e-9);
    study.units_left = 50;
    assert_int_equal(eta_study(&study, arena, &eta, &err), OK);
    assert_true(fabs(eta.work - 100) < 1e-9);
    arena_close(arena);
}

/* An estimate that jumps is followed, not shown at once; time alone makes it shrink. */
static void what_is_shown_moves_little_by_little(void **state)
{
    struct eta_clock clock = eta_clock();

    (void)state;
    assert_true(isnan(eta_show(&clock, 1, NAN)));
    assert_true(eta_show(&clock, 2, 100) == 100);
    assert_true(fabs(eta_show(&clock, 3, 99) - 99) < 1e-9);
    assert_in_range((int)eta_show(&clock, 3.1, 200), 98, 101);
    for (int i = 0; i < 50; i++)
        (void)eta_show(&clock, 4 + i, 200 - i);
    assert_in_range((int)eta_show(&clock, 54, 150), 145, 151);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_reused_is_no_work),
        cmocka_unit_test(what_is_shown_moves_little_by_little),
        cmocka_unit_test(asha),
        cmocka_unit_test(bohb),
        cmocka_unit_test(population),
        cmocka_unit_test(several_studies),
        cmocka_unit_test(on_two_slots),
        cmocka_unit_test(resumed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
