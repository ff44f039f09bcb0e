/* study_twins: trials sorted by the key of their first unit. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/study/study_state.h"

static const struct digest *first_key(const struct trial *trial)
{
    return &trial->reports[0].unit->key;
}

static int by_key(const void *a, const void *b)
{
    const struct trial *const *x = a, *const *y = b;
    const int order = memcmp(first_key(*x), first_key(*y), sizeof(struct digest));

    return order ? order : (*x)->number - (*y)->number;
}

static enum status find_pair(const struct study *study, struct arena *arena,
                             const struct trial **first, const struct trial **second,
                             struct error *err)
{
    const struct trial **sorted = arena_array(arena, study->n_trials + 1, sizeof *sorted);
    size_t n = 0;

    if (!sorted)
        return error_memory(err);
    for (size_t i = 0; i < study->n_trials; i++)
        if (study->trials[i]->n_reports > 0)
            sorted[n++] = study->trials[i];
    qsort(sorted, n, sizeof *sorted, by_key);
    for (size_t i = 1; i < n; i++) {
        const struct trial *a = sorted[i - 1], *b = sorted[i];
        if (digest_equal(first_key(a), first_key(b)) && strcmp(a->params, b->params) != 0 &&
            (!*second || b->number < (*second)->number)) {
            *first = a;
            *second = b;
        }
    }
    return OK;
}

/* The value as it stands in the text; "" where it is absent. */
static enum status write_value(const struct json *params, const char *name, struct arena *arena,
                               char **out, struct error *err)
{
    struct text t = text_in(arena);
    const struct json *value = json_get(params, name);

    if (value)
        json_write(&t, value);
    return text_finish(&t, out, NULL, err);
}

/* The names in the first one's parameters with another value in the second's. */
static enum status add_names(const struct json *a, const struct json *b, struct arena *arena,
                             struct text *names, struct error *err)
{
    bool any = false;

    for (size_t i = 0; i < a->n; i++) {
        char *x, *y;
        TRY(write_value(a, a->members[i].name, arena, &x, err));
        TRY(write_value(b, a->members[i].name, arena, &y, err));
        if (strcmp(x, y) == 0)
            continue;
        text_printf(names, "%s%s", any ? ", " : "", a->members[i].name);
        any = true;
    }
    return OK;
}

enum status study_twins(const struct study *study, struct arena *arena, int *first, int *second,
                        const char **names, struct error *err)
{
    const struct trial *a = NULL, *b = NULL;
    struct text t = text_in(arena);
    struct json *x, *y;
    char *found;

    *first = -1;
    if (study->spec->exploits) /* parameters change on the way */
        return OK;
    TRY(find_pair(study, arena, &a, &b, err));
    if (!a)
        return OK;
    TRY(json_parse(a->params, strlen(a->params), "parameters", JSON_STRICT, arena, &x, err));
    TRY(json_parse(b->params, strlen(b->params), "parameters", JSON_STRICT, arena, &y, err));
    if (x->kind == JSON_OBJECT)
        TRY(add_names(x, y, arena, &t, err));
    TRY(text_finish(&t, &found, NULL, err));
    *first = a->number;
    *second = b->number;
    *names = found;
    return OK;
}
