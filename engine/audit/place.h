/*
 * place: the folder of an audit, STORE/audits/ID: its room (a store), and the rooms of what is
 * tried to find causes. The ID is that of the question, so an audit that was broken off is found
 * again by the same command line.
 */
#ifndef ENGINE_AUDIT_PLACE_H
#define ENGINE_AUDIT_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;

enum { NONCE_BYTES = 16 };

struct place {
    const char *folder, *room;
    int lock;
    bool goes_on;                     /* an audit that was broken off lies there */
    unsigned char nonce[NONCE_BYTES]; /* of the sample: drawn once */
};

/*
 * Opens the folder of this question, below `parent`. What an audit left there that came to its end
 * goes. ERR_INPUT: another audit has it.
 */
enum status place_open(const char *parent, const char *question, struct arena *arena,
                       struct place *out, struct error *err) MUST_CHECK;

/* The audit has come to its end. keep: what was made is left to be looked at, until it is asked for
 * again. */
enum status place_finish(struct place *p, bool keep, struct error *err) MUST_CHECK;

/* Removes what audits have left in their parent, but for those that run; parent NULL: no memory. */
enum status place_collect(const char *parent, struct arena *arena, struct error *err) MUST_CHECK;

/* Lets go of the folder. */
void place_close(struct place *p);

#endif
