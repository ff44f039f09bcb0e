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
    return OK;
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
