/* tokenize: a JSON string a line → {"ids": [...]} a line. */
#include "trainer/tokenizer/tokenizer.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/commands/commands.h"
#include "trainer/flags.h"
#include "trainer/input.h"
#include "trainer/lines.h"
#include "trainer/tokenizer/ids.h"

static enum status print_ids(struct tokenizer *t, const struct json *text, struct arena *arena,
                             struct error *err)
{
    struct text line = text_in(arena);
    int32_t *ids;
    size_t n;

    TRY(tokenizer_encode(t, text->string, text->n, arena, &ids, &n, err));
    text_add(&line, "{\"ids\": ");
    ids_write(&line, ids, n);
    text_add(&line, "}");
    return lines_put(&line, err);
}

static enum status all_lines(struct tokenizer *t, struct input *in, struct error *err)
{
    struct json *text;

    for (;;) {
        TRY(input_next(in, &text, err));
        if (!text)
            return lines_flush(err);
        if (text->kind != JSON_STRING)
            return error_set(err, ERR_INPUT, input_place(in), "expected a string, found %s",
                             json_kind_name(text));
        TRY(print_ids(t, text, input_arena(in), err));
    }
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
    struct input *in = NULL;
    struct arena *arena;

    TRY(flags_parse(flags, sizeof flags / sizeof *flags, argc, argv, err));
    if ((model != NULL) == (path != NULL))
        return error_set(err, ERR_INPUT, NULL, "expected either --model DIR or --tokenizer FILE");
    if (!(arena = arena_open()))
        return error_memory(err);
    if (model && !(path = file_join(arena, model, "tokenizer.json")))
        s = error_memory(err);
    else if ((s = tokenizer_open(path, &t, err)) == OK && (s = input_open(&in, err)) == OK)
        s = all_lines(t, in, err);
    input_close(in);
    tokenizer_close(t);
    arena_close(arena);
    return s;
}
