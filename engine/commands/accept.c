/* hpo accept: says that results stand under new keys, and takes that back. Start at
 * accept_command. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "cache/results/acceptance.h"
#include "engine/ask.h"
#include "engine/commands/accept_text.h"
#include "engine/commands/commands.h"
#include "engine/execution/session.h"

/* ---- which nodes ---- */

/* Whether `name` is the word, or lies below it: s/3/2 below s/3 and s. */
static bool is_below(const char *name, const char *word)
{
    const size_t n = strlen(word);

    return strncmp(name, word, n) == 0 && (name[n] == '\0' || name[n] == '/');
}

static bool begins_key(const struct digest *key, const char *word)
{
    char hex[DIGEST_HEX + 1];

    digest_hex(key, hex);
    return strlen(word) >= 4 && strncmp(hex, word, strlen(word)) == 0;
}

static bool is_target(const struct build *b, const char *word, const struct proposal *p)
{
    const struct target *targets;
    const size_t n = graph_targets(b->graph, &targets);

    for (size_t i = 0; i < n; i++)
        if (strcmp(targets[i].name, word) == 0)
            return targets[i].node == p->node ||
                   (p->unit && targets[i].node == p->unit->template->study);
    return false;
}

static enum status unmatched(const char *word, const char *what, struct error *err)
{
    (void)error_set(err, ERR_INPUT, word, "%s", what);
    error_hint(err, "a NODE is a target, a node's name, STUDY/TRIAL[/T] or the first digits of a "
                    "key; without one it is all of the recipe");
    return ERR_INPUT;
}

/* ---- asking ---- */

/* Whether it shall be done: by --yes, or as a person says. */
static enum status confirm(const struct options *o, const char *question, struct error *err)
{
    bool yes = o->yes;

    if (!yes)
        TRY(ask_yes(question, "--yes", &yes, err));
    return yes ? OK : error_set(err, ERR_FAILED, "", "nothing was changed");
}

static enum status print(struct text *t, struct error *err)
{
    char *string;
    size_t n;

    TRY(text_finish(t, &string, &n, err));
    return progress_result(string, n, err);
}

/* ---- accept ---- */

/* A study's units, of which several trials may have one: the word names any of them. */
struct naming {
    const char *study, *word;
    struct arena *arena;
    bool failed;
};

static void mark_named(void *context, int trial, struct unit *u)
{
    struct naming *n = context;
    const char *name = arena_printf(n->arena, "%s/%d/%d", n->study, trial, u->t);

    n->failed |= !name;
    u->wanted |= name && is_below(name, n->word);
}

static void unmark(void *context, int trial, struct unit *u)
{
    (void)context;
    (void)trial;
    u->wanted = false;
}

/* Marks, as wanted, the units that the word names. */
static enum status mark_units(struct build *b, const char *word, struct error *err)
{
    for (size_t i = 0; i < b->studies.n; i++) {
        const int node = b->studies.nodes[i];
        struct naming n = {graph_label(b->graph, node), word, b->arena, false};
        if (!work_of(b, node)->study)
            continue;
        study_units(work_of(b, node)->study, unmark, NULL);
        study_units(work_of(b, node)->study, mark_named, &n);
        if (n.failed)
            return error_memory(err);
    }
    return OK;
}

static bool is_named(const struct build *b, const char *word, const struct proposal *p)
{
    return is_below(p->name, word) || (p->unit && p->unit->wanted) || is_target(b, word, p) ||
           begins_key(&p->key, word);
}

/* Takes what one word names. */
static enum status choose_word(struct build *b, const char *word, bool *taken, struct error *err)
{
    const struct proposal *all;
    const size_t n = accept_proposals(b, &all);
    bool matched = false;

    TRY(mark_units(b, word, err));
    for (size_t i = 0; i < n; i++)
        if (is_named(b, word, &all[i]))
            taken[i] = matched = true;
    return matched
               ? OK
               : unmatched(word, "nothing of this name has an older result under another key", err);
}

static enum status choose(struct build *b, const struct options *o, struct chosen *c,
                          struct error *err)
{
    const struct proposal *all;
    const size_t n = accept_proposals(b, &all);
    bool *taken = arena_array(b->arena, n + 1, sizeof *taken);

    *c = (struct chosen){.all = arena_array(b->arena, n + 1, sizeof(struct proposal *))};
    if (!c->all || !taken)
        return error_memory(err);
    for (size_t w = 0; w < o->n_words; w++)
        TRY(choose_word(b, o->words[w], taken, err));
    for (size_t i = 0; i < n; i++)
        if (o->n_words == 0 || taken[i]) {
            c->all[c->n++] = &all[i];
            c->refused += all[i].refused;
        }
    return OK;
}

/* Who accepts: the name that the system has for the user, or the number. */
static void find_user(struct acceptance *a, char number[24])
{
    const struct passwd *user = getpwuid(geteuid());

    a->uid = (int64_t)geteuid();
    (void)snprintf(number, 24, "%lld", (long long)a->uid);
    a->who = user && user->pw_name ? user->pw_name : number;
}

static enum status put_all(struct build *b, const struct chosen *c, struct error *err)
{
    struct acceptance a = {.recipe = b->recipe_path, .time = (int64_t)time(NULL)};
    char number[24];

    find_user(&a, number);
    for (size_t i = 0; i < c->n; i++) {
        const struct proposal *p = c->all[i];
        if (p->refused)
            continue;
        a.key = p->key;
        a.stands_for = p->stands_for;
        a.name = p->name;
        TRY(acceptance_put(b->store, &a, p->description, err));
    }
    return store_sync(b->store, err);
}

static enum status refuse_all(struct error *err)
{
    (void)error_set(err, ERR_INPUT, "", "nothing here can be accepted");
    error_hint(err, "only contents of sources, the tool and env may differ from the older key");
    return ERR_INPUT;
}

static enum status accept(struct build *b, void *context, struct error *err)
{
    const struct options *o = context;
    struct text t = text_in(b->arena);
    struct chosen c;
    const char *question;
    size_t n;

    TRY(choose(b, o, &c, err));
    n = c.n - c.refused;
    TRY(o->json ? accept_write_json(b, &c, &t, err) : accept_write_text(b, &c, &t, err));
    if (c.n == 0 && !o->json)
        text_add(&t, "nothing to accept: no key is unknown that had an older result\n");
    TRY(print(&t, err));
    if (n == 0)
        return c.refused > 0 ? refuse_all(err) : OK;
    if (o->dry_run)
        return OK;
    question =
        arena_printf(b->arena, "let %zu result%s stand under new keys?", n, n > 1 ? "s" : "");
    if (!question)
        return error_memory(err);
    TRY(confirm(o, question, err));
    TRY(put_all(b, &c, err));
    if (!o->json)
        progress_line(b->progress, "accepted: %zu result%s; --revoke takes that back", n,
                      n > 1 ? "s" : "");
    return OK;
}

/* ---- revoke ---- */

struct revocation {
    struct acceptance *all;
    struct digest *keys, *followers;
    size_t n, n_followers;
};

static enum status choose_revoked(const struct options *o, struct store *store, struct arena *arena,
                                  struct revocation *r, struct error *err)
{
    const char *recipe;
    size_t n;

    *r = (struct revocation){0};
    TRY(session_recipe(o, arena, &recipe, err));
    TRY(acceptance_list(store, recipe, arena, &r->all, &n, err));
    if (!(r->keys = arena_array(arena, n, sizeof *r->keys)))
        return error_memory(err);
    for (size_t i = 0; i < n; i++) {
        bool take = o->n_words == 0;
        for (size_t w = 0; w < o->n_words; w++)
            take = take || is_below(r->all[i].name, o->words[w]) ||
                   begins_key(&r->all[i].key, o->words[w]);
        if (!take)
            continue;
        r->all[r->n] = r->all[i];
        r->keys[r->n++] = r->all[i].key;
    }
    if (r->n == 0 && o->n_words > 0)
        return unmatched(o->words[0], "nothing of this name was accepted", err);
    return acceptance_followers(store, r->keys, r->n, arena, &r->followers, &r->n_followers, err);
}

static void write_revoked_json(const struct options *o, const struct revocation *r, struct text *t)
{
    text_printf(t, "{\"dry_run\": %s, \"revoked\": [", o->dry_run ? "true" : "false");
    for (size_t i = 0; i < r->n; i++) {
        const struct acceptance *a = &r->all[i];
        char key[DIGEST_HEX + 1], stands_for[DIGEST_HEX + 1];
        digest_hex(&a->key, key);
        digest_hex(&a->stands_for, stands_for);
        text_add(t, i ? ", {\"name\": " : "{\"name\": ");
        json_write_string(t, a->name);
        text_printf(t, ", \"key\": \"%s\", \"stands_for\": \"%s\", \"who\": ", key, stands_for);
        json_write_string(t, a->who);
        text_printf(t, ", \"time\": %lld}", (long long)a->time);
    }
    text_printf(t, "], \"forgotten\": %zu}\n", r->n_followers);
}

/* Whether both are said in one line: nodes of one study, accepted at once. */
static bool are_together(const struct acceptance *a, const struct acceptance *b)
{
    const size_t n = strcspn(a->name, "/");

    return a->name[n] && strncmp(a->name, b->name, n + 1) == 0 && a->time == b->time &&
           strcmp(a->who, b->who) == 0;
}

static void write_revoked(const struct revocation *r, struct text *t)
{
    for (size_t i = 0, n; i < r->n; i += n) {
        const struct acceptance *a = &r->all[i];
        const time_t at = (time_t)a->time;
        char when[32] = "";
        struct tm tm;
        for (n = 1; i + n < r->n && are_together(a, &r->all[i + n]);)
            n++;
        if (gmtime_r(&at, &tm))
            (void)!strftime(when, sizeof when, "%Y-%m-%d %H:%M:%SZ", &tm);
        if (n > 1)
            text_printf(t, "%.*s: %zu units", (int)strcspn(a->name, "/"), a->name, n);
        else
            text_add(t, a->name);
        text_printf(t, ", accepted by %s, %s\n", a->who, when);
    }
    if (r->n == 0)
        text_add(t, "nothing of this recipe was accepted\n");
    if (r->n_followers > 0)
        text_printf(t, "and %zu unit%s that %s trained on from these\n", r->n_followers,
                    r->n_followers > 1 ? "s" : "", r->n_followers > 1 ? "were" : "was");
}

static enum status take_back(const struct options *o, struct store *store, struct arena *arena,
                             struct error *err)
{
    struct text t = text_in(arena);
    struct revocation r;
    const char *question;

    TRY(choose_revoked(o, store, arena, &r, err));
    if (o->json)
        write_revoked_json(o, &r, &t);
    else
        write_revoked(&r, &t);
    TRY(print(&t, err));
    if (r.n == 0 || o->dry_run)
        return OK;
    question =
        arena_printf(arena, "take back %zu, and forget the results of %zu?", r.n, r.n_followers);
    if (!question)
        return error_memory(err);
    TRY(confirm(o, question, err));
    TRY(acceptance_revoke(store, r.keys, r.n, err));
    return store_sync(store, err);
}

enum status accept_command(const struct options *o, struct arena *arena, struct error *err)
{
    struct store *store;
    enum status s;

    TRY(session_store(o, &store, err)); /* one that is not there is not made */
    store_close(store);
    if (!o->revoke)
        return session_accept(o, accept, (void *)o, err);
    TRY(store_open(o->cache, STORE_WRITE, NULL, &store, err));
    s = take_back(o, store, arena, err);
    store_close(store);
    return s;
}
