/*
 * pieces_gpt2: the alternatives of the regular expression, by hand: what a piece is follows from
 * its first character, or the one behind its space. Start at piece_end.
 */
#include "trainer/tokenizer/pieces_gpt2.h"

#include "base/text.h"
#include "trainer/tokenizer/gpt2_classes.h"

enum { CLASS_RUNS = sizeof class_runs / sizeof *class_runs, CODE_END = 0x110000 };

/* A text, and the run of code points that the last character beyond ASCII was in: neighbours are
 * mostly of one script, and need no search. */
struct reader {
    const unsigned char *text;
    size_t n;
    uint32_t first, end;
    enum class class;
};

struct character {
    enum class class;
    size_t length; /* in bytes */
};

static void find_run(struct reader *r, uint32_t code)
{
    size_t low = 0;

    for (size_t n = CLASS_RUNS; n > 1; n -= n / 2) /* the last run to begin at code or before */
        if (class_runs[low + n / 2].first <= code)
            low += n / 2;
    r->first = class_runs[low].first;
    r->end = low + 1 < CLASS_RUNS ? class_runs[low + 1].first : CODE_END;
    r->class = class_runs[low].class;
}

/* The character that begins at `at`, before the end. */
static struct character character_at(struct reader *r, size_t at)
{
    const unsigned char *s = r->text + at;
    size_t length;
    uint32_t code;

    if (s[0] < 0x80)
        return (struct character){ascii_classes[s[0]], 1};
    if ((length = text_utf8_length(s, r->n - at)) == 0)
        return (struct character){OTHER, 1};
    code = s[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (s[i] & 0x3f);
    if (code < r->first || code >= r->end)
        find_run(r, code);
    return (struct character){r->class, length};
}

/* Where the characters of a class end that follow each other from `at` on. */
static size_t run_end(struct reader *r, size_t at, enum class class)
{
    for (;;) {
        struct character c;
        while (at < r->n && r->text[at] < 0x80 && ascii_classes[r->text[at]] == class)
            at++;
        if (at == r->n || (c = character_at(r, at)).class != class)
            return at;
        at += c.length;
    }
}

/* White space is left one character short where something else follows, but never empty. */
static size_t space_end(struct reader *r, size_t at)
{
    size_t last = at;

    for (size_t i = at; i < r->n;) {
        const struct character c = character_at(r, i);
        if (c.class != SPACE)
            return last > at ? last : i;
        last = i;
        i += c.length;
    }
    return r->n;
}

/* The bytes of the contraction that begins at an apostrophe with `left` bytes, or 0. */
static size_t contraction(const unsigned char *s, size_t left)
{
    const unsigned char a = left > 1 ? s[1] : 0, b = left > 2 ? s[2] : 0;

    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return 2;
    return ((a == 'r' || a == 'v') && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

static size_t piece_end(struct reader *r, size_t at)
{
    const size_t behind = at + (r->text[at] == ' ');
    struct character c;

    if (r->text[at] == '\'') {
        const size_t n = contraction(r->text + at, r->n - at);
        if (n > 0)
            return at + n;
    }
    if (behind == r->n)
        return r->n;
    c = character_at(r, behind);
    return c.class == SPACE ? space_end(r, at) : run_end(r, behind + c.length, c.class);
}

size_t pieces_gpt2_next(struct pieces *p, uint32_t ends[PIECES_BATCH])
{
    struct reader r = {.text = p->text, .n = p->n};
    size_t found = 0;

    for (; p->at < p->n && found < PIECES_BATCH; found++) {
        p->at = piece_end(&r, p->at);
        ends[found] = (uint32_t)p->at;
    }
    return found;
}
