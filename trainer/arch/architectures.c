/* architectures: all that there are. A new one is a line here. */
#include "trainer/model/architecture.h"

#include <stdio.h>

extern const struct architecture architecture_bloom, architecture_gpt2;

const struct architecture *const architectures[] = {
    &architecture_bloom,
    &architecture_gpt2,
    NULL,
};

void architecture_hint(struct error *err)
{
    char names[200] = "";
    size_t n = 0;

    for (size_t i = 0; architectures[i] && n < sizeof names; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "",
                              architectures[i]->type);
    error_hint(err, "a model is one of: %s", names);
}
