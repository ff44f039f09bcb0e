/* spelling: the distance of two names, by three rows of its table. Start at spelling_offer. */
#include "base/spelling.h"

#include <string.h>

enum { LONGEST = 60 }; /* longer names have no near ones */

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to change, add, remove, or swap with the next (optimal string alignment). */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t rows[3][LONGEST + 1]; /* i % 3: of the first i letters of a */

    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        const size_t *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            row[j] =
                least_of(above[j - 1] + (a[i - 1] != b[j - 1]), least_of(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least_of(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[n % 3][m];
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
