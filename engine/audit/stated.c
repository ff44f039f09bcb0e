/* stated: a line a node. Start at stated_lineage. */
#include "engine/audit/stated.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/visible.h"
#include "engine/statement/signed.h"

enum { NODES_LIMIT = 1 << 30 };

static enum status want_digest(const struct json *object, const char *where, const char *name,
                               struct digest *out, struct error *err)
{
    const char *hex;

    TRY(json_want_string(object, where, name, &hex, err));
    return digest_parse(hex, out)
               ? OK
               : error_set(err, ERR_INPUT, where, "%s: expected 64 digits, found %s", name, hex);
}

/* "asha/3/2": a study's name may have slashes, too. */
static enum status take_name(struct lineage_node *node, const char *where, struct arena *arena,
                             struct error *err)
{
    const char *t = strrchr(node->name, '/'), *trial = t;
    int64_t number, trial_number;
    const char *digits;

    while (trial && trial > node->name && *--trial != '/') {
    }
    if (!t || trial == node->name)
        return error_set(err, ERR_INPUT, where, "name: expected STUDY/TRIAL/T, found %s",
                         node->name);
    TRY(text_parse_integer(t + 1, where, 1, INT32_MAX, &number, err));
    if (!(digits = arena_copy(arena, trial + 1, (size_t)(t - trial - 1))))
        return error_memory(err);
    TRY(text_parse_integer(digits, where, 0, INT32_MAX, &trial_number, err));
    node->t = (int)number;
    node->trial = (int)trial_number;
    node->study = arena_copy(arena, node->name, (size_t)(trial - node->name));
    return node->study ? OK : error_memory(err);
}

static enum status take_reports(const struct json *reports, struct lineage_node *node,
                                const char *where, struct arena *arena, struct error *err)
{
    struct text t = text_in(arena);
    char *string;

    json_write(&t, reports);
    TRY(text_finish(&t, &string, NULL, err));
    node->result.reports = string;
    node->result.kind = "unit";
    return take_name(node, where, arena, err);
}

/* What the signer chose is shown among lines of the audit's: it becomes one line here. */
static enum status want_line(const struct json *line, const char *where, const char *name,
                             struct arena *arena, const char **out, struct error *err)
{
    struct text t = text_in(arena);
    const char *found;
    char *shown;

    TRY(json_want_string(line, where, name, &found, err));
    visible_add(&t, found, strlen(found), VISIBLE_LINE);
    TRY(text_finish(&t, &shown, NULL, err));
    *out = shown;
    return OK;
}

static enum status take_node(const struct json *line, const char *where, struct arena *arena,
                             struct lineage_node *out, struct error *err)
{
    const struct json *reports = json_get(line, "reports"),
                      *marked = json_get(line, "reproducible");

    *out = (struct lineage_node){.trial = -1, .parent = -1};
    TRY(want_line(line, where, "name", arena, &out->name, err));
    TRY(want_digest(line, where, "key", &out->key, err));
    if (json_get(line, "tool"))
        TRY(json_want_string(line, where, "tool", &out->tool, err));
    out->by_hand = json_get(line, "accepted") || json_get(line, "accepted_as");
    if (json_get(line, "failed"))
        return want_line(line, where, "failed", arena, &out->failure, err);
    out->result.kind = "action";
    out->result.key = out->key;
    out->result.marked = marked != NULL;
    if ((out->result.has_tree = json_get(line, "outputs") != NULL))
        TRY(want_digest(line, where, "outputs", &out->result.tree, err));
    return reports ? take_reports(reports, out, where, arena, err) : OK;
}

/* The unit before it, where that is its own trial's. */
static int find_before(const struct lineage *l, const struct lineage_node *node)
{
    for (size_t i = l->n; i-- > 0 && l->nodes[i].study;)
        if (l->nodes[i].trial == node->trial && l->nodes[i].t == node->t - 1 &&
            strcmp(l->nodes[i].study, node->study) == 0)
            return (int)i;
    return -1;
}

/* Whoever was sent the statement alone is told what else belongs to it. */
static enum status refuse_missing(const char *path, const char *name, struct error *err)
{
    (void)error_set(err, ERR_INPUT, path,
                    "there is no such file: it lists the actions and units that the statement is "
                    "of, with what they came to");
    error_hint(err, "copy %s from where the statement comes from, and put it beside it", name);
    return ERR_INPUT;
}

enum status stated_lineage(const struct signed_statement *s, struct arena *arena,
                           struct lineage *out, struct error *err)
{
    const struct stated_file *file = &s->statement.nodes;
    const char *path = file_join(arena, s->folder, file->name);
    struct digest found;
    char *bytes;
    size_t n;
    enum status status =
        path ? file_read(path, NODES_LIMIT, arena, &bytes, &n, err) : error_memory(err);

    TRY(status == ERR_NOT_FOUND ? refuse_missing(path, file->name, err) : status);
    TRY(digest_bytes(bytes, n, &found, err));
    if (!digest_equal(&found, &file->digest))
        return error_set(err, ERR_DIFFERS, path, "it is not the file that the statement names");
    *out = (struct lineage){.nodes = NULL};
    for (char *line = bytes, *end; line < bytes + n; line = end + 1) {
        struct lineage_node node;
        struct json *object;
        if (!(end = memchr(line, '\n', (size_t)(bytes + n - line))))
            return error_set(err, ERR_INPUT, path, "expected a newline at its end");
        TRY(json_parse(line, (size_t)(end - line), path, JSON_STRICT, arena, &object, err));
        TRY(take_node(object, path, arena, &node, err));
        node.parent = node.study ? find_before(out, &node) : -1;
        TRY(lineage_add(out, &node, arena, err));
    }
    return OK;
}
