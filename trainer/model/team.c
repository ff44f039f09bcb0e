/* team: meetings, and what is handed round in them. */
#include "trainer/model/team.h"

#include <string.h>

#include "kernels/ranks.h"

static void rest(const struct team *t, enum ranks_rest how)
{
    if (t->ranks)
        ranks_rest(t->ranks, t->rank, how);
}

void team_listens(const struct team *t)
{
    rest(t, RANKS_LISTENS);
}

void team_writes(const struct team *t)
{
    rest(t, RANKS_WRITES);
}

void team_works(const struct team *t)
{
    rest(t, RANKS_WORKS);
}

enum status team_meet(const struct team *t, struct error *err)
{
    return t->ranks ? ranks_meet(t->ranks, t->rank, err) : OK;
}

enum status team_agree(const struct team *t, void *bytes, size_t n, struct error *err)
{
    if (!t->ranks)
        return OK;
    ranks_show(t->ranks, t->rank, bytes);
    TRY(ranks_meet(t->ranks, t->rank, err));
    if (!team_leads(t))
        memcpy(bytes, ranks_shown(t->ranks, 0), n);
    return ranks_meet(t->ranks, t->rank, err); /* rank 0 may change them now */
}
