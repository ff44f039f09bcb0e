/* devices and fingerprint: what this machine and this build are. */
#include "trainer/model/machine.h"

#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "kernels/host.h"
#include "trainer/commands/commands.h"
#include "trainer/flags.h"
#include "trainer/lines.h"
#include "trainer/model/identity.h"
#include "trainer/numerics.h"

struct report {
    const char *instructions;
    size_t processors, memory;
    struct devices cuda;
};

static enum status look(struct report *r, struct error *err)
{
    struct backend *be;

    TRY(backend_open(&(struct backend_options){.name = "cpu", .threads = 1}, &be, err));
    r->instructions = be->ops->name; /* static */
    backend_close(be);
    r->processors = host_processors();
    r->memory = host_available_memory();
    backend_devices(&r->cuda);
    return OK;
}

/* ---- for programs ---- */

/* ", "NAME": WORD": null where it is not known. */
static void add_word(struct text *t, const char *name, const char *word)
{
    text_printf(t, ", \"%s\": ", name);
    json_write_string(t, *word ? word : NULL);
}

/* "sm_90" */
static void add_class(struct text *t, const struct device *d)
{
    if (d->class_number > 0)
        text_printf(t, "sm_%d", d->class_number);
}

static void add_device(struct text *t, const struct device *d)
{
    text_printf(t, "{\"index\": %d", d->index);
    add_word(t, "uuid", d->uuid);
    add_word(t, "name", d->name);
    text_add(t, d->class_number > 0 ? ", \"class\": \"" : ", \"class\": null");
    add_class(t, d);
    text_printf(t, "%s, \"sms\": %d, \"memory\": ", d->class_number > 0 ? "\"" : "", d->sms);
    json_write_number(t, (double)d->memory);
    text_add(t, ", \"free\": ");
    if (d->free == SIZE_MAX)
        text_add(t, "null");
    else
        json_write_number(t, (double)d->free);
    text_printf(t, ", \"usable\": %s", d->usable ? "true" : "false");
    add_word(t, "why", d->usable ? "" : d->why.text);
    text_add(t, "}");
}

static enum status report_json(const struct report *r, struct text *t, struct error *err)
{
    text_printf(t,
                "{\"backends\": [\"cpu\"%s], \"cpu\": {\"instructions\": \"%s\", "
                "\"processors\": %zu, \"available_memory\": ",
                backend_has_cuda() ? ", \"cuda\"" : "", r->instructions, r->processors);
    json_write_number(t, (double)r->memory);
    text_add(t, "}, \"cuda\": {\"driver\": ");
    json_write_string(t, r->cuda.driver[0] ? r->cuda.driver : NULL);
    add_word(t, "cublaslt", r->cuda.cublaslt);
    add_word(t, "nccl", r->cuda.nccl);
    add_word(t, "why", r->cuda.usable ? "" : r->cuda.why.text);
    text_add(t, ", \"devices\": [");
    for (size_t i = 0; i < r->cuda.n; i++) {
        text_add(t, i ? ", " : "");
        add_device(t, &r->cuda.list[i]);
    }
    text_add(t, "]}}");
    return lines_report(t, err);
}

/* ---- for people ---- */

static double gigabytes(size_t bytes)
{
    return (double)bytes / 1e9;
}

static void say_why(struct text *t, const struct error *why, const char *begin)
{
    text_printf(t, "%s%s\n", begin, why->text);
    if (why->hint[0])
        text_printf(t, "      %s\n", why->hint);
}

static void say_library(struct text *t, const char *name, const char *version, const char *use)
{
    if (*version)
        text_printf(t, ", %s %s", name, version);
    else
        text_printf(t, ", no %s (%s)", name, use);
}

static void say_device(struct text *t, const struct device *d)
{
    text_printf(t, "  %-3d %s  ", d->index, d->name);
    add_class(t, d);
    text_printf(t, "  %d SMs  %.1f GB", d->sms, gigabytes(d->memory));
    if (d->free != SIZE_MAX)
        text_printf(t, ", %.1f free", gigabytes(d->free));
    text_printf(t, "  %s\n", d->uuid);
    if (!d->usable)
        say_why(t, &d->why, "      not usable: ");
}

static enum status report_plain(const struct report *r, struct text *t, struct error *err)
{
    char *string;

    text_printf(t, "cpu   %s, %zu processors, %.1f GB of memory free\n", r->instructions,
                r->processors, gigabytes(r->memory));
    if (!r->cuda.usable) {
        say_why(t, &r->cuda.why, "cuda  ");
    } else {
        text_printf(t, "cuda  driver %s", r->cuda.driver[0] ? r->cuda.driver : "unknown");
        say_library(t, "cuBLASLt", r->cuda.cublaslt, "bf16 and fp16 need it");
        say_library(t, "NCCL", r->cuda.nccl, "several cards need it");
        text_add(t, "\n");
    }
    for (size_t i = 0; i < r->cuda.n; i++)
        say_device(t, &r->cuda.list[i]);
    TRY(text_finish(t, &string, NULL, err));
    return lines_plain(string, err);
}

static enum status report_in(struct arena *arena, bool json, struct error *err)
{
    struct report *r = arena_alloc(arena, sizeof *r);
    struct text text = text_in(arena);

    if (!r)
        return error_memory(err);
    TRY(look(r, err));
    return json ? report_json(r, &text, err) : report_plain(r, &text, err);
}

enum status command_devices(int argc, char **argv, struct error *err)
{
    bool json = false;
    const struct flag flags[] = {{.name = "--json", .kind = FLAG_SWITCH, .out = &json}};
    struct arena *arena;
    enum status s;

    TRY(flags_parse(flags, sizeof flags / sizeof *flags, argc, argv, err));
    if (!(arena = arena_open()))
        return error_memory(err);
    s = report_in(arena, json, err);
    arena_close(arena);
    return s;
}

/* ---- fingerprint ---- */

enum status command_fingerprint(int argc, char **argv, struct error *err)
{
    struct machine machine = machine_default();
    const struct flag flags[] = {MACHINE_FLAGS(machine)};
    struct device_identity gpu;
    const char *order;
    struct arena *arena;
    struct text line;
    enum status s;

    TRY(flags_parse(flags, sizeof flags / sizeof *flags, argc, argv, err));
    TRY(machine_resolve(&machine, err));
    if (machine_has_identity(&machine))
        TRY(identity_find(machine.identity, machine_product(&machine), &gpu, err));
    if (!(arena = arena_open()))
        return error_memory(err);
    line = text_in(arena);
    text_printf(&line, "{\"numerics\": %d, \"precision\": \"%s\"", NUMERICS_VERSION,
                precision_names[machine.precision]);
    if ((order = machine_order(&machine)))
        text_printf(&line, ", \"order\": \"%s\"", order);
    if (machine_has_identity(&machine))
        text_printf(&line, ", \"class\": \"%s\", \"sms\": %d, \"cublaslt\": \"%s\"", gpu.sm,
                    gpu.sms, gpu.cublaslt);
    text_add(&line, "}");
    s = lines_report(&line, err);
    arena_close(arena);
    return s;
}
