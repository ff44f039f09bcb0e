/*
 * Clone as processes of their own: what the engine starts for hpo.clone. Users never type these.
 *
 *     hpo clone-tree    [OPTION]... URL COMMIT INTO [PATH...]
 *     hpo clone-resolve [OPTION]... URL REV
 *
 *     --mirror FROM=TO    as of hpo build
 *     --shipped           the repository came with the program: whoever owns it is trusted
 *     --silence SECONDS   how long a server may send nothing (60)
 *
 * INTO is an existing empty folder. Temporary repositories go to TMPDIR, else /tmp. The work is
 * done by a forked worker. On SIGTERM, SIGINT and SIGHUP, on a crash of the worker, and where a
 * server is silent, its parent ends it, removes what it left in INTO and TMPDIR, and returns
 * ERR_INTERRUPTED or ERR_SYSTEM. When the parent is killed the worker ends, too; the next of these
 * commands in that TMPDIR removes what they left there. argv holds the words behind the command's
 * name.
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
