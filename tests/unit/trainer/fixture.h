/*
 * fixture: the reference results in ../shared/fixtures, seen from the project's root, where the
 * tests run. Where the folder is absent the test is skipped, and says so.
 */
#ifndef TESTS_UNIT_TRAINER_FIXTURE_H
#define TESTS_UNIT_TRAINER_FIXTURE_H

#include <setjmp.h> /* cmocka wants these four before it */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

#define SHARED "../shared/"

/* The bytes of SHARED name; skips the test where there is no such file. */
static inline char *shared_file(const char *name, struct arena *arena, size_t *n)
{
    struct error err = {0};
    char *bytes = NULL;
    const char *path = arena_printf(arena, SHARED "%s", name);
    enum status s = file_read(path, (size_t)1 << 30, arena, &bytes, n, &err);

    if (s == ERR_NOT_FOUND) {
        print_message("SKIP: %s is absent\n", path);
        arena_close(arena);
        skip();
    }
    if (s != OK)
        fail_msg("%s: %s", err.where, err.text);
    return bytes;
}

static inline const struct json *shared_json(const char *name, struct arena *arena)
{
    struct error err = {0};
    struct json *tree;
    size_t n;
    const char *bytes = shared_file(name, arena, &n);

    if (json_parse(bytes, n, name, JSON_STRICT, arena, &tree, &err) != OK)
        fail_msg("%s: %s", err.where, err.text);
    return tree;
}

/* A call that must succeed; its error is the test's message. */
#define ASSERT_OK(call)                                                                            \
    do {                                                                                           \
        struct error *assert_err = &err;                                                           \
        *assert_err = (struct error){0};                                                           \
        if ((call) != OK)                                                                          \
            fail_msg("%s: %s", assert_err->where, assert_err->text);                               \
    } while (0)

#endif
