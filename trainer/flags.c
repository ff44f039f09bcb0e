/*
 * flags: one pass over argv. Each word is split into name and value, looked up, and stored by kind.
 * Start at flags_parse.
 */
#include "trainer/flags.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { TABLE_MAX = 64 };

static enum status store_number(const struct flag *f, const char *value, struct error *err)
{
    const char *range = f->kind == FLAG_POSITIVE ? "> 0" : "≥ 0";
    double x = 0;
    enum status s = text_parse_number(value, f->name, &x, err);

    if (s != OK || x < 0 || (x == 0 && f->kind == FLAG_POSITIVE))
        return error_set(err, ERR_INPUT, f->name, "expected a number %s, found \"%s\"", range,
                         value);
    *(double *)f->out = x;
    return OK;
}

static enum status store_string(const struct flag *f, const char *value, struct error *err)
{
    if (!*value)
        return error_set(err, ERR_INPUT, f->name, "expected a value, found an empty one");
    *(const char **)f->out = value;
    return OK;
}

/* "expected fp32, bf16 or fp16, found ..." */
static enum status refuse_word(const struct flag *f, const char *value, struct error *err)
{
    char list[128] = "";
    size_t used = 0;

    for (size_t i = 0; f->words[i] && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                                 i == 0            ? ""
                                 : f->words[i + 1] ? ", "
                                                   : " or ",
                                 f->words[i]);
    return error_set(err, ERR_INPUT, f->name, "expected %s, found \"%s\"", list, value);
}

static enum status store_word(const struct flag *f, const char *value, struct error *err)
{
    for (unsigned i = 0; f->words[i]; i++) {
        if (strcmp(f->words[i], value) != 0)
            continue;
        *(unsigned *)f->out = i;
        return OK;
    }
    return refuse_word(f, value, err);
}

static enum status store(const struct flag *f, const char *value, struct error *err)
{
    struct flag_list *list = f->out;

    switch (f->kind) {
    case FLAG_STRING:
        return store_string(f, value, err);
    case FLAG_STRINGS:
        if (list->n == FLAG_LIST_MAX)
            return error_set(err, ERR_INPUT, f->name, "expected at most %d of them", FLAG_LIST_MAX);
        list->values[list->n++] = value;
        return OK;
    case FLAG_INTEGER:
        return text_parse_integer(value, f->name, f->low, f->high ? f->high : INT64_MAX, f->out,
                                  err);
    case FLAG_POSITIVE:
    case FLAG_NOT_NEGATIVE:
        return store_number(f, value, err);
    case FLAG_WORD:
        return store_word(f, value, err);
    case FLAG_SWITCH:
        break;
    }
    *(bool *)f->out = true;
    return OK;
}

/* The entry whose name is the first n bytes of word, or NULL. */
static const struct flag *find(const struct flag *table, size_t count, const char *word, size_t n)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(table[i].name, word, n) == 0 && !table[i].name[n])
            return &table[i];
    return NULL;
}

/* One flag at argv[*i], and its value, which may be the next word. */
static enum status parse_one(const struct flag *table, size_t count, int argc, char **argv, int *i,
                             bool *seen, struct error *err)
{
    const char *word = argv[*i], *equals = strchr(word, '=');
    size_t n = equals ? (size_t)(equals - word) : strlen(word);
    const struct flag *f = find(table, count, word, n);

    if (strncmp(word, "--", 2) != 0)
        return error_set(err, ERR_INPUT, argv[0], "expected a flag, found \"%s\"", word);
    if (!f) {
        char name[64];
        n = n < sizeof name ? n : sizeof name - 1;
        memcpy(name, word, n);
        name[n] = '\0';
        (void)error_set(err, ERR_INPUT, name, "%s has no such flag", argv[0]);
        error_hint(err, "hpo-trainer %s --help", argv[0]);
        return ERR_INPUT;
    }
    if (seen[f - table] && f->kind != FLAG_STRINGS)
        return error_set(err, ERR_INPUT, f->name, "expected once, found twice");
    seen[f - table] = true;
    if (f->kind == FLAG_SWITCH && equals)
        return error_set(err, ERR_INPUT, f->name, "expected no value, found \"%s\"", equals + 1);
    if (f->kind != FLAG_SWITCH && !equals && ++*i == argc)
        return error_set(err, ERR_INPUT, f->name, "expected a value, found the end");
    return store(f, equals ? equals + 1 : argv[*i], err);
}

enum status flags_parse(const struct flag *table, size_t n, int argc, char **argv,
                        struct error *err)
{
    bool seen[TABLE_MAX] = {false};

    if (n > TABLE_MAX)
        return error_set(err, ERR_INPUT, argv[0], "its table of flags is too long");
    for (int i = 1; i < argc; i++)
        TRY(parse_one(table, n, argc, argv, &i, seen, err));
    for (size_t i = 0; i < n; i++) {
        if (!table[i].required || seen[i])
            continue;
        (void)error_set(err, ERR_INPUT, table[i].name, "%s needs this flag", argv[0]);
        error_hint(err, "hpo-trainer %s --help", argv[0]);
        return ERR_INPUT;
    }
    return OK;
}
