/*
 * spelling: which known name was probably meant by one that is not known.
 *
 *     struct spelling s = spelling_of("--cahce", 7);
 *     for (each known name)
 *         spelling_offer(&s, name);
 *     if (s.nearest)
 *         error_hint(err, "did you mean %s?", s.nearest);
 *
 * A name is near when at most a third of the letters, or one, are to be changed, added, removed or
 * swapped to make it of the other; of equally near ones the first that was offered is taken.
 */
#ifndef BASE_SPELLING_H
#define BASE_SPELLING_H

#include <stddef.h>

struct spelling {
    const char *typed;
    size_t n;
    const char *nearest; /* NULL: none is near */
    size_t least;        /* a name must be nearer than this */
};

/* The first n bytes of typed are the unknown name. */
struct spelling spelling_of(const char *typed, size_t n);

void spelling_offer(struct spelling *s, const char *known);

#endif
