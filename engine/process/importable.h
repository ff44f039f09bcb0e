/*
 * importable: a folder of a user's Python modules, by content: what `import` could find in it. An
 * editable install, a folder that a .pth file or PYTHONPATH names.
 *
 * Content    Modules (.py, .so), and whole packages with all data in them. At the top, and in
 *            folders that are no packages, nothing else counts: no data set, environment or README
 *            that lies beside the modules. Never: hidden files, __pycache__, *.pyc, what an
 *            environment holds, and hpo's own store and out/. Of a link what it leads to counts.
 */
#ifndef ENGINE_PROCESS_IMPORTABLE_H
#define ENGINE_PROCESS_IMPORTABLE_H

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct store;

/*
 * The digest of a folder or file, in hexadecimal, or of the module PATH.py; "nothing" for a folder
 * without modules, and for what is not there. out is the folder of targets, absolute. Errors are
 * those of source_digest.
 */
enum status importable_digest(struct store *store, const char *path, const char *out,
                              struct arena *arena, const char **hex, struct error *err) MUST_CHECK;

#endif
