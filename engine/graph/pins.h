/*
 * pins: hpo.lock, which says what each name that moves was when it was first met.
 *
 * Format      JSON beside the recipe, sorted by kind, url and rev (bytes), one pin a line:
 *                 {"version": 1, "pins": [
 *                   {"kind": "git", "url": "https://...", "rev": "master", "commit": "40 digits"},
 *                   {"kind": "git", "url": "https://...", "rev": "v1", "commit": "40 digits"}
 *                 ]}
 *             It is meant to be committed, read in diffs, and merged by hand: order does not matter
 *             to the reader. No other field, no pin twice, at most 16 MiB. An absent or empty file
 *             has no pins.
 * Life        pins_open, pins_get; for what is not there (or is to move) pins_set; pins_save;
 *             pins_get again; pins_close. A pin that was not used stays.
 * Two builds  pins_save reads the file again under a lock (on the file, released by the kernel)
 *             and merges: a pin that pins_set *added* gives way to one that another build
 *             has written meanwhile, so ask pins_get after saving; a pin that it *moved* wins.
 */
#ifndef ENGINE_GRAPH_PINS_H
#define ENGINE_GRAPH_PINS_H

#include <stddef.h>

#include "base/error.h"

struct patience;
struct pins; /* opaque: the pins of one file, in an arena of their own */

/*
 * Reads the file. ERR_INPUT: broken ("FILE:LINE: pins[2].commit: expected ..., found ..."), or of a
 * newer version. Close with pins_close.
 */
enum status pins_open(const char *path, struct pins **out, struct error *err) MUST_CHECK;

/* The reader alone, for n bytes that would lie at path. */
enum status pins_parse(const char *bytes, size_t n, const char *path, struct pins **out,
                       struct error *err) MUST_CHECK;

/* The commit, or NULL when there is no such pin. Valid until pins_close. */
const char *pins_get(const struct pins *pins, const char *kind, const char *url, const char *rev);

/*
 * Adds or moves a pin in memory. ERR_INPUT: the commit is not 40 digits of 0-9 and a-f, or another
 * text is empty or not UTF-8.
 */
enum status pins_set(struct pins *pins, const char *kind, const char *url, const char *rev,
                     const char *commit, struct error *err) MUST_CHECK;

/*
 * Writes the file, atomically and durably, if pins_set changed anything; else does not touch it. A
 * symbolic link stays, and the file behind it is written. ERR_INPUT: the file is not one of pins
 * any more. ERR_INTERRUPTED: another build has it locked.
 */
enum status pins_save(struct pins *pins, const struct patience *patience,
                      struct error *err) MUST_CHECK;

void pins_close(struct pins *pins); /* NULL is allowed */

#endif
