/* identity: the file, and the card. */
#include "trainer/model/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "trainer/numerics.h"

enum { FILE_MAX = 4096 };

/* The file that is named, or what would stand in it; or NULL. */
static const char *file_of(const char *flag)
{
    const char *given = getenv("HPO_GPU_IDENTITY");

    if (flag)
        return flag;
    return given && *given ? given : NULL;
}

static enum status copy_word(const struct json *object, const char *path, const char *name,
                             char *out, struct error *err)
{
    const char *word;

    TRY(json_want_string(object, path, name, &word, err));
    if (!*word || strlen(word) >= DEVICE_WORD_MAX || strpbrk(word, "\"\\\n"))
        return error_set(err, ERR_INPUT, path, "%s: expected a short word, found \"%.80s\"", name,
                         word);
    memcpy(out, word, strlen(word) + 1);
    return OK;
}

static enum status parse(const char *given, struct arena *arena, struct device_identity *out,
                         struct error *err)
{
    const char *path = *given == '{' ? "HPO_GPU_IDENTITY" : given, *text = given, *precision;
    int64_t numerics, sms;
    struct json *json;
    char *bytes;

    if (path == given) {
        TRY(file_read(path, FILE_MAX, arena, &bytes, NULL, err));
        text = bytes;
    }
    TRY(json_parse(text, strlen(text), path, JSON_STRICT, arena, &json, err));
    TRY(json_want_integer(json, path, "numerics", 1, INT32_MAX, &numerics, err));
    TRY(json_want_string(json, path, "precision", &precision, err));
    if (numerics != NUMERICS_VERSION)
        return error_set(err, ERR_INPUT, path,
                         "is of numerics version %d, this hpo-trainer has version %d",
                         (int)numerics, NUMERICS_VERSION);
    if (strcmp(precision, "bf16") != 0 && strcmp(precision, "fp16") != 0)
        return error_set(err, ERR_INPUT, path,
                         "precision: expected bf16 or fp16, which alone name a card, found "
                         "\"%.80s\"",
                         precision);
    TRY(copy_word(json, path, "class", out->sm, err));
    if (strncmp(out->sm, "sm_", 3) != 0 && strcmp(out->sm, "emulated") != 0)
        return error_set(err, ERR_INPUT, path, "class: expected one such as sm_90, found \"%s\"",
                         out->sm);
    TRY(json_want_integer(json, path, "sms", 1, 1 << 20, &sms, err));
    out->sms = (int)sms;
    return copy_word(json, path, "cublaslt", out->cublaslt, err);
}

static enum status read_identity(const char *path, struct device_identity *out, struct error *err)
{
    struct arena *arena = arena_open();
    enum status s = arena ? parse(path, arena, out, err) : error_memory(err);

    arena_close(arena);
    if (s != ERR_INPUT && s != ERR_NOT_FOUND)
        return s;
    error_place(err, "the GPU's identity");
    error_hint(err, "where the card is: hpo-trainer fingerprint --backend cuda --precision bf16 > "
                    "FILE");
    return ERR_INPUT;
}

enum status identity_find(const char *flag, enum ops_product product, struct device_identity *out,
                          struct error *err)
{
    const char *path = file_of(flag);

    return path ? read_identity(path, out, err) : backend_identity(DEVICES_ALL, product, out, err);
}

enum status identity_check(const char *flag, int device, enum ops_product product,
                           struct error *err)
{
    const char *path = file_of(flag);
    struct device_identity wanted, found;

    if (!path)
        return OK;
    TRY(read_identity(path, &wanted, err));
    TRY(backend_identity(device, product, &found, err));
    if (strcmp(wanted.sm, found.sm) == 0 && wanted.sms == found.sms &&
        strcmp(wanted.cublaslt, found.cublaslt) == 0)
        return OK;
    (void)error_set(err, ERR_INPUT, flag ? "--gpu-identity" : "HPO_GPU_IDENTITY",
                    "this is another GPU: expected class %s, %d SMs, cuBLASLt %s (%.150s), found "
                    "class %s, %d SMs, cuBLASLt %s",
                    wanted.sm, wanted.sms, wanted.cublaslt, path, found.sm, found.sms,
                    found.cublaslt);
    error_hint(err, "its 16-bit results have other bits; --precision fp32 is the same everywhere");
    return ERR_INPUT;
}
