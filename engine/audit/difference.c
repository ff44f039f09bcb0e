/* difference: reports as numbers, files as trees. Start at difference_find. */
#include "engine/audit/difference.h"

#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "cache/records/history.h"
#include "engine/audit/files.h"

const char *verdict_word(enum verdict v)
{
    static const char *const words[] = {"identical",    "differs",  "follows",
                                        "inconclusive", "excepted", "left"};

    return words[v];
}

/* ---- reports ---- */

static void write_value(const struct json *value, struct text *out)
{
    if (value && value->kind == JSON_NUMBER)
        text_add_number(out, value->number); /* infinities too */
    else if (value)
        json_write(out, value);
    else
        text_add(out, "nothing");
}

static bool is_same_value(const struct json *a, const struct json *b)
{
    if (!a || !b || a->kind != b->kind)
        return false;
    return a->kind == JSON_NULL || (a->kind == JSON_NUMBER && a->number == b->number) ||
           (a->kind == JSON_BOOLEAN && a->truth == b->truth);
}

/* The names of `one`; those that the other has too only the first time. */
static void compare_names(const struct json *one, const struct json *other, bool first,
                          struct text *out)
{
    for (size_t i = 0; i < one->n; i++) {
        const char *name = one->members[i].name;
        const struct json *value = &one->members[i].value, *theirs = json_get(other, name);
        if (is_same_value(value, theirs) || (!first && theirs))
            continue;
        text_printf(out, "%s was ", name);
        write_value(first ? value : theirs, out);
        text_add(out, ", and now is ");
        write_value(first ? theirs : value, out);
        text_add(out, "\n");
    }
}

static enum status compare_reports(const char *was, const char *is, struct arena *arena,
                                   struct text *out, struct error *err)
{
    struct json *a, *b;

    TRY(json_parse(was, strlen(was), "the report on record", JSON_NONFINITE, arena, &a, err));
    TRY(json_parse(is, strlen(is), "the report", JSON_NONFINITE, arena, &b, err));
    if (json_get(a, "ended") || json_get(b, "ended")) {
        text_add(out, json_get(a, "ended")
                          ? "it ended by itself before this t, and now reports it\n"
                          : "it reported this t, and now ends by itself before\n");
        return OK;
    }
    compare_names(a, b, true, out);
    compare_names(b, a, false, out);
    return OK;
}

/* ---- a node ---- */

/* A unit in the middle of a run has no checkpoint, and a run may end elsewhere now. */
static bool has_two_trees(const struct result *a, const struct result *b)
{
    return a->has_tree && b->has_tree;
}

bool difference_is_none(const struct result *a, const struct result *b)
{
    if (!a->reports != !b->reports || (a->reports && strcmp(a->reports, b->reports) != 0))
        return false;
    return !has_two_trees(a, b) || digest_equal(&a->tree, &b->tree);
}

static enum status compare(const struct lineage_node *node, bool is_last, const struct result *now,
                           struct store *recorded, struct store *room, struct arena *arena,
                           struct text *out, struct error *err)
{
    const struct result *was = &node->result;

    if (!was->kind) {
        text_printf(out, "it failed (%s), and now succeeds\n", node->failure);
        return OK;
    }
    if (was->reports && now->reports && strcmp(was->reports, now->reports) != 0)
        TRY(compare_reports(was->reports, now->reports, arena, out, err));
    if (has_two_trees(was, now) && !digest_equal(&was->tree, &now->tree))
        TRY(files_compare(recorded, &was->tree, room, &now->tree, arena, out, err));
    /* a run that is ended by a goal leaves a checkpoint only where one is wanted */
    if (was->has_tree && !now->has_tree && is_last && !node->stops)
        text_add(out, "it left files, and now leaves none\n");
    /* of a run that was asked to stop a checkpoint was not wanted */
    if (!was->has_tree && now->has_tree && !node->study)
        text_add(out, "it left no files, and now leaves some\n");
    return OK;
}

/* It is not in the room: it failed there, or nothing came to it. */
static enum status find_failure(const struct lineage_node *node, struct store *room,
                                struct arena *arena, struct finding *out, struct text *what,
                                struct error *err)
{
    struct failure f;
    const enum status s = history_failure_get(room, &node->key, arena, &f, err);

    if (s == ERR_NOT_FOUND) {
        out->verdict = VERDICT_UNCLEAR;
        text_add(what,
                 "it was not made again: something before it could not be, or the search went "
                 "another way\n");
        return OK;
    }
    TRY(s);
    if (!node->result.kind) { /* as it did before, unless it is for what is hidden here */
        out->verdict = strchr(f.text, '\n') ? VERDICT_UNCLEAR : VERDICT_SAME;
        if (out->verdict == VERDICT_UNCLEAR)
            text_printf(what, "it failed, and fails here: %s\n", f.text);
        return OK;
    }
    out->verdict = node->fetched ? VERDICT_UNCLEAR : VERDICT_DIFFERS;
    text_printf(what,
                node->fetched ? "it could not be fetched again: %s\n"
                              : "it succeeded, and fails in the clean room: %s\n",
                f.text);
    return OK;
}

/* What the store has must be what was made, whether that can be made again or not. */
static enum status check_store(const struct lineage_node *node, struct store *recorded,
                               struct store *room, struct arena *arena, struct text *what,
                               struct error *err)
{
    enum status s = OK;

    if (node->result.kind && node->result.has_tree && node->result.kept)
        s = files_check(recorded, &node->result.tree, room, arena, err);
    if (s != ERR_CORRUPT)
        return s;
    text_printf(what, "%s\n", err->text);
    return OK;
}

enum status difference_find(const struct lineage_node *node, bool is_last, struct store *recorded,
                            struct store *room, const struct finding *before, struct arena *arena,
                            struct finding *out, struct error *err)
{
    struct text what = text_in(arena);
    struct result now;
    enum status s;
    char *lines;

    *out = (struct finding){.verdict = VERDICT_SAME};
    s = index_result_get(room, &node->key, arena, &now, err);
    if (s == ERR_NOT_FOUND) {
        TRY(find_failure(node, room, arena, out, &what, err));
    } else {
        TRY(s);
        out->made = true;
        TRY(compare(node, is_last, &now, recorded, room, arena, &what, err));
        out->cut = lineage_ends_run(&node->result) != lineage_ends_run(&now);
        out->partial = node->result.kind && node->result.has_tree && !now.has_tree;
        out->verdict = what.n > 0 ? VERDICT_DIFFERS : VERDICT_SAME;
    }
    out->remade = out->verdict == VERDICT_DIFFERS;
    if ((out->verdict == VERDICT_DIFFERS || out->verdict == VERDICT_UNCLEAR) && before &&
        before->differs)
        out->verdict = VERDICT_FOLLOWS;
    if (node->result.kind && node->result.marked) {
        text_add(&what, "builds have seen two results of it\n");
        out->verdict = VERDICT_DIFFERS;
    } else if (out->verdict == VERDICT_SAME) {
        TRY(check_store(node, recorded, room, arena, &what, err));
        out->verdict = what.n > 0 ? VERDICT_DIFFERS : VERDICT_SAME;
    }
    if (node->excepted && (out->verdict == VERDICT_DIFFERS || out->verdict == VERDICT_FOLLOWS))
        out->verdict = VERDICT_EXCEPTED;
    out->differs = (before && before->differs) || out->verdict == VERDICT_DIFFERS ||
                   out->verdict == VERDICT_EXCEPTED;
    TRY(text_finish(&what, &lines, NULL, err));
    out->what = *lines ? lines : NULL;
    return OK;
}
