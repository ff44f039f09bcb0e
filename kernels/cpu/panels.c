/* panels: plain rows, as files hold them, to panels and back; a panel is a task. */
#include "kernels/cpu/cpu.h"

struct panels_task {
    const struct panels_args *a;
    bool back;
};

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

static void pass_panel(void *context, size_t p, size_t worker)
{
    const struct panels_task *t = context;
    const size_t whole = t->a->k / LANES * LANES;

    (void)worker;
    if (t->back)
        get(t->a, p, rows_of(t->a, p), whole);
    else
        put(t->a, p, rows_of(t->a, p), whole);
}

static void pass(struct backend *be, const struct panels_args *a, bool back)
{
    struct panels_task task = {a, back};

    /* A float moved costs some sixteen multiply-adds. */
    cpu_run(be, (a->n + OPS_PANEL - 1) / OPS_PANEL, a->n * a->k * 16, pass_panel, &task);
}

void NAMED(to_panels)(struct backend *be, const struct panels_args *a)
{
    pass(be, a, false);
}

void NAMED(from_panels)(struct backend *be, const struct panels_args *a)
{
    pass(be, a, true);
}
