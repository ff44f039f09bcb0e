/*
 * json: whatever the reader takes, the writer writes so that it reads back as the same text; both
 * readings, strict and with the tokens of Python.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static char *written(const struct json *tree, struct arena *arena, size_t *n)
{
    struct error err;
    struct text t = text_in(arena);
    char *string;

    json_write(&t, tree);
    if (text_finish(&t, &string, n, &err) != OK)
        abort();
    return string;
}

static void check(const uint8_t *bytes, size_t n, unsigned flags)
{
    struct error err = {0};
    struct arena *arena = arena_open();
    struct json *tree, *again;

    if (!arena)
        abort();
    if (json_parse((const char *)bytes, n, "input", flags, arena, &tree, &err) == OK) {
        size_t n1, n2;
        char *first = written(tree, arena, &n1);
        if (json_parse(first, n1, "again", JSON_STRICT, arena, &again, &err) != OK)
            abort();
        char *second = written(again, arena, &n2);
        if (n1 != n2 || memcmp(first, second, n1) != 0)
            abort();
    } else if (strncmp(err.where, "input", 5) != 0 || !err.text[0]) {
        abort();
    }
    arena_close(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    check(bytes, n, JSON_STRICT);
    check(bytes, n, JSON_NONFINITE);
    return 0;
}
