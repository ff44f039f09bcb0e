/* panels: plain rows, as files hold them, to panels and back. A panel is one task. */
#include "kernels/cpu/cpu.h"

/* How many rows of panel p there are. */
static size_t rows_of(const struct panels_args *a, size_t p)
{
    const size_t left = a->n - p * OPS_PANEL;

    return left < OPS_PANEL ? left : OPS_PANEL;
}

static void put(const struct panels_args *a, size_t p, size_t rows, size_t whole)
{
    const float *in = a->rows + p * OPS_PANEL * a->k;
    float *out = a->panels + p * OPS_PANEL * a->k;

    NAMED(transpose)
    (&(struct transpose){.in = in,
                         .in_row = a->k,
                         .rows = rows,
                         .out = out,
                         .out_row = OPS_PANEL,
                         .m = OPS_PANEL,
                         .n = whole});
    for (size_t j = whole; j < a->k; j++)
        for (size_t i = 0; i < OPS_PANEL; i++)
            out[j * OPS_PANEL + i] = i < rows ? in[i * a->k + j] : 0.0f;
}

static void get(const struct panels_args *a, size_t p, size_t rows, size_t whole)
{
    const float *in = a->panels + p * OPS_PANEL * a->k;
    float *out = a->rows + p * OPS_PANEL * a->k;

    if (rows == OPS_PANEL)
        NAMED(transpose)
    (&(struct transpose){.in = in,
                         .in_row = OPS_PANEL,
                         .rows = whole,
                         .out = out,
                         .out_row = a->k,
                         .m = whole,
                         .n = OPS_PANEL});
    for (size_t j = rows == OPS_PANEL ? whole : 0; j < a->k; j++)
        for (size_t i = 0; i < rows; i++)
            out[i * a->k + j] = in[j * OPS_PANEL + i];
}

static void put_panel(void *context, size_t p, size_t worker)
{
    const struct panels_args *a = context;

    (void)worker;
    put(a, p, rows_of(a, p), a->k / LANES * LANES);
}

void NAMED(to_panels)(struct backend *be, const struct panels_args *a)
{
    struct panels_args copy = *a;

    /* A float moved costs some sixteen multiply-adds. */
    cpu_run(be, (a->n + OPS_PANEL - 1) / OPS_PANEL, a->n * a->k * 16, put_panel, &copy);
}

void NAMED(from_panels)(struct backend *be, const struct panels_args *a)
{
    (void)be;
    for (size_t p = 0; p * OPS_PANEL < a->n; p++)
        get(a, p, rows_of(a, p), a->k / LANES * LANES);
}
