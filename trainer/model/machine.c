/* machine: flags and environment → an open backend. */
#include "trainer/model/machine.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "kernels/host.h"

struct machine machine_default(void)
{
    return (struct machine){.backend = "cpu", .precision = PRECISION_FP32};
}

enum status machine_lacks(const char *flag, const char *what, struct error *err)
{
    return error_set(err, ERR_INPUT, flag, "this build does not have %s", what);
}

enum status machine_check(const struct machine *m, struct error *err)
{
    if (strcmp(m->backend, "cuda") == 0)
        return machine_lacks("--backend", "cuda", err);
    if (strcmp(m->backend, "cpu") != 0)
        return error_set(err, ERR_INPUT, "--backend", "expected cpu or cuda, found \"%s\"",
                         m->backend);
    if (!m->order)
        return OK;
    if (strcmp(m->order, "dot") != 0 && strcmp(m->order, "tile") != 0)
        return error_set(err, ERR_INPUT, "--bf16", "expected dot or tile, found \"%s\"", m->order);
    if (m->precision != PRECISION_BF16)
        return error_set(err, ERR_INPUT, "--bf16", "only --precision bf16 has one, this is %s",
                         precision_names[m->precision]);
    return OK;
}

const char *machine_order(const struct machine *m)
{
    return m->precision != PRECISION_BF16 ? NULL : m->order ? m->order : "dot";
}

enum ops_product machine_product(const struct machine *m)
{
    const char *order = machine_order(m);

    if (!order)
        return OPS_PRODUCT_FP32;
    return strcmp(order, "tile") == 0 ? OPS_PRODUCT_BF16_TILE : OPS_PRODUCT_BF16_DOT;
}

enum status machine_open(const struct machine *m, struct backend **be, struct error *err)
{
    const char *share = getenv("HPO_CPUS");
    int64_t threads = m->threads;

    TRY(machine_check(m, err));
    if (!threads && share)
        TRY(text_parse_integer(share, "HPO_CPUS", 1, 1 << 20, &threads, err));
    if (!threads)
        threads = (int64_t)host_processors();
    return backend_open(
        &(struct backend_options){m->backend, threads < 256 ? (size_t)threads : 256}, be, err);
}
