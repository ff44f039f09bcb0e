/* embedded: the Lua modules that are part of the program, as a table made when it is built. */
#ifndef LUA_EMBEDDED_H
#define LUA_EMBEDDED_H

#include <stddef.h>

struct embedded {
    const char *name;  /* "hpo.search.grid"; NULL ends the table */
    const char *chunk; /* name for messages */
    const char *bytes; /* NUL-terminated source */
    size_t n;
};

extern const struct embedded embedded[];

#endif
