/* digest: SHA-256 by OpenSSL. Start at hasher_open. */
#include "base/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER = 64 * 1024 };

/* A handle without an arena of its own: two OpenSSL objects, one field. */
struct hasher {
    EVP_MD_CTX *context;
    EVP_MD *sha256;
    bool failed;
};

static void restart(struct hasher *h)
{
    if (EVP_DigestInit_ex2(h->context, h->sha256, NULL) != 1)
        h->failed = true;
}

enum status hasher_open(struct hasher **out, struct error *err)
{
    struct hasher *h = OPENSSL_zalloc(sizeof *h);

    if (!h)
        return error_memory(err);
    h->context = EVP_MD_CTX_new();
    h->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!h->context || !h->sha256) {
        hasher_close(h);
        return error_memory(err);
    }
    restart(h);
    *out = h;
    return OK;
}

void hasher_add(struct hasher *h, const void *bytes, size_t n)
{
    if (!h->failed && EVP_DigestUpdate(h->context, bytes, n) != 1)
        h->failed = true;
}

enum status hasher_finish(struct hasher *h, struct digest *out, struct error *err)
{
    bool failed = h->failed || EVP_DigestFinal_ex(h->context, out->bytes, NULL) != 1;

    h->failed = false;
    restart(h);
    return failed ? error_set(err, ERR_SYSTEM, "", "the cryptographic library cannot hash") : OK;
}

void hasher_close(struct hasher *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->context);
    EVP_MD_free(h->sha256);
    OPENSSL_free(h);
}

enum status digest_bytes(const void *bytes, size_t n, struct digest *out, struct error *err)
{
    if (EVP_Digest(bytes, n, out->bytes, NULL, EVP_sha256(), NULL) != 1)
        return error_set(err, ERR_SYSTEM, "", "the cryptographic library cannot hash");
    return OK;
}

enum status digest_descriptor(int fd, const char *path, struct digest *out, struct error *err)
{
    unsigned char bytes[BUFFER];
    struct hasher *h;
    enum status s;
    ssize_t n;

    TRY(hasher_open(&h, err));
    do {
        n = read(fd, bytes, sizeof bytes);
        if (n > 0)
            hasher_add(h, bytes, (size_t)n);
    } while (n > 0 || (n < 0 && errno == EINTR));
    s = n < 0 ? error_system(err, path, "read") : hasher_finish(h, out, err);
    hasher_close(h);
    return s;
}

void digest_hex(const struct digest *digest, char out[DIGEST_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = digits[digest->bytes[i] >> 4];
        out[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    out[DIGEST_HEX] = '\0';
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_parse(const char *hex, struct digest *out)
{
    if (strlen(hex) != DIGEST_HEX)
        return false;
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out->bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}
