/* variation: the names of what is varied. */
#include "engine/executor/variation.h"

#include <stddef.h>

const char *variation_name(enum variation v)
{
    switch (v) {
    case VARY_ZONE:
        return "the time zone (TZ)";
    case VARY_LOCALE:
        return "the locale (LANG)";
    case VARY_HASHES:
        return "the order of Python's sets (PYTHONHASHSEED)";
    case VARY_MASK:
        return "the permissions of new files (umask)";
    case VARY_THREADS:
        return "the number of threads (HPO_CPUS, OMP_NUM_THREADS)";
    case VARY_CUTS:
        return "where runs end and go on (HPO_UNTIL)";
    case VARY_CPU:
        return "the instruction set of hpo-trainer (HPO_CPU)";
    case VARY_ENTRIES:
        return "the order in which folders are listed";
    case VARY_ALL:
        break;
    }
    return "everything";
}

const char *variation_cpu(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx2"))
        return "avx2";
#endif
    return NULL;
}
