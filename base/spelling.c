/* spelling: the distance of two names, by one row of its table. Start at spelling_offer. */
#include "base/spelling.h"

#include <string.h>

enum { LONGEST = 60 }; /* longer names have no near ones */

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to change, add or remove (Levenshtein 1966). */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t row[LONGEST + 1];

    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            const size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = least_of(change, least_of(row[j], row[j - 1]) + 1);
        }
    }
    return row[m];
}

struct spelling spelling_of(const char *typed, size_t n)
{
    return (struct spelling){.typed = typed, .n = n, .least = (n < 3 ? 1 : n / 3) + 1};
}

void spelling_offer(struct spelling *s, const char *known)
{
    const size_t m = strlen(known);
    size_t d;

    if (s->n > LONGEST || m > LONGEST)
        return;
    d = distance(s->typed, s->n, known, m);
    if (d < s->least) {
        s->least = d;
        s->nearest = known;
    }
}
