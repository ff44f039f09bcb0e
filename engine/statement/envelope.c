/* envelope: what is signed, and the JSON around it. Start at envelope_sign. */
#include "engine/statement/envelope.h"

#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/sign.h"
#include "base/text.h"
#include "engine/statement/keys.h"

const char envelope_type[] = "application/vnd.in-toto+json";

/* DSSE's pre-authentication encoding. */
static enum status encode(const char *type, const char *payload, size_t n, struct arena *arena,
                          char **bytes, size_t *n_bytes, struct error *err)
{
    struct text t = text_in(arena);

    text_printf(&t, "DSSEv1 %zu %s %zu ", strlen(type), type, n);
    text_add_bytes(&t, payload, n);
    return text_finish(&t, bytes, n_bytes, err);
}

enum status envelope_sign(const struct own_key *key, const char *payload, size_t n,
                          struct arena *arena, char **line, struct error *err)
{
    unsigned char signature[SIGNATURE_BYTES];
    struct text t = text_in(arena);
    const char *body = base64_encode(payload, n, arena), *sig;
    size_t n_bytes;
    char *bytes;

    TRY(encode(envelope_type, payload, n, arena, &bytes, &n_bytes, err));
    TRY(signer_sign(key->signer, bytes, n_bytes, signature, err));
    sig = base64_encode(signature, sizeof signature, arena);
    if (!body || !sig)
        return error_memory(err);
    text_printf(&t,
                "{\"payload\": \"%s\", \"payloadType\": \"%s\", \"signatures\": [{\"keyid\": "
                "\"%s\", \"sig\": \"%s\"}]}\n",
                body, envelope_type, key->id, sig);
    return text_finish(&t, line, NULL, err);
}

static enum status no_envelope(const char *where, const char *what, struct error *err)
{
    return error_set(err, ERR_INPUT, where, "expected an envelope (DSSE), %s", what);
}

static enum status read_signatures(const struct json *list, const char *where, struct arena *arena,
                                   struct envelope *out, struct error *err)
{
    out->signatures = arena_array(arena, list->n + 1, sizeof *out->signatures);
    out->n_signature = arena_array(arena, list->n + 1, sizeof *out->n_signature);
    out->ids = arena_array(arena, list->n + 1, sizeof *out->ids);
    if (!out->signatures || !out->n_signature || !out->ids)
        return error_memory(err);
    for (size_t i = 0; i < list->n; i++) {
        const struct json *id = json_get(&list->items[i], "keyid");
        const struct json *sig = json_get(&list->items[i], "sig");
        unsigned char *bytes;
        if (!sig || sig->kind != JSON_STRING ||
            !base64_decode(sig->string, sig->n, arena, &bytes, &out->n_signature[i]))
            return no_envelope(where, "found a signature without \"sig\" in base64", err);
        out->signatures[i] = bytes;
        out->ids[i] = id && id->kind == JSON_STRING ? id->string : "";
    }
    out->n_signatures = list->n;
    return OK;
}

enum status envelope_read(const char *line, size_t n, const char *where, struct arena *arena,
                          struct envelope *out, struct error *err)
{
    const struct json *payload, *signatures;
    struct json *object;
    unsigned char *bytes;

    *out = (struct envelope){.n = 0};
    TRY(json_parse(line, n, where, JSON_STRICT, arena, &object, err));
    payload = json_get(object, "payload");
    signatures = json_get(object, "signatures");
    TRY(json_want_string(object, where, "payloadType", &out->type, err));
    if (!payload || payload->kind != JSON_STRING ||
        !base64_decode(payload->string, payload->n, arena, &bytes, &out->n))
        return no_envelope(where, "found none with a \"payload\" in base64", err);
    if (!signatures || signatures->kind != JSON_ARRAY || signatures->n == 0)
        return no_envelope(where, "found none with \"signatures\"", err);
    out->payload = (const char *)bytes;
    return read_signatures(signatures, where, arena, out, err);
}

enum status envelope_check(const struct envelope *e, const struct verifier *key,
                           struct arena *arena, bool *signed_by, struct error *err)
{
    size_t n_bytes;
    char *bytes;

    *signed_by = false;
    TRY(encode(e->type, e->payload, e->n, arena, &bytes, &n_bytes, err));
    for (size_t i = 0; i < e->n_signatures && !*signed_by; i++)
        TRY(verifier_check(key, bytes, n_bytes, e->signatures[i], e->n_signature[i], signed_by,
                           err));
    return OK;
}
