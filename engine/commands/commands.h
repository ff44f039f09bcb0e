/* commands: one function a command of hpo; the arena lives as long as the command runs. */
#ifndef ENGINE_COMMANDS_COMMANDS_H
#define ENGINE_COMMANDS_COMMANDS_H

#include "base/error.h"

struct arena;
struct options;

/* What main.c calls. */
typedef enum status command_run(const struct options *o, struct arena *arena, struct error *err);

command_run build_command, table_command, why_command, graph_command, log_command, runs_command,
    accept_command, check_command, simulate_command, watch_command, diff_command, shell_command,
    cache_command, doctor_command, audit_command, verify_command, key_command;

#endif
