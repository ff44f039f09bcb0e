/* devices and fingerprint: what this machine and this build are. */
#include "trainer/model/machine.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "kernels/host.h"
#include "trainer/commands/commands.h"
#include "trainer/flags.h"
#include "trainer/lines.h"
#include "trainer/numerics.h"

enum status command_devices(int argc, char **argv, struct error *err)
{
    struct machine machine = machine_default();
    const char *instructions;
    struct backend *be;
    struct arena *arena;
    struct text line;
    enum status s;

    TRY(flags_parse(NULL, 0, argc, argv, err));
    machine.threads = 1;
    TRY(machine_open(&machine, &be, err));
    instructions = be->ops->name; /* static */
    backend_close(be);
    if (!(arena = arena_open()))
        return error_memory(err);
    line = text_in(arena);
    text_printf(&line,
                "{\"devices\": [{\"backend\": \"cpu\", \"instructions\": \"%s\", "
                "\"processors\": %zu, \"available_memory\": ",
                instructions, host_processors());
    json_write_number(&line, (double)host_available_memory());
    text_add(&line, "}]}");
    s = lines_report(&line, err);
    arena_close(arena);
    return s;
}

enum status command_fingerprint(int argc, char **argv, struct error *err)
{
    struct machine machine = machine_default();
    const struct flag flags[] = {MACHINE_FLAGS(machine)};
    const char *order;
    struct arena *arena;
    struct text line;
    enum status s;

    TRY(flags_parse(flags, sizeof flags / sizeof *flags, argc, argv, err));
    TRY(machine_resolve(&machine, err));
    if (!(arena = arena_open()))
        return error_memory(err);
    line = text_in(arena);
    text_printf(&line, "{\"numerics\": %d, \"precision\": \"%s\"", NUMERICS_VERSION,
                precision_names[machine.precision]);
    if ((order = machine_order(&machine)))
        text_printf(&line, ", \"order\": \"%s\"", order);
    text_add(&line, "}");
    s = lines_report(&line, err);
    arena_close(arena);
    return s;
}
