/* difference: descriptions behind keys, from results and the journal. */
#include "engine/execution/difference.h"

#include <string.h>

#include "base/text.h"
#include "cache/records/history.h"
#include "engine/execution/build.h"
#include "engine/graph/key.h"
#include "engine/graph/packages.h"
#include "engine/process/tool.h"
#include "engine/study/unit.h"

enum status difference_describe(struct store *store, const struct digest *key, struct arena *arena,
                                const char **description, struct result *r, struct error *err)
{
    enum status s = index_result_get(store, key, arena, r, err);

    *description = s == OK ? r->description : NULL;
    if (s != ERR_NOT_FOUND)
        return s;
    *r = (struct result){.key = *key};
    s = history_journal_get(store, key, arena, description, err);
    return s == ERR_NOT_FOUND ? OK : s;
}

enum status difference_add(struct store *store, const char *was, const char *is,
                           struct arena *arena, struct text *t, struct error *err)
{
    struct digest a, b;
    struct result r;
    const char *before, *after;
    char *difference;

    TRY(key_difference(was, is, arena, &difference, err));
    text_add(t, difference);
    TRY(packages_explain(store, was, is, NULL, t, err));
    if (!unit_template(was, &a) || !unit_template(is, &b) || digest_equal(&a, &b))
        return OK;
    TRY(difference_describe(store, &a, arena, &before, &r, err));
    TRY(difference_describe(store, &b, arena, &after, &r, err));
    if (!before || !after)
        return OK;
    TRY(key_difference(before, after, arena, &difference, err));
    text_add(t, difference);
    return packages_explain(store, before, after, NULL, t, err);
}

enum status difference_add_now(struct build *b, const char *was, const char *is, struct text *t,
                               struct error *err)
{
    char *difference;

    TRY(key_difference(was, is, t->arena, &difference, err));
    text_add(t, difference);
    return packages_explain(b->store, was, is, tool_environment(b->tools, is), t, err);
}
