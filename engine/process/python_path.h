/*
 * python_path: where an interpreter looks for modules, as it says itself, and what lies there.
 *
 * Question   A program for `python -c`, which says what sys knows, in lines "WORD HEX": names may
 *            hold anything. It imports nothing, for a module of the user's could have that name,
 *            and runs since Python 3.6.
 * Folders    of sys.path are distributions (distributions.h), or modules by content, whose reading
 *            is the caller's (importable.h). The standard library is known by the version. Not
 *            counted: what lies in the working folder, for that is inputs.
 */
#ifndef ENGINE_PROCESS_PYTHON_PATH_H
#define ENGINE_PROCESS_PYTHON_PATH_H

#include "base/error.h"
#include "engine/process/distributions.h"
#include "engine/process/looks.h"

extern const char python_path_question[];

/* What is read, and what was looked at to read it. All lives in the arena of the packages. */
struct python_path {
    const char *version;
    struct packages *packages;
    struct roots roots; /* their content counts too */
    struct looks looks; /* begun before the question was asked */
};

/*
 * Reads the answer of `program`, whose working folder was `work`, and the folders that it names.
 * ERR_FAILED: this is no answer of a Python. ERR_SYSTEM, ERR_INPUT: something cannot be read.
 */
enum status python_path_read(const char *program, const char *work, const char *answer,
                             struct python_path *out, struct error *err) MUST_CHECK;

#endif
