/* panels: plain rows, as files hold them, to panels and back. A panel is one task. */
#include "kernels/cpu/bf16.h"

/* Rows [0, n) of a matrix of k columns, as files hold them, and the panels of these. */
struct panels {
    float *rows;
    float *panels;
    bf16 *rounded; /* panels again, of values that have it; or NULL */
    size_t n, k;
};

/* How many rows of panel p there are. */
static size_t rows_of(const struct panels *a, size_t p)
{
    const size_t left = a->n - p * CPU_PANEL;

    return left < CPU_PANEL ? left : CPU_PANEL;
}

static void put(const struct panels *a, size_t p, size_t rows, size_t whole)
{
    const float *in = a->rows + p * CPU_PANEL * a->k;
    float *out = a->panels + p * CPU_PANEL * a->k;

    if (rows == CPU_PANEL)
        NAMED(transpose)
    (&(struct transpose){.in = in,
                         .in_row = a->k,
                         .rows = rows,
                         .out = out,
                         .out_row = CPU_PANEL,
                         .m = CPU_PANEL,
                         .n = whole});
    /* a panel's other rows stay: they are the parameter's next ones, or zero */
    for (size_t j = rows == CPU_PANEL ? whole : 0; j < a->k; j++)
        for (size_t i = 0; i < rows; i++)
            out[j * CPU_PANEL + i] = in[i * a->k + j];
}

static void get(const struct panels *a, size_t p, size_t rows, size_t whole)
{
    const float *in = a->panels + p * CPU_PANEL * a->k;
    float *out = a->rows + p * CPU_PANEL * a->k;

    if (rows == CPU_PANEL)
        NAMED(transpose)
    (&(struct transpose){.in = in,
                         .in_row = CPU_PANEL,
                         .rows = whole,
                         .out = out,
                         .out_row = a->k,
                         .m = whole,
                         .n = CPU_PANEL});
    for (size_t j = rows == CPU_PANEL ? whole : 0; j < a->k; j++)
        for (size_t i = 0; i < rows; i++)
            out[i * a->k + j] = in[j * CPU_PANEL + i];
}

static void put_panel(void *context, size_t p, size_t worker)
{
    const struct panels *a = context;

    (void)worker;
    put(a, p, rows_of(a, p), a->k / LANES * LANES);
    if (a->rounded)
        NAMED(bf16_round)
    (a->panels + p * CPU_PANEL * a->k, CPU_PANEL * a->k, a->rounded + p * CPU_PANEL * a->k);
}

static struct panels panels_at(const struct cpu *c, enum ops_part part, int parameter, size_t first,
                               size_t n, float *rows)
{
    const struct cpu_parameter *p = &c->parameters[parameter];
    const size_t at = p->offset + first * p->k;

    return (struct panels){rows, cpu_part(c, part) + at,
                           part == OPS_VALUE && c->rounded ? c->rounded + at : NULL, n, p->k};
}

void NAMED(upload)(struct backend *be, enum ops_part part, int parameter, size_t first, size_t n,
                   const float *rows)
{
    struct panels p = panels_at(cpu_of(be), part, parameter, first, n, (float *)rows);

    /* A float moved costs some sixteen multiply-adds. */
    cpu_run(cpu_of(be), (n + CPU_PANEL - 1) / CPU_PANEL, n * p.k * 16, put_panel, &p);
}

enum status NAMED(download)(const struct snapshot *s, enum ops_part part, int parameter,
                            size_t first, size_t n, float *rows, struct error *err)
{
    const struct panels p = panels_at(s->cpu, part, parameter, first, n, rows);

    (void)err;
    for (size_t i = 0; i * CPU_PANEL < n; i++)
        get(&p, i, rows_of(&p, i), p.k / LANES * LANES);
    return OK;
}
