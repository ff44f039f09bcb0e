/* choice: marks beside the nodes of a record. Start at choice_named. */
#include "engine/audit/choice.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static enum status open(const struct lineage *r, struct arena *arena, struct choice *out,
                        struct error *err)
{
    *out = (struct choice){.chosen = arena_array(arena, r->n + 1, sizeof(bool)),
                           .keys = arena_array(arena, r->n + 1, sizeof(struct digest))};
    return out->chosen && out->keys ? OK : error_memory(err);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

/* The units before a chosen one are made again, too: it begins with the last one's checkpoint. */
static void finish(const struct lineage *r, struct choice *c)
{
    for (size_t i = r->n; i-- > 0;) /* a unit stands behind its parent */
        if (c->chosen[i] && r->nodes[i].parent >= 0)
            c->chosen[r->nodes[i].parent] = true;
    c->n = 0;
    for (size_t i = 0; i < r->n; i++)
        if (c->chosen[i])
            c->keys[c->n++] = r->nodes[i].key;
    if (c->n > 0)
        qsort(c->keys, c->n, sizeof *c->keys, by_bytes);
}

enum status choice_all(const struct lineage *r, struct arena *arena, struct choice *out,
                       struct error *err)
{
    TRY(open(r, arena, out, err));
    for (size_t i = 0; i < r->n; i++)
        out->chosen[i] = true;
    finish(r, out);
    return OK;
}

static bool is_one_trial(const struct lineage_node *a, const struct lineage_node *b)
{
    return a->study && b->study && a->trial == b->trial && strcmp(a->study, b->study) == 0;
}

enum status choice_one(const struct lineage *r, size_t node, struct arena *arena,
                       struct choice *out, struct error *err)
{
    TRY(open(r, arena, out, err));
    for (size_t i = 0; i < r->n; i++)
        out->chosen[i] = i == node || is_one_trial(&r->nodes[i], &r->nodes[node]);
    finish(r, out);
    return OK;
}

enum status choice_named(const struct lineage *r, const char *const *names, size_t n,
                         struct arena *arena, struct choice *out, struct error *err)
{
    TRY(open(r, arena, out, err));
    for (size_t w = 0; w < n; w++) {
        bool found = false;
        for (size_t i = 0; i < r->n; i++)
            if (lineage_is_named(r, i, names[w]))
                found = out->chosen[i] = true;
        if (found)
            continue;
        (void)error_set(err, ERR_INPUT, names[w],
                        "the last build has no such target, action, study or trial");
        error_hint(err, "hpo graph and hpo table show their names");
        return ERR_INPUT;
    }
    finish(r, out);
    return OK;
}

/* An action, or all units of a trial. */
struct lot {
    struct digest number; /* by which it is drawn */
    size_t first;
};

/* Whether the node is the first of its lot. */
static bool is_first(const struct lineage *r, const struct choice *c, size_t i)
{
    for (size_t k = i; k-- > 0 && r->nodes[i].study;) /* those of a trial stand together */
        if (c->chosen[k] && is_one_trial(&r->nodes[k], &r->nodes[i]))
            return false;
        else if (!r->nodes[k].study)
            break;
    return c->chosen[i];
}

static enum status draw_number(const struct lineage_node *node, const void *nonce, size_t n_nonce,
                               struct digest *out, struct error *err)
{
    struct hasher *h;
    enum status s;

    TRY(hasher_open(&h, err));
    hasher_add(h, nonce, n_nonce);
    hasher_add(h, node->name, strlen(node->name));
    s = hasher_finish(h, out, err);
    hasher_close(h);
    return s;
}

enum status choice_draw(const struct lineage *r, int most, const void *nonce, size_t n_nonce,
                        struct arena *arena, struct choice *choice, struct error *err)
{
    struct lot *lots = arena_array(arena, r->n + 1, sizeof *lots);
    struct choice drawn;
    size_t n = 0;

    if (!lots)
        return error_memory(err);
    TRY(open(r, arena, &drawn, err));
    for (size_t i = 0; i < r->n; i++)
        if (is_first(r, choice, i)) {
            TRY(draw_number(&r->nodes[i], nonce, n_nonce, &lots[n].number, err));
            lots[n++].first = i;
        }
    if (n > 0)
        qsort(lots, n, sizeof *lots, by_bytes); /* the number comes first */
    for (size_t l = 0; l < n && l < (size_t)most; l++)
        for (size_t i = lots[l].first; i < r->n; i++)
            if (i == lots[l].first || is_one_trial(&r->nodes[i], &r->nodes[lots[l].first]))
                drawn.chosen[i] = choice->chosen[i];
    finish(r, &drawn);
    *choice = drawn;
    return OK;
}
