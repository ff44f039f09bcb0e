/* verdicts: the table, the sentences below it, the object. Start at verdicts_text. */
#include "engine/audit/verdicts.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "engine/executor/variation.h"

/* What an audit of this machine does not vary. */
static const char *const not_varied[] = {"the processor", "the kernel", "the date and time"};

void verdicts_count(const struct verdicts *v, struct verdict_counts *out)
{
    *out = (struct verdict_counts){.decisions = 0};
    for (size_t i = 0; i < v->record->n; i++) {
        out->nodes[v->findings[i].verdict]++;
        out->partial += v->findings[i].partial;
    }
    for (size_t i = 0; i < v->record->n_studies; i++)
        out->decisions += v->record->studies[i].event != NULL;
}

/* ---- for people ---- */

static void add_lines(struct text *out, const char *lines)
{
    while (lines && *lines) {
        const size_t n = strcspn(lines, "\n");
        text_printf(out, "    %.*s\n", (int)n, lines);
        lines += n + (lines[n] == '\n');
    }
}

static void add_node(const struct lineage_node *node, const struct finding *f, struct text *out)
{
    text_printf(out, "%s: %s\n", node->name, verdict_word(f->verdict));
    add_lines(out, f->what);
    if (f->cause)
        text_printf(out, "    cause: %s\n", f->cause);
    if (node->by_hand)
        text_add(out,
                 "    its result was accepted by hand (hpo accept), and never made from this\n");
}

static void add_nodes(const struct verdicts *v, enum verdict verdict, struct text *out)
{
    for (size_t i = 0; i < v->record->n; i++)
        if (v->findings[i].verdict == verdict)
            add_node(&v->record->nodes[i], &v->findings[i], out);
}

/* Units behind one that differs: their numbers tell nothing more. */
static void add_followers(const struct verdicts *v, struct text *out)
{
    bool any = false;

    for (size_t i = 0; i < v->record->n; i++)
        if (v->findings[i].verdict == VERDICT_FOLLOWS) {
            text_printf(out, "%s%s",
                        any ? ", " : "these follow from it: ", v->record->nodes[i].name);
            any = true;
        }
    text_add(out, any ? "\n" : "");
}

static void add_studies(const struct verdicts *v, struct text *out)
{
    for (size_t i = 0; i < v->record->n_studies; i++) {
        const struct searched *a = &v->record->studies[i];
        if (!a->event)
            text_printf(out, "%s: %zu suggestions and decisions asked again, all the same\n",
                        a->study, a->n_answers);
        else
            text_printf(out,
                        "%s: differs\n    the answer to \"%s\" on record is %s\n    asked again "
                        "it is %s\n",
                        a->study, a->event, a->was, a->is);
    }
}

static void add_variations(const struct verdicts *v, struct text *out)
{
    text_add(out, "varied: the path of the working folder, its home");
    for (unsigned bit = 1; bit < VARY_ALL; bit <<= 1)
        if (v->varied & bit) {
            text_printf(out, ", %s", variation_name((enum variation)bit));
            if (bit == VARY_CUTS && v->n_cut < v->n_trials)
                text_printf(out, " of %zu of %zu trials", v->n_cut, v->n_trials);
        }
    text_add(out, "\nnot varied:");
    for (size_t i = 0; i < sizeof not_varied / sizeof *not_varied; i++)
        text_printf(out, "%s %s", i ? "," : "", not_varied[i]);
    for (unsigned bit = 1; bit < VARY_ALL; bit <<= 1)
        if (!(v->varied & bit) && (bit != VARY_CUTS || v->n_trials > 0))
            text_printf(out, ", %s", variation_name((enum variation)bit));
    text_add(out, "\n");
}

static void add_counts(const struct verdicts *v, const struct verdict_counts *c, struct text *out)
{
    static const char *const words[] = {"identical", "differ", "follow from that", "inconclusive",
                                        "excepted"};
    bool first = true;

    for (int i = 0; i < VERDICT_LEFT; i++)
        if (c->nodes[i] > 0 || i == VERDICT_SAME) {
            text_printf(out, "%s%d %s", first ? "" : ", ", c->nodes[i], words[i]);
            first = false;
        }
    if (v->n_targets > 0)
        text_printf(out, ", %zu target%s or table%s differ%s", v->n_targets,
                    v->n_targets == 1 ? "" : "s", v->n_targets == 1 ? "" : "s",
                    v->n_targets == 1 ? "s" : "");
    if (c->nodes[VERDICT_LEFT] > 0)
        text_printf(out, ", %d not asked for", c->nodes[VERDICT_LEFT]);
    if (v->record->seconds > 0)
        text_printf(out, " (%.1f s; its parts took %.1f s in the build)\n", v->seconds,
                    v->record->seconds);
    else
        text_printf(out, " (%.1f s)\n", v->seconds);
}

void verdicts_text(const struct verdicts *v, struct text *out)
{
    struct verdict_counts c;

    verdicts_count(v, &c);
    add_nodes(v, VERDICT_DIFFERS, out);
    add_followers(v, out);
    for (size_t i = 0; i < v->n_targets; i++) {
        text_printf(out, "%s: differs\n", v->targets[i].name);
        add_lines(out, v->targets[i].what);
    }
    add_nodes(v, VERDICT_UNCLEAR, out);
    add_nodes(v, VERDICT_EXCEPTED, out);
    add_studies(v, out);
    if (v->meaning)
        text_add(out, v->meaning);
    if (v->n_before > 0)
        text_printf(out, "%zu of them were made before this audit was broken off%s\n", v->n_before,
                    v->kept_in_store ? ", and were kept in the store that it is of" : "");
    if (v->unread)
        text_add(out, v->unread);
    if (c.partial > 0)
        text_printf(out,
                    "%d checkpoints in the middle of trials were not compared: their runs end "
                    "elsewhere now\n",
                    c.partial);
    add_variations(v, out);
    if (v->kept)
        text_printf(out, "what was made again is kept in %s\n", v->kept);
    add_counts(v, &c, out);
}

/* ---- for programs ---- */

static void add_member(struct text *out, const char *name, const char *string)
{
    text_printf(out, ", \"%s\": ", name);
    json_write_string(out, string);
}

static void add_json_node(const struct lineage_node *node, const struct finding *f,
                          struct text *out)
{
    char hex[DIGEST_HEX + 1];

    digest_hex(&node->key, hex);
    text_add(out, "{\"name\": ");
    json_write_string(out, node->name);
    add_member(out, "key", hex);
    add_member(out, "verdict", verdict_word(f->verdict));
    if (f->what)
        add_member(out, "what", f->what);
    if (f->cause)
        add_member(out, "cause", f->cause);
    if (node->by_hand)
        text_add(out, ", \"accepted\": true");
    text_add(out, "}");
}

static void add_json_study(const struct searched *a, struct text *out)
{
    text_add(out, "{\"study\": ");
    json_write_string(out, a->study);
    text_printf(out, ", \"answers\": %zu", a->n_answers);
    add_member(out, "differs_at", a->event);
    add_member(out, "was", a->was);
    add_member(out, "is", a->is);
    text_add(out, "}");
}

void verdicts_json(const struct verdicts *v, struct text *out)
{
    struct verdict_counts c;

    verdicts_count(v, &c);
    text_add(out, "{\"recipe\": ");
    json_write_string(out, v->recipe);
    text_printf(out, ", \"set\": %s", v->arguments);
    for (int i = 0; i < VERDICT_LEFT; i++)
        text_printf(out, ", \"%s\": %d", verdict_word((enum verdict)i), c.nodes[i]);
    text_printf(out, ", \"not_compared\": %d", c.partial);
    text_printf(out, ", \"from_nothing\": %s", v->from_nothing ? "true" : "false");
    if (v->sample > 0) {
        text_printf(out, ", \"sample\": %d", v->sample);
        add_member(out, "nonce", v->nonce);
    }
    text_add(out, ", \"nodes\": [");
    for (size_t i = 0, n = 0; i < v->record->n; i++)
        if (v->findings[i].verdict != VERDICT_LEFT) {
            text_add(out, n++ ? ", " : "");
            add_json_node(&v->record->nodes[i], &v->findings[i], out);
        }
    text_add(out, "], \"targets\": [");
    for (size_t i = 0; i < v->n_targets; i++) {
        text_add(out, i ? ", {\"name\": " : "{\"name\": ");
        json_write_string(out, v->targets[i].name);
        add_member(out, "what", v->targets[i].what);
        text_add(out, "}");
    }
    text_add(out, "], \"studies\": [");
    for (size_t i = 0; i < v->record->n_studies; i++) {
        text_add(out, i ? ", " : "");
        add_json_study(&v->record->studies[i], out);
    }
    text_add(out, "], \"varied\": [\"the path of the working folder\"");
    for (unsigned bit = 1; bit < VARY_ALL; bit <<= 1)
        if (v->varied & bit) {
            text_add(out, ", ");
            json_write_string(out, variation_name((enum variation)bit));
        }
    text_add(out, "]");
    add_member(out, "meaning", v->meaning);
    text_printf(out, ", \"made_before\": %zu", v->n_before);
    add_member(out, "not_read", v->unread);
    add_member(out, "kept", v->kept);
    text_printf(out, ", \"build_seconds\": ");
    json_write_number(out, v->record->seconds);
    text_add(out, ", \"seconds\": ");
    json_write_number(out, v->seconds);
    text_add(out, "}\n");
}
