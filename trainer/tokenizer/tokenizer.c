/*
 * tokenizer: added tokens, pieces, and the cache of pieces, in which most of them are one look-up.
 * Start at tokenizer_encode; the hot path is encode_piece.
 */
#include "trainer/tokenizer/tokenizer.h"

#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "trainer/lfs.h"
#include "trainer/tokenizer/alphabet.h"
#include "trainer/tokenizer/merges.h"
#include "trainer/tokenizer/pieces.h"
#include "trainer/tokenizer/vocabulary.h"

/*
 * The cache of pieces. A piece of at most KEY_BYTES bytes is its own key: 15 bytes and, in the
 * 16th, its length. An entry keeps up to ENTRY_IDS ids, so that a hit is one cache line: compare
 * 16 bytes, copy 16 bytes. Two entries share a line; a new piece replaces the older of the two.
 * A piece of more ids, up to SET_IDS, has the whole line: the second entry then holds the rest, two
 * in the low half of its key and four more, and matches nothing, since the high half is 0.
 * The cache changes no result.
 */
enum {
    KEY_BYTES = 15,
    ENTRY_IDS = 4,
    SET_IDS = ENTRY_IDS + 2 + ENTRY_IDS,
    LINE = 64,
#ifdef HPO_SMALL
    SET_BITS = 1,
#else
    SET_BITS = 16, /* 4 MiB, touched only as far as there are pieces */
#endif
};

struct key {
    uint64_t low, high;
};

struct entry {
    struct key key; /* the length's byte also holds the number of ids, << 4; high 0: no piece */
    int32_t ids[ENTRY_IDS];
};

struct set {
    struct entry entry[2];
};

_Static_assert(sizeof(struct set) == LINE, "a set is a cache line");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "keys take the first bytes as the low");

struct added {
    const char *content;
    size_t n;
    int32_t id;
};

/* Added tokens that are looked for together. */
struct added_group {
    const struct added *tokens; /* longest first */
    size_t n;
    bool begins[256]; /* their first bytes */
    int only_begin;   /* the one such byte, or -1 where there are several or none */
};

enum { GROUPS = 2 }; /* those without `normalized`, then in what they leave those with it */

struct tokenizer {
    struct arena *arena;
    enum splitting splitting;
    struct merges *merges;
    struct set *sets; /* [1 << SET_BITS], aligned to LINE */
    size_t n_tokens;
    const unsigned char *bytes;   /* of all tokens, end to end */
    const uint32_t *starts;       /* [n_tokens + 1] into bytes */
    const unsigned char *special; /* [n_tokens] */
    struct added_group added[GROUPS];
    int32_t *ids; /* what is encoded before it goes to the caller */
    size_t room;
};

/* ---- opening ---- */

/* The tokens as bytes. */
static enum status spell_tokens(struct tokenizer *t, const struct vocabulary *v, struct error *err)
{
    size_t all = 0;
    unsigned char *bytes;
    uint32_t *starts = arena_array(t->arena, v->n_tokens + 1, sizeof *starts);

    for (size_t id = 0; id < v->n_tokens; id++)
        all += v->tokens[id].n;
    if (!starts || !(bytes = arena_alloc(t->arena, all)))
        return error_memory(err);
    for (size_t id = 0; id < v->n_tokens; id++)
        starts[id + 1] =
            starts[id] +
            (uint32_t)alphabet_decode(v->tokens[id].spelling, v->tokens[id].n, bytes + starts[id]);
    t->n_tokens = v->n_tokens;
    t->bytes = bytes;
    t->starts = starts;
    return OK;
}

/* Inserts a token by its length; the group has room for it. */
static void insert_added(struct added_group *g, struct added *tokens, struct added token)
{
    const unsigned char first = (unsigned char)token.content[0];
    size_t at = g->n;

    for (; at > 0 && tokens[at - 1].n < token.n; at--)
        tokens[at] = tokens[at - 1];
    tokens[at] = token;
    g->begins[first] = true;
    g->only_begin = g->n == 0 || g->only_begin == first ? first : -1;
    g->n++;
}

static enum status keep_added(struct tokenizer *t, const struct vocabulary *v, struct error *err)
{
    unsigned char *special = arena_alloc(t->arena, v->n_tokens);

    if (!special)
        return error_memory(err);
    t->special = special;
    for (size_t i = 0; i < v->n_added; i++)
        special[v->added[i].id] = v->added[i].special;
    for (int group = 0; group < GROUPS; group++) {
        struct added_group *g = &t->added[group];
        struct added *tokens = arena_array(t->arena, v->n_added, sizeof *tokens);
        if (!tokens)
            return error_memory(err);
        *g = (struct added_group){.tokens = tokens, .only_begin = -1};
        for (size_t i = 0; i < v->n_added; i++) {
            const struct vocabulary_token *token = &v->tokens[v->added[i].id];
            const char *content = arena_copy(t->arena, token->spelling, token->n);
            if (!content)
                return error_memory(err);
            if (v->added[i].normalized == (group == 1))
                insert_added(g, tokens, (struct added){content, token->n, (int32_t)v->added[i].id});
        }
    }
    return OK;
}

static enum status build(struct tokenizer *t, const struct vocabulary *v, struct error *err)
{
    char *lines;

    t->splitting = v->splitting;
    TRY(spell_tokens(t, v, err));
    TRY(keep_added(t, v, err));
    TRY(merges_build(v, t->arena, &t->merges, err));
    if (!(lines = arena_alloc(t->arena, (sizeof *t->sets << SET_BITS) + LINE)))
        return error_memory(err);
    lines += -(uintptr_t)lines % LINE;
    t->sets = (struct set *)(void *)lines;
    return OK;
}

enum status tokenizer_parse(const char *bytes, size_t n, const char *where, struct tokenizer **out,
                            struct error *err)
{
    enum status s = ERR_MEMORY;
    struct vocabulary v;
    struct arena *own = arena_open(), *reading = arena_open();
    struct tokenizer *t = own && reading ? arena_alloc(own, sizeof *t) : NULL;

    if (!t) {
        (void)error_memory(err);
        goto out;
    }
    t->arena = own;
    if ((s = vocabulary_parse(bytes, n, where, reading, &v, err)) != OK ||
        (s = build(t, &v, err)) != OK)
        goto out;
    *out = t;
    own = NULL;
out:
    arena_close(reading);
    arena_close(own);
    return s;
}

enum status tokenizer_open(const char *path, struct tokenizer **out, struct error *err)
{
    enum status s;
    char *bytes;
    size_t n;
    struct arena *reading = arena_open();

    if (!reading)
        return error_memory(err);
    if ((s = lfs_read(path, VOCABULARY_FILE_MAX, reading, &bytes, &n, err)) == OK)
        s = tokenizer_parse(bytes, n, path, out, err);
    arena_close(reading);
    return s;
}

void tokenizer_close(struct tokenizer *t)
{
    if (t)
        arena_close(t->arena);
}

size_t tokenizer_size(const struct tokenizer *t)
{
    return t->n_tokens;
}

int32_t tokenizer_added(const struct tokenizer *t, const char *content)
{
    const size_t n = strlen(content);

    for (const struct added_group *g = t->added; g < t->added + GROUPS; g++)
        for (size_t i = 0; i < g->n; i++)
            if (g->tokens[i].n == n && memcmp(g->tokens[i].content, content, n) == 0)
                return g->tokens[i].id;
    return -1;
}

int32_t tokenizer_end(const struct tokenizer *t)
{
    const int32_t end = tokenizer_added(t, "</s>");

    return end >= 0 ? end : tokenizer_added(t, "<|endoftext|>");
}

int32_t tokenizer_padding(const struct tokenizer *t)
{
    const int32_t padding = tokenizer_added(t, "<pad>");

    return padding >= 0 ? padding : tokenizer_end(t);
}

size_t tokenizer_length(const struct tokenizer *t, int32_t id)
{
    return t->starts[id + 1] - t->starts[id];
}

/* ---- encoding ---- */

/* A text on its way into t->ids, which have room for every byte of it. */
struct encoding {
    struct tokenizer *t;
    const unsigned char *text, *end;
    size_t n_ids;
    struct error *err;
};

/* Of n bytes, 1 to KEY_BYTES; `left` of them and of what follows may be read. */
static struct key key_of(const unsigned char *piece, size_t n, size_t left)
{
    unsigned char copy[16] = {0};
    const unsigned low_bits = n < 8 ? 64 - 8 * (unsigned)n : 0;
    const unsigned high_bits = n > 8 ? 128 - 8 * (unsigned)n : 0;
    struct key k;

    if (left < sizeof copy) {
        memcpy(copy, piece, n);
        piece = copy;
    }
    memcpy(&k.low, piece, 8);
    memcpy(&k.high, piece + 8, 8);
    k.low &= UINT64_MAX >> low_bits;
    k.high = n > 8 ? k.high & UINT64_MAX >> high_bits : 0;
    k.high |= (uint64_t)n << 56;
    return k;
}

static struct set *set_of(const struct tokenizer *t, const struct key *k)
{
    const uint64_t h = k->low * 0x9e3779b97f4a7c15u + k->high * 0xc2b2ae3d27d4eb4fu;

    return &t->sets[h >> (64 - SET_BITS)];
}

static bool holds(const struct entry *e, const struct key *k)
{
    return e->key.low == k->low && (e->key.high ^ k->high) << 4 == 0;
}

static size_t count_of(const struct entry *e)
{
    return e->key.high >> 60;
}

/* Copies the ids of a set's entry: always ENTRY_IDS or SET_IDS, of which the count it returns are
 * its own. */
static size_t recall(const struct set *set, int which, int32_t *ids)
{
    const struct entry *e = &set->entry[which];
    const size_t n = count_of(e);

    memcpy(ids, e->ids, sizeof e->ids);
    if (n > ENTRY_IDS) {
        const struct entry *rest = &set->entry[1];
        memcpy(ids + ENTRY_IDS, &rest->key.low, sizeof rest->key.low);
        memcpy(ids + ENTRY_IDS + 2, rest->ids, sizeof rest->ids);
    }
    return n;
}

/* ids has room for SET_IDS. */
static void remember(struct set *set, const struct key *k, const int32_t *ids, size_t n)
{
    if (n > SET_IDS)
        return;
    if (n > ENTRY_IDS) {
        set->entry[1].key = (struct key){0, 0};
        memcpy(&set->entry[1].key.low, ids + ENTRY_IDS, sizeof set->entry[1].key.low);
        memcpy(set->entry[1].ids, ids + ENTRY_IDS + 2, sizeof set->entry[1].ids);
    } else if (count_of(&set->entry[0]) > ENTRY_IDS) {
        set->entry[1].key = (struct key){0, 0};
    } else {
        set->entry[1] = set->entry[0];
    }
    set->entry[0].key = (struct key){k->low, k->high | (uint64_t)n << 60};
    memcpy(set->entry[0].ids, ids, sizeof set->entry[0].ids);
}

static enum status encode_piece(struct encoding *e, const unsigned char *piece, size_t n)
{
    int32_t *ids = e->t->ids + e->n_ids;
    struct set *set = NULL;
    struct key k;
    size_t made;

    if (n <= KEY_BYTES) {
        k = key_of(piece, n, (size_t)(e->end - piece));
        set = set_of(e->t, &k);
        for (int which = 0; which < 2; which++)
            if (holds(&set->entry[which], &k)) {
                e->n_ids += recall(set, which, ids);
                return OK;
            }
    }
    TRY(merges_apply(e->t->merges, piece, n, ids, &made, e->err));
    if (set)
        remember(set, &k, ids, made);
    e->n_ids += made;
    return OK;
}

/* What lies between added tokens, up to `end`. */
static enum status encode_section(struct encoding *e, const unsigned char *section,
                                  const unsigned char *end)
{
    uint32_t ends[PIECES_BATCH];
    struct pieces p = pieces_of(e->t->splitting, (const char *)section, (size_t)(end - section));
    size_t found, start = 0;

    while ((found = pieces_next(&p, ends)) > 0)
        for (size_t i = 0; i < found; i++) {
            TRY(encode_piece(e, section + start, ends[i] - start));
            start = ends[i];
        }
    return OK;
}

/* The next byte that a token of the group begins with, or the end. */
static const unsigned char *next_begin(const struct added_group *g, const unsigned char *at,
                                       const unsigned char *end)
{
    if (g->only_begin >= 0) {
        const unsigned char *found =
            at < end ? memchr(at, g->only_begin, (size_t)(end - at)) : NULL;
        return found ? found : end;
    }
    while (at < end && !g->begins[*at])
        at++;
    return at;
}

/* The next place where a token of the group begins, and the longest there; NULL: none. */
static const unsigned char *next_added(const struct added_group *g, const unsigned char *at,
                                       const unsigned char *end, const struct added **which)
{
    for (at = next_begin(g, at, end); at < end; at = next_begin(g, at + 1, end))
        for (size_t i = 0; i < g->n; i++) {
            const struct added *added = &g->tokens[i];
            if (added->n <= (size_t)(end - at) && memcmp(added->content, at, added->n) == 0) {
                *which = added;
                return at;
            }
        }
    return NULL;
}

/* What the groups before this one have left, up to `end`. */
static enum status encode_from(struct encoding *e, int group, const unsigned char *at,
                               const unsigned char *end)
{
    const struct added_group *g = &e->t->added[group];
    const struct added *which = NULL;
    const unsigned char *found;

    if (group == GROUPS)
        return encode_section(e, at, end);
    if (g->n == 0)
        return encode_from(e, group + 1, at, end);
    while ((found = next_added(g, at, end, &which)) != NULL) {
        TRY(encode_from(e, group + 1, at, found));
        e->t->ids[e->n_ids++] = which->id;
        at = found + which->n;
    }
    return encode_from(e, group + 1, at, end);
}

enum status tokenizer_encode(struct tokenizer *t, const char *text, size_t n, struct arena *arena,
                             int32_t **ids, size_t *n_ids, struct error *err)
{
    struct encoding e = {t, (const unsigned char *)text, NULL, 0, err};

    if (n > PIECES_TEXT_MAX)
        return error_set(err, ERR_INPUT, NULL, "expected a text of at most %d bytes, found %zu",
                         PIECES_TEXT_MAX, n);
    e.end = e.text + n;
    /* Every byte is at most one id, and recall writes some more than it makes. */
    if (n + SET_IDS > t->room &&
        !(t->ids = arena_grow(t->arena, NULL, 0, n + SET_IDS, sizeof *t->ids, &t->room))) {
        t->room = 0;
        return error_memory(err);
    }
    TRY(encode_from(&e, 0, e.text, e.end));
    if (!(*ids = arena_array(arena, e.n_ids, sizeof **ids)))
        return error_memory(err);
    if (e.n_ids > 0)
        memcpy(*ids, t->ids, e.n_ids * sizeof **ids);
    *n_ids = e.n_ids;
    return OK;
}

/* ---- decoding ---- */

/* The bytes of the character, or of its longest beginning, at s; *whole says which. */
static size_t character(const unsigned char *s, size_t n, bool *whole)
{
    const unsigned char first = s[0];
    unsigned char low = 0x80, high = 0xbf; /* of the second byte */
    size_t want, got;

    if (first < 0x80)
        want = 1;
    else if (first >= 0xc2 && first <= 0xdf)
        want = 2;
    else if (first >= 0xe0 && first <= 0xef)
        want = 3;
    else if (first >= 0xf0 && first <= 0xf4)
        want = 4;
    else
        want = 0;
    if (first == 0xe0)
        low = 0xa0;
    if (first == 0xed)
        high = 0x9f;
    if (first == 0xf0)
        low = 0x90;
    if (first == 0xf4)
        high = 0x8f;
    for (got = 1; got < want && got < n && s[got] >= low && s[got] <= high; got++) {
        low = 0x80;
        high = 0xbf;
    }
    *whole = got == want;
    return got;
}

static void add_as_utf8(struct text *out, const char *bytes, size_t n)
{
    for (size_t i = 0, plain = 0; i < n;) {
        bool whole;
        const size_t step = character((const unsigned char *)bytes + i, n - i, &whole);
        i += step;
        if (!whole) {
            text_add_bytes(out, bytes + plain, i - step - plain);
            text_add(out, "\xef\xbf\xbd");
            plain = i;
        } else if (i == n) {
            text_add_bytes(out, bytes + plain, i - plain);
        }
    }
}

enum status tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n_ids,
                             bool skip_special, struct arena *arena, char **text, size_t *n_text,
                             struct error *err)
{
    struct text raw = text_in(arena), out = text_in(arena);
    char *bytes;
    size_t n;

    for (size_t i = 0; i < n_ids; i++) {
        const size_t id = (size_t)ids[i];
        if (ids[i] < 0 || id >= t->n_tokens || (skip_special && t->special[id]))
            continue;
        text_add_bytes(&raw, t->bytes + t->starts[id], t->starts[id + 1] - t->starts[id]);
    }
    TRY(text_finish(&raw, &bytes, &n, err));
    add_as_utf8(&out, bytes, n);
    return text_finish(&out, text, n_text, err);
}
