/* team: meetings, and what is handed round in them. */
#include "trainer/model/team.h"

#include <string.h>

#include "kernels/ranks.h"

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
