/* elf: header, segments, the dynamic section, its strings. Start at elf_libraries. */
#include "engine/process/elf.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "engine/process/places.h"

enum { MOST_SEGMENTS = 256, MOST_ENTRIES = 4096, MOST_TEXT = 64 * 1024 };

struct elf {
    int fd;
    struct arena *arena;
    const Elf64_Phdr *segments;
    size_t n;
};

/* n bytes at a place of the file, or NULL. */
static void *read_at(const struct elf *e, uint64_t at, size_t n)
{
    char *bytes = at <= INT64_MAX ? arena_alloc(e->arena, n + 1) : NULL;

    return bytes && pread(e->fd, bytes, n, (off_t)at) == (ssize_t)n ? bytes : NULL;
}

static bool read_segments(struct elf *e)
{
    const Elf64_Ehdr *h = read_at(e, 0, sizeof *h);

    if (!h || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 || h->e_ident[EI_CLASS] != ELFCLASS64 ||
        h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_phentsize != sizeof(Elf64_Phdr) ||
        h->e_phnum > MOST_SEGMENTS)
        return false;
    e->n = h->e_phnum;
    e->segments = read_at(e, h->e_phoff, e->n * sizeof *e->segments);
    return e->segments;
}

/* Where in the file an address of the program lies; UINT64_MAX: nowhere. */
static uint64_t place_of(const struct elf *e, uint64_t address)
{
    for (size_t i = 0; i < e->n; i++) {
        const Elf64_Phdr *s = &e->segments[i];
        if (s->p_type == PT_LOAD && address >= s->p_vaddr && address - s->p_vaddr < s->p_filesz)
            return s->p_offset + (address - s->p_vaddr);
    }
    return UINT64_MAX;
}

/* The text at this place of the strings; NULL: there is none. */
static const char *text_at(const struct elf *e, uint64_t strings, uint64_t size, uint64_t at)
{
    const uint64_t place = place_of(e, strings);
    const size_t n = size > at && size - at < MOST_TEXT ? (size_t)(size - at) : MOST_TEXT;

    if (place == UINT64_MAX || at >= size)
        return NULL;
    return read_at(e, place + at, n < size - at ? n : (size_t)(size - at));
}

static const char *find_path(const struct elf *e)
{
    uint64_t strings = 0, size = 0, runpath = UINT64_MAX, rpath = UINT64_MAX;

    for (size_t i = 0; i < e->n; i++) {
        const Elf64_Phdr *s = &e->segments[i];
        const size_t n = s->p_filesz / sizeof(Elf64_Dyn);
        const Elf64_Dyn *d;
        if (s->p_type != PT_DYNAMIC || n > MOST_ENTRIES)
            continue;
        if (!(d = read_at(e, s->p_offset, n * sizeof *d)))
            return NULL;
        for (size_t k = 0; k < n && d[k].d_tag != DT_NULL; k++) {
            const uint64_t value = d[k].d_un.d_val;
            strings = d[k].d_tag == DT_STRTAB ? value : strings;
            size = d[k].d_tag == DT_STRSZ ? value : size;
            runpath = d[k].d_tag == DT_RUNPATH ? value : runpath;
            rpath = d[k].d_tag == DT_RPATH ? value : rpath;
        }
    }
    if (runpath == UINT64_MAX)
        runpath = rpath;
    return runpath == UINT64_MAX ? NULL : text_at(e, strings, size, runpath);
}

/* One folder of the list, $ORIGIN replaced. */
static enum status add_folder(const char *program, const char *word, size_t n,
                              struct places *places, struct error *err)
{
    static const char *const names[] = {"$ORIGIN", "${ORIGIN}"};
    const char *slash = strrchr(program, '/'), *folder = NULL;
    char real[PATH_MAX];

    for (size_t i = 0; i < 2 && !folder; i++) {
        const size_t length = strlen(names[i]);
        if (n >= length && strncmp(word, names[i], length) == 0)
            folder = arena_printf(places->arena, "%.*s%.*s", (int)(slash - program), program,
                                  (int)(n - length), word + length);
    }
    if (!folder && !(folder = arena_copy(places->arena, word, n)))
        return error_memory(err);
    if (!realpath(folder, real))
        return OK;
    TRY(places_add(places, real, err)); /* and as the loader asks for it */
    return places_add(places, folder, err);
}

enum status elf_libraries(const char *path, struct places *places, struct error *err)
{
    struct elf e = {.fd = open(path, O_RDONLY | O_CLOEXEC), .arena = places->arena};
    const char *list = NULL;

    if (e.fd >= 0 && read_segments(&e))
        list = find_path(&e);
    if (e.fd >= 0)
        close(e.fd);
    while (list && *list) {
        const size_t n = strcspn(list, ":");
        TRY(add_folder(path, list, n, places, err));
        list += n;
        list += *list == ':';
    }
    return OK;
}
