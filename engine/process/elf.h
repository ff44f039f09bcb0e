/* elf: where a program says that its libraries are. ELF-64, little-endian: System V ABI, gABI. */
#ifndef ENGINE_PROCESS_ELF_H
#define ENGINE_PROCESS_ELF_H

#include "base/error.h"

struct places;

/* Adds the folders of its DT_RUNPATH or DT_RPATH, $ORIGIN being its own. A file that is no such
 * program, or is damaged, has none. */
enum status elf_libraries(const char *path, struct places *places, struct error *err) MUST_CHECK;

#endif
