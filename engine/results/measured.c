/* measured: {"gpu_seconds": X, "isolation": "room", "seen": [PATH]}, where there is any. */
#include "engine/results/measured.h"

#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "cache/results/index.h"
#include "engine/results/results.h"

enum status measured_put(const struct measured *m, struct arena *arena, struct result *r,
                         struct error *err)
{
    struct text t = text_in(arena);
    char *info;

    r->seconds = m->seconds;
    r->info = NULL;
    if (!(m->gpu_seconds > 0) && !m->isolation)
        return OK;
    text_add(&t, "{");
    if (m->gpu_seconds > 0) {
        text_add(&t, "\"gpu_seconds\": ");
        json_write_number(&t, m->gpu_seconds);
    }
    if (m->isolation) {
        text_printf(&t, "%s\"isolation\": ", m->gpu_seconds > 0 ? ", " : "");
        json_write_string(&t, m->isolation);
    }
    for (size_t i = 0; i < m->n_seen; i++) {
        text_add(&t, i == 0 ? ", \"seen\": [" : ", ");
        json_write_string(&t, m->seen[i]);
    }
    text_add(&t, m->n_seen > 0 ? "]}" : "}");
    TRY(text_finish(&t, &info, NULL, err));
    r->info = info;
    return OK;
}

static enum status take_seen(const struct json *list, struct arena *arena, struct measured *out,
                             struct error *err)
{
    const char **seen = arena_array(arena, list->n + 1, sizeof *seen);

    if (!seen)
        return error_memory(err);
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].kind == JSON_STRING)
            seen[out->n_seen++] = list->items[i].string;
    out->seen = seen;
    return OK;
}

enum status measured_get(const struct result *r, struct arena *arena, struct measured *out,
                         struct error *err)
{
    const struct json *value;
    struct json *info;
    enum status s;

    *out = (struct measured){.seconds = r->seconds};
    if (!r->info)
        return OK;
    s = json_parse(r->info, strlen(r->info), "", JSON_STRICT, arena, &info, err);
    if (s != OK)
        return s == ERR_MEMORY ? s : OK;
    value = json_get(info, "gpu_seconds");
    if (value && value->kind == JSON_NUMBER)
        out->gpu_seconds = value->number;
    value = json_get(info, "isolation");
    if (value && value->kind == JSON_STRING)
        out->isolation = value->string;
    value = json_get(info, "seen");
    return value && value->kind == JSON_ARRAY ? take_seen(value, arena, out, err) : OK;
}

/* More is hidden under the greater. */
static int strength(const char *isolation)
{
    if (!isolation)
        return 0;
    return strcmp(isolation, "room") == 0 ? 2 : 1;
}

enum status measured_again(struct store *store, const struct result *again, bool completed,
                           struct arena *arena, struct error *err)
{
    struct measured was, is;
    struct result known;
    int more;

    TRY(index_result_get(store, &again->key, arena, &known, err));
    TRY(measured_get(&known, arena, &was, err));
    TRY(measured_get(again, arena, &is, err));
    more = strength(is.isolation) - strength(was.isolation);
    if (more == 0 || (!completed && (more < 0 || again->has_tree != known.has_tree)))
        return OK;
    is.seconds = was.seconds; /* what it cost is what it cost first */
    is.gpu_seconds = was.gpu_seconds;
    TRY(measured_put(&is, arena, &known, err));
    return index_info_put(store, &known, err);
}
