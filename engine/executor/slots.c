/* slots: a count of cpus and a mask of GPUs. */
#include "engine/executor/slots.h"

#include "engine/graph/graph.h"

enum status slots_refuse(const struct slots *slots, const struct resources *r, const char *where,
                         struct error *err)
{
    if (r->memory > slots->memory)
        return error_set(err, ERR_INPUT, where,
                         "resources.memory: it needs %.4g GB, there are %.4g",
                         (double)r->memory / 1e9, (double)slots->memory / 1e9);
    if (r->gpus <= slots->gpus)
        return OK;
    (void)error_set(err, ERR_INPUT, where, "resources.gpus: it needs %d, there are %d", r->gpus,
                    slots->gpus);
    error_hint(err, "--gpus LIST names those to use, like 0,1");
    return ERR_INPUT;
}

static int find_cpus(const struct slots *slots, const struct resources *r, int others)
{
    const int idle = slots->cpus - slots->cpus_used;
    int asked = r->cpus < 1 ? 1 : r->cpus;

    if (asked > slots->cpus)
        asked = slots->cpus;
    if (idle < asked)
        return 0;
    return r->share && idle / (others + 1) > asked ? idle / (others + 1) : asked;
}

bool slots_find(const struct slots *slots, const struct resources *r, int others, struct share *out)
{
    int wanted = r->gpus;

    *out = (struct share){.cpus = find_cpus(slots, r, others), .memory = r->memory};
    for (int i = 0; i < slots->gpus && i < 64 && wanted > 0; i++)
        if (!(slots->gpus_used >> i & 1)) {
            out->gpus |= 1ULL << i;
            wanted--;
        }
    return out->cpus > 0 && wanted <= 0 && r->memory <= slots->memory - slots->memory_used;
}

void slots_take(struct slots *slots, const struct share *share)
{
    slots->cpus_used += share->cpus;
    slots->gpus_used |= share->gpus;
    slots->memory_used += share->memory;
}

void slots_give(struct slots *slots, const struct share *share)
{
    slots->cpus_used -= share->cpus;
    slots->gpus_used &= ~share->gpus;
    slots->memory_used -= share->memory;
}
