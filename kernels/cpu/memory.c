/* memory: mapping slabs, and the scratch of attention. */
#include "kernels/cpu/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/backend.h"

enum { HUGE_PAGE = 2 << 20 };

struct cpu_block {
    struct cpu_block *next;
    void *bytes;
    size_t n;
};

void cpu_free_blocks(struct backend *be)
{
    for (struct cpu_block *b = be->blocks; b;) {
        struct cpu_block *next = b->next;
        (void)munmap(b->bytes, b->n);
        free(b);
        b = next;
    }
    be->blocks = NULL;
}

enum status cpu_allocate(struct backend *be, size_t bytes, void **out, struct error *err)
{
    const size_t available = backend_available_memory();
    struct cpu_block *b;

    if (bytes > available)
        return error_set(err, ERR_MEMORY, NULL, "needs %zu bytes of memory, %zu are available",
                         bytes, available);
    if (!(b = calloc(1, sizeof *b)))
        return error_memory(err);
    b->n = bytes > 0 ? bytes : 1;
    b->bytes = mmap(NULL, b->n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->bytes == MAP_FAILED) {
        free(b);
        return error_set(err, ERR_MEMORY, NULL, "needs %zu bytes of memory: %s", bytes,
                         strerror(errno));
    }
    if (bytes >= HUGE_PAGE)
        (void)madvise(b->bytes, b->n, MADV_HUGEPAGE); /* a wish */
    b->next = be->blocks;
    be->blocks = b;
    *out = b->bytes;
    return OK;
}

/*
 * Scratch of one head of one sequence, in floats: five copies [keys][d] of rows, two transposed
 * ones, and two matrices [keys][keys], all with their sides rounded up to 32.
 */
static size_t attention_floats(size_t keys, size_t d)
{
    const size_t t = (keys + OPS_PANEL - 1) / OPS_PANEL * OPS_PANEL;
    const size_t w = (d + OPS_PANEL - 1) / OPS_PANEL * OPS_PANEL;

    return 7 * t * w + 2 * t * t;
}

enum status cpu_prepare(struct backend *be, size_t keys, size_t d, struct error *err)
{
    const size_t floats = attention_floats(keys, d);
    void *scratch = NULL;

    if (be->attention && floats <= be->attention_floats)
        return OK;
    TRY(cpu_allocate(be, threads_count(be->threads) * floats * sizeof(float), &scratch, err));
    be->attention = scratch;
    be->attention_floats = floats;
    return OK;
}

enum status cpu_sync(struct backend *be, struct error *err)
{
    (void)be;
    (void)err;
    return OK;
}
