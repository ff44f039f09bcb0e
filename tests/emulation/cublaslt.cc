/*
 * cublaslt: a library that stands for cuBLASLt where the device is emulated: the calls that the
 * backend makes, refusals included. Sums are fp32, one chain of fused multiply-adds, k ascending.
 *
 * HPO_EMULATION_LT=unfit refuses every product that is not as it was asked for, as a real one may.
 */
#include <cstdlib>
#include <cstring>
#include <vector>

#include "cuda_runtime.h"
#include "kernels/cuda/cublaslt.h"

struct lt_handle {
    int unused;
};

struct lt_desc {
    int32_t transposed[2], epilogue;
    const float *bias;
};

struct lt_layout {
    int type;
    uint64_t rows, columns;
    int64_t step;
};

struct lt_preference {
    uint64_t workspace;
    uint32_t reduction, alignment[4];
};

namespace
{

enum { SUCCESS = 0, INVALID = 7, UNSUPPORTED = 15 };

/* What the device does, later. */
struct product {
    lt_desc desc;
    const uint16_t *a, *b;
    lt_layout a_lay, b_lay, c_lay, d_lay;
    const float *c;
    float *d;
    float alpha, beta;
};

float value(const lt_layout &l, const uint16_t *x, uint64_t row, uint64_t column)
{
    const uint16_t bits = x[column * static_cast<uint64_t>(l.step) + row];

    return l.type == LT_R_16BF ? __uint_as_float(static_cast<unsigned>(bits) << 16)
                               : emulated_fp16_float(bits);
}

/* op(x), rows one after another. */
std::vector<float> operand(const lt_layout &l, const uint16_t *x, bool transposed)
{
    const uint64_t rows = transposed ? l.columns : l.rows,
                   columns = transposed ? l.rows : l.columns;
    std::vector<float> out(rows * columns);

    for (uint64_t i = 0; i < rows; i++)
        for (uint64_t j = 0; j < columns; j++)
            out[i * columns + j] = transposed ? value(l, x, j, i) : value(l, x, i, j);
    return out;
}

void run(const void *context)
{
    const auto *p = static_cast<const product *>(context);
    const uint64_t m = p->d_lay.rows, n = p->d_lay.columns;
    const uint64_t k = p->desc.transposed[0] ? p->a_lay.rows : p->a_lay.columns;
    const std::vector<float> a = operand(p->a_lay, p->a, p->desc.transposed[0] != 0);
    const std::vector<float> b = operand(p->b_lay, p->b, p->desc.transposed[1] != 0);
    std::vector<float> row(n);

    for (uint64_t i = 0; i < m; i++) {
        memset(row.data(), 0, n * sizeof(float));
        for (uint64_t s = 0; s < k; s++)
            for (uint64_t j = 0; j < n; j++)
                row[j] = __builtin_fmaf(a[i * k + s], b[s * n + j], row[j]);
        for (uint64_t j = 0; j < n; j++) {
            float x = p->alpha * row[j];
            if (p->beta != 0)
                x += p->beta * p->c[j * static_cast<uint64_t>(p->c_lay.step) + i];
            if (p->desc.epilogue == LT_EPILOGUE_BIAS)
                x += p->desc.bias[i];
            p->d[j * static_cast<uint64_t>(p->d_lay.step) + i] = x;
        }
    }
}

/* What an algorithm is for. */
uint64_t fit_of(const lt_desc *desc, const lt_layout *a, const lt_layout *b)
{
    const uint64_t n = desc->transposed[0] ? a->columns : a->rows;

    return n * 1000003 + (desc->transposed[1] ? b->rows : a->rows) +
           static_cast<uint64_t>(desc->transposed[1]);
}

bool aligned(const void *at)
{
    return reinterpret_cast<uintptr_t>(at) % 16 == 0;
}

} // namespace

extern "C" {

size_t cublasLtGetVersion(void);
int cublasLtCreate(lt_handle **out);
int cublasLtDestroy(lt_handle *handle);
int cublasLtMatmulDescCreate(lt_desc **out, int compute, int scale);
int cublasLtMatmulDescDestroy(lt_desc *desc);
int cublasLtMatmulDescSetAttribute(lt_desc *desc, int attribute, const void *from, size_t bytes);
int cublasLtMatrixLayoutCreate(lt_layout **out, int type, uint64_t rows, uint64_t columns,
                               int64_t step);
int cublasLtMatrixLayoutDestroy(lt_layout *layout);
int cublasLtMatmulPreferenceCreate(lt_preference **out);
int cublasLtMatmulPreferenceDestroy(lt_preference *preference);
int cublasLtMatmulPreferenceSetAttribute(lt_preference *preference, int attribute, const void *from,
                                         size_t bytes);
int cublasLtMatmulAlgoGetHeuristic(lt_handle *handle, lt_desc *desc, lt_layout *a, lt_layout *b,
                                   lt_layout *c, lt_layout *d, lt_preference *preference,
                                   int wanted, lt_found *found, int *n_found);
int cublasLtMatmulAlgoCheck(lt_handle *handle, lt_desc *desc, lt_layout *a, lt_layout *b,
                            lt_layout *c, lt_layout *d, const lt_algo *algo, lt_found *found);
int cublasLtMatmulAlgoConfigGetAttribute(const lt_algo *algo, int attribute, void *to, size_t bytes,
                                         size_t *written);
int cublasLtMatmul(lt_handle *handle, lt_desc *desc, const void *alpha, const void *a,
                   lt_layout *a_lay, const void *b, lt_layout *b_lay, const void *beta,
                   const void *c, lt_layout *c_lay, void *d, lt_layout *d_lay, const lt_algo *algo,
                   void *workspace, size_t workspace_bytes, cudaStream_t stream);

size_t cublasLtGetVersion(void)
{
    return 130100;
}

int cublasLtCreate(lt_handle **out)
{
    *out = new lt_handle{};
    return SUCCESS;
}

int cublasLtDestroy(lt_handle *handle)
{
    delete handle;
    return SUCCESS;
}

int cublasLtMatmulDescCreate(lt_desc **out, int compute, int scale)
{
    if (compute != LT_COMPUTE_32F || scale != LT_R_32F)
        return UNSUPPORTED;
    *out = new lt_desc{};
    return SUCCESS;
}

int cublasLtMatmulDescDestroy(lt_desc *desc)
{
    delete desc;
    return SUCCESS;
}

int cublasLtMatmulDescSetAttribute(lt_desc *desc, int attribute, const void *from, size_t bytes)
{
    switch (attribute) {
    case LT_DESC_TRANSA:
    case LT_DESC_TRANSB:
        memcpy(&desc->transposed[attribute - LT_DESC_TRANSA], from, bytes);
        return SUCCESS;
    case LT_DESC_EPILOGUE:
        memcpy(&desc->epilogue, from, bytes);
        return SUCCESS;
    case LT_DESC_BIAS_POINTER:
        memcpy(&desc->bias, from, bytes);
        return SUCCESS;
    default:
        return INVALID;
    }
}

int cublasLtMatrixLayoutCreate(lt_layout **out, int type, uint64_t rows, uint64_t columns,
                               int64_t step)
{
    if (static_cast<uint64_t>(step) < rows)
        return INVALID;
    *out = new lt_layout{type, rows, columns, step};
    return SUCCESS;
}

int cublasLtMatrixLayoutDestroy(lt_layout *layout)
{
    delete layout;
    return SUCCESS;
}

int cublasLtMatmulPreferenceCreate(lt_preference **out)
{
    *out = new lt_preference{0, 0xffffffff, {256, 256, 256, 256}};
    return SUCCESS;
}

int cublasLtMatmulPreferenceDestroy(lt_preference *preference)
{
    delete preference;
    return SUCCESS;
}

int cublasLtMatmulPreferenceSetAttribute(lt_preference *preference, int attribute, const void *from,
                                         size_t bytes)
{
    if (attribute == LT_PREFERENCE_WORKSPACE)
        memcpy(&preference->workspace, from, bytes);
    else if (attribute == LT_PREFERENCE_REDUCTION)
        memcpy(&preference->reduction, from, bytes);
    else if (attribute >= LT_PREFERENCE_ALIGNMENT_A && attribute < LT_PREFERENCE_ALIGNMENT_A + 4)
        memcpy(&preference->alignment[attribute - LT_PREFERENCE_ALIGNMENT_A], from, bytes);
    else
        return INVALID;
    return SUCCESS;
}

/* Two: the first splits its sum, and is not to be taken. */
int cublasLtMatmulAlgoGetHeuristic(lt_handle *, lt_desc *desc, lt_layout *a, lt_layout *b,
                                   lt_layout *, lt_layout *d, lt_preference *preference, int wanted,
                                   lt_found *found, int *n_found)
{
    const char *how = getenv("HPO_EMULATION_LT");

    *n_found = 0;
    if (preference->reduction != 0 || preference->alignment[0] > 16 ||
        (how && strcmp(how, "none") == 0))
        return UNSUPPORTED;
    for (int i = 0; i < 2 && i < wanted; i++) {
        found[i] = lt_found{};
        found[i].algo.data[0] = fit_of(desc, a, b);
        found[i].algo.data[1] = i == 0 ? 4 : 1; /* parts of the sum */
        found[i].algo.data[2] = d->columns;
        *n_found = i + 1;
    }
    return SUCCESS;
}

/* unfit: an algorithm is for the rows that it was asked for. */
int cublasLtMatmulAlgoCheck(lt_handle *, lt_desc *desc, lt_layout *a, lt_layout *b, lt_layout *,
                            lt_layout *d, const lt_algo *algo, lt_found *found)
{
    const char *how = getenv("HPO_EMULATION_LT");

    *found = lt_found{};
    found->algo = *algo;
    if (algo->data[0] != fit_of(desc, a, b))
        return UNSUPPORTED;
    return how && strcmp(how, "unfit") == 0 && algo->data[2] != d->columns ? UNSUPPORTED : SUCCESS;
}

int cublasLtMatmulAlgoConfigGetAttribute(const lt_algo *algo, int attribute, void *to, size_t bytes,
                                         size_t *written)
{
    const uint32_t value = attribute == LT_ALGO_SPLIT_K ? static_cast<uint32_t>(algo->data[1]) : 0;

    memcpy(to, &value, bytes);
    *written = bytes;
    return SUCCESS;
}

int cublasLtMatmul(lt_handle *, lt_desc *desc, const void *alpha, const void *a, lt_layout *a_lay,
                   const void *b, lt_layout *b_lay, const void *beta, const void *c,
                   lt_layout *c_lay, void *d, lt_layout *d_lay, const lt_algo *algo, void *, size_t,
                   cudaStream_t stream)
{
    const char *how = getenv("HPO_EMULATION_LT");
    product p{*desc,
              static_cast<const uint16_t *>(a),
              static_cast<const uint16_t *>(b),
              *a_lay,
              *b_lay,
              *c_lay,
              *d_lay,
              static_cast<const float *>(c),
              static_cast<float *>(d),
              *static_cast<const float *>(alpha),
              *static_cast<const float *>(beta)};

    if (!algo || algo->data[0] != fit_of(desc, a_lay, b_lay) || algo->data[1] != 1)
        return UNSUPPORTED;
    if (how && strcmp(how, "unfit") == 0 && algo->data[2] != d_lay->columns)
        return UNSUPPORTED;
    if (!aligned(a) || !aligned(b) || !aligned(c) || !aligned(d) || a_lay->step % 8 != 0 ||
        b_lay->step % 8 != 0)
        return UNSUPPORTED;
    switch (emulated_enqueue(stream, run, &p, sizeof p)) {
    case cudaSuccess:
        return SUCCESS;
    case cudaErrorMemoryAllocation:
        return LT_NO_MEMORY;
    default:
        return 13; /* CUBLAS_STATUS_EXECUTION_FAILED */
    }
}
}
