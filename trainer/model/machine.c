/* machine: flags and environment → an open backend. */
#include "trainer/model/machine.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "kernels/host.h"
#include "trainer/model/identity.h"

struct machine machine_default(void)
{
    return (struct machine){.precision = PRECISION_FP32};
}

enum status machine_lacks(const char *flag, const char *what, struct error *err)
{
    return error_set(err, ERR_INPUT, flag, "this build does not have %s", what);
}

static bool on_cuda(const struct machine *m)
{
    return strcmp(m->backend, "cuda") == 0;
}

static enum status check_order(const struct machine *m, struct error *err)
{
    if (strcmp(m->order, "dot") != 0 && strcmp(m->order, "tile") != 0)
        return error_set(err, ERR_INPUT, "--bf16", "expected dot or tile, found \"%s\"", m->order);
    if (m->precision != PRECISION_BF16)
        return error_set(err, ERR_INPUT, "--bf16", "only --precision bf16 has one, this is %s",
                         precision_names[m->precision]);
    if (on_cuda(m))
        return error_set(err, ERR_INPUT, "--bf16",
                         "only --backend cpu has one: on a GPU the order is its library's");
    return OK;
}

bool machine_has_identity(const struct machine *m)
{
    return on_cuda(m) && m->precision != PRECISION_FP32;
}

enum status machine_resolve(struct machine *m, struct error *err)
{
    const char *flag = m->backend ? "--backend" : "HPO_BACKEND", *given = getenv("HPO_BACKEND");

    if (!m->backend)
        m->backend = given && *given ? given : "cpu";
    if (!on_cuda(m) && strcmp(m->backend, "cpu") != 0)
        return error_set(err, ERR_INPUT, flag, "expected cpu or cuda, found \"%s\"", m->backend);
    if (on_cuda(m) && !backend_has_cuda())
        return machine_lacks(flag, "cuda", err);
    if (m->identity && !machine_has_identity(m))
        return error_set(err, ERR_INPUT, "--gpu-identity",
                         "only bf16 and fp16 on --backend cuda have one, this is %s on %s",
                         precision_names[m->precision], m->backend);
    return m->order ? check_order(m, err) : OK;
}

const char *machine_order(const struct machine *m)
{
    if (m->precision != PRECISION_BF16 || on_cuda(m))
        return NULL;
    return m->order ? m->order : "dot";
}

enum ops_product machine_product(const struct machine *m)
{
    const char *order = machine_order(m);

    if (on_cuda(m) && m->precision != PRECISION_FP32)
        return m->precision == PRECISION_BF16 ? OPS_PRODUCT_BF16 : OPS_PRODUCT_FP16;
    if (!order)
        return OPS_PRODUCT_FP32;
    return strcmp(order, "tile") == 0 ? OPS_PRODUCT_BF16_TILE : OPS_PRODUCT_BF16_DOT;
}

/* A rank has a card of its own, but in tests on one card (HPO_RANKS_SHARE). */
static int device_of(const struct machine *m)
{
    return getenv("HPO_RANKS_SHARE") ? 0 : (int)m->rank;
}

/* Of one that is named, and only where it plays a part. */
static enum status check_identity(const struct machine *m, int device, struct error *err)
{
    return machine_has_identity(m) ? identity_check(m->identity, device, machine_product(m), err)
                                   : OK;
}

enum status machine_check(const struct machine *m, size_t ranks, struct error *err)
{
    struct machine rank = *m;

    for (rank.rank = 0; rank.rank < ranks && on_cuda(m); rank.rank++) {
        TRY(backend_check(device_of(&rank), machine_product(m), err));
        TRY(check_identity(m, device_of(&rank), err));
    }
    return OK;
}

enum status machine_open(struct machine *m, struct backend **be, struct error *err)
{
    const char *share = getenv("HPO_CPUS");
    struct backend_options options;
    int64_t threads = m->threads;

    TRY(machine_resolve(m, err));
    if (!threads && share)
        TRY(text_parse_integer(share, "HPO_CPUS", 1, 1 << 20, &threads, err));
    if (!threads)
        threads = (int64_t)host_processors();
    options = (struct backend_options){.name = m->backend,
                                       .threads = threads < 256 ? (size_t)threads : 256,
                                       .product = machine_product(m),
                                       .device = device_of(m),
                                       .ranks = m->ranks,
                                       .rank = m->rank,
                                       .zero = m->zero};
    TRY(check_identity(m, options.device, err));
    return backend_open(&options, be, err);
}
