/*
 * error: how every function of the project says no.
 *
 * Whatever can fail returns enum status and takes a struct error last. On success the error is left
 * alone. The status is for the program (what to do next), the text for a person. The sentence is
 * written once, where the fact is known; a caller may add a place, never a second sentence.
 * Printed form: "hpo: WHERE: TEXT", and the hint on its own line.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

enum status {
    OK = 0,
    ERR_FAILED,    /* the user's own work failed: an action, a check */
    ERR_INPUT,     /* recipe, command line or file is wrong */
    ERR_NOT_FOUND, /* asked for and absent: callers usually handle it */
    ERR_CORRUPT,   /* a stored object is not what its digest says */
    ERR_SYSTEM,    /* the operating system or the GPU refused */
    ERR_MEMORY,
    ERR_BUSY,   /* a device has no room now; later it may */
    ERR_DEVICE, /* a device is broken: another may do */
    ERR_INTERRUPTED,
    ERR_DIFFERS, /* an audit has found another result than the one on record */
    ERR_UNCLEAR, /* an audit has found no other, and could not make everything again */
};

/* Fixed sizes: saying "out of memory" must not need memory. Longer texts are cut. */
struct error {
    char where[256]; /* "recipes/asha.lua:12: study.samples", or "" */
    char text[512];  /* what was expected, what was found */
    char hint[256];  /* what to do, or "" */
};

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, rest) __attribute__((format(printf, text, rest)))

/* Returns on failure: only for functions that hold nothing. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum status try_status = (call);                                                           \
        if (try_status != OK)                                                                      \
            return try_status;                                                                     \
    } while (0)

/*
 * Writes place and sentence, clears the hint, and returns status. where may be NULL or "". The
 * arguments may be strings of *err itself.
 */
enum status error_set(struct error *err, enum status status, const char *where, const char *format,
                      ...) PRINTF_LIKE(4, 5);

/* Adds the hint: what to do about the failure. */
void error_hint(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Puts a place in front of the place that is there: "PLACE: WHERE". */
void error_place(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* "out of memory"; returns ERR_MEMORY. */
enum status error_memory(struct error *err);

/* ERR_SYSTEM: the system refused `what` on `where`. The text: "cannot WHAT: strerror(errno)". */
enum status error_system(struct error *err, const char *where, const char *what);

#ifdef __cplusplus
}
#endif

#endif
