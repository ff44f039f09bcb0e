/* score: {"prediction", "answers"} a line → each one's measures, then their means in percent. */
#include "trainer/squad/score.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/commands/commands.h"
#include "trainer/flags.h"
#include "trainer/input.h"
#include "trainer/lines.h"

struct sums {
    int64_t n;
    double exact_match, f1;
};

static enum status read_answers(const struct json *line, const char *place, struct arena *arena,
                                struct score_text **out, size_t *n, struct error *err)
{
    const struct json *answers;

    TRY(json_want_array(line, place, "answers", &answers, err));
    if (answers->n == 0)
        return error_set(err, ERR_INPUT, place, "answers: expected at least one");
    if (!(*out = arena_array(arena, answers->n, sizeof **out)))
        return error_memory(err);
    for (size_t i = 0; i < answers->n; i++) {
        const struct json *answer = &answers->items[i];
        if (answer->kind != JSON_STRING)
            return error_set(err, ERR_INPUT, place, "answers[%zu]: expected a string, found %s", i,
                             json_kind_name(answer));
        (*out)[i] = (struct score_text){answer->string, answer->n};
    }
    *n = answers->n;
    return OK;
}

static enum status score_line(const struct json *line, const char *place, struct arena *arena,
                              struct sums *sums, struct error *err)
{
    const struct json *prediction = json_get(line, "prediction");
    struct text out = text_in(arena);
    struct score_text *answers = NULL, text;
    double exact_match, f1;
    size_t n = 0;

    if (!prediction || prediction->kind != JSON_STRING)
        return error_set(err, ERR_INPUT, place, "prediction: expected a string, found %s",
                         json_kind_name(prediction));
    TRY(read_answers(line, place, arena, &answers, &n, err));
    text = (struct score_text){prediction->string, prediction->n};
    TRY(score_exact_match(text, answers, n, &exact_match, err));
    TRY(score_f1(text, answers, n, &f1, err));
    sums->n++;
    sums->exact_match += exact_match;
    sums->f1 += f1;
    text_add(&out, "{\"exact_match\": ");
    text_add_number(&out, exact_match);
    text_add(&out, ", \"f1\": ");
    text_add_number(&out, f1);
    text_add(&out, "}");
    return lines_put(&out, err);
}

static enum status print_sums(const struct sums *sums, struct arena *arena, struct error *err)
{
    struct text out = text_in(arena);

    text_add(&out, "{\"n\": ");
    text_add_integer(&out, sums->n);
    text_add(&out, ", \"exact_match\": ");
    text_add_number(&out, 100 * sums->exact_match / (double)sums->n);
    text_add(&out, ", \"f1\": ");
    text_add_number(&out, 100 * sums->f1 / (double)sums->n);
    text_add(&out, "}");
    return lines_report(&out, err);
}

static enum status all_lines(struct input *in, struct error *err)
{
    struct sums sums = {0, 0, 0};
    struct json *line;

    for (;;) {
        TRY(input_next(in, &line, err));
        if (line)
            TRY(score_line(line, input_place(in), input_arena(in), &sums, err));
        else if (sums.n > 0)
            return print_sums(&sums, input_arena(in), err);
        else
            return error_set(err, ERR_INPUT, "standard input", "expected at least one line");
    }
}

enum status command_score(int argc, char **argv, struct error *err)
{
    enum status s;
    struct input *in;

    TRY(flags_parse(NULL, 0, argc, argv, err));
    TRY(input_open(&in, err));
    s = all_lines(in, err);
    input_close(in);
    return s;
}
