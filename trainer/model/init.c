/* init: a generator, a distribution, a loop over tensors. */
#include "trainer/model/init.h"

#include <math.h>
#include <stdbool.h>

#include "base/arena.h"
#include "kernels/logarithm.h"
#include "trainer/model/layout.h"

enum { ROWS = OPS_ROWS_STEP };

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

static void draw_tensor(struct backend *be, int number, const struct tensor *t, struct normal *g,
                        float *rows)
{
    const size_t k = t->columns ? t->columns : 1;

    for (size_t first = 0; first < t->rows; first += ROWS) {
        const size_t n = t->rows - first < ROWS ? t->rows - first : ROWS;
        for (size_t j = 0; j < n * k; j++)
            rows[j] = (float)(t->deviation > 0 ? t->deviation * next_normal(g) : t->mean);
        be->ops->upload(be, OPS_VALUE, number, first, n, rows);
    }
}

enum status init_weights(struct backend *be, const struct layout *layout, uint64_t seed,
                         struct error *err)
{
    struct normal g = {.state = seed};
    struct arena *arena = arena_open();
    size_t widest = 1;
    float *rows;

    for (size_t i = 0; i < layout->n_tensors; i++)
        if (layout->tensors[i].columns > widest)
            widest = layout->tensors[i].columns;
    rows = arena ? arena_array(arena, ROWS * widest, sizeof *rows) : NULL;
    for (size_t i = 0; i < layout->n_tensors && rows; i++)
        draw_tensor(be, layout->by_name[i], &layout->tensors[layout->by_name[i]], &g, rows);
    arena_close(arena);
    return rows ? be->ops->sync(be, err) : error_memory(err);
}
