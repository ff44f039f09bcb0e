/*
 * score: a text becomes a sorted list of normalised words; all measures compare two such lists.
 * Start at normalise.
 */
#include "trainer/squad/score.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "trainer/squad/unicode.h"

struct word {
    const char *bytes;
    size_t n;
};

struct words {
    struct word *word;
    size_t n;
};

static bool is_punctuation(uint32_t c)
{
    return c < 0x80 && c > ' ' && c != 0x7f && !unicode_is_alphanumeric(c);
}

static size_t remove_punctuation(uint32_t *s, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (!is_punctuation(s[i]))
            s[kept++] = s[i];
    return kept;
}

static bool is_article(const uint32_t *s, size_t n)
{
    return (n == 1 && s[0] == 'a') || (n == 2 && s[0] == 'a' && s[1] == 'n') ||
           (n == 3 && s[0] == 't' && s[1] == 'h' && s[2] == 'e');
}

/*
 * Articles become spaces. One is a whole run of alphanumeric characters: an accent or a dash beside
 * it does not make it part of a word, as with Python's \b.
 */
static void remove_articles(uint32_t *s, size_t n)
{
    for (size_t start = 0; start < n;) {
        size_t end = start;
        while (end < n && unicode_is_alphanumeric(s[end]))
            end++;
        if (is_article(s + start, end - start))
            for (size_t i = start; i < end; i++)
                s[i] = ' ';
        start = end + (end == start);
    }
}

/* The words between white space, as UTF-8, in the order of the text. */
static bool split(const uint32_t *s, size_t n, struct arena *arena, struct words *out)
{
    char *bytes = arena_array(arena, n, 4);

    out->n = 0;
    out->word = arena_array(arena, n / 2 + 1, sizeof *out->word);
    if (!bytes || !out->word)
        return false;
    for (size_t i = 0; i < n;) {
        struct word word = {bytes, 0};
        for (; i < n && !unicode_is_space(s[i]); i++)
            word.n += unicode_encode(s[i], bytes + word.n);
        bytes += word.n;
        if (word.n > 0)
            out->word[out->n++] = word;
        else
            i++;
    }
    return true;
}

static bool normalise(struct score_text text, struct arena *arena, struct words *out)
{
    uint32_t *plain = arena_array(arena, text.n, sizeof *plain);
    uint32_t *lower = arena_array(arena, text.n, 2 * sizeof *lower);
    size_t n;

    if (!plain || !lower)
        return false;
    n = unicode_decode(text.bytes, text.n, plain);
    n = unicode_lower(plain, n, lower);
    n = remove_punctuation(lower, n);
    remove_articles(lower, n);
    return split(lower, n, arena, out);
}

static int compare(const struct word *a, const struct word *b)
{
    const size_t n = a->n < b->n ? a->n : b->n;
    const int order = n > 0 ? memcmp(a->bytes, b->bytes, n) : 0;

    return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

static int compare_any(const void *a, const void *b)
{
    return compare(a, b);
}

static void sort(struct words *w)
{
    if (w->n > 1)
        qsort(w->word, w->n, sizeof *w->word, compare_any);
}

/* How many words two sorted lists share; with `once`, equal ones of a list count as one. */
static size_t shared(const struct words *a, const struct words *b, bool once)
{
    size_t same = 0, i = 0, j = 0;

    while (i < a->n && j < b->n) {
        const int order = compare(&a->word[i], &b->word[j]);
        if (order < 0) {
            i++;
        } else if (order > 0) {
            j++;
        } else {
            const bool counted = once && i > 0 && compare(&a->word[i - 1], &a->word[i]) == 0;
            same += !counted;
            i++;
            j++;
        }
    }
    return same;
}

static double exact_match(struct words *p, struct words *a)
{
    bool equal = p->n == a->n;

    for (size_t i = 0; equal && i < p->n; i++)
        equal = compare(&p->word[i], &a->word[i]) == 0;
    return equal;
}

static double f1(struct words *p, struct words *a)
{
    size_t same;

    sort(p);
    sort(a);
    same = shared(p, a, false);
    return same > 0 ? 2.0 * (double)same / (double)(p->n + a->n) : 0;
}

static double f1_set(struct words *p, struct words *a)
{
    double precision, recall;
    size_t same;

    sort(p);
    sort(a);
    if ((same = shared(p, a, true)) == 0)
        return 0;
    precision = (double)same / (double)p->n;
    recall = (double)same / (double)a->n;
    return 2 * precision * recall / (precision + recall);
}

/* The largest value of a measure over all answers. */
static enum status best(double (*measure)(struct words *, struct words *),
                        struct score_text prediction, const struct score_text *answers,
                        size_t n_answers, double *out, struct error *err)
{
    *out = 0;
    for (size_t i = 0; i < n_answers; i++) {
        struct words p, a;
        double x;
        struct arena *arena = arena_open();
        if (!arena || !normalise(prediction, arena, &p) || !normalise(answers[i], arena, &a)) {
            arena_close(arena);
            return error_memory(err);
        }
        x = measure(&p, &a);
        *out = x > *out ? x : *out;
        arena_close(arena);
    }
    return OK;
}

enum status score_exact_match(struct score_text prediction, const struct score_text *answers,
                              size_t n_answers, double *out, struct error *err)
{
    return best(exact_match, prediction, answers, n_answers, out, err);
}

enum status score_f1(struct score_text prediction, const struct score_text *answers,
                     size_t n_answers, double *out, struct error *err)
{
    return best(f1, prediction, answers, n_answers, out, err);
}

enum status score_f1_set(struct score_text prediction, struct score_text answer, double *out,
                         struct error *err)
{
    return best(f1_set, prediction, &answer, 1, out, err);
}
