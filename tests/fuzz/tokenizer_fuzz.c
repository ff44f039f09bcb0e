/*
 * tokenizer: whatever tokenizer.json is taken, encodes any bytes to ids of its own, decodes them to
 * UTF-8, and is written so that it reads the same. What is refused says where.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "trainer/tokenizer/tokenizer.h"
#include "trainer/tokenizer/vocabulary.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* The file's own bytes are as good a text as any. */
static void use(struct tokenizer *t, const uint8_t *bytes, size_t n, struct arena *arena)
{
    struct error err = {0};
    int32_t *ids;
    char *text;
    size_t n_ids, n_text;

    if (tokenizer_encode(t, (const char *)bytes, n, arena, &ids, &n_ids, &err) != OK)
        abort();
    for (size_t i = 0; i < n_ids; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= tokenizer_size(t))
            abort();
    if (tokenizer_decode(t, ids, n_ids, false, arena, &text, &n_text, &err) != OK ||
        !text_is_utf8(text, n_text))
        abort();
}

/* A vocabulary that was read is written so that it reads the same. */
static void write_again(const uint8_t *bytes, size_t n, struct arena *arena)
{
    struct error err = {0};
    struct vocabulary v, again;
    struct text t = text_in(arena);
    char *file;
    size_t n_file;

    if (vocabulary_parse((const char *)bytes, n, "input", arena, &v, &err) != OK)
        abort();
    vocabulary_format(&v, &t);
    if (text_finish(&t, &file, &n_file, &err) != OK ||
        vocabulary_parse(file, n_file, "again", arena, &again, &err) != OK ||
        v.splitting != again.splitting || v.n_tokens != again.n_tokens ||
        v.n_merges != again.n_merges || v.n_added != again.n_added)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct error err = {0};
    struct arena *arena = arena_open();
    struct tokenizer *t = NULL;

    if (!arena)
        abort();
    if (tokenizer_parse((const char *)bytes, n, "input", &t, &err) == OK) {
        use(t, bytes, n, arena);
        write_again(bytes, n, arena);
    } else if (strncmp(err.where, "input", 5) != 0 || !err.text[0]) {
        abort();
    }
    tokenizer_close(t);
    arena_close(arena);
    return 0;
}
