/*
 * Clone as processes of their own: what the engine starts for hpo.clone. Users never type these.
 *
 *     hpo clone-tree    [--mirror FROM=TO]... [--shipped] URL COMMIT INTO [PATH...]
 *     hpo clone-resolve [--mirror FROM=TO]... [--shipped] URL REV
 *
 * --shipped: the repository came with the program, whoever owns it.
 * INTO is an existing empty folder. Temporary repositories go to TMPDIR, else /tmp. The work is
 * done by a forked worker, so that SIGTERM, SIGINT and SIGHUP, or a crash of that worker, leave
 * neither a file in INTO nor one in TMPDIR: its parent kills it, removes both and returns
 * ERR_INTERRUPTED (after a crash ERR_SYSTEM). argv holds the words behind the command's name.
 */
#ifndef ENGINE_COMMANDS_CLONE_H
#define ENGINE_COMMANDS_CLONE_H

#include "base/error.h"

struct text;

enum status clone_tree_command(int argc, char **argv, struct error *err) MUST_CHECK;

/* Adds the commit's 40 digits and a newline to out, which the caller prints. */
enum status clone_resolve_command(int argc, char **argv, struct text *out,
                                  struct error *err) MUST_CHECK;

#endif
