/*
 * vocabulary: a tokenizer.json is compared with the structure that we implement, which its
 * pre_tokenizer says, then its tokens, added tokens and merges are read. Start at vocabulary_parse.
 */
#include "trainer/tokenizer/vocabulary.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/lfs.h"
#include "trainer/tokenizer/alphabet.h"

/*
 * The structures, around BLOOM's pattern. A name with '?' may be absent or null. "*" is any value,
 * read elsewhere or of no effect on ids: truncation and padding are what the last call of
 * transformers left and its next call sets anew; every byte is a token, so nothing is ever unknown;
 * offsets, which some booleans move, are not given here. A model without a type is an old BPE.
 */
static const char structure_head[] =
    "{\"version\": \"1.0\", \"truncation?\": \"*\", \"padding?\": \"*\", \"added_tokens\": \"*\","
    " \"normalizer?\": {\"type\": \"Sequence\", \"normalizers\": []}, \"pre_tokenizer\": ";
static const char bloom_head[] = "{\"type\": \"Sequence\", \"pretokenizers\": ["
                                 "  {\"type\": \"Split\", \"pattern\": {\"Regex\": ";
static const char bloom_tail[] =
    "}, \"behavior\": \"Isolated\", \"invert\": false},"
    "  {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": \"a boolean\","
    "   \"use_regex\": false}]}";
static const char gpt2[] =
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": \"a boolean\","
    " \"use_regex?\": true}";
static const char structure_tail[] =
    ", \"post_processor?\": {\"type\": \"ByteLevel\", \"add_prefix_space\": \"a boolean\","
    "   \"trim_offsets\": \"a boolean\", \"use_regex?\": \"a boolean\"},"
    " \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": \"a boolean\","
    "   \"trim_offsets\": \"a boolean\", \"use_regex?\": \"a boolean\"},"
    " \"model\": {\"type?\": \"BPE\", \"dropout?\": 0, \"unk_token?\": \"*\","
    "   \"continuing_subword_prefix?\": \"\", \"end_of_word_suffix?\": \"\","
    "   \"fuse_unk?\": \"a boolean\", \"byte_fallback?\": \"a boolean\","
    "   \"ignore_merges?\": false, \"vocab\": \"*\", \"merges\": \"*\"}}";

/* ---- the structure ---- */

struct reader {
    const char *where;
    struct arena *arena;
    struct error *err;
    struct vocabulary *out;
    const struct json *vocab; /* name → id; its members number the model's tokens */
};

/* "where: place: expected X, found Y" */
static enum status expected(const struct reader *r, const char *place, const char *what,
                            const struct json *found)
{
    char *text = NULL;
    struct text t = text_in(r->arena);

    if (found &&
        (found->kind == JSON_STRING || found->kind == JSON_NUMBER || found->kind == JSON_BOOLEAN))
        json_write(&t, found);
    else
        text_add(&t, json_kind_name(found));
    TRY(text_finish(&t, &text, NULL, r->err));
    (void)error_set(r->err, ERR_INPUT, place, "expected %.150s, found %.150s", what, text);
    error_place(r->err, "%s", r->where);
    return ERR_INPUT;
}

/* "place.name" for messages. */
static const char *join(const struct reader *r, const char *place, const char *name)
{
    const char *joined = arena_printf(r->arena, "%s%s%s", place, place[0] ? "." : "", name);

    return joined ? joined : place;
}

/* "place[i]" for messages. */
static const char *item(const struct reader *r, const char *place, size_t i)
{
    const char *joined = arena_printf(r->arena, "%s[%zu]", place, i);

    return joined ? joined : place;
}

static enum status match(const struct reader *r, const char *place, const struct json *want,
                         const struct json *found);

/* The member that a name of the structure ("merges", "padding?") stands for, or NULL. */
static const struct json_member *wanted(const struct json *want, const char *name)
{
    for (size_t i = 0; i < want->n; i++) {
        const char *known = want->members[i].name;
        const size_t n = strcspn(known, "?");
        if (strlen(name) == n && memcmp(known, name, n) == 0)
            return &want->members[i];
    }
    return NULL;
}

static enum status match_object(const struct reader *r, const char *place, const struct json *want,
                                const struct json *found)
{
    for (size_t i = 0; i < found->n; i++)
        if (!wanted(want, found->members[i].name))
            return expected(r, join(r, place, found->members[i].name), "no such member",
                            &found->members[i].value);
    for (size_t i = 0; i < want->n; i++) {
        char name[64] = {0};
        const struct json *value;
        const size_t n = strcspn(want->members[i].name, "?");
        memcpy(name, want->members[i].name, n);
        value = json_get(found, name);
        if (want->members[i].name[n] == '?' && (!value || value->kind == JSON_NULL))
            continue;
        TRY(match(r, join(r, place, name), &want->members[i].value, value));
    }
    return OK;
}

static enum status match(const struct reader *r, const char *place, const struct json *want,
                         const struct json *found)
{
    const bool any = want->kind == JSON_STRING && strcmp(want->string, "*") == 0;
    const bool flag = want->kind == JSON_STRING && strcmp(want->string, "a boolean") == 0;
    char *text;
    struct text t = text_in(r->arena);

    if (any)
        return found ? OK : expected(r, place, "a value", NULL);
    if (flag)
        return found && found->kind == JSON_BOOLEAN ? OK : expected(r, place, want->string, found);
    if (want->kind == JSON_OBJECT || want->kind == JSON_ARRAY) {
        if (!found || found->kind != want->kind)
            return expected(r, place, json_kind_name(want), found);
        if (want->kind == JSON_OBJECT)
            return match_object(r, place, want, found);
        for (size_t i = 0; i < want->n; i++) {
            const struct json *value = i < found->n ? &found->items[i] : NULL;
            TRY(match(r, item(r, place, i), &want->items[i], value));
        }
        if (found->n == want->n)
            return OK;
        return expected(r, item(r, place, want->n), "the end of the list", &found->items[want->n]);
    }
    if (found && found->kind == want->kind && found->truth == want->truth &&
        found->number == want->number && found->n == want->n &&
        (want->n == 0 || memcmp(found->string, want->string, want->n) == 0))
        return OK;
    json_write(&t, want);
    TRY(text_finish(&t, &text, NULL, r->err));
    return expected(r, place, text, found);
}

/* What the type of the pre_tokenizer says; the rest of it is compared later. */
static enum status read_splitting(const struct reader *r, const struct json *root)
{
    const struct json *pre = json_get(root, "pre_tokenizer");
    const struct json *type = pre && pre->kind == JSON_OBJECT ? json_get(pre, "type") : NULL;
    const bool named = type && type->kind == JSON_STRING;

    r->out->splitting =
        named && strcmp(type->string, "ByteLevel") == 0 ? SPLITTING_GPT2 : SPLITTING_BLOOM;
    if (named && r->out->splitting == SPLITTING_BLOOM && strcmp(type->string, "Sequence") != 0)
        return expected(r, "pre_tokenizer.type",
                        "\"Sequence\" (as BLOOM has it) or \"ByteLevel\" (as GPT-2)", type);
    return OK;
}

static enum status match_structure(const struct reader *r, const struct json *root)
{
    struct text t = text_in(r->arena);
    struct json *want;
    char *text;
    size_t n;

    if (root->kind != JSON_OBJECT)
        return expected(r, "", "an object", root);
    TRY(read_splitting(r, root));
    text_add(&t, structure_head);
    if (r->out->splitting == SPLITTING_GPT2) {
        text_add(&t, gpt2);
    } else {
        text_add(&t, bloom_head);
        json_write_string(&t, PIECES_PATTERN);
        text_add(&t, bloom_tail);
    }
    text_add(&t, structure_tail);
    TRY(text_finish(&t, &text, &n, r->err));
    TRY(json_parse(text, n, "structure", JSON_STRICT, r->arena, &want, r->err));
    return match_object(r, "", want, root);
}

/* ---- tokens, added tokens, merges ---- */

static enum status check_alphabet(const struct reader *r)
{
    for (unsigned b = 0; b < ALPHABET_SIZE; b++) {
        char spelling[3], what[40];
        (void)alphabet_spell((unsigned char)b, spelling);
        (void)snprintf(what, sizeof what, "the character of byte 0x%02x (%s)", b, spelling);
        if (!json_get(r->vocab, spelling))
            return expected(r, "model.vocab", what, NULL);
    }
    return OK;
}

static enum status read_tokens(struct reader *r, struct vocabulary_token *tokens)
{
    for (size_t i = 0; i < r->vocab->n; i++) {
        const struct json_member *m = &r->vocab->members[i];
        const size_t n = strlen(m->name);
        if (n == 0 || n > VOCABULARY_SPELLING_MAX)
            return expected(r, join(r, "model.vocab", m->name), "a token of 1 to 65536 bytes",
                            NULL);
        if (!m->value.whole || m->value.integer < 0 || (uint64_t)m->value.integer >= r->vocab->n)
            return expected(r, join(r, "model.vocab", m->name), "an id below the number of tokens",
                            &m->value);
        if (tokens[m->value.integer].n > 0)
            return expected(r, join(r, "model.vocab", m->name), "an id that no other token has",
                            &m->value);
        tokens[m->value.integer] = (struct vocabulary_token){m->name, n};
    }
    return check_alphabet(r);
}

static enum status want_boolean(const struct reader *r, const char *place, const struct json *token,
                                const char *name, bool *out)
{
    const struct json *value = json_get(token, name);

    if (!value || value->kind != JSON_BOOLEAN)
        return expected(r, join(r, place, name), "a boolean", value);
    *out = value->truth;
    return OK;
}

static enum status want_false(const struct reader *r, const char *place, const struct json *token,
                              const char *name)
{
    bool truth = false;

    TRY(want_boolean(r, place, token, name, &truth));
    return truth ? expected(r, join(r, place, name), "false", json_get(token, name)) : OK;
}

/* One added token; it may be new, and is then the next of the vocabulary. */
static enum status read_added(struct reader *r, const char *place, const struct json *token,
                              struct vocabulary_token *tokens, struct vocabulary_added *out)
{
    static const char *const off[] = {"single_word", "lstrip", "rstrip"};
    const struct json *content = json_get(token, "content"), *id = json_get(token, "id"), *known;
    char what[40];
    int64_t want;

    if (token->kind != JSON_OBJECT || token->n != 7)
        return expected(r, place,
                        "id, content, single_word, lstrip, rstrip, normalized and special", token);
    if (!content || content->kind != JSON_STRING || content->n == 0 ||
        content->n > VOCABULARY_SPELLING_MAX || strlen(content->string) != content->n)
        return expected(r, join(r, place, "content"), "a string of 1 to 65536 bytes, none NUL",
                        content);
    for (size_t i = 0; i < sizeof off / sizeof *off; i++)
        TRY(want_false(r, place, token, off[i]));
    TRY(want_boolean(r, place, token, "normalized", &out->normalized));
    TRY(want_boolean(r, place, token, "special", &out->special));
    known = json_get(r->vocab, content->string);
    want = known ? known->integer : (int64_t)r->out->n_tokens;
    (void)snprintf(what, sizeof what, "%lld", (long long)want);
    if (!id || !id->whole || id->integer != want)
        return expected(r, join(r, place, "id"), what, id);
    if (!known)
        tokens[r->out->n_tokens++] = (struct vocabulary_token){content->string, content->n};
    out->id = (uint32_t)want;
    return OK;
}

static enum status read_all_added(struct reader *r, const struct json *list,
                                  struct vocabulary_token *tokens)
{
    struct vocabulary_added *added = arena_array(r->arena, list->n, sizeof *added);

    if (!added)
        return error_memory(r->err);
    for (size_t i = 0; i < list->n; i++) {
        const char *place = item(r, "added_tokens", i);
        TRY(read_added(r, place, &list->items[i], tokens, &added[i]));
        for (size_t j = 0; j < i; j++) {
            const struct vocabulary_token *a = &tokens[added[i].id], *b = &tokens[added[j].id];
            if (a->n == b->n && memcmp(a->spelling, b->spelling, a->n) == 0)
                return expected(r, place, "a token that was not added before", NULL);
        }
    }
    r->out->added = added;
    r->out->n_added = list->n;
    return OK;
}

/* A token's spelling within a merge, which may hold a NUL or anything else. */
struct half {
    const char *bytes;
    size_t n;
};

/* The two halves of a merge in either of its forms; false where it has neither. */
static bool split(const struct json *merge, struct half half[2])
{
    const char *space;

    if (merge->kind == JSON_ARRAY && merge->n == 2 && merge->items[0].kind == JSON_STRING &&
        merge->items[1].kind == JSON_STRING) {
        for (int i = 0; i < 2; i++)
            half[i] = (struct half){merge->items[i].string, merge->items[i].n};
        return true;
    }
    if (merge->kind != JSON_STRING || !(space = memchr(merge->string, ' ', merge->n)))
        return false;
    half[0] = (struct half){merge->string, (size_t)(space - merge->string)};
    half[1] = (struct half){space + 1, merge->n - half[0].n - 1};
    return !memchr(half[1].bytes, ' ', half[1].n);
}

/* The id of left and right, one behind the other; right may be empty. -1: no such token. */
static int64_t id_of(const struct reader *r, struct half left, struct half right)
{
    char spelling[2 * VOCABULARY_SPELLING_MAX + 1];
    const struct json *id;

    if (left.n > VOCABULARY_SPELLING_MAX || right.n > VOCABULARY_SPELLING_MAX ||
        memchr(left.bytes, '\0', left.n) || memchr(right.bytes, '\0', right.n))
        return -1;
    memcpy(spelling, left.bytes, left.n);
    memcpy(spelling + left.n, right.bytes, right.n);
    spelling[left.n + right.n] = '\0';
    id = json_get(r->vocab, spelling);
    return id ? id->integer : -1;
}

static enum status read_merge(const struct reader *r, size_t rank, const struct json *merge,
                              struct vocabulary_merge *out)
{
    const struct half none = {"", 0};
    struct half half[2];
    int64_t left, right, merged;

    if (!split(merge, half))
        return expected(r, item(r, "model.merges", rank), "\"left right\" or [\"left\", \"right\"]",
                        merge);
    left = id_of(r, half[0], none);
    right = id_of(r, half[1], none);
    if (left < 0 || right < 0)
        return expected(r, item(r, "model.merges", rank), "two tokens of the vocabulary", merge);
    if ((merged = id_of(r, half[0], half[1])) < 0)
        return expected(r, item(r, "model.merges", rank),
                        "two tokens that make one of the vocabulary", merge);
    *out = (struct vocabulary_merge){(uint32_t)left, (uint32_t)right, (uint32_t)merged};
    return OK;
}

static enum status read_merges(struct reader *r, const struct json *list)
{
    struct vocabulary_merge *merges = arena_array(r->arena, list->n, sizeof *merges);

    if (!merges)
        return error_memory(r->err);
    for (size_t i = 0; i < list->n; i++)
        TRY(read_merge(r, i, &list->items[i], &merges[i]));
    r->out->merges = merges;
    r->out->n_merges = list->n;
    return OK;
}

static enum status want_list(const struct reader *r, const struct json *object, const char *place,
                             size_t max, const struct json **out)
{
    const char *dot = strrchr(place, '.');
    char what[60];

    *out = json_get(object, dot ? dot + 1 : place);
    (void)snprintf(what, sizeof what, "a list of at most %zu", max);
    return *out && (*out)->kind == JSON_ARRAY && (*out)->n <= max ? OK
                                                                  : expected(r, place, what, *out);
}

static enum status read_parts(struct reader *r, const struct json *root)
{
    const struct json *model = json_get(root, "model"), *added, *merges;
    struct vocabulary_token *tokens;

    TRY(match_structure(r, root));
    TRY(want_list(r, root, "added_tokens", VOCABULARY_ADDED_MAX, &added));
    TRY(want_list(r, model, "model.merges", VOCABULARY_TOKENS_MAX, &merges));
    r->vocab = json_get(model, "vocab");
    if (r->vocab->kind != JSON_OBJECT || r->vocab->n > VOCABULARY_TOKENS_MAX)
        return expected(r, "model.vocab", "an object of at most 4000000 tokens", r->vocab);
    r->out->n_tokens = r->vocab->n;
    if (!(tokens = arena_array(r->arena, r->vocab->n + added->n, sizeof *tokens)))
        return error_memory(r->err);
    r->out->tokens = tokens;
    TRY(read_tokens(r, tokens));
    TRY(read_all_added(r, added, tokens));
    return read_merges(r, merges);
}

enum status vocabulary_parse(const char *bytes, size_t n, const char *where, struct arena *arena,
                             struct vocabulary *out, struct error *err)
{
    struct reader r = {where, arena, err, out, NULL};
    struct json *root;

    *out = (struct vocabulary){SPLITTING_BLOOM, NULL, 0, NULL, 0, NULL, 0};
    TRY(json_parse(bytes, n, where, JSON_STRICT, arena, &root, err));
    return read_parts(&r, root);
}

enum status vocabulary_read(const char *path, struct arena *arena, struct vocabulary *out,
                            struct error *err)
{
    char *bytes;
    size_t n;

    TRY(lfs_read(path, VOCABULARY_FILE_MAX, arena, &bytes, &n, err));
    return vocabulary_parse(bytes, n, path, arena, out, err);
}

/* ---- writing ---- */

static void format_added(const struct vocabulary *v, struct text *out)
{
    for (size_t i = 0; i < v->n_added; i++) {
        const struct vocabulary_token *token = &v->tokens[v->added[i].id];
        text_printf(out, "%s{\"id\":%u,\"content\":", i > 0 ? "," : "", v->added[i].id);
        json_write_bytes(out, token->spelling, token->n);
        text_printf(out,
                    ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
                    "\"normalized\":%s,\"special\":%s}",
                    v->added[i].normalized ? "true" : "false",
                    v->added[i].special ? "true" : "false");
    }
}

/* The components before the decoder. */
static void format_splitting(enum splitting splitting, struct text *out)
{
    const char *regex = splitting == SPLITTING_GPT2 ? "true" : "false";

    text_add(out, "\"pre_tokenizer\":");
    if (splitting == SPLITTING_BLOOM) {
        text_add(out, "{\"type\":\"Sequence\","
                      "\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":");
        json_write_string(out, PIECES_PATTERN);
        text_add(out, "},\"behavior\":\"Isolated\",\"invert\":false},");
    }
    text_printf(out,
                "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,"
                "\"use_regex\":%s}%s,"
                "\"post_processor\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,"
                "\"trim_offsets\":false,\"use_regex\":%s},",
                regex, splitting == SPLITTING_BLOOM ? "]}" : "", regex);
}

void vocabulary_format(const struct vocabulary *v, struct text *out)
{
    text_add(out, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[");
    format_added(v, out);
    text_add(out, "],\"normalizer\":null,");
    format_splitting(v->splitting, out);
    text_add(out, "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,"
                  "\"trim_offsets\":true,\"use_regex\":true},"
                  "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,"
                  "\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,"
                  "\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":false,"
                  "\"vocab\":{");
    for (size_t i = 0; i < v->n_tokens; i++) {
        text_add(out, i > 0 ? "," : "");
        json_write_bytes(out, v->tokens[i].spelling, v->tokens[i].n);
        text_printf(out, ":%zu", i);
    }
    text_add(out, "},\"merges\":[");
    for (size_t i = 0; i < v->n_merges; i++) {
        const struct vocabulary_token *left = &v->tokens[v->merges[i].left];
        const struct vocabulary_token *right = &v->tokens[v->merges[i].right];
        text_add(out, i > 0 ? ",[" : "[");
        json_write_bytes(out, left->spelling, left->n);
        text_add(out, ",");
        json_write_bytes(out, right->spelling, right->n);
        text_add(out, "]");
    }
    text_add(out, "]}}");
}
