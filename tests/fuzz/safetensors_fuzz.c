/* safetensors: every byte that the reader hands out lies in the file, whatever its header says. */
#include "trainer/model/safetensors.h"

#include <string.h>

#include "memory_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Reads all its elements. The reader has promised that they are there. */
static void read_all(const struct safetensor *t)
{
    struct error err = {0};
    volatile float last;
    float buffer[64];
    const float *x;

    for (size_t i = 0; i < t->n; i += 64) {
        const size_t count = t->n - i < 64 ? t->n - i : 64;
        if (safetensors_floats(t, i, count, buffer, &x, &err) != OK) {
            if (strcmp(t->dtype, "F32") == 0 || !err.text[0])
                abort();
            return;
        }
        for (size_t j = 0; j < count; j++)
            last = x[j];
    }
    (void)last;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct memory_file file = memory_file_open(bytes, n);
    struct error err = {0};
    struct safetensors *opened;

    if (safetensors_open(file.path, &opened, &err) == OK) {
        for (size_t i = 0; i < safetensors_count(opened); i++) {
            const struct safetensor *t = safetensors_at(opened, i);
            if (safetensors_find(opened, t->name) != t)
                abort();
            read_all(t);
        }
        safetensors_close(opened);
    } else if (!err.where[0] || !err.text[0]) {
        abort();
    }
    memory_file_close(&file);
    return 0;
}
