/* board: what is drawn of a build, at any size; and the same board after a way through JSON. */
#include "engine/board.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "base/visible.h"

enum { TRIALS = 40 };

/* A build with two studies, of which the first has many trials. */
static struct board *make(struct arena *arena)
{
    struct board *b = arena_alloc(arena, sizeof *b);
    struct board_study *s = arena_array(arena, 2, sizeof *s);
    struct board_job *jobs = arena_array(arena, 3, sizeof *jobs);

    s[0] = (struct board_study){.name = "a-study-with-a-long-name",
                                .metric = "eval_loss",
                                .open = true,
                                .n_trials = TRIALS,
                                .samples = 50,
                                .running = 3,
                                .stopped = 37,
                                .best = 20,
                                .best_t = 9,
                                .best_value = 0.12345678,
                                .n = TRIALS};
    s[0].trials = arena_array(arena, TRIALS, sizeof *s[0].trials);
    for (int i = 0; i < TRIALS; i++)
        s[0].trials[i] = (struct board_trial){
            .trial = i,
            .t = i % 9,
            .params = i % 2 ? "{\"lr\": 0.1, \"name\": \"a\\u001b[2J\"}" : "{\"lr\": 0.25}",
            .status = i < 3 ? "running" : "stopped",
            .value = i == 5 ? NAN : 1.5 + i,
            .seconds = i < 3 ? 12.3 : -1};
    s[1] = (struct board_study){.name = "b",
                                .metric = "accuracy",
                                .open = true,
                                .samples = 10,
                                .best = -1,
                                .best_value = NAN};
    jobs[0] = (struct board_job){"a-study-with-a-long-name/0", 1, 3, 12.3, "/log", "00", NULL};
    jobs[1] = (struct board_job){"an action", 0, 0, 3.21, NULL, "01", "kind\n"};
    *b = (struct board){.recipe = "/somewhere/r.lua",
                        .run = 12,
                        .done = 7,
                        .total = 12,
                        .ran = 1,
                        .slots = 4,
                        .slots_used = 4,
                        .gpus = 4,
                        .gpus_used = 3,
                        .seconds = 65,
                        .left = 130,
                        .studies = s,
                        .n_studies = 2,
                        .jobs = jobs,
                        .n_jobs = 2};
    return b;
}

static char *drawn(const struct board *b, int columns, int rows, bool color, struct arena *arena)
{
    const struct board_size size = {columns, rows, color};
    struct error err = {.text = ""};
    struct text t = text_in(arena);
    const char **lines;
    char *string;
    size_t n, width;

    assert_int_equal(board_draw(b, &size, arena, &lines, &n, &err), OK);
    assert_true(n >= 1 && n <= (size_t)rows);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(visible_fit(lines[i], strlen(lines[i]), SIZE_MAX, &width),
                         strlen(lines[i]));
        assert_true(width <= (size_t)columns);
        assert_true(color || !strchr(lines[i], 033));
        text_add(&t, lines[i]);
        text_add(&t, "\n");
    }
    assert_int_equal(text_finish(&t, &string, NULL, &err), OK);
    return string;
}

static void no_size_is_too_small(void **state)
{
    struct arena *arena = arena_open();
    const struct board *b = make(arena);

    (void)state;
    for (int columns = 14; columns < 200; columns++)
        for (int rows = 1; rows < 60; rows += 3) {
            const char *text = drawn(b, columns, rows, columns % 2, arena);
            assert_non_null(strstr(text, "0.1235")); /* never cut before the value of the best */
        }
    arena_close(arena);
}

static void those_that_run_and_the_best_come_first(void **state)
{
    struct arena *arena = arena_open();
    char *text = drawn(make(arena), 100, 14, false, arena);

    (void)state;
    assert_string_equal(
        text,
        "r.lua  1:05, about 2:10 left  run 12, 7 of 12 actions, 4 of 4 slots, 3 of 4 GPUs\n"
        "a-study-with-a-long-name: 40 of 50 trials, 3 running, 37 stopped; best eval_loss 0.1235 "
        "(trial 20)\n"
        "  trial    lr  name        t  eval_loss  status\n"
        "      0  0.25              0        1.5  running 12.3 s\n"
        "      1   0.1  a\\u001B[2J  1        2.5  running 12.3 s\n"
        "      2  0.25              2        3.5  running 12.3 s\n"
        "*    20  0.25              2       21.5  stopped\n"
        "     39   0.1  a\\u001B[2J  3       40.5  stopped\n"
        "     38  0.25              2       39.5  stopped\n"
        "     37   0.1  a\\u001B[2J  1       38.5  stopped\n"
        "     36  0.25              0       37.5  stopped\n"
        "  … 32 more\n"
        "b: 0 of 10 trials\n"
        "running: an action 3.2 s\n");
    arena_close(arena);
}

static void one_line(void **state)
{
    static const struct {
        int columns;
        const char *line;
    } cases[] = {
        {200,
         "[7/12] | a-study-with-a-long-name 40/50, best eval_loss 0.1235 (trial 20) | b 0/10 | "
         "2 running, 3 of 4 GPUs | 1:05, about 2:10 left"},
        {90, "a-study-with-a-long-name 40/50, best 0.1235 | b 0/10 | about 2:10 left"},
        {60, "a-study-wi… 40/50, best 0.1235 | +1 | about 2:10 left"},
        {40, "a-study-wi… 40/50, best 0.1235 | +1"},
        {20, "best 0.1235"},
        {12, "best 0.1235"},
    };
    struct arena *arena = arena_open();
    struct error err;
    char *line;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(board_line(make(arena), cases[i].columns, arena, &line, &err), OK);
        assert_string_equal(line, cases[i].line);
    }
    arena_close(arena);
}

static void json_keeps_what_is_drawn(void **state)
{
    struct arena *arena = arena_open();
    const struct board *b = make(arena);
    struct board again;
    struct text t = text_in(arena);
    struct error err = {.text = ""};
    struct json *json;
    char *string;
    size_t n;

    (void)state;
    board_write(b, &t);
    assert_int_equal(text_finish(&t, &string, &n, &err), OK);
    assert_int_equal(json_parse(string, n, "board", JSON_STRICT, arena, &json, &err), OK);
    assert_int_equal(board_read(json, arena, &again, &err), OK);
    assert_string_equal(drawn(&again, 100, 30, true, arena), drawn(b, 100, 30, true, arena));
    assert_string_equal(again.jobs[1].description, "kind\n");
    assert_null(again.jobs[0].description);

    assert_int_equal(json_parse("{\"run\": 1}", 10, "board", JSON_STRICT, arena, &json, &err), OK);
    assert_int_equal(board_read(json, arena, &again, &err), ERR_INPUT);
    arena_close(arena);
}

static void nothing_is_known(void **state)
{
    struct arena *arena = arena_open();
    const struct board b = {.recipe = "r.lua", .run = 1, .seconds = 3700, .left = NAN};

    (void)state;
    assert_string_equal(drawn(&b, 80, 24, false, arena), "1:01:40\n");
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_size_is_too_small),
        cmocka_unit_test(those_that_run_and_the_best_come_first),
        cmocka_unit_test(one_line),
        cmocka_unit_test(json_keeps_what_is_drawn),
        cmocka_unit_test(nothing_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
