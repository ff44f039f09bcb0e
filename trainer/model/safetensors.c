/*
 * safetensors: the reader parses the header into an arena of its own and checks that the tensors
 * tile the data; the writer streams into a temporary file. Start at safetensors_open.
 */
#include "trainer/model/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/lfs.h"

enum { HEADER_MAX = 100000000, LENGTH_BYTES = 8 };

struct safetensors {
    struct arena *arena;
    const char *path;
    unsigned char *map;
    size_t size, data; /* of the file; where the data begins */
    struct safetensor *tensors;
    size_t n;
};

static const struct {
    const char *name;
    unsigned bits;
} dtypes[] = {
    {"F32", 32},    {"F16", 16},    {"BF16", 16},   {"F64", 64},    {"I64", 64},
    {"I32", 32},    {"I16", 16},    {"I8", 8},      {"U64", 64},    {"U32", 32},
    {"U16", 16},    {"U8", 8},      {"BOOL", 8},    {"C64", 64},    {"F8_E4M3", 8},
    {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4},
};

static enum status map_file(struct safetensors *f, struct error *err)
{
    struct stat st;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    enum status s = OK;

    if (fd < 0 && errno == ENOENT)
        return error_set(err, ERR_NOT_FOUND, f->path, "cannot open: %s", strerror(errno));
    if (fd < 0 || fstat(fd, &st) != 0) {
        s = error_system(err, f->path, "open");
    } else if (!S_ISREG(st.st_mode) || st.st_size < LENGTH_BYTES) {
        s = error_set(err, ERR_INPUT, f->path, "expected a safetensors file, found %s",
                      S_ISREG(st.st_mode) ? "fewer than 8 bytes" : "no regular file");
    } else {
        f->size = (size_t)st.st_size;
        f->map = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (f->map == MAP_FAILED) {
            f->map = NULL;
            s = error_system(err, f->path, "map");
        }
    }
    if (fd >= 0)
        (void)close(fd);
    return s;
}

/* The two offsets of a tensor, inside the data. */
static enum status read_offsets(const struct safetensors *f, const struct json *entry,
                                const char *where, size_t *begin, size_t *end, struct error *err)
{
    const size_t size = f->size - f->data;
    const struct json *list;

    TRY(json_want_array(entry, where, "data_offsets", &list, err));
    if (list->n != 2 || !list->items[0].whole || !list->items[1].whole ||
        list->items[0].integer < 0 || list->items[1].integer < list->items[0].integer ||
        (uint64_t)list->items[1].integer > size) {
        (void)error_set(err, ERR_INPUT, where,
                        "data_offsets: expected [begin, end] within the %zu bytes of data", size);
        error_hint(err, "is the file whole? an interrupted download leaves its beginning");
        return ERR_INPUT;
    }
    *begin = (size_t)list->items[0].integer;
    *end = (size_t)list->items[1].integer;
    return OK;
}

static enum status read_shape(const struct json *entry, const char *where, struct safetensor *t,
                              struct error *err)
{
    const struct json *list;

    TRY(json_want_array(entry, where, "shape", &list, err));
    if (list->n > SAFETENSORS_RANK_MAX)
        return error_set(err, ERR_INPUT, where, "shape: expected at most %d sides, found %zu",
                         SAFETENSORS_RANK_MAX, list->n);
    t->rank = list->n;
    t->n = 1;
    for (size_t i = 0; i < list->n; i++) {
        if (!list->items[i].whole || list->items[i].integer < 0)
            return error_set(err, ERR_INPUT, where, "shape: expected whole numbers ≥ 0");
        t->shape[i] = (size_t)list->items[i].integer;
        if (__builtin_mul_overflow(t->n, t->shape[i], &t->n))
            return error_set(err, ERR_INPUT, where, "shape: too many elements to count");
    }
    return OK;
}

static enum status read_tensor(struct safetensors *f, const struct json_member *m, size_t *end,
                               struct error *err)
{
    struct safetensor *t = &f->tensors[f->n++];
    char where[300];
    size_t begin = 0, bits = 0, total;

    (void)snprintf(where, sizeof where, "%.150s: %.100s", f->path, m->name);
    t->name = m->name;
    TRY(json_want_string(&m->value, where, "dtype", &t->dtype, err));
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtypes[i].name, t->dtype) == 0)
            bits = dtypes[i].bits;
    if (bits == 0)
        return error_set(err, ERR_INPUT, where, "dtype: \"%.40s\" is not one of the format",
                         t->dtype);
    TRY(read_shape(&m->value, where, t, err));
    TRY(read_offsets(f, &m->value, where, &begin, end, err));
    if (__builtin_mul_overflow(t->n, bits, &total) || total % 8 != 0 || total / 8 != *end - begin)
        return error_set(err, ERR_INPUT, where,
                         "data_offsets: %zu bytes are not what shape and dtype say", *end - begin);
    t->bytes = f->map + f->data + begin;
    return OK;
}

static enum status check_metadata(const struct safetensors *f, const struct json *value,
                                  struct error *err)
{
    if (value->kind != JSON_OBJECT)
        return error_set(err, ERR_INPUT, f->path, "__metadata__: expected an object, found %s",
                         json_kind_name(value));
    for (size_t i = 0; i < value->n; i++)
        if (value->members[i].value.kind != JSON_STRING)
            return error_set(err, ERR_INPUT, f->path, "__metadata__: expected strings only");
    return OK;
}

struct extent {
    size_t begin, end;
};

static int by_begin(const void *a, const void *b)
{
    const struct extent *x = a, *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static enum status check_tiling(const struct safetensors *f, struct extent *extents,
                                struct error *err)
{
    size_t at = 0;

    qsort(extents, f->n, sizeof *extents, by_begin);
    for (size_t i = 0; i < f->n; i++) {
        if (extents[i].begin != at)
            return error_set(err, ERR_INPUT, f->path,
                             "expected a tensor at byte %zu of the data, found one at %zu", at,
                             extents[i].begin);
        at = extents[i].end;
    }
    if (at != f->size - f->data)
        return error_set(err, ERR_INPUT, f->path,
                         "expected %zu bytes of data behind the header, found %zu", at,
                         f->size - f->data);
    return OK;
}

static enum status read_header(struct safetensors *f, struct error *err)
{
    uint64_t length = 0;
    struct json *header;
    struct extent *extents;

    TRY(lfs_refuse((const char *)f->map, f->size, f->path, err));
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        length = length << 8 | f->map[i];
    if (length > HEADER_MAX || length > f->size - LENGTH_BYTES)
        return error_set(
            err, ERR_INPUT, f->path,
            "the header's length, its first 8 bytes, is %llu in a file of %zu bytes: this "
            "is no safetensors file, or only the beginning of one",
            (unsigned long long)length, f->size);
    f->data = LENGTH_BYTES + (size_t)length;
    if (length == 0 || f->map[LENGTH_BYTES] != '{')
        return error_set(err, ERR_INPUT, f->path, "expected a header that begins with '{'");
    TRY(json_parse((const char *)f->map + LENGTH_BYTES, (size_t)length, f->path, JSON_STRICT,
                   f->arena, &header, err));
    f->tensors = arena_array(f->arena, header->n, sizeof *f->tensors);
    extents = arena_array(f->arena, header->n, sizeof *extents);
    if (!f->tensors || !extents)
        return error_memory(err);
    for (size_t i = 0; i < header->n; i++) {
        const struct json_member *m = &header->members[i];
        size_t end = 0;
        if (strcmp(m->name, "__metadata__") == 0) {
            TRY(check_metadata(f, &m->value, err));
            continue;
        }
        TRY(read_tensor(f, m, &end, err));
        extents[f->n - 1].begin = (size_t)(f->tensors[f->n - 1].bytes - f->map) - f->data;
        extents[f->n - 1].end = end;
    }
    return check_tiling(f, extents, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct safetensor *)a)->name, ((const struct safetensor *)b)->name);
}

enum status safetensors_open(const char *path, struct safetensors **out, struct error *err)
{
    struct arena *arena = arena_open();
    struct safetensors *f = arena ? arena_alloc(arena, sizeof *f) : NULL;
    enum status s;

    if (!f) {
        arena_close(arena);
        return error_memory(err);
    }
    f->arena = arena;
    if (!(f->path = arena_string(arena, path)))
        s = error_memory(err);
    else if ((s = map_file(f, err)) == OK && f->map)
        s = read_header(f, err);
    if (s != OK) {
        safetensors_close(f);
        return s;
    }
    qsort(f->tensors, f->n, sizeof *f->tensors, by_name);
    *out = f;
    return OK;
}

void safetensors_close(struct safetensors *file)
{
    if (!file)
        return;
    if (file->map)
        (void)munmap(file->map, file->size);
    arena_close(file->arena);
}

size_t safetensors_count(const struct safetensors *file)
{
    return file->n;
}

const struct safetensor *safetensors_at(const struct safetensors *file, size_t i)
{
    return &file->tensors[i];
}

const struct safetensor *safetensors_find(const struct safetensors *file, const char *name)
{
    const struct safetensor key = {.name = name};

    return bsearch(&key, file->tensors, file->n, sizeof *file->tensors, by_name);
}

static float from_bits(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* IEEE binary16 → binary32, exactly. */
static float from_half(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, fraction = half & 0x3ff;
    const uint32_t exponent = half >> 10 & 0x1f;

    if (exponent == 0x1f)
        return from_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent != 0)
        return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    return (sign ? -1.0f : 1.0f) * (float)fraction * 0x1p-24f;
}

enum status safetensors_floats(const struct safetensor *t, size_t first, size_t n, float *buffer,
                               const float **out, struct error *err)
{
    *out = buffer;
    if (strcmp(t->dtype, "F32") == 0) {
        const unsigned char *bytes = t->bytes + first * sizeof *buffer;
        if ((uintptr_t)bytes % _Alignof(float) == 0)
            *out = (const float *)(const void *)bytes;
        else
            memcpy(buffer, bytes, n * sizeof *buffer);
        return OK;
    }
    for (size_t i = 0; i < n; i++) {
        const unsigned char *b = t->bytes + (first + i) * 2;
        const uint16_t bits = (uint16_t)(b[0] | b[1] << 8);
        if (t->dtype[0] == 'B' && t->dtype[1] == 'F')
            buffer[i] = from_bits((uint32_t)bits << 16);
        else if (strcmp(t->dtype, "F16") == 0)
            buffer[i] = from_half(bits);
        else
            return error_set(err, ERR_INPUT, t->name, "dtype: expected F32, F16 or BF16, found %s",
                             t->dtype);
    }
    return OK;
}

struct safetensors_writer {
    struct arena *arena;
    const char *path, *temporary, *folder;
    int fd;
    unsigned char *buffer;
    size_t used;
    size_t left; /* floats still to come */
    bool named;  /* the temporary file is no more */
    enum status status;
    struct error error;
};

enum { BUFFER = 1 << 20 };

static void keep_failure(struct safetensors_writer *w, enum status s)
{
    if (w->status == OK)
        w->status = s;
}

static void put_bytes(struct safetensors_writer *w, const void *bytes, size_t n)
{
    const unsigned char *from = bytes;

    while (n > 0 && w->status == OK) {
        const size_t room = BUFFER - w->used, part = n < room ? n : room;
        memcpy(w->buffer + w->used, from, part);
        w->used += part;
        from += part;
        n -= part;
        if (w->used == BUFFER) {
            keep_failure(w, file_write_all(w->fd, w->path, w->buffer, w->used, &w->error));
            w->used = 0;
        }
    }
}

static int entries_by_name(const void *a, const void *b)
{
    return strcmp(((const struct safetensors_entry *)a)->name,
                  ((const struct safetensors_entry *)b)->name);
}

/* Length and JSON, padded with spaces to a multiple of 8. */
static enum status put_header(struct safetensors_writer *w, const struct safetensors_entry *entries,
                              size_t n, struct error *err)
{
    struct text t = text_in(w->arena);
    unsigned char length[LENGTH_BYTES];
    char *header;
    size_t size, at = 0;

    text_add(&t, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < n; i++) {
        size_t floats = 1;
        text_add(&t, ",");
        json_write_string(&t, entries[i].name);
        text_add(&t, ":{\"dtype\":\"F32\",\"shape\":[");
        for (size_t j = 0; j < entries[i].rank; j++) {
            text_printf(&t, "%s%zu", j ? "," : "", entries[i].shape[j]);
            floats *= entries[i].shape[j];
        }
        text_printf(&t, "],\"data_offsets\":[%zu,%zu]}", at, at + floats * sizeof(float));
        at += floats * sizeof(float);
    }
    text_add(&t, "}");
    while (!t.failed && t.n % LENGTH_BYTES != 0)
        text_add(&t, " ");
    TRY(text_finish(&t, &header, &size, err));
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        length[i] = (unsigned char)((uint64_t)size >> (8 * i));
    put_bytes(w, length, sizeof length);
    put_bytes(w, header, size);
    w->left = at / sizeof(float);
    return OK;
}

enum status safetensors_begin(const char *path, struct safetensors_entry *entries, size_t n,
                              struct safetensors_writer **out, struct error *err)
{
    struct arena *arena = arena_open();
    struct safetensors_writer *w = arena ? arena_alloc(arena, sizeof *w) : NULL;
    const char *slash;
    enum status s = OK;

    if (!w) {
        arena_close(arena);
        return error_memory(err);
    }
    w->arena = arena;
    w->fd = -1;
    w->path = arena_string(arena, path);
    w->temporary = arena_printf(arena, "%s.part-%ld", path, (long)getpid());
    w->buffer = arena_alloc(arena, BUFFER);
    slash = strrchr(path, '/');
    w->folder = slash ? arena_copy(arena, path, (size_t)(slash - path) + 1) : ".";
    qsort(entries, n, sizeof *entries, entries_by_name);
    if (!w->path || !w->temporary || !w->buffer || !w->folder)
        s = error_memory(err);
    else if ((w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) < 0)
        s = error_system(err, path, "create");
    else
        s = put_header(w, entries, n, err);
    if (s != OK) {
        safetensors_abandon(w);
        return s;
    }
    *out = w;
    return OK;
}

void safetensors_put(struct safetensors_writer *w, const float *x, size_t n)
{
    if (w->status == OK && n > w->left)
        keep_failure(w,
                     error_set(&w->error, ERR_FAILED, w->path, "more data than its header says"));
    if (w->status != OK)
        return;
    w->left -= n;
    put_bytes(w, x, n * sizeof *x);
}

enum status safetensors_commit(struct safetensors_writer *w, struct error *err)
{
    enum status s;

    if (w->status == OK && w->left > 0)
        keep_failure(w,
                     error_set(&w->error, ERR_FAILED, w->path, "less data than its header says"));
    if (w->status == OK)
        keep_failure(w, file_write_all(w->fd, w->path, w->buffer, w->used, &w->error));
    if (w->status == OK && fsync(w->fd) != 0)
        keep_failure(w, error_system(&w->error, w->path, "sync"));
    if (w->status == OK && rename(w->temporary, w->path) != 0)
        keep_failure(w, error_system(&w->error, w->path, "rename into"));
    w->named = w->status == OK;
    if ((s = w->status) != OK)
        *err = w->error;
    else
        s = file_sync_folder(w->folder, err);
    safetensors_abandon(w);
    return s;
}

void safetensors_abandon(struct safetensors_writer *w)
{
    if (!w)
        return;
    if (w->fd >= 0) {
        (void)close(w->fd);
        if (!w->named)
            (void)unlink(w->temporary);
    }
    arena_close(w->arena);
}
