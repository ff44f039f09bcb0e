/* key: writes descriptions and compares them. Start at key_of_action. */
#include "engine/graph/key.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"

static void add_string(struct text *t, const char *field, const char *value)
{
    text_printf(t, "%s ", field);
    json_write_string(t, value);
    text_add(t, "\n");
}

static void add_list(struct text *t, const char *field, const char *const *values, size_t n)
{
    text_printf(t, "%s [", field);
    for (size_t i = 0; i < n; i++) {
        text_add(t, i ? ", " : "");
        json_write_string(t, values[i]);
    }
    text_add(t, "]\n");
}

/* Names go into field names percent-free: a space in one would end it, so they are JSON strings. */
static size_t write_byte(char c, char out[8])
{
    if (c == ' ' || c == '\n' || c == '\\')
        return (size_t)snprintf(out, 8, "\\x%02x", (unsigned)c);
    out[0] = c;
    return 1;
}

static void add_named(struct text *t, const char *field, const char *name, const char *value)
{
    text_add(t, field);
    for (const char *c = name; *c; c++) {
        char bytes[8];
        text_add_bytes(t, bytes, write_byte(*c, bytes));
    }
    text_add(t, " ");
    json_write_string(t, value);
    text_add(t, "\n");
}

static void add_inputs(struct text *t, const struct action *a, const struct content_key *contents)
{
    static const char *const kinds[] = {"file ", "program ", "folder "};

    for (size_t i = 0; i < a->n_inputs; i++) {
        char value[16 + DIGEST_HEX + 1];
        size_t n = strlen(kinds[contents[i].kind]);
        memcpy(value, kinds[contents[i].kind], n);
        digest_hex(&contents[i].digest, value + n);
        add_named(t, "input.", a->inputs[i].name, value);
    }
}

enum status key_of_action(const struct action *a, const struct content_key *contents,
                          const char *identity, struct arena *arena, char **description,
                          struct digest *key, struct error *err)
{
    struct text t = text_in(arena);
    size_t n;

    text_add(&t, "description 1\n");
    add_string(&t, "kind", a->kind);
    if (a->fetch) {
        add_string(&t, "commit", identity);
        add_list(&t, "paths", a->fetch->paths, a->fetch->n_paths);
    } else {
        add_string(&t, "tool", identity);
        add_list(&t, "run", a->run, a->n_run);
    }
    for (size_t i = 0; i < a->n_env; i++)
        add_named(&t, "env.", a->env[i].name, a->env[i].value);
    add_inputs(&t, a, contents);
    add_list(&t, "outputs", a->outputs, a->n_outputs);
    if (a->params)
        add_string(&t, "params", a->params);
    if (a->resources.gpu && a->resources.n_settings == 0) /* else the tool says what of it counts */
        add_string(&t, "gpu", a->resources.gpu);
    if (a->stateless)
        text_add(&t, "stateless true\n");
    if (a->may_end)
        text_add(&t, "may_end true\n");
    if (a->report)
        add_string(&t, "report", a->report);
    if (a->tty)
        text_add(&t, "tty true\n");
    TRY(text_finish(&t, description, &n, err));
    return digest_bytes(*description, n, key, err);
}

/* The field that begins at *at, which moves to the next; false at the end. */
bool key_next_field(const char **at, struct key_field *f)
{
    const char *space = strchr(*at, ' '), *end;

    if (!space)
        return false;
    end = strchr(space, '\n');
    if (!end)
        end = space + strlen(space);
    *f = (struct key_field){*at, space + 1, (size_t)(space - *at), (size_t)(end - space - 1)};
    *at = *end ? end + 1 : end;
    return true;
}

bool key_find_field(const char *description, const struct key_field *wanted, struct key_field *f)
{
    while (key_next_field(&description, f))
        if (f->n_name == wanted->n_name && memcmp(f->name, wanted->name, f->n_name) == 0)
            return true;
    return false;
}

bool key_is_input(const struct key_field *f, const char *name)
{
    static const char input[] = "input.";
    size_t at = strlen(input);

    if (f->n_name < at || memcmp(f->name, input, at) != 0)
        return false;
    for (; *name; name++) {
        char bytes[8];
        const size_t n = write_byte(*name, bytes);
        if (f->n_name - at < n || memcmp(f->name + at, bytes, n) != 0)
            return false;
        at += n;
    }
    return at == f->n_name;
}

/* Two lists of strings: only the elements that differ. */
static bool add_list_difference(struct text *t, const struct key_field *a,
                                const struct key_field *b)
{
    struct json *was, *is;
    struct error ignored;

    if (json_parse(a->value, a->n_value, "", JSON_STRICT, t->arena, &was, &ignored) != OK ||
        json_parse(b->value, b->n_value, "", JSON_STRICT, t->arena, &is, &ignored) != OK ||
        was->kind != JSON_ARRAY || is->kind != JSON_ARRAY || was->n != is->n)
        return false;
    for (size_t i = 0; i < was->n; i++)
        if (was->items[i].kind != JSON_STRING || is->items[i].kind != JSON_STRING ||
            strcmp(was->items[i].string, is->items[i].string) != 0) {
            text_printf(t, "  %.*s[%zu]: ", (int)a->n_name, a->name, i + 1);
            json_write(t, &was->items[i]);
            text_add(t, " → ");
            json_write(t, &is->items[i]);
            text_add(t, "\n");
        }
    return true;
}

enum status key_difference(const char *was, const char *is, struct arena *arena, char **out,
                           struct error *err)
{
    struct text t = text_in(arena);
    struct key_field a, b;

    for (const char *at = was; key_next_field(&at, &a);) {
        if (!key_find_field(is, &a, &b))
            text_printf(&t, "  %.*s: %.*s → absent\n", (int)a.n_name, a.name, (int)a.n_value,
                        a.value);
        else if ((a.n_value != b.n_value || memcmp(a.value, b.value, a.n_value) != 0) &&
                 !add_list_difference(&t, &a, &b))
            text_printf(&t, "  %.*s: %.*s → %.*s\n", (int)a.n_name, a.name, (int)a.n_value, a.value,
                        (int)b.n_value, b.value);
    }
    for (const char *at = is; key_next_field(&at, &b);)
        if (!key_find_field(was, &b, &a))
            text_printf(&t, "  %.*s: absent → %.*s\n", (int)b.n_name, b.name, (int)b.n_value,
                        b.value);
    return text_finish(&t, out, NULL, err);
}
