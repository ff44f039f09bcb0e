/* amx_open: a build whose tiles are amx.h is the backend that HPO_CPU=amx means. */
#include <stdlib.h>
#include <string.h>

#include "kernels/backend.h"
#include "kernels/cpu/memory.h"

extern const struct ops cpu_ops_amx_in_c;

enum status __real_backend_open(const struct backend_options *o, struct backend **out,
                                struct error *err);
enum status __wrap_backend_open(const struct backend_options *o, struct backend **out,
                                struct error *err);

enum status __wrap_backend_open(const struct backend_options *o, struct backend **out,
                                struct error *err)
{
    const char *wish = getenv("HPO_CPU");

    if (wish && strcmp(wish, "amx") == 0)
        return cpu_open(&cpu_ops_amx_in_c, o->threads, out, err);
    return __real_backend_open(o, out, err);
}
