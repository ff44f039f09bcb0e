/*
 * commands: what the table in main.c runs. argv[0] is the command's name. Each reads its flags,
 * opens what it needs, and closes it again on every way out; results go to standard output through
 * lines.h.
 */
#ifndef TRAINER_COMMANDS_COMMANDS_H
#define TRAINER_COMMANDS_COMMANDS_H

#include "base/error.h"

enum status command_devices(int argc, char **argv, struct error *err) MUST_CHECK;
enum status command_evaluate(int argc, char **argv, struct error *err) MUST_CHECK;
enum status command_fingerprint(int argc, char **argv, struct error *err) MUST_CHECK;
enum status command_forward(int argc, char **argv, struct error *err) MUST_CHECK;
enum status command_generate(int argc, char **argv, struct error *err) MUST_CHECK;
enum status command_init(int argc, char **argv, struct error *err) MUST_CHECK;
enum status command_permutation(int argc, char **argv, struct error *err) MUST_CHECK;
enum status command_score(int argc, char **argv, struct error *err) MUST_CHECK;
enum status command_squad(int argc, char **argv, struct error *err) MUST_CHECK;
enum status command_tokenize(int argc, char **argv, struct error *err) MUST_CHECK;
enum status command_train(int argc, char **argv, struct error *err) MUST_CHECK;
enum status command_train_tokenizer(int argc, char **argv, struct error *err) MUST_CHECK;

#endif
