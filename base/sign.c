/* sign: OpenSSL's keys, signatures and base64. Start at signer_sign. */
#include "base/sign.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/arena.h"

/* Handles without an arena of their own: an OpenSSL object under our name. */
struct signer {
    EVP_PKEY *key;
};

struct verifier {
    EVP_PKEY *key;
};

static enum status refused(struct error *err, const char *what)
{
    return error_set(err, ERR_SYSTEM, "", "OpenSSL cannot %s", what);
}

/* ---- PEM ---- */

/* Nobody is asked for a password: a key that has one is refused. */
static int no_password(char *to, int size, int writing, void *context)
{
    (void)to, (void)size, (void)writing, (void)context;
    return -1;
}

static EVP_PKEY *read_key(const char *pem, size_t n, bool private)
{
    BIO *in = n <= INT_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
    EVP_PKEY *key = NULL;

    if (in)
        key = private ? PEM_read_bio_PrivateKey(in, NULL, no_password, NULL)
                      : PEM_read_bio_PUBKEY(in, NULL, no_password, NULL);
    BIO_free(in);
    if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static enum status write_key(EVP_PKEY *key, bool private, struct arena *arena, char **pem,
                             size_t *n, struct error *err)
{
    BIO *out = BIO_new(private ? BIO_s_secmem() : BIO_s_mem());
    char *bytes = NULL;
    long length = 0;

    if (out && (private ? PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL)
                        : PEM_write_bio_PUBKEY(out, key)) == 1)
        length = BIO_get_mem_data(out, &bytes);
    *pem = length > 0 ? arena_copy(arena, bytes, (size_t)length) : NULL;
    *n = (size_t)length;
    BIO_free(out);
    return *pem ? OK : refused(err, "write a key");
}

/* ---- private ---- */

enum status sign_make(struct arena *arena, char **pem, size_t *n, struct error *err)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    enum status s = key ? write_key(key, true, arena, pem, n, err) : refused(err, "make a key");

    EVP_PKEY_free(key);
    return s;
}

void sign_forget(char *pem, size_t n)
{
    OPENSSL_cleanse(pem, n);
}

enum status signer_open(const char *pem, size_t n, struct signer **out, struct error *err)
{
    struct signer *s = OPENSSL_zalloc(sizeof *s);

    if (!s)
        return error_memory(err);
    if (!(s->key = read_key(pem, n, true))) {
        signer_close(s);
        return error_set(err, ERR_INPUT, "",
                         "expected a private key of Ed25519 as PEM, without a "
                         "password");
    }
    *out = s;
    return OK;
}

void signer_close(struct signer *s)
{
    if (!s)
        return;
    EVP_PKEY_free(s->key);
    OPENSSL_free(s);
}

enum status signer_sign(const struct signer *s, const void *bytes, size_t n,
                        unsigned char signature[SIGNATURE_BYTES], struct error *err)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t length = SIGNATURE_BYTES;
    const bool done = context && EVP_DigestSignInit(context, NULL, NULL, NULL, s->key) == 1 &&
                      EVP_DigestSign(context, signature, &length, bytes, n) == 1 &&
                      length == SIGNATURE_BYTES;

    EVP_MD_CTX_free(context);
    return done ? OK : refused(err, "sign");
}

enum status signer_public(const struct signer *s, struct arena *arena, char **pem,
                          struct error *err)
{
    size_t n;

    return write_key(s->key, false, arena, pem, &n, err);
}

/* ---- public ---- */

enum status verifier_open(const char *pem, size_t n, struct verifier **out, struct error *err)
{
    struct verifier *v = OPENSSL_zalloc(sizeof *v);

    if (!v)
        return error_memory(err);
    if (!(v->key = read_key(pem, n, false))) {
        verifier_close(v);
        return error_set(err, ERR_INPUT, "", "expected a public key of Ed25519 as PEM");
    }
    *out = v;
    return OK;
}

void verifier_close(struct verifier *v)
{
    if (!v)
        return;
    EVP_PKEY_free(v->key);
    OPENSSL_free(v);
}

enum status verifier_check(const struct verifier *v, const void *bytes, size_t n,
                           const unsigned char *signature, size_t n_signature, bool *right,
                           struct error *err)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool ready = context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, v->key) == 1;

    *right = ready && n_signature == SIGNATURE_BYTES &&
             EVP_DigestVerify(context, signature, n_signature, bytes, n) == 1;
    EVP_MD_CTX_free(context);
    return ready ? OK : refused(err, "check a signature");
}

enum status verifier_id(const struct verifier *v, char out[DIGEST_HEX + 1], struct error *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[PUBLIC_KEY_BYTES];
    char hex[2 * PUBLIC_KEY_BYTES + 1] = "";
    struct hasher *h;
    struct digest digest;
    size_t n = sizeof raw;
    enum status s;

    if (EVP_PKEY_get_raw_public_key(v->key, raw, &n) != 1 || n != sizeof raw)
        return refused(err, "read a key");
    for (size_t i = 0; i < n; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    TRY(hasher_open(&h, err));
    hasher_add(h, "{\"keytype\":\"ed25519\",\"keyval\":{\"public\":\"", 41);
    hasher_add(h, hex, 2 * sizeof raw);
    hasher_add(h, "\"},\"scheme\":\"ed25519\"}", 22);
    s = hasher_finish(h, &digest, err);
    hasher_close(h);
    digest_hex(&digest, out);
    return s;
}

/* ---- base64 ---- */

char *base64_encode(const void *bytes, size_t n, struct arena *arena)
{
    char *out = n < INT_MAX / 2 ? arena_alloc(arena, 4 * ((n + 2) / 3) + 1) : NULL;

    if (out)
        (void)EVP_EncodeBlock((unsigned char *)out, bytes, (int)n);
    return out;
}

bool base64_decode(const char *text, size_t n_text, struct arena *arena, unsigned char **bytes,
                   size_t *n)
{
    unsigned char *padded;
    size_t padding = 0;
    int length;

    while (n_text > 0 && text[n_text - 1] == '=')
        n_text--;
    padding = (4 - n_text % 4) % 4;
    if (n_text >= INT_MAX / 2 || padding > 2 || !(padded = arena_alloc(arena, n_text + 4)) ||
        !(*bytes = arena_alloc(arena, 3 * (n_text + 4) / 4 + 1)))
        return false;
    for (size_t i = 0; i < n_text; i++) {
        if (text[i] == '\0' || !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789+/-_",
                                       text[i]))
            return false;
        padded[i] = (unsigned char)(text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i]);
    }
    memset(padded + n_text, '=', padding);
    length = EVP_DecodeBlock(*bytes, padded, (int)(n_text + padding));
    *n = length < 0 ? 0 : (size_t)length - padding;
    (*bytes)[*n] = '\0';
    return length >= 0;
}
