/* tokenize: a JSON string a line → {"ids": [...]} a line. */
#include "trainer/tokenizer.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/commands/commands.h"
#include "trainer/flags.h"
#include "trainer/input.h"
#include "trainer/lines.h"

static enum status print_ids(struct tokenizer *t, const struct json *text, struct arena *arena,
                             struct error *err)
{
    struct text line = text_in(arena);
    int32_t *ids;
    size_t n;

    TRY(tokenizer_encode(t, text->string, text->n, arena, &ids, &n, err));
    text_add(&line, "{\"ids\": [");
    for (size_t i = 0; i < n; i++) {
        text_add(&line, i > 0 ? ", " : "");
        text_add_integer(&line, ids[i]);
    }
    text_add(&line, "]}");
    return lines_put(&line, err);
}

/* One line, in memory of its own; *more is false behind the last. */
static enum status one_line(struct tokenizer *t, struct input *in, bool *more, struct error *err)
{
    enum status s;
    char place[INPUT_PLACE_MAX];
    struct json *text;
    struct arena *one = arena_open();

    if (!one)
        return error_memory(err);
    s = input_next(in, one, &text, err);
    *more = s == OK && text != NULL;
    if (*more && text->kind != JSON_STRING)
        s = error_set(err, ERR_INPUT, input_place(in, place), "expected a string, found %s",
                      json_kind_name(text));
    else if (*more)
        s = print_ids(t, text, one, err);
    arena_close(one);
    return s;
}

static enum status all_lines(struct tokenizer *t, struct arena *arena, struct error *err)
{
    struct input in = input_of(arena);
    bool more = true;

    while (more)
        TRY(one_line(t, &in, &more, err));
    return lines_flush(err);
}

enum status command_tokenize(int argc, char **argv, struct error *err)
{
    enum status s;
    const char *model = NULL, *path = NULL;
    const struct flag flags[] = {
        {.name = "--model", .kind = FLAG_STRING, .out = &model},
        {.name = "--tokenizer", .kind = FLAG_STRING, .out = &path},
    };
    struct tokenizer *t = NULL;
    struct arena *arena;

    TRY(flags_parse(flags, sizeof flags / sizeof *flags, argc, argv, err));
    if ((model != NULL) == (path != NULL))
        return error_set(err, ERR_INPUT, NULL, "expected either --model DIR or --tokenizer FILE");
    if (!(arena = arena_open()))
        return error_memory(err);
    if (model && !(path = file_join(arena, model, "tokenizer.json")))
        s = error_memory(err);
    else if ((s = tokenizer_open(path, &t, err)) == OK)
        s = all_lines(t, arena, err);
    tokenizer_close(t);
    arena_close(arena);
    return s;
}
