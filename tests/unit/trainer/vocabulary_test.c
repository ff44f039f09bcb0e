/*
 * vocabulary: the reference file and what we write are read as they are; every other structure is
 * refused, and the message names what it is about.
 */
#include "tests/unit/trainer/small_tokenizer.h"

static const char *const merges[] = {"h e", "l l", "he ll", "hell o", "\xc4\xa0 w"};

static void reads_what_it_writes(void **state)
{
    struct error err;
    struct arena *arena = arena_open();
    char *file = small_file(merges, 5, arena), *again;
    struct vocabulary v;
    struct text t = text_in(arena);

    (void)state;
    ASSERT_OK(vocabulary_parse(file, strlen(file), "t.json", arena, &v, &err));
    assert_int_equal(v.n_tokens, SMALL_FIRST_MERGE + 5);
    assert_int_equal(v.n_merges, 5);
    assert_int_equal(v.n_added, 4);
    assert_int_equal(v.merges[3].merged, SMALL_FIRST_MERGE + 3);
    assert_string_equal(v.tokens[SMALL_FIRST_MERGE + 3].spelling, "hello");
    assert_true(v.added[2].special);
    vocabulary_format(&v, &t);
    ASSERT_OK(text_finish(&t, &again, NULL, &err));
    assert_string_equal(again, file);
    arena_close(arena);
}

/* The library's own file, to the byte. */
static void writes_what_the_library_writes(void **state)
{
    struct error err;
    struct arena *arena = arena_open();
    size_t n, n_again;
    char *file = shared_file("data/tokenizer.json", arena, &n), *again;
    struct vocabulary v;
    struct text t = text_in(arena);

    (void)state;
    ASSERT_OK(vocabulary_parse(file, n, "t.json", arena, &v, &err));
    assert_int_equal(v.n_tokens, 8192);
    assert_int_equal(v.n_merges, 7932);
    vocabulary_format(&v, &t);
    ASSERT_OK(text_finish(&t, &again, &n_again, &err));
    assert_int_equal(n_again, n);
    assert_memory_equal(again, file, n);
    arena_close(arena);
}

static char *changed(enum splitting splitting, const char *from, const char *to,
                     struct arena *arena)
{
    return replaced(small_file_of(splitting, merges, 5, arena), from, to, arena);
}

static void accepts_in(enum splitting splitting, const char *from, const char *to)
{
    struct error err;
    struct arena *arena = arena_open();
    const char *file = changed(splitting, from, to, arena);
    struct vocabulary v;

    ASSERT_OK(vocabulary_parse(file, strlen(file), "t.json", arena, &v, &err));
    assert_int_equal(v.splitting, splitting);
    assert_int_equal(v.n_merges, 5);
    assert_int_equal(v.merges[4].left, small_find(&v, "\xc4\xa0", 2));
    arena_close(arena);
}

static void accepts(const char *from, const char *to)
{
    accepts_in(SPLITTING_BLOOM, from, to);
}

static void accepts_older_forms(void **state)
{
    (void)state;
    accepts("[\"h\",\"e\"]", "\"h e\"");
    accepts("[\"\xc4\xa0\",\"w\"]", "\"\xc4\xa0 w\"");
    accepts("\"ignore_merges\":false,", "");
    accepts("\"byte_fallback\":false,", "");
    accepts("\"fuse_unk\":false,", "\"fuse_unk\":null,");
    accepts("\"truncation\":null,\"padding\":null,", "");
    accepts("\"normalizer\":null,", "");
    accepts("\"trim_offsets\":false,\"use_regex\":false}", "\"trim_offsets\":true}");
    accepts("\"post_processor\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,"
            "\"trim_offsets\":false,\"use_regex\":false}",
            "\"post_processor\":null");
    accepts("\"special\":true}]", "\"special\":false}]");
    accepts("\"special\":true}]",
            "\"special\":true},{\"id\":265,\"content\":\"<mask>\",\"single_word\":false,"
            "\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}]");
}

/* What transformers, or an older trainer, leaves in a file and what moves no id. */
static void accepts_what_changes_nothing(void **state)
{
    (void)state;
    accepts("\"truncation\":null", "\"truncation\":{\"direction\":\"Right\",\"max_length\":512,"
                                   "\"strategy\":\"LongestFirst\",\"stride\":0}");
    accepts("\"padding\":null",
            "\"padding\":{\"strategy\":{\"Fixed\":16},\"direction\":\"Right\",\"pad_id\":3}");
    accepts("\"normalizer\":null", "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[]}");
    accepts("\"normalized\":false,\"special\":true}]", "\"normalized\":true,\"special\":false}]");
    accepts("\"dropout\":null", "\"dropout\":0.0");
    accepts("\"unk_token\":null", "\"unk_token\":\"<unk>\"");
    accepts("\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null",
            "\"continuing_subword_prefix\":\"\",\"end_of_word_suffix\":\"\"");
    accepts("\"fuse_unk\":false,\"byte_fallback\":false",
            "\"fuse_unk\":true,\"byte_fallback\":true");
}

static void refuses_in(enum splitting splitting, const char *from, const char *to,
                       const char *place)
{
    struct error err = {0};
    struct arena *arena = arena_open();
    const char *file = changed(splitting, from, to, arena);
    char where[300];
    struct vocabulary v;

    (void)snprintf(where, sizeof where, "t.json%s%s", place[0] ? ": " : "", place);
    assert_int_equal(vocabulary_parse(file, strlen(file), "t.json", arena, &v, &err), ERR_INPUT);
    assert_string_equal(err.where, where);
    assert_string_not_equal(err.text, "");
    arena_close(arena);
}

static void refuses(const char *from, const char *to, const char *place)
{
    refuses_in(SPLITTING_BLOOM, from, to, place);
}

/* Its pre_tokenizer is the one difference; the library's own files are in tests/e2e. */
static void knows_gpt2(void **state)
{
    static const char pre[] =
        "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
        "\"trim_offsets\":true,\"use_regex\":true}";
    static const char other[] =
        "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
        "\"trim_offsets\":false}";
    const enum splitting gpt2 = SPLITTING_GPT2;

    (void)state;
    accepts_in(gpt2, pre, pre);
    accepts_in(gpt2, pre, other);
    accepts_in(gpt2, "\"type\":\"BPE\",", "");
    accepts_in(gpt2,
               "\"post_processor\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,"
               "\"trim_offsets\":false,\"use_regex\":true}",
               "\"post_processor\":null");
    refuses_in(gpt2, "\"add_prefix_space\":false", "\"add_prefix_space\":true",
               "pre_tokenizer.add_prefix_space");
    refuses_in(gpt2, "\"add_prefix_space\":false,", "", "pre_tokenizer.add_prefix_space");
    refuses_in(gpt2, "\"use_regex\":true", "\"use_regex\":false", "pre_tokenizer.use_regex");
    refuses_in(gpt2, "\"trim_offsets\":true,", "", "pre_tokenizer.trim_offsets");
    refuses_in(gpt2, "\"ByteLevel\",", "\"ByteLevel\",\"pretokenizers\":[],",
               "pre_tokenizer.pretokenizers");
    refuses_in(gpt2, "\"type\":\"ByteLevel\"", "\"type\":\"Sequence\"",
               "pre_tokenizer.add_prefix_space");
    refuses_in(gpt2, "\"type\":\"ByteLevel\"", "\"type\":7", "pre_tokenizer.add_prefix_space");
    refuses_in(gpt2, pre, "\"pre_tokenizer\":null", "pre_tokenizer");
    refuses_in(gpt2, "\"normalizer\":null", "\"normalizer\":{\"type\":\"NFC\"}", "normalizer.type");
    refuses_in(gpt2, "\"decoder\":{\"type\":\"ByteLevel\"", "\"decoder\":{\"type\":\"Fuse\"",
               "decoder.type");
}

static void refuses_other_components(void **state)
{
    (void)state;
    refuses("\"version\":\"1.0\"", "\"version\":\"2.0\"", "version");
    refuses("\"version\":\"1.0\",", "", "version");
    refuses("\"normalizer\":null", "\"normalizer\":{\"type\":\"NFC\"}", "normalizer.type");
    refuses("\"normalizer\":null",
            "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"}]}",
            "normalizer.normalizers[0]");
    refuses("\"type\":\"Sequence\"", "\"type\":\"Whitespace\"", "pre_tokenizer.type");
    refuses("\"type\":\"Split\"", "\"type\":\"Digits\"", "pre_tokenizer.pretokenizers[0].type");
    refuses("{\"Regex\":\" ?", "{\"Regex\":\" ", "pre_tokenizer.pretokenizers[0].pattern.Regex");
    refuses("{\"Regex\":", "{\"String\":", "pre_tokenizer.pretokenizers[0].pattern.String");
    refuses("\"Isolated\"", "\"Removed\"", "pre_tokenizer.pretokenizers[0].behavior");
    refuses("\"invert\":false", "\"invert\":true", "pre_tokenizer.pretokenizers[0].invert");
    refuses("\"add_prefix_space\":false", "\"add_prefix_space\":true",
            "pre_tokenizer.pretokenizers[1].add_prefix_space");
    refuses("\"use_regex\":false}]", "\"use_regex\":true}]",
            "pre_tokenizer.pretokenizers[1].use_regex");
    refuses(",\"use_regex\":false}]", "}]", "pre_tokenizer.pretokenizers[1].use_regex");
    refuses("\"use_regex\":false}]", "\"use_regex\":false},{}]", "pre_tokenizer.pretokenizers[2]");
    refuses("\"post_processor\":{\"type\":\"ByteLevel\"",
            "\"post_processor\":{\"type\":\"TemplateProcessing\"", "post_processor.type");
    refuses("\"trim_offsets\":false", "\"trim_offsets\":1", "post_processor.trim_offsets");
    refuses("\"decoder\":{\"type\":\"ByteLevel\"", "\"decoder\":{\"type\":\"BPEDecoder\"",
            "decoder.type");
    refuses("\"decoder\":", "\"extra\":null,\"decoder\":", "extra");
    refuses("\"type\":\"BPE\"", "\"type\":\"WordPiece\"", "model.type");
    refuses("\"dropout\":null", "\"dropout\":0.1", "model.dropout");
    refuses("\"continuing_subword_prefix\":null", "\"continuing_subword_prefix\":\"##\"",
            "model.continuing_subword_prefix");
    refuses("\"end_of_word_suffix\":null", "\"end_of_word_suffix\":\"</w>\"",
            "model.end_of_word_suffix");
    refuses("\"ignore_merges\":false", "\"ignore_merges\":true", "model.ignore_merges");
    refuses("\"vocab\":{", "\"vocab\":[],\"old\":{", "model.old");
}

static void refuses_broken_parts(void **state)
{
    (void)state;
    refuses("\"<unk>\":0", "\"<unk>\":1", "model.vocab.<s>");
    refuses("\"<unk>\":0", "\"<unk>\":-1", "model.vocab.<unk>");
    refuses("\"<unk>\":0", "\"<unk>\":0.5", "model.vocab.<unk>");
    refuses("\"<unk>\":0", "\"<unk>\":\"0\"", "model.vocab.<unk>");
    refuses("\"<unk>\":0", "\"<unk>\":265", "model.vocab.<unk>");
    refuses("\"<unk>\":0", "\"\":0", "model.vocab.");
    refuses("\"!\":4", "\"xyz\":4", "model.vocab");
    refuses("\"merges\":[", "\"merges\":[3,", "model.merges[0]");
    refuses("\"merges\":[", "\"merges\":{},\"m\":[", "model.m");
    refuses("[\"h\",\"e\"]", "[\"h\",\"e\",\"l\"]", "model.merges[0]");
    refuses("[\"h\",\"e\"]", "[\"h\"]", "model.merges[0]");
    refuses("[\"h\",\"e\"]", "[\"h\",\"xyz\"]", "model.merges[0]");
    refuses("[\"h\",\"e\"]", "[\"e\",\"h\"]", "model.merges[0]");
    refuses("[\"h\",\"e\"]", "[\"h\",\"e\\u0000\"]", "model.merges[0]");
    refuses("[\"h\",\"e\"]", "\"h e \"", "model.merges[0]");
    refuses("[\"h\",\"e\"]", "\"he\"", "model.merges[0]");
    refuses("[\"h\",\"e\"]", "\" \"", "model.merges[0]");
    refuses("[\"h\",\"e\"]", "\"\"", "model.merges[0]");
    refuses("{\"id\":0,", "{\"id\":1,", "added_tokens[0].id");
    refuses("{\"id\":0,", "{", "added_tokens[0]");
    refuses("\"content\":\"<unk>\"", "\"content\":\"<new>\"", "added_tokens[0].id");
    refuses("\"content\":\"<unk>\"", "\"content\":\"\"", "added_tokens[0].content");
    refuses("\"content\":\"<unk>\"", "\"content\":\"a\\u0000\"", "added_tokens[0].content");
    refuses("{\"id\":1,\"content\":\"<s>\"", "{\"id\":0,\"content\":\"<unk>\"", "added_tokens[1]");
    refuses("\"single_word\":false", "\"single_word\":true", "added_tokens[0].single_word");
    refuses("\"lstrip\":false", "\"lstrip\":true", "added_tokens[0].lstrip");
    refuses("\"rstrip\":false", "\"rstrip\":true", "added_tokens[0].rstrip");
    refuses("\"normalized\":false", "\"normalized\":null", "added_tokens[0].normalized");
    refuses("\"special\":true", "\"special\":1", "added_tokens[0].special");
    refuses("\"added_tokens\":[", "\"added_tokens\":[7,", "added_tokens[0]");
}

static void says_what_it_found(void **state)
{
    struct error err = {0};
    struct arena *arena = arena_open();
    const char *file = changed(SPLITTING_BLOOM, "\"type\":\"BPE\"", "\"type\":\"Unigram\"", arena);
    struct vocabulary v;

    (void)state;
    assert_int_equal(vocabulary_parse(file, strlen(file), "t.json", arena, &v, &err), ERR_INPUT);
    assert_string_equal(err.text, "expected \"BPE\", found \"Unigram\"");
    assert_int_equal(vocabulary_parse("3", 1, "t.json", arena, &v, &err), ERR_INPUT);
    assert_string_equal(err.text, "expected an object, found 3");
    assert_int_equal(vocabulary_read("no/such/file", arena, &v, &err), ERR_NOT_FOUND);
    arena_close(arena);
}

static void bounds_a_spelling(void **state)
{
    char entry[VOCABULARY_SPELLING_MAX + 20];

    (void)state;
    (void)snprintf(entry, sizeof entry, "\"<%0*d>\":0", VOCABULARY_SPELLING_MAX, 7);
    {
        struct error err = {0};
        struct arena *arena = arena_open();
        const char *file = changed(SPLITTING_BLOOM, "\"<unk>\":0", entry, arena);
        struct vocabulary v;
        assert_int_equal(vocabulary_parse(file, strlen(file), "t.json", arena, &v, &err),
                         ERR_INPUT);
        assert_string_equal(err.text, "expected a token of 1 to 65536 bytes, found nothing");
        arena_close(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_writes), cmocka_unit_test(writes_what_the_library_writes),
        cmocka_unit_test(accepts_older_forms),  cmocka_unit_test(accepts_what_changes_nothing),
        cmocka_unit_test(knows_gpt2),           cmocka_unit_test(refuses_other_components),
        cmocka_unit_test(refuses_broken_parts), cmocka_unit_test(says_what_it_found),
        cmocka_unit_test(bounds_a_spelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
