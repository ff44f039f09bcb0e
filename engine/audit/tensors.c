/* tensors: headers, then elements. Start at tensors_compare. */
#include "engine/audit/tensors.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { LENGTH_BYTES = 8, MOST_TOLD = 3 };

static const uint64_t most_header = (uint64_t)100 << 20;

struct file {
    const unsigned char *data; /* of the elements */
    size_t n;
    const struct json *header;
};

struct tensor {
    const char *type;
    const unsigned char *bytes;
    size_t n;
};

static bool open_file(const unsigned char *bytes, size_t n, struct arena *arena, struct file *out)
{
    uint64_t length = 0;
    struct error ignored;
    struct json *header;

    if (n < LENGTH_BYTES)
        return false;
    for (int i = 0; i < LENGTH_BYTES; i++)
        length |= (uint64_t)bytes[i] << (8 * i);
    if (length > n - LENGTH_BYTES || length > most_header ||
        json_parse((const char *)bytes + LENGTH_BYTES, (size_t)length, "header", JSON_STRICT, arena,
                   &header, &ignored) != OK ||
        header->kind != JSON_OBJECT)
        return false;
    *out = (struct file){bytes + LENGTH_BYTES + length, n - LENGTH_BYTES - (size_t)length, header};
    return true;
}

static bool find(const struct file *f, const char *name, struct tensor *out)
{
    const struct json *entry = json_get(f->header, name), *offsets;
    struct error ignored;

    if (!entry || json_want_string(entry, "", "dtype", &out->type, &ignored) != OK ||
        json_want_array(entry, "", "data_offsets", &offsets, &ignored) != OK || offsets->n != 2)
        return false;
    for (int i = 0; i < 2; i++)
        if (!offsets->items[i].whole || offsets->items[i].integer < 0 ||
            (uint64_t)offsets->items[i].integer > f->n)
            return false;
    if (offsets->items[1].integer < offsets->items[0].integer)
        return false;
    out->bytes = f->data + offsets->items[0].integer;
    out->n = (size_t)(offsets->items[1].integer - offsets->items[0].integer);
    return true;
}

/* ---- elements ---- */

static size_t width_of(const char *type)
{
    const size_t n = strlen(type);

    if (strcmp(type, "BOOL") == 0)
        return 1;
    if (n >= 2 && strcmp(type + n - 2, "64") == 0)
        return 8;
    if (n >= 2 && strcmp(type + n - 2, "32") == 0)
        return 4;
    if (n >= 2 && strcmp(type + n - 2, "16") == 0)
        return 2;
    return 1;
}

static uint64_t load(const unsigned char *bytes, size_t width)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < width; i++)
        bits |= (uint64_t)bytes[i] << (8 * i);
    return bits;
}

/* Floats in the order of their values: neighbours differ by 1, as integers do. */
static double rank_of(uint64_t bits, size_t width)
{
    const uint64_t sign = (uint64_t)1 << (8 * width - 1);

    return bits & sign ? -(double)(bits & ~sign) : (double)bits;
}

static void compare(const char *path, const char *name, const struct tensor *was,
                    const struct tensor *is, struct text *out)
{
    const size_t width = width_of(was->type), n = was->n / width;
    double most = 0;
    size_t differ = 0;

    for (size_t i = 0; i < n; i++) {
        const uint64_t a = load(was->bytes + i * width, width);
        const uint64_t b = load(is->bytes + i * width, width);
        if (a == b)
            continue;
        differ++;
        most = fmax(most, fabs(rank_of(a, width) - rank_of(b, width)));
    }
    text_printf(out,
                "%s: tensor %s: %zu of %zu elements differ, the largest difference is %.0f units "
                "in the last place\n",
                path, name, differ, n, most);
}

void tensors_compare(const unsigned char *was, size_t n_was, const unsigned char *is, size_t n_is,
                     const char *path, struct arena *arena, struct text *out)
{
    struct file a, b;
    size_t told = 0;

    if (!open_file(was, n_was, arena, &a) || !open_file(is, n_is, arena, &b))
        return;
    for (size_t i = 0; i < a.header->n; i++) {
        const char *name = a.header->members[i].name;
        struct tensor x, y;
        if (strcmp(name, "__metadata__") == 0 || !find(&a, name, &x))
            continue;
        if (!find(&b, name, &y) || strcmp(x.type, y.type) != 0 || x.n != y.n) {
            if (told++ < MOST_TOLD)
                text_printf(out, "%s: tensor %s is not there, or of another type or shape\n", path,
                            name);
            continue;
        }
        if (memcmp(x.bytes, y.bytes, x.n) != 0 && told++ < MOST_TOLD)
            compare(path, name, &x, &y, out);
    }
    if (told > MOST_TOLD)
        text_printf(out, "%s: %zu more tensors differ\n", path, told - MOST_TOLD);
}
