/* permutation: the order that a seed gives, as one JSON list. */
#include "trainer/permutation.h"

#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "trainer/commands/commands.h"
#include "trainer/flags.h"
#include "trainer/lines.h"

struct options {
    int64_t seed, size;
    const char *method;
};

static enum status print(const struct options *o, struct arena *arena, struct error *err)
{
    struct text line = text_in(arena);
    int64_t *order;

    if (strcmp(o->method, "datasets") == 0)
        TRY(permutation_shuffle((uint64_t)o->seed, (size_t)o->size, arena, &order, err));
    else if (strcmp(o->method, "torch") == 0)
        TRY(permutation_randperm((uint64_t)o->seed, (size_t)o->size, arena, &order, err));
    else
        return error_set(err, ERR_INPUT, "--method", "expected datasets or torch, found \"%.100s\"",
                         o->method);
    text_add(&line, "[");
    for (int64_t i = 0; i < o->size; i++) {
        text_add(&line, i > 0 ? ", " : "");
        text_add_integer(&line, order[i]);
    }
    text_add(&line, "]");
    return lines_report(&line, err);
}

enum status command_permutation(int argc, char **argv, struct error *err)
{
    enum status s;
    struct options o = {.seed = 42, .method = "datasets"};
    const struct flag flags[] = {
        {.name = "--seed", .kind = FLAG_INTEGER, .out = &o.seed},
        {.name = "--size",
         .kind = FLAG_INTEGER,
         .out = &o.size,
         .high = PERMUTATION_MAX,
         .required = true},
        {.name = "--method", .kind = FLAG_STRING, .out = &o.method},
    };
    struct arena *arena;

    TRY(flags_parse(flags, sizeof flags / sizeof *flags, argc, argv, err));
    if (!(arena = arena_open()))
        return error_memory(err);
    s = print(&o, arena, err);
    arena_close(arena);
    return s;
}
