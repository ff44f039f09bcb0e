/* commands: one function a command of hpo; argv[0] is the command's name. */
#ifndef ENGINE_COMMANDS_COMMANDS_H
#define ENGINE_COMMANDS_COMMANDS_H

#include "base/error.h"

enum status build_command(int argc, char **argv, struct error *err) MUST_CHECK;
enum status table_command(int argc, char **argv, struct error *err) MUST_CHECK;
enum status why_command(int argc, char **argv, struct error *err) MUST_CHECK;
enum status graph_command(int argc, char **argv, struct error *err) MUST_CHECK;
enum status log_command(int argc, char **argv, struct error *err) MUST_CHECK;
enum status runs_command(int argc, char **argv, struct error *err) MUST_CHECK;
enum status check_command(int argc, char **argv, struct error *err) MUST_CHECK;
enum status simulate_command(int argc, char **argv, struct error *err) MUST_CHECK;
enum status cache_command(int argc, char **argv, struct error *err) MUST_CHECK;

#endif
