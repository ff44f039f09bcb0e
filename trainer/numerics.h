/*
 * numerics: the version of everything that hpo-trainer computes, kept by hand.
 *
 * It is a field of the key of every step of ours (`hpo-trainer fingerprint`): a rebuild, a changed
 * comment or another compiler invalidates nothing, a changed number everything. It goes up whenever
 * a change may alter one bit of what any command writes for the same input: an order of sums, a
 * polynomial, AdamW, initial weights, a token, the form of a file. Golden digests among the tests
 * fail when that was forgotten.
 */
#ifndef TRAINER_NUMERICS_H
#define TRAINER_NUMERICS_H

enum { NUMERICS_VERSION = 3 };

#endif
