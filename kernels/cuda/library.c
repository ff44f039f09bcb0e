/* library: the search, then the functions. */
#include "kernels/cuda/library.h"

#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static void *open_in(const char *folder, const char *name)
{
    char path[PATH_MAX];
    const int n = snprintf(path, sizeof path, "%s/%s", folder, name);

    return n > 0 && (size_t)n < sizeof path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

/* A Python's packages: nvidia-cublas and its like each have a lib folder. */
static void *open_among_packages(const char *name)
{
    const char *environment = getenv("VIRTUAL_ENV");
    char pattern[PATH_MAX];
    void *library = NULL;
    glob_t found;
    int n;

    if (!environment)
        return NULL;
    n = snprintf(pattern, sizeof pattern, "%s/lib/python3*/site-packages/nvidia/*/lib/%s",
                 environment, name);
    if (n < 0 || (size_t)n >= sizeof pattern || glob(pattern, 0, NULL, &found) != 0)
        return NULL;
    for (size_t i = 0; i < found.gl_pathc && !library; i++)
        library = dlopen(found.gl_pathv[i], RTLD_NOW | RTLD_LOCAL);
    globfree(&found);
    return library;
}

static void *open_anywhere(const char *name)
{
    const char *given = getenv("HPO_CUDA_LIBRARIES");
    void *library;

    if (given && *given)
        return open_in(given, name);
    if ((library = dlopen(name, RTLD_NOW | RTLD_LOCAL)))
        return library;
    library = open_in("/usr/local/cuda/lib64", name);
    return library ? library : open_among_packages(name);
}

enum status library_open(const char *const *names, const struct library_function *functions,
                         size_t n, struct error *err)
{
    const char *given = getenv("HPO_CUDA_LIBRARIES");
    void *library = NULL;
    size_t i = 0;

    for (; names[i] && !library; i++)
        library = open_anywhere(names[i]);
    if (!library) {
        (void)error_set(err, ERR_INPUT, "cuda", "%s is not found%s%s", names[0],
                        given && *given ? " in HPO_CUDA_LIBRARIES=" : "",
                        given && *given ? given : "");
        error_hint(err, "it comes with the CUDA toolkit and with PyTorch: HPO_CUDA_LIBRARIES names "
                        "its folder");
        return ERR_INPUT;
    }
    for (size_t j = 0; j < n; j++)
        if (!(*functions[j].address = dlsym(library, functions[j].name))) {
            (void)dlclose(library);
            return error_set(err, ERR_INPUT, "cuda", "%s has no %s: it is another version",
                             names[i - 1], functions[j].name);
        }
    return OK;
}

bool library_of_driver(const char *name, const struct library_function *functions, size_t n)
{
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);

    for (size_t i = 0; i < n; i++)
        *functions[i].address = library ? dlsym(library, functions[i].name) : NULL;
    return library != NULL;
}
