/*
 * memory: slabs for tensors and scratch. A slab is mapped, not allocated: zeroed by the kernel,
 * aligned to pages, huge ones where they help. What would not fit is refused before it is touched.
 */
#define HPO_ISA portable
#define HPO_LANES 0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/backend.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/memory.h"

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

enum status cpu_prepare(struct backend *be, size_t keys, size_t d, struct error *err)
{
    const size_t floats = cpu_attention_floats(keys, d);
    void *scratch;

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
