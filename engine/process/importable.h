/*
 * importable: a folder of a user's Python modules, by content: what `import` could find in it. An
 * editable install, a folder that a .pth file or PYTHONPATH names.
 *
 * Content    Modules (.py, .so, and .pyc without their source), and whole packages (folders with an
 *            __init__) with all data in them. At the top, and in folders that are no packages,
 *            nothing else counts: no data set, environment or README that lies beside the modules.
 *            Never: what hpo.source leaves out by itself, a .pyc beside its source, what an
 *            environment holds, and hpo's own store and out/.
 * Links      What they lead to counts, all of it where the link lies in a package. A folder counts
 *            once, however many links lead to it.
 */
#ifndef ENGINE_PROCESS_IMPORTABLE_H
#define ENGINE_PROCESS_IMPORTABLE_H

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct store;

/*
 * The digest of a folder or file, in hexadecimal; "nothing" for a folder without modules, and for
 * what is not there. out is the folder of targets, absolute. Errors are those of source_digest;
 * ERR_FAILED too where a chain of links is too long.
 */
enum status importable_digest(struct store *store, const char *path, const char *out,
                              struct arena *arena, const char **hex, struct error *err) MUST_CHECK;

/* The same of a module or package, PATH absolute: of that folder, PATH.py, PATH.pyc, PATH*.so. */
enum status importable_module(struct store *store, const char *path, const char *out,
                              struct arena *arena, const char **hex, struct error *err) MUST_CHECK;

#endif
