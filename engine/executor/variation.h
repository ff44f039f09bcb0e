/*
 * variation: what of its surroundings a task may be given otherwise than in a build. None of it may
 * reach a result; an audit varies them to see that none does. What the action's `env` sets stays.
 */
#ifndef ENGINE_EXECUTOR_VARIATION_H
#define ENGINE_EXECUTOR_VARIATION_H

enum variation {
    VARY_ZONE = 1 << 0,    /* TZ */
    VARY_LOCALE = 1 << 1,  /* LANG */
    VARY_HASHES = 1 << 2,  /* PYTHONHASHSEED */
    VARY_MASK = 1 << 3,    /* umask */
    VARY_THREADS = 1 << 4, /* HPO_CPUS, and the variables that follow it */
    VARY_CUTS = 1 << 5,    /* at which t a run of units ends and the next begins */
    VARY_CPU = 1 << 6,     /* HPO_CPU: the instructions that hpo-trainer uses */
    VARY_ENTRIES = 1 << 7, /* in which order a folder of inputs is listed; see entries.h */
    VARY_ALL = (1 << 8) - 1
};

/* Instructions that are not this processor's own choice, at about its speed; NULL: it has none. */
const char *variation_cpu(void);

/* "the time zone (TZ)" */
const char *variation_name(enum variation v);

#endif
