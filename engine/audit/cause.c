/* cause: tries, from the general to the special. Start at cause_find. */
#include "engine/audit/cause.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/store.h"
#include "engine/execution/audit.h"
#include "engine/execution/session.h"
#include "engine/executor/variation.h"
#include "engine/options.h"

/* ---- a try ---- */

struct made {
    struct digest key;
    struct arena *arena;
    bool failed; /* it could not be made */
    struct result result;
};

static enum status take(struct build *b, void *context, struct error *err)
{
    struct made *m = context;
    const enum status s = index_result_get(b->store, &m->key, m->arena, &m->result, err);

    m->failed = s == ERR_NOT_FOUND;
    return m->failed ? OK : s;
}

/* In what surroundings. */
struct way {
    unsigned varies; /* enum variation */
    enum sandbox sandbox;
    bool told_later; /* runs are told a later HPO_UNTIL */
};

/* Makes it once more. */
static enum status try_so(const struct trying *t, size_t node, const struct way *way,
                          struct arena *arena, struct made *out, struct error *err)
{
    struct options o = *t->o;
    struct choice one;
    struct audit_plan plan = {.recorded = t->recorded,
                              .varies = way->varies,
                              .told_later = way->told_later,
                              .quiet = true};
    char *room = file_join(arena, t->folder, "try");

    if (!room)
        return error_memory(err);
    TRY(choice_one(t->record, node, arena, &one, err));
    TRY(file_remove(room, err));
    plan.keys = one.keys;
    plan.n_keys = one.n;
    o.cache = room;
    o.sandbox = way->sandbox;
    *out = (struct made){.key = t->record->nodes[node].key, .arena = arena};
    TRY(session_audit(&o, &plan, take, out, err));
    return file_remove(room, err);
}

static enum status try(const struct trying *t, size_t node, unsigned varies, struct arena *arena,
                       struct made *out, struct error *err)
{
    const struct way way = {.varies = varies, .sandbox = t->o->sandbox};

    return try_so(t, node, &way, arena, out, err);
}

static bool is_one(const struct made *a, const struct made *b)
{
    return a->failed == b->failed && (a->failed || difference_is_none(&a->result, &b->result));
}

static bool is_recorded(const struct made *m, const struct lineage_node *node)
{
    if (m->failed || !node->result.kind)
        return m->failed && !node->result.kind;
    return difference_is_none(&m->result, &node->result);
}

/* ---- what differs each time ---- */

static const char path[] = "the path of its working folder is in what it makes";
static const char chance[] =
    "each run makes something else: a seed is not set (random, numpy, torch), or what it "
    "makes depends on the time or on the order of threads";

/* A number of this text that is a time of today, in seconds since 1970. */
static bool has_seconds(const char *text)
{
    const double now = (double)time(NULL), day = 86400;

    for (const char *at = text; *at; at++) {
        double x = 0;
        size_t n = 0;
        if (!isdigit((unsigned char)*at) || (at > text && isdigit((unsigned char)at[-1])))
            continue;
        for (; isdigit((unsigned char)at[n]) && n <= 10; n++)
            x = 10 * x + (at[n] - '0');
        if (n == 10 && x > now - day && x < now + day)
            return true;
    }
    return false;
}

/* Today's date, or that of a neighbouring day, as in other time zones. */
static bool has_date(const char *text)
{
    for (int days = -1; days <= 1; days++) {
        const time_t when = time(NULL) + days * 86400;
        struct tm tm;
        char date[sizeof "2026-11-30"];
        if (gmtime_r(&when, &tm) && strftime(date, sizeof date, "%Y-%m-%d", &tm) > 0 &&
            strstr(text, date))
            return true;
    }
    return false;
}

/* The path of a folder below STORE/work, of this store or another. */
static bool has_path(const char *text, const struct store *store)
{
    const char *name = strrchr(store_work(store), '/');
    const size_t n = strlen(name);

    for (; (text = strstr(text, name)); text += n)
        if (text[n] == '/')
            return true;
    return false;
}

static const char *name_unstable(const struct trying *t, const struct finding *f)
{
    if (f->what && has_path(f->what, t->room))
        return path;
    if (f->what && (has_seconds(f->what) || has_date(f->what)))
        return "the time is in what it makes";
    return chance;
}

/* A time stamp to the second is another then. */
static void wait_for_the_next_second(void)
{
    const time_t now = time(NULL);
    const struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};

    while (time(NULL) == now && nanosleep(&nap, NULL) == 0)
        continue;
}

/* ---- what differs for a reason ---- */

/* Whether the build took several pieces up to this unit. */
static bool went_on(const struct trying *t, size_t node)
{
    const struct lineage_node *nodes = t->record->nodes;

    for (int i = nodes[node].parent; i >= 0; i = nodes[i].parent)
        if (nodes[i].result.kind && lineage_ends_run(&nodes[i].result))
            return true;
    return false;
}

/* In one piece, and told a later end, it shows whether the end is what it reads. cut: what it came
 * to where its runs ended elsewhere, in one piece where the build took several. */
static enum status name_cut(const struct trying *t, size_t node, const struct made *cut,
                            struct arena *arena, const char **cause, struct error *err)
{
    const struct way way = {.varies = VARY_CUTS, .sandbox = t->o->sandbox, .told_later = true};
    struct made later;
    bool same;

    TRY(try_so(t, node, &way, arena, &later, err));
    same = went_on(t, node) ? is_one(&later, cut) : is_recorded(&later, &t->record->nodes[node]);
    *cause = same ? "it behaves otherwise when it goes on from a checkpoint: something of its "
                    "state is not saved (a generator, an optimizer, a schedule, the position in "
                    "the data)"
                  : "where its run was to end reaches its result: it reads HPO_UNTIL";
    return OK;
}

static enum status find_variation(const struct trying *t, size_t node, struct arena *arena,
                                  const char **cause, struct error *err)
{
    const struct lineage_node *recorded = &t->record->nodes[node];

    for (unsigned bit = 1; bit < VARY_ALL; bit <<= 1) {
        struct made m, again;
        if (!(t->varied & bit))
            continue;
        TRY(try(t, node, bit, arena, &m, err));
        if (is_recorded(&m, recorded))
            continue;
        wait_for_the_next_second();
        TRY(try(t, node, bit, arena, &again, err));
        if (!is_one(&m, &again)) {
            *cause = chance;
            return OK;
        }
        if (bit == VARY_CUTS)
            return name_cut(t, node, &m, arena, cause, err);
        *cause = arena_printf(arena, "it depends on %s", variation_name((enum variation)bit));
        return *cause ? OK : error_memory(err);
    }
    *cause = "it depends on several of the things that were varied";
    return OK;
}

/* It is another in the very surroundings of the build: what else was there then? */
static enum status find_outside(const struct trying *t, size_t node, struct arena *arena,
                                struct finding *f, struct error *err)
{
    const struct lineage_node *recorded = &t->record->nodes[node];
    const struct way on = {.sandbox = SANDBOX_ON}, off = {.sandbox = SANDBOX_OFF};
    struct made open;

    f->cause = "something that is not among its inputs has changed since the build: a file, a "
               "server, the machine, or the date and time";
    if (recorded->by_hand)
        f->cause = "the edit that was accepted changes the result";
    if (t->o->sandbox == SANDBOX_OFF || recorded->by_hand)
        return OK;
    if (t->o->sandbox == SANDBOX_STRICT) {
        TRY(try_so(t, node, &on, arena, &open, err));
        if (is_recorded(&open, recorded)) {
            f->cause = "it asks for what it does not declare, and goes on without: --sandbox "
                       "strict fails it for that, --sandbox on does not";
            return OK;
        }
    }
    TRY(try_so(t, node, &off, arena, &open, err));
    if (is_recorded(&open, recorded))
        f->cause = "it needs what is hidden in the clean room: a file that is not among its inputs "
                   "(hpo.source), or the network (network = true)";
    return OK;
}

enum status cause_find(const struct trying *t, size_t node, struct arena *arena,
                       struct finding *finding, struct error *err)
{
    const struct lineage_node *recorded = &t->record->nodes[node];
    struct made first = {.key = recorded->key, .arena = arena}, again, more, plain;
    enum status s = index_result_get(t->room, &recorded->key, arena, &first.result, err);

    first.failed = s == ERR_NOT_FOUND;
    TRY(first.failed ? OK : s);
    TRY(try(t, node, t->varied, arena, &again, err));
    if (!is_one(&first, &again)) {
        wait_for_the_next_second();
        TRY(try(t, node, t->varied, arena, &more, err));
        finding->cause = is_one(&again, &more) ? path : name_unstable(t, finding);
        return OK;
    }
    TRY(try(t, node, 0, arena, &plain, err));
    if (is_recorded(&plain, recorded))
        return find_variation(t, node, arena, &finding->cause, err);
    wait_for_the_next_second();
    TRY(try(t, node, 0, arena, &more, err));
    if (!is_one(&plain, &more)) {
        finding->cause = chance;
        return OK;
    }
    return find_outside(t, node, arena, finding, err);
}
