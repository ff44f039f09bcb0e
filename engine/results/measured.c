/* measured: {"gpu_seconds": X}, where there is any. */
#include "engine/results/measured.h"

#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/results/results.h"

enum status measured_put(const struct measured *m, struct arena *arena, struct result *r,
                         struct error *err)
{
    struct text t = text_in(arena);
    char *info;

    r->seconds = m->seconds;
    if (!(m->gpu_seconds > 0))
        return OK;
    text_add(&t, "{\"gpu_seconds\": ");
    json_write_number(&t, m->gpu_seconds);
    text_add(&t, "}");
    TRY(text_finish(&t, &info, NULL, err));
    r->info = info;
    return OK;
}

struct measured measured_of(const struct result *r, struct arena *scratch)
{
    struct measured m = {.seconds = r->seconds};
    const struct json *value;
    struct error ignored;
    struct json *info;

    if (r->info &&
        json_parse(r->info, strlen(r->info), "", JSON_STRICT, scratch, &info, &ignored) == OK &&
        (value = json_get(info, "gpu_seconds")) != NULL && value->kind == JSON_NUMBER)
        m.gpu_seconds = value->number;
    return m;
}
