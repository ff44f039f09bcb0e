/* memory: opening, mapping, scratch. */
#include "kernels/cpu/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/host.h"

enum { HUGE_PAGE = 2 << 20 };

struct cpu_block {
    struct cpu_block *next;
    void *bytes;
    size_t n;
};

void cpu_close(struct backend *be)
{
    struct cpu *c = cpu_of(be);

    threads_close(c->threads);
    for (struct cpu_block *b = c->blocks; b;) {
        struct cpu_block *next = b->next;
        (void)munmap(b->bytes, b->n);
        free(b);
        b = next;
    }
    (void)pthread_cond_destroy(&c->released);
    (void)pthread_mutex_destroy(&c->mutex);
    free(c);
}

enum status cpu_open(const struct ops *ops, size_t threads, struct backend **out, struct error *err)
{
    void *scratch = NULL;
    enum status s;
    struct cpu *c;

    if (threads < 1 || threads > THREADS_MAX)
        return error_set(err, ERR_INPUT, "--threads", "expected 1 to %d, found %zu", THREADS_MAX,
                         threads);
    if (!(c = calloc(1, sizeof *c)))
        return error_memory(err);
    c->base.ops = ops;
    c->snapshot.cpu = c;
    (void)pthread_mutex_init(&c->mutex, NULL);
    (void)pthread_cond_init(&c->released, NULL);
    if ((s = threads_open(threads, &c->threads, err)) == OK)
        s = cpu_allocate(&c->base, threads * CPU_TRANSPOSE * sizeof(float), &scratch, err);
    if (s != OK) {
        cpu_close(&c->base);
        return s;
    }
    c->transpose = scratch;
    *out = &c->base;
    return OK;
}

/* Mapped memory is taken when it is touched: so all that was given counts. */
enum status cpu_allocate(struct backend *be, size_t bytes, void **out, struct error *err)
{
    struct cpu *c = cpu_of(be);
    struct cpu_block *b;

    if (!c->blocks)
        c->available = host_available_memory();
    if (bytes > c->available - c->taken)
        return error_set(err, ERR_MEMORY, NULL, "needs %zu bytes of memory, %zu are available",
                         bytes > SIZE_MAX - c->taken ? bytes : c->taken + bytes, c->available);
    if (!(b = calloc(1, sizeof *b)))
        return error_memory(err);
    b->n = bytes > 0 ? bytes : 1;
    b->bytes = mmap(NULL, b->n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->bytes == MAP_FAILED) {
        free(b);
        return error_set(err, ERR_MEMORY, NULL, "needs %zu bytes of memory: %s", c->taken + bytes,
                         strerror(errno));
    }
    if (bytes >= HUGE_PAGE)
        (void)madvise(b->bytes, b->n, MADV_HUGEPAGE); /* a hint; it may be refused */
    b->next = c->blocks;
    c->blocks = b;
    c->taken += bytes;
    *out = b->bytes;
    return OK;
}

/*
 * Scratch of one head of one sequence, in floats: five copies [keys][d] of rows, two transposed
 * ones, and two matrices [keys][keys], all with their sides rounded up to 32.
 */
static size_t attention_floats(size_t keys, size_t d)
{
    const size_t t = (keys + CPU_PANEL - 1) / CPU_PANEL * CPU_PANEL;
    const size_t w = (d + CPU_PANEL - 1) / CPU_PANEL * CPU_PANEL;

    return 7 * t * w + 2 * t * t;
}

size_t cpu_stride(size_t width, enum ops_type type)
{
    return type == OPS_BF16 ? 2 * bf16_row(width) : cpu_fp32_stride(width);
}

size_t cpu_matrix_bytes(size_t m, size_t width, enum ops_type type)
{
    const size_t rows = type == OPS_BF16 ? bf16_tiles(m) : m; /* a tile reads rows after the last */
    size_t bytes;

    /* On overflow a size that no machine has: allocate will refuse it. */
    if (__builtin_mul_overflow(rows, cpu_stride(width, type) * cpu_size(type), &bytes))
        return SIZE_MAX / 4;
    return bytes;
}

/* Makes a piece of scratch at least that large. */
static enum status enlarge(struct cpu *c, float **scratch, size_t *floats, size_t wanted,
                           size_t times, struct error *err)
{
    void *larger = NULL;

    if (*scratch ? wanted <= *floats : wanted == 0)
        return OK;
    TRY(cpu_allocate(&c->base, times * wanted * sizeof(float), &larger, err));
    *scratch = larger;
    *floats = wanted;
    return OK;
}

enum status cpu_prepare(struct backend *be, const struct ops_limits *limits, struct error *err)
{
    struct cpu *c = cpu_of(be);
    size_t a = 0, b = 0;

    for (size_t i = 0; i < limits->n_products && c->product != OPS_PRODUCT_FP32; i++) {
        const struct cpu_parameter *p = &c->parameters[limits->products[i].weight];
        size_t a_floats, b_floats;
        bf16_floats(limits->products[i].m, p->n, p->k, &a_floats, &b_floats);
        a = a_floats > a ? a_floats : a;
        b = b_floats > b ? b_floats : b;
    }
    TRY(enlarge(c, &c->bf16_a, &c->bf16_a_floats, a, 1, err));
    TRY(enlarge(c, &c->bf16_b, &c->bf16_b_floats, b, 1, err));
    return enlarge(c, &c->attention, &c->attention_floats,
                   attention_floats(limits->keys, limits->d), threads_count(c->threads), err);
}

void cpu_copy(struct backend *be, void *to, const void *from, size_t bytes)
{
    (void)be;
    if (bytes > 0)
        memcpy(to, from, bytes);
}

enum status cpu_sync(struct backend *be, struct error *err)
{
    (void)be;
    (void)err;
    return OK;
}
