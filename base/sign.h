/*
 * sign: Ed25519 (RFC 8032) by OpenSSL; keys as PEM, as `openssl genpkey -algorithm ed25519` writes
 * them. And base64 (RFC 4648), in which signatures travel.
 */
#ifndef BASE_SIGN_H
#define BASE_SIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;

enum { SIGNATURE_BYTES = 64, PUBLIC_KEY_BYTES = 32 };

struct signer;   /* opaque: a private key */
struct verifier; /* opaque: a public key */

/* A new private key, as PEM (PKCS #8). Who is done with the text overwrites it: sign_forget. */
enum status sign_make(struct arena *arena, char **pem, size_t *n, struct error *err) MUST_CHECK;
void sign_forget(char *pem, size_t n);

/* ERR_INPUT: it is no private key of Ed25519. Close with signer_close. */
enum status signer_open(const char *pem, size_t n, struct signer **out,
                        struct error *err) MUST_CHECK;
void signer_close(struct signer *s); /* NULL is allowed */

/* Equal bytes have equal signatures. */
enum status signer_sign(const struct signer *s, const void *bytes, size_t n,
                        unsigned char signature[SIGNATURE_BYTES], struct error *err) MUST_CHECK;

/* Its public key, as PEM in the arena. */
enum status signer_public(const struct signer *s, struct arena *arena, char **pem,
                          struct error *err) MUST_CHECK;

/* ERR_INPUT: it is no public key of Ed25519. Close with verifier_close. */
enum status verifier_open(const char *pem, size_t n, struct verifier **out,
                          struct error *err) MUST_CHECK;
void verifier_close(struct verifier *v); /* NULL is allowed */

enum status verifier_check(const struct verifier *v, const void *bytes, size_t n,
                           const unsigned char *signature, size_t n_signature, bool *right,
                           struct error *err) MUST_CHECK;

/*
 * The key's name: the SHA-256 of {"keytype":"ed25519","keyval":{"public":HEX},"scheme":"ed25519"},
 * as securesystemslib names keys.
 */
enum status verifier_id(const struct verifier *v, char out[DIGEST_HEX + 1],
                        struct error *err) MUST_CHECK;

/* Base64 with padding; NULL: no memory. */
char *base64_encode(const void *bytes, size_t n, struct arena *arena);

/* Of the alphabet for files and URLs too, with padding or without. False: it is no base64, or there
 * is no memory. */
bool base64_decode(const char *text, size_t n_text, struct arena *arena, unsigned char **bytes,
                   size_t *n);

#endif
