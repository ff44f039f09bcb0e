/* doctor_look: finding after finding. Start at doctor_look. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/content/copy.h"
#include "cache/filesystem.h"
#include "cache/layout.h"
#include "engine/commands/doctor.h"
#include "engine/options.h"
#include "engine/process/capture.h"
#include "engine/process/runner.h"
#include "engine/process/tool.h"
#include "engine/room/isolation.h"
#include "engine/statement/keys.h"

enum { SECONDS = 30, LITTLE_GB = 10 };

/* What everything that is asked needs. */
struct looking {
    const struct options *o;
    struct arena *arena;
    struct reaper reaper;
    struct capture capture;
    struct devices *devices;
    struct tools *tools;
    const char *trainer; /* its path, or NULL */
    struct diagnosis *d;
};

/* found NULL: there was no memory for it. */
static enum status add(struct looking *l, const char *name, const char *found, const char *remedy,
                       struct error *err)
{
    struct finding *last = arena_push(l->arena, l->d->findings, l->d->n, l->d->capacity);

    if (!last || !found)
        return error_memory(err);
    *last = (struct finding){name, found, remedy};
    return OK;
}

/* ---- programs ---- */

/* The first line of what PROGRAM --version says; NULL: it cannot be run. */
static const char *version_of(struct looking *l, const char *program, const char *path)
{
    char *argv[] = {(char *)program, "--version", NULL};
    const char *folder = getenv("TMPDIR"), *search = getenv("PATH");
    char *env[] = {"LANG=C.UTF-8", arena_printf(l->arena, "PATH=%s", search ? search : ""), NULL};
    const struct command command = {
        .program = path, .argv = argv, .env = env, .folder = folder ? folder : "/tmp"};
    struct error ignored;
    char *answer;

    if (capture_run(&l->capture, &command, program, l->arena, &answer, &ignored) != OK)
        return NULL;
    answer[strcspn(answer, "\n")] = '\0';
    return answer;
}

static enum status look_at_program(struct looking *l, const char *name, const char *remedy,
                                   const char **path, struct error *err)
{
    struct error absent;
    const char *version;

    *path = NULL;
    if (tool_path(l->tools, name, path, &absent) != OK || !*path)
        return add(l, name, "is not found", remedy, err);
    version = version_of(l, name, *path);
    return add(l, name,
               arena_printf(l->arena, "%s%s%s", version ? version : "", version ? ", " : "", *path),
               version ? NULL : "it does not start: hpo cannot use it", err);
}

static enum status look_at_programs(struct looking *l, struct error *err)
{
    const char *path;

    TRY(look_at_program(l, "hpo-trainer",
                        "steps such as hpo.train need it beside hpo or in PATH; cmake --install "
                        "puts it there",
                        &l->trainer, err));
    TRY(look_at_program(l, "git",
                        "hpo clones without it; you need it to make repositories: apt install git",
                        &path, err));
    return look_at_program(l, "python3",
                           "only recipes that run Python need it: apt install python3", &path, err);
}

/* ---- the store ---- */

/* The nearest folder that is there. */
static const char *existing(const char *path, struct arena *arena)
{
    char *folder = arena_string(arena, path), *slash;

    while (folder && !file_is_folder(folder)) {
        slash = strrchr(folder, '/');
        if (!slash)
            return ".";
        slash[slash == folder] = '\0';
        if (slash == folder)
            break;
    }
    return folder;
}

static enum status look_at_store(struct looking *l, struct error *err)
{
    const char *folder = existing(l->o->cache, l->arena), *name;
    struct error network;
    struct statvfs disk;
    struct statfs fs;
    bool shares;
    double gb;

    if (!folder)
        return error_memory(err);
    if (statfs(folder, &fs) != 0 || statvfs(folder, &disk) != 0)
        return add(l, "store", arena_printf(l->arena, "cannot look at %s", folder),
                   "--cache DIR or HPO_CACHE name another folder", err);
    name = filesystem_name((unsigned long)fs.f_type);
    gb = (double)disk.f_bavail * (double)disk.f_frsize / 1e9;
    shares = copy_can_share(folder);
    TRY(add(l, "store",
            arena_printf(l->arena, "%s, on %s, %.1f GB free", l->o->cache,
                         name ? name : "a file system unknown to hpo", gb),
            layout_refuse_network(folder, l->arena, &network) != OK
                ? "its index needs the locks of one machine: --cache DIR or HPO_CACHE name a "
                  "folder on a local disk"
            : access(folder, W_OK) != 0 ? "you may not write there: --cache DIR or HPO_CACHE"
            : gb < LITTLE_GB
                ? "checkpoints are large: hpo cache gc --max-gb N removes what is old, --cache DIR "
                  "names another disk"
                : NULL,
            err));
    return add(l, "copies", shares ? "share their blocks (reflinks)" : "take time and space",
               shares ? NULL
                      : "a store on btrfs or XFS hands checkpoints on without copying them; all "
                        "else works the same",
               err);
}

/* ---- GPUs ---- */

/* Whether a display or a processor of NVIDIA's is on the bus, whatever drives it. */
static bool has_hardware(struct arena *arena)
{
    static const char bus[] = "/sys/bus/pci/devices";
    struct error ignored;
    char **names, *vendor, *class;
    size_t n;

    if (file_list(bus, arena, &names, &n, &ignored) != OK)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *v = arena_printf(arena, "%s/%s/vendor", bus, names[i]);
        const char *c = arena_printf(arena, "%s/%s/class", bus, names[i]);
        if (v && c && file_read(v, 4096, arena, &vendor, NULL, &ignored) == OK &&
            file_read(c, 4096, arena, &class, NULL, &ignored) == OK &&
            strncmp(vendor, "0x10de", 6) == 0 && strncmp(class, "0x03", 4) == 0)
            return true;
    }
    return false;
}

static enum status look_at_driver(struct looking *l, struct error *err)
{
    const char *driver = cards_driver(l->arena);

    if (driver)
        return add(l, "driver", arena_printf(l->arena, "NVIDIA %s", driver), NULL, err);
    if (has_hardware(l->arena))
        return add(
            l, "driver", "none, though there is an NVIDIA card on the bus",
            "install NVIDIA's driver, 580 or later for CUDA 13, and load it: modprobe nvidia", err);
    return add(l, "driver", "none, and no NVIDIA card on the bus",
               "training runs on the processor; in a container the cards have to be passed on "
               "(--gpus all)",
               err);
}

static enum status look_at_libraries(struct looking *l, struct error *err)
{
    const struct devices_report *r = &l->d->report;
    struct error refusal;

    if (!l->trainer)
        return OK;
    if (devices_ask(l->devices, l->trainer, &l->d->report, &refusal) != OK)
        return add(l, "CUDA", "hpo-trainer does not say",
                   arena_printf(l->arena, "hpo-trainer devices --json: %s%s%s", refusal.where,
                                *refusal.where ? ": " : "", refusal.text),
                   err);
    if (r->why)
        return add(l, "CUDA", arena_printf(l->arena, "hpo-trainer cannot use it: %s", r->why),
                   "docs/gpus.md says what it needs, and how it is built with it; programs of your "
                   "own may bring their CUDA",
                   err);
    return add(l, "CUDA",
               arena_printf(l->arena, "cuBLASLt %s, NCCL %s", r->cublaslt ? r->cublaslt : "none",
                            r->nccl ? r->nccl : "none"),
               r->cublaslt && r->nccl
                   ? NULL
                   : arena_printf(l->arena, "%s%s%s: HPO_CUDA_LIBRARIES names the folder",
                                  r->cublaslt ? "" : "16 bits need libcublasLt",
                                  r->cublaslt || r->nccl ? "" : ", ",
                                  r->nccl ? "" : "ranks on several cards need libnccl"),
               err);
}

static enum status look_at_cards(struct looking *l, struct error *err)
{
    const struct cards *chosen;
    struct error refusal;
    const char *remedy = NULL, *visible = getenv("CUDA_VISIBLE_DEVICES");
    enum status s;

    TRY(cards_find(l->arena, &l->d->all, err));
    s = devices_cards(l->devices, &chosen, &refusal);
    TRY(s == ERR_MEMORY ? error_memory(err) : OK);
    if (s != OK)
        remedy = arena_printf(l->arena, "%s: %s%s%s", refusal.where, refusal.text,
                              l->d->all.n > 0 ? "; " : "", l->d->all.n > 0 ? refusal.hint : "");
    else
        l->d->chosen = *chosen;
    if (s == OK && l->o->gpus.typed)
        l->d->chooser = visible ? "--gpus or CUDA_VISIBLE_DEVICES" : "--gpus";
    else if (s == OK && visible)
        l->d->chooser = "CUDA_VISIBLE_DEVICES";
    if (s == OK && l->d->all.n > 0 && chosen->n == 0)
        remedy = chosen->lack;
    if (l->d->all.n == 0 && !remedy)
        return OK; /* the driver has said why */
    return add(l, "GPUs",
               arena_printf(l->arena, "%zu, of which builds use %zu", l->d->all.n, l->d->chosen.n),
               remedy, err);
}

static enum status look_at_key(struct looking *l, struct error *err)
{
    struct own_key key;
    struct error refusal;
    bool signs;
    const enum status s = keys_open(l->arena, &key, &refusal);

    if (s == ERR_MEMORY)
        return error_memory(err);
    if (s != OK)
        return add(l, "key", "cannot be used",
                   arena_printf(l->arena, "%s: %s", refusal.where, refusal.text), err);
    signs = key.signer;
    keys_close(&key);
    return add(l, "key",
               signs ? arena_printf(l->arena, "%.16s: builds sign with it", key.id)
                     : "none: builds sign nothing (hpo key makes one)",
               NULL, err);
}

static enum status look_at_isolation(struct looking *l, struct error *err)
{
    struct isolation i;
    char landlock[32] = "no";

    isolation_try(&i);
    if (i.landlock > 0)
        (void)snprintf(landlock, sizeof landlock, "version %d", i.landlock);
    return add(l, "isolation",
               arena_printf(l->arena, "user namespaces: %s, Landlock: %s; see docs/sandbox.md",
                            i.namespaces ? "yes" : "no", landlock),
               i.namespaces ? NULL
                            : "without them less is hidden from actions, and --sandbox strict is "
                              "refused; a container, or the sysctl "
                              "kernel.unprivileged_userns_clone, may forbid them",
               err);
}

static enum status look_at_all(struct looking *l, struct error *err)
{
    const char *folder = getenv("TMPDIR");
    const struct devices_context devices = {l->o, &l->capture, folder ? folder : "/tmp", l->arena};
    struct tools_context tools = {l->o, NULL, &l->capture, NULL, l->arena};

    TRY(devices_open(&devices, &l->devices, err));
    tools.devices = l->devices;
    TRY(tools_open(&tools, &l->tools, err));
    TRY(look_at_programs(l, err));
    TRY(look_at_store(l, err));
    TRY(look_at_driver(l, err));
    TRY(look_at_libraries(l, err));
    TRY(look_at_cards(l, err));
    return look_at_key(l, err);
}

enum status doctor_look(const struct options *o, struct arena *arena, struct diagnosis *out,
                        struct error *err)
{
    struct looking l = {.o = o, .arena = arena, .d = out};
    enum status s;

    *out = (struct diagnosis){.n = 0};
    l.capture = (struct capture){&l.reaper, -1, SECONDS};
    s = look_at_all(&l, err);
    runner_end(&l.reaper);
    return s == OK ? look_at_isolation(&l, err) : s;
}
