/* why_state: known, running, failed, or to be run. */
#include "engine/commands/why_state.h"

#include <string.h>
#include <time.h>

#include "base/text.h"
#include "cache/records/history.h"
#include "cache/results/acceptance.h"
#include "cache/results/index.h"
#include "engine/board.h"
#include "engine/results/measured.h"
#include "engine/study/accepted.h"

/* Whether the result rests on what somebody has accepted, and on what. */
static enum status add_acceptance(struct store *store, const struct digest *key,
                                  struct arena *arena, struct text *t, struct error *err)
{
    char hex[DIGEST_HEX + 1], when[32] = "";
    struct acceptance a;
    struct tm tm;
    time_t time;
    const enum status s = acceptance_origin(store, key, arena, &a, err);

    if (s != OK)
        return s == ERR_NOT_FOUND ? OK : s;
    time = (time_t)a.time;
    digest_hex(&a.stands_for, hex);
    if (gmtime_r(&time, &tm))
        (void)!strftime(when, sizeof when, "%Y-%m-%d", &tm);
    if (digest_equal(&a.key, key))
        text_printf(t, "  accepted by %s on %s: the result is that of the key %s\n", a.who, when,
                    hex);
    else
        text_printf(t, "  trained on from %s, which %s accepted on %s\n", a.name, a.who, when);
    return OK;
}

/* How it was hidden from it what it does not declare. */
static enum status add_isolation(const struct result *r, struct arena *arena, struct text *t,
                                 struct error *err)
{
    struct measured took;

    TRY(measured_get(r, arena, &took, err));
    if (!took.isolation && strcmp(r->kind, "unit") != 0 && strcmp(r->kind, "command") != 0)
        return OK; /* what hpo itself makes */
    text_printf(t, "  isolation: %s\n", took.isolation ? took.isolation : "none");
    for (size_t i = 0; i < took.n_seen; i++)
        text_printf(t, "%s%s%s", i == 0 ? "  it saw besides its inputs and the system: " : ", ",
                    took.seen[i], i + 1 == took.n_seen ? "\n" : "");
    return OK;
}

enum status why_add_state(struct store *store, const struct digest *key, const struct result *r,
                          const struct board_job *job, struct arena *arena, struct text *t,
                          struct error *err)
{
    struct failure f;
    const char *accepted;
    enum status s;
    int n;

    if (job) {
        text_printf(t, "  running, for %.1f s\n", job->seconds);
        return OK;
    }
    if (r->description) {
        text_printf(t, "  known: made in run %lld, in %.1f s%s\n", (long long)r->run, r->seconds,
                    r->marked ? "; not reproducible: it has given two different results" : "");
        TRY(add_isolation(r, arena, t, err));
        return add_acceptance(store, key, arena, t, err);
    }
    s = history_failure_get(store, &r->key, arena, &f, err);
    if (s == ERR_NOT_FOUND) {
        text_add(t, "  not known: it will run\n");
        return OK;
    }
    TRY(s);
    TRY(accepted_get(store, &r->key, arena, &accepted, err));
    n = (int)strcspn(f.text, "\n"); /* behind it comes what it asked for */
    text_printf(t, "  failed in run %lld: %.*s%s%s\n", (long long)f.run, n, f.text,
                accepted ? "; accepted: not tried again until its key changes, or --retry-failed"
                         : "",
                f.text + n);
    return OK;
}
