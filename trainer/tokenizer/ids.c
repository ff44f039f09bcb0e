/* ids: digits by hand into a small buffer; a formatted write each would be most of the time. */
#include "trainer/tokenizer/ids.h"

#include "base/text.h"

enum { ROOM = 4096, LONGEST = 13 }; /* ", -2147483648" */

/* Writes the number at p; returns the place behind it. */
static char *put(char *p, int32_t id)
{
    char digits[10];
    size_t n = 0;
    uint32_t rest = id < 0 ? 0 - (uint32_t)id : (uint32_t)id;

    if (id < 0)
        *p++ = '-';
    do
        digits[n++] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    while (n > 0)
        *p++ = digits[--n];
    return p;
}

void ids_write(struct text *out, const int32_t *ids, size_t n)
{
    char room[ROOM], *p = room;

    *p++ = '[';
    for (size_t i = 0; i < n; i++) {
        if (p > room + ROOM - LONGEST - 1) {
            text_add_bytes(out, room, (size_t)(p - room));
            p = room;
        }
        if (i > 0) {
            *p++ = ',';
            *p++ = ' ';
        }
        p = put(p, ids[i]);
    }
    *p++ = ']';
    text_add_bytes(out, room, (size_t)(p - room));
}
