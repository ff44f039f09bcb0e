/* cublaslt: the names of its functions. */
#include "kernels/cuda/cublaslt.h"

#include "kernels/cuda/library.h"

static const char *const names[] = {"libcublasLt.so.13", "libcublasLt.so.12", NULL};

size_t cublaslt_version(void)
{
    size_t (*get_version)(void) = NULL;
    const struct library_function function = {"cublasLtGetVersion", (void **)&get_version};
    struct error ignored;

    return library_open(names, &function, 1, &ignored) == OK ? get_version() : 0;
}

enum status cublaslt_open(struct cublaslt *out, struct error *err)
{
    const struct library_function functions[] = {
        {"cublasLtGetVersion", (void **)&out->get_version},
        {"cublasLtCreate", (void **)&out->create},
        {"cublasLtDestroy", (void **)&out->destroy},
        {"cublasLtMatmulDescCreate", (void **)&out->desc_create},
        {"cublasLtMatmulDescDestroy", (void **)&out->desc_destroy},
        {"cublasLtMatmulDescSetAttribute", (void **)&out->desc_set},
        {"cublasLtMatrixLayoutCreate", (void **)&out->layout_create},
        {"cublasLtMatrixLayoutDestroy", (void **)&out->layout_destroy},
        {"cublasLtMatmulPreferenceCreate", (void **)&out->preference_create},
        {"cublasLtMatmulPreferenceDestroy", (void **)&out->preference_destroy},
        {"cublasLtMatmulPreferenceSetAttribute", (void **)&out->preference_set},
        {"cublasLtMatmulAlgoGetHeuristic", (void **)&out->heuristic},
        {"cublasLtMatmulAlgoCheck", (void **)&out->check},
        {"cublasLtMatmulAlgoConfigGetAttribute", (void **)&out->algo_get},
        {"cublasLtMatmul", (void **)&out->matmul},
    };

    return library_open(names, functions, sizeof functions / sizeof *functions, err);
}
