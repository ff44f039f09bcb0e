/* words: a command of hpo-trainer, called as main calls it. Behind cmocka.h. */
#ifndef TESTS_FAULTS_WORDS_H
#define TESTS_FAULTS_WORDS_H

#include <string.h>

#include "base/error.h"

enum { WORDS_MAX = 40 };

typedef enum status command(int argc, char **argv, struct error *err);

/* Splits a line into words and runs it; the line is a copy that outlives the call. */
static inline enum status run(command *c, const char *line, struct error *err)
{
    char copy[512], *argv[WORDS_MAX], *rest = copy;
    int argc = 0;

    assert_true(strlen(line) < sizeof copy);
    memcpy(copy, line, strlen(line) + 1);
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;)
        argv[argc++] = word;
    return c(argc, argv, err);
}

#endif
