/* attest: three lists of names, and what they come to. Start at attest_write. */
#include "engine/audit/attest.h"

#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/execution/provenance.h"
#include "engine/statement/envelope.h"
#include "engine/statement/statement.h"

/* What a test-result calls a verdict. */
enum outcome { PASSED, WARNED, FAILED };

static enum outcome outcome_of(enum verdict v)
{
    return v == VERDICT_SAME                               ? PASSED
           : v == VERDICT_UNCLEAR || v == VERDICT_EXCEPTED ? WARNED
                                                           : FAILED;
}

static const struct finding *find(const struct verdicts *v, const struct lineage_node *node)
{
    const struct lineage_node *in = lineage_find(v->record, &node->key);

    return in ? &v->findings[in - v->record->nodes] : NULL;
}

static int add_names(const struct verdicts *v, const struct lineage *l, enum outcome wanted,
                     const char *name, struct text *out)
{
    int n = 0;

    text_printf(out, ", \"%s\": [", name);
    for (size_t i = 0; i < l->n; i++) {
        const struct finding *f = find(v, &l->nodes[i]);
        if (!f || f->verdict == VERDICT_LEFT || outcome_of(f->verdict) != wanted)
            continue;
        text_add(out, n++ ? ", " : "");
        json_write_string(out, l->nodes[i].name);
    }
    text_add(out, "]");
    return n;
}

/* A part of it tells nothing of the rest: a sample passes with a warning. */
static bool is_whole(const struct verdicts *v, const struct lineage *l)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct finding *f = find(v, &l->nodes[i]);
        if (!f || f->verdict == VERDICT_LEFT)
            return false;
    }
    return true;
}

static bool has_failed(const struct verdicts *v, const struct lineage *l)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct finding *f = find(v, &l->nodes[i]);
        if (f && f->verdict != VERDICT_LEFT && outcome_of(f->verdict) == FAILED)
            return true;
    }
    return false;
}

/* How many of the warnings the recipe wanted. */
static int count_excepted(const struct verdicts *v, const struct lineage *l)
{
    int n = 0;

    for (size_t i = 0; i < l->n; i++) {
        const struct finding *f = find(v, &l->nodes[i]);
        n += f && f->verdict == VERDICT_EXCEPTED;
    }
    return n;
}

/* With a note for which a test-result has no field of its own. */
static void add_configuration(const struct verdicts *v, const struct lineage *l,
                              const struct digest *recipe, struct text *out)
{
    const char *slash = strrchr(v->recipe, '/');
    char hex[DIGEST_HEX + 1];

    digest_hex(recipe, hex);
    text_add(out, ", \"configuration\": [{\"name\": ");
    json_write_string(out, slash ? slash + 1 : v->recipe);
    text_printf(out,
                ", \"digest\": {\"sha256\": \"%s\"}, \"annotations\": {\"excepted\": %d, "
                "\"made_before\": %zu}}]",
                hex, count_excepted(v, l), v->kept_in_store ? v->n_before : 0);
}

static enum status write_result(const struct verdicts *v, const struct tested *tested,
                                const struct digest *recipe, struct arena *arena, char **payload,
                                size_t *n, struct error *err)
{
    const char *nodes = arena_printf(arena, "%s" STATEMENT_NODES, tested->name);
    struct text out = text_in(arena), lists = text_in(arena);
    int warned, failed;
    char *names;

    if (!nodes)
        return error_memory(err);
    (void)add_names(v, &tested->lineage, PASSED, "passedTests", &lists);
    warned = add_names(v, &tested->lineage, WARNED, "warnedTests", &lists);
    failed = add_names(v, &tested->lineage, FAILED, "failedTests", &lists);
    TRY(text_finish(&lists, &names, NULL, err));
    text_add(&out, "{\"_type\": \"https://in-toto.io/Statement/v1\", \"subject\": [");
    statement_add_resource(&out, nodes, &tested->nodes);
    text_printf(
        &out, "], \"predicateType\": \"%s\", \"predicate\": {\"result\": ", statement_test_result);
    json_write_string(
        &out, failed > 0 || v->n_targets > 0 || lineage_is_altered(&tested->lineage) ? AUDIT_FAILED
              : warned > 0 || v->kept_in_store || !is_whole(v, &tested->lineage)     ? AUDIT_WARNED
                                                                                 : AUDIT_PASSED);
    add_configuration(v, &tested->lineage, recipe, &out);
    text_printf(&out, "%s}}", names);
    return text_finish(&out, payload, n, err);
}

enum status attest_write(const struct own_key *key, const struct verdicts *v,
                         const struct tested *tested, const struct digest *recipe,
                         const char *folder, struct arena *arena, struct error *err)
{
    const char *path = arena_printf(arena, "%s/%s" STATEMENT_FILE, folder, tested->name);
    char *payload, *line;
    size_t n;

    if (v->sample == 0 && !is_whole(v, &tested->lineage) && !has_failed(v, &tested->lineage))
        return OK;
    if (!path)
        return error_memory(err);
    TRY(write_result(v, tested, recipe, arena, &payload, &n, err));
    TRY(envelope_sign(key, payload, n, arena, &line, err));
    TRY(file_make_folders(folder, err));
    return file_write(path, line, strlen(line), err);
}
