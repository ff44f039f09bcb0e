/* statement: members of JSON, one by one. Start at statement_read. */
#include "engine/statement/statement.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/statement/envelope.h"

static const char in_toto[] = "https://in-toto.io/Statement/v1";
static const char slsa[] = "https://slsa.dev/provenance/v1";
const char statement_test_result[] = "https://in-toto.io/attestation/test-result/v0.1";

static enum status want_word(const struct json *object, const char *where, const char *name,
                             const char *expected, struct error *err)
{
    const char *found;

    TRY(json_want_string(object, where, name, &found, err));
    if (strcmp(found, expected) == 0)
        return OK;
    return error_set(err, ERR_INPUT, where, "%s: expected %s, found %s", name, expected, found);
}

/* A file that lies anywhere: what was read. */
static enum status read_source(const struct json *object, const char *where,
                               struct stated_file *out, struct error *err)
{
    const struct json *digest;
    const char *hex;

    TRY(json_want_string(object, where, "name", &out->name, err));
    TRY(json_want_object(object, where, "digest", &digest, err));
    TRY(json_want_string(digest, where, "sha256", &hex, err));
    if (!digest_parse(hex, &out->digest))
        return error_set(err, ERR_INPUT, where, "sha256: expected 64 digits, found %s", hex);
    return OK;
}

static enum status check_inner(const char *name, const char *where, struct error *err)
{
    return file_is_inner_path(name)
               ? OK
               : error_set(err, ERR_INPUT, where,
                           "name: expected a path inside its folder, found %s", name);
}

/* A file beside the statement, or below. */
static enum status read_file(const struct json *object, const char *where, struct stated_file *out,
                             struct error *err)
{
    TRY(read_source(object, where, out, err));
    return check_inner(out->name, where, err);
}

static enum status read_words(const struct json *object, const char *where, const char *member,
                              struct arena *arena, const char ***out, size_t *n, struct error *err)
{
    const struct json *list;

    TRY(json_want_array(object, where, member, &list, err));
    if (!(*out = arena_array(arena, list->n + 1, sizeof **out)))
        return error_memory(err);
    for (*n = 0; *n < list->n; ++*n) {
        if (list->items[*n].kind != JSON_STRING)
            return error_set(err, ERR_INPUT, where, "%s: expected names", member);
        (*out)[*n] = list->items[*n].string;
    }
    return OK;
}

/* Names of files. */
static enum status read_names(const struct json *object, const char *where, const char *member,
                              struct arena *arena, const char ***out, size_t *n, struct error *err)
{
    TRY(read_words(object, where, member, arena, out, n, err));
    for (size_t i = 0; i < *n; i++)
        TRY(check_inner((*out)[i], where, err));
    return OK;
}

/* ---- found by name ---- */

/* The name is the first member of what is listed. */
static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort(void *list, size_t n, size_t size)
{
    if (n > 1)
        qsort(list, n, size, by_name);
}

static const void *find(const void *list, size_t n, size_t size, const char *name)
{
    return n > 0 ? bsearch(&name, list, n, size, by_name) : NULL;
}

const struct stated_file *statement_file(const struct statement *s, const char *name)
{
    return find(s->files, s->n_files, sizeof *s->files, name);
}

const struct stated_link *statement_link(const struct statement *s, const char *name)
{
    return find(s->links, s->n_links, sizeof *s->links, name);
}

bool statement_is_executable(const struct statement *s, const char *name)
{
    return find(s->executable, s->n_executable, sizeof *s->executable, name) != NULL;
}

bool statement_is_empty_folder(const struct statement *s, const char *name)
{
    return find(s->folders, s->n_folders, sizeof *s->folders, name) != NULL;
}

/* ---- what is in it ---- */

static enum status read_subjects(const struct json *object, const char *where, struct arena *arena,
                                 struct statement *out, struct error *err)
{
    const struct json *list;

    TRY(json_want_array(object, where, "subject", &list, err));
    if (!(out->files = arena_array(arena, list->n + 1, sizeof *out->files)))
        return error_memory(err);
    for (out->n_files = 0; out->n_files < list->n; out->n_files++)
        TRY(read_file(&list->items[out->n_files], where, &out->files[out->n_files], err));
    sort(out->files, out->n_files, sizeof *out->files);
    return OK;
}

static enum status read_internal(const struct json *internal, const char *where,
                                 struct arena *arena, struct statement *out, struct error *err)
{
    const struct json *links, *pins;
    int64_t accepted, marked, nodes;

    TRY(json_want_string(internal, where, "isolation", &out->isolation, err));
    TRY(json_want_integer(internal, where, "accepted", 0, INT32_MAX, &accepted, err));
    TRY(json_want_integer(internal, where, "not_reproducible", 0, INT32_MAX, &marked, err));
    TRY(json_want_integer(internal, where, "nodes", 0, INT32_MAX, &nodes, err));
    TRY(json_want_array(internal, where, "links", &links, err));
    TRY(json_want_array(internal, where, "pins", &pins, err));
    TRY(read_names(internal, where, "executable", arena, &out->executable, &out->n_executable,
                   err));
    TRY(read_names(internal, where, "empty_folders", arena, &out->folders, &out->n_folders, err));
    TRY(read_names(internal, where, "modules", arena, &out->modules, &out->n_modules, err));
    out->accepted = (int)accepted;
    out->not_reproducible = (int)marked;
    out->n_nodes = (int)nodes;
    out->links = arena_array(arena, links->n + 1, sizeof *out->links);
    out->pins = arena_array(arena, pins->n + 1, sizeof *out->pins);
    if (!out->links || !out->pins)
        return error_memory(err);
    for (; out->n_links < links->n; out->n_links++) {
        struct stated_link *l = &out->links[out->n_links];
        TRY(json_want_string(&links->items[out->n_links], where, "name", &l->name, err));
        TRY(json_want_string(&links->items[out->n_links], where, "target", &l->target, err));
        TRY(check_inner(l->name, where, err));
    }
    sort(out->links, out->n_links, sizeof *out->links);
    sort(out->executable, out->n_executable, sizeof *out->executable);
    sort(out->folders, out->n_folders, sizeof *out->folders);
    for (; out->n_pins < pins->n; out->n_pins++) {
        struct stated_pin *p = &out->pins[out->n_pins];
        TRY(json_want_string(&pins->items[out->n_pins], where, "url", &p->url, err));
        TRY(json_want_string(&pins->items[out->n_pins], where, "rev", &p->rev, err));
        TRY(json_want_string(&pins->items[out->n_pins], where, "commit", &p->commit, err));
    }
    return OK;
}

/* The recipe's own file comes first among what it depends on. */
static enum status read_definition(const struct json *definition, const char *where,
                                   struct arena *arena, struct statement *out, struct error *err)
{
    const struct json *external, *internal, *set, *dependencies;
    struct text arguments = text_in(arena);
    char *string;

    TRY(want_word(definition, where, "buildType", "urn:hpo:build:1", err));
    TRY(json_want_object(definition, where, "externalParameters", &external, err));
    TRY(json_want_object(definition, where, "internalParameters", &internal, err));
    TRY(json_want_array(definition, where, "resolvedDependencies", &dependencies, err));
    TRY(json_want_string(external, where, "target", &out->target, err));
    TRY(json_want_object(external, where, "set", &set, err));
    json_write(&arguments, set);
    TRY(text_finish(&arguments, &string, NULL, err));
    out->arguments = string;
    if (dependencies->n == 0)
        return error_set(err, ERR_INPUT, where, "resolvedDependencies: expected the recipe");
    TRY(read_file(&dependencies->items[0], where, &out->recipe, err));
    if (!(out->sources = arena_array(arena, dependencies->n, sizeof *out->sources)))
        return error_memory(err);
    for (size_t i = 1; i < dependencies->n; i++)
        if (!json_get(&dependencies->items[i], "uri"))
            TRY(read_source(&dependencies->items[i], where, &out->sources[out->n_sources++], err));
    return read_internal(internal, where, arena, out, err);
}

static enum status read_details(const struct json *predicate, const char *where,
                                struct statement *out, struct error *err)
{
    const struct json *details, *byproducts, *builder, *version;

    TRY(json_want_object(predicate, where, "runDetails", &details, err));
    TRY(json_want_object(details, where, "builder", &builder, err));
    TRY(json_want_object(builder, where, "version", &version, err));
    TRY(json_want_string(version, where, "hpo", &out->version, err));
    TRY(json_want_array(details, where, "byproducts", &byproducts, err));
    if (byproducts->n != 1)
        return error_set(err, ERR_INPUT, where, "byproducts: expected one, found %zu",
                         byproducts->n);
    return read_file(&byproducts->items[0], where, &out->nodes, err);
}

/* Whether a file, a link or a folder is what the target is, or below it: TARGET, TARGET.png. */
static bool is_of_target(const char *name, const char *target)
{
    const size_t n = strlen(target);

    if (strncmp(name, target, n) != 0)
        return false;
    return name[n] == '\0' || name[n] == '/' || (name[n] == '.' && !strchr(name + n, '/'));
}

static enum status check_of_target(const char *name, const struct statement *s, const char *where,
                                   struct error *err)
{
    return is_of_target(name, s->target)
               ? OK
               : error_set(err, ERR_INPUT, where, "name: expected a file of target %s, found %s",
                           s->target, name);
}

/* What is said of a target is of its own files: another's would count as proven beside it. */
static enum status check_target(const struct statement *s, const char *where, struct error *err)
{
    const size_t n = strlen(s->target);

    if (!file_is_inner_path(s->target) || strchr(s->target, '/'))
        return error_set(err, ERR_INPUT, where, "target: expected a name, found \"%s\"", s->target);
    if (strncmp(s->nodes.name, s->target, n) != 0 ||
        strcmp(s->nodes.name + n, STATEMENT_NODES) != 0)
        return error_set(err, ERR_INPUT, where, "byproducts: expected %s%s, found %s", s->target,
                         STATEMENT_NODES, s->nodes.name);
    for (size_t i = 0; i < s->n_files; i++)
        TRY(check_of_target(s->files[i].name, s, where, err));
    for (size_t i = 0; i < s->n_links; i++)
        TRY(check_of_target(s->links[i].name, s, where, err));
    for (size_t i = 0; i < s->n_folders; i++)
        TRY(check_of_target(s->folders[i], s, where, err));
    return OK;
}

static enum status read_build(const struct json *object, const char *where, struct arena *arena,
                              struct statement *out, struct error *err)
{
    const struct json *predicate, *definition;

    TRY(want_word(object, where, "predicateType", slsa, err));
    TRY(read_subjects(object, where, arena, out, err));
    TRY(json_want_object(object, where, "predicate", &predicate, err));
    TRY(json_want_object(predicate, where, "buildDefinition", &definition, err));
    TRY(read_definition(definition, where, arena, out, err));
    TRY(read_details(predicate, where, out, err));
    return check_target(out, where, err);
}

/* What was tested is the list of nodes of a target: TARGET.nodes.jsonl. */
static enum status read_tested(const struct json *object, const char *where, struct arena *arena,
                               struct statement *out, struct error *err)
{
    const size_t end = strlen(STATEMENT_NODES);
    const struct json *subjects;
    size_t n;

    TRY(json_want_array(object, where, "subject", &subjects, err));
    if (subjects->n != 1)
        return error_set(err, ERR_INPUT, where, "subject: expected one, found %zu", subjects->n);
    TRY(read_file(&subjects->items[0], where, &out->nodes, err));
    n = strlen(out->nodes.name);
    if (n <= end || strcmp(out->nodes.name + n - end, STATEMENT_NODES) != 0 ||
        strchr(out->nodes.name, '/'))
        return error_set(err, ERR_INPUT, where, "subject: expected TARGET%s, found %s",
                         STATEMENT_NODES, out->nodes.name);
    out->target = arena_copy(arena, out->nodes.name, n - end);
    return out->target ? OK : error_memory(err);
}

static enum status read_result(const struct json *predicate, const char *where,
                               struct stated_audit *out, struct error *err)
{
    TRY(json_want_string(predicate, where, "result", &out->result, err));
    if (strcmp(out->result, AUDIT_PASSED) == 0 || strcmp(out->result, AUDIT_WARNED) == 0 ||
        strcmp(out->result, AUDIT_FAILED) == 0)
        return OK;
    return error_set(err, ERR_INPUT, where, "result: expected PASSED, WARNED or FAILED, found %s",
                     out->result);
}

/* The recipe. How many of the warnings it wanted is a note to it: results have no field for it. */
static enum status read_configuration(const struct json *predicate, const char *where,
                                      struct statement *out, struct error *err)
{
    const struct json *configuration, *notes;
    int64_t excepted, before;

    TRY(json_want_array(predicate, where, "configuration", &configuration, err));
    if (configuration->n != 1)
        return error_set(err, ERR_INPUT, where, "configuration: expected the recipe");
    TRY(read_file(&configuration->items[0], where, &out->recipe, err));
    TRY(json_want_object(&configuration->items[0], where, "annotations", &notes, err));
    TRY(json_want_integer(notes, where, "excepted", 0, (int64_t)out->audit.n_warned, &excepted,
                          err));
    TRY(json_want_integer(notes, where, "made_before", 0, INT32_MAX, &before, err));
    out->audit.n_excepted = (size_t)excepted;
    out->audit.n_before = (size_t)before;
    return OK;
}

static enum status read_audit(const struct json *object, const char *where, struct arena *arena,
                              struct statement *out, struct error *err)
{
    struct stated_audit *a = &out->audit;
    const struct json *predicate, *passed;

    TRY(read_tested(object, where, arena, out, err));
    TRY(json_want_object(object, where, "predicate", &predicate, err));
    TRY(json_want_array(predicate, where, "passedTests", &passed, err));
    a->n_passed = passed->n;
    TRY(read_words(predicate, where, "warnedTests", arena, &a->warned, &a->n_warned, err));
    TRY(read_words(predicate, where, "failedTests", arena, &a->failed, &a->n_failed, err));
    TRY(read_configuration(predicate, where, out, err));
    return read_result(predicate, where, a, err);
}

enum status statement_read(const struct envelope *e, const char *where, struct arena *arena,
                           struct statement *out, struct error *err)
{
    const char *predicate;
    struct json *object;

    *out = (struct statement){.n_files = 0};
    if (strcmp(e->type, envelope_type) != 0)
        return error_set(err, ERR_INPUT, where, "payloadType: expected %s, found %s", envelope_type,
                         e->type);
    TRY(json_parse(e->payload, e->n, where, JSON_STRICT, arena, &object, err));
    TRY(want_word(object, where, "_type", in_toto, err));
    TRY(json_want_string(object, where, "predicateType", &predicate, err));
    return strcmp(predicate, statement_test_result) == 0
               ? read_audit(object, where, arena, out, err)
               : read_build(object, where, arena, out, err);
}

void statement_add_resource(struct text *out, const char *name, const struct digest *digest)
{
    char hex[DIGEST_HEX + 1];

    digest_hex(digest, hex);
    text_add(out, "{\"name\": ");
    json_write_string(out, name);
    text_printf(out, ", \"digest\": {\"sha256\": \"%s\"}}", hex);
}
