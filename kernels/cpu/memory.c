/* memory: mapping slabs, and the scratch of attention. */
#include "kernels/cpu/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/cpu/bf16_size.h"
#include "kernels/host.h"

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
    const size_t available = host_available_memory();
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
        (void)madvise(b->bytes, b->n, MADV_HUGEPAGE); /* a hint; it may be refused */
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

/* Makes a piece of scratch at least that large. */
static enum status enlarge(struct backend *be, float **scratch, size_t *floats, size_t wanted,
                           size_t times, struct error *err)
{
    void *larger = NULL;

    if (*scratch ? wanted <= *floats : wanted == 0)
        return OK;
    TRY(cpu_allocate(be, times * wanted * sizeof(float), &larger, err));
    *scratch = larger;
    *floats = wanted;
    return OK;
}

enum status cpu_prepare(struct backend *be, const struct ops_limits *limits, struct error *err)
{
    size_t a = 0, b = 0;

    for (size_t i = 0; i < limits->n_products; i++) {
        size_t a_floats, b_floats;
        bf16_floats(&limits->products[i], &a_floats, &b_floats);
        a = a_floats > a ? a_floats : a;
        b = b_floats > b ? b_floats : b;
    }
    TRY(enlarge(be, &be->bf16_a, &be->bf16_a_floats, a, 1, err));
    TRY(enlarge(be, &be->bf16_b, &be->bf16_b_floats, b, 1, err));
    return enlarge(be, &be->attention, &be->attention_floats,
                   attention_floats(limits->keys, limits->d), threads_count(be->threads), err);
}

enum status cpu_sync(struct backend *be, struct error *err)
{
    (void)be;
    (void)err;
    return OK;
}
