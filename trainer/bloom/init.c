/* init: a generator, a distribution, a loop over tensors. */
#include "trainer/bloom/init.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/logarithm.h"
#include "trainer/bloom/layout.h"

enum { ROWS = OPS_PANEL };

struct normal {
    uint64_t state;
    double spare; /* the second of a pair */
    bool has_spare;
};

static uint64_t next_bits(struct normal *g)
{
    uint64_t z = g->state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* In (-1, 1], in steps of 2^-52. */
static double next_uniform(struct normal *g)
{
    return 1 - (double)(next_bits(g) >> 11) * 0x1p-52;
}

static double next_normal(struct normal *g)
{
    double u, v, s, factor;

    if (g->has_spare) {
        g->has_spare = false;
        return g->spare;
    }
    do {
        u = next_uniform(g);
        v = next_uniform(g);
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    factor = sqrt(-2 * logarithm(s) / s);
    g->spare = v * factor;
    g->has_spare = true;
    return u * factor;
}

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);

    return n >= m && strcmp(name + n - m, end) == 0;
}

/* Every vector that is a weight belongs to a layer norm. */
static double value_of(const struct tensor *t, struct normal *g, double deviation)
{
    if (t->columns)
        return deviation * next_normal(g);
    return ends_with(t->name, ".weight") ? 1 : 0;
}

enum status init_weights(const struct slabs *slabs, uint64_t seed, float *slab, struct error *err)
{
    const struct layout *layout = slabs->layout;
    struct normal g = {.state = seed};
    struct arena *arena = arena_open();
    float *rows =
        arena ? arena_array(arena, (size_t)ROWS * 4 * layout->config.hidden, sizeof *rows) : NULL;

    if (!rows) {
        arena_close(arena);
        return error_memory(err);
    }
    for (size_t i = 0; i < layout->n_tensors; i++) {
        const struct tensor *t = &layout->tensors[i];
        const size_t k = t->columns ? t->columns : 1;
        for (size_t first = 0; first < t->rows; first += ROWS) {
            const size_t n = t->rows - first < ROWS ? t->rows - first : ROWS;
            for (size_t j = 0; j < n * k; j++)
                rows[j] = (float)value_of(t, &g, layout->config.initializer_range);
            layout_put_rows(slabs, t, slab, first, n, rows);
        }
    }
    arena_close(arena);
    return OK;
}
