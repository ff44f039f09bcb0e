/*
 * digest: SHA-256 (FIPS 180-4), the name of everything the project stores.
 *
 * One-shot: digest_bytes. Piecewise: hasher_open, any number of hasher_add, hasher_finish (which
 * resets it for the next message), hasher_close. A hasher remembers its first failure.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { DIGEST_BYTES = 32, DIGEST_HEX = 64 };

struct digest {
    unsigned char bytes[DIGEST_BYTES];
};

struct hasher; /* opaque: a running SHA-256 */

/* ERR_MEMORY when there is none. Close with hasher_close. */
enum status hasher_open(struct hasher **out, struct error *err) MUST_CHECK;
void hasher_add(struct hasher *h, const void *bytes, size_t n);
enum status hasher_finish(struct hasher *h, struct digest *out, struct error *err) MUST_CHECK;
void hasher_close(struct hasher *h); /* NULL is allowed */

enum status digest_bytes(const void *bytes, size_t n, struct digest *out,
                         struct error *err) MUST_CHECK;

/* Of what is read from a descriptor up to its end. path: for messages. */
enum status digest_descriptor(int fd, const char *path, struct digest *out,
                              struct error *err) MUST_CHECK;

/* 64 lower-case hexadecimal digits and a NUL. */
void digest_hex(const struct digest *digest, char out[DIGEST_HEX + 1]);

/* True when hex is exactly 64 lower-case hexadecimal digits. */
bool digest_parse(const char *hex, struct digest *out);

bool digest_equal(const struct digest *a, const struct digest *b);

#endif
