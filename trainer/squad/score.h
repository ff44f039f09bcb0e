/*
 * score: exact match and F1 of SQuAD v1.1, number for number what the official scorer gives.
 *
 * A text is normalised first: lower case, without ASCII punctuation, without the words a, an and
 * the, white space as single spaces: as Python's str does it, in any script. Exact match is 1 where
 * two normalised texts are equal, else 0. F1 is that of their words, counted with repetitions.
 * Of several accepted answers the best counts. All are fractions of 1; reports say percent.
 *
 * score_f1_set is the measure of the original experiment's scripts: words that both have, each
 * counted once, against the lengths of both; for one answer, the first.
 *
 * Memory for the normalised texts is taken and given back within a call; ERR_MEMORY is the one
 * failure.
 */
#ifndef TRAINER_SQUAD_SCORE_H
#define TRAINER_SQUAD_SCORE_H

#include <stddef.h>

#include "base/error.h"

/* n bytes of UTF-8, which may hold NULs. */
struct score_text {
    const char *bytes;
    size_t n;
};

/* The best over n_answers >= 1. */
enum status score_exact_match(struct score_text prediction, const struct score_text *answers,
                              size_t n_answers, double *out, struct error *err) MUST_CHECK;
enum status score_f1(struct score_text prediction, const struct score_text *answers,
                     size_t n_answers, double *out, struct error *err) MUST_CHECK;

enum status score_f1_set(struct score_text prediction, struct score_text answer, double *out,
                         struct error *err) MUST_CHECK;

#endif
