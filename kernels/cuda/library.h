/*
 * library: shared libraries of NVIDIA that are found while the program runs, so that one binary
 * runs everywhere. Looked for in HPO_CUDA_LIBRARIES (a folder), where the system's linker looks, in
 * /usr/local/cuda/lib64, and among the packages of the virtual environment that is active.
 */
#ifndef KERNELS_CUDA_LIBRARY_H
#define KERNELS_CUDA_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A function of a library, and where its address goes. */
struct library_function {
    const char *name;
    void **address;
};

/*
 * Opens the first of `names` that is found (NULL ends them) and fills all addresses. It stays open
 * until the program ends. ERR_INPUT: there is none, or one that lacks a function; the text names
 * both.
 */
enum status library_open(const char *const *names, const struct library_function *functions,
                         size_t n, struct error *err) MUST_CHECK;

/* The same for a library that comes with the driver, and so lies where the system's linker looks.
 * Functions that it lacks are NULL. False: it is not there. */
bool library_of_driver(const char *name, const struct library_function *functions, size_t n);

#ifdef __cplusplus
}
#endif

#endif
