/* jsonl: the file is read whole; lines are cut from it one by one. */
#include "trainer/model/jsonl.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "trainer/lfs.h"

static const size_t file_max = (size_t)8 << 30;

enum status jsonl_open(const char *path, struct arena *arena, struct jsonl *out, struct error *err)
{
    char *bytes;
    size_t n;

    TRY(lfs_read(path, file_max, arena, &bytes, &n, err));
    *out = (struct jsonl){.path = path, .at = bytes, .end = bytes + n};
    return OK;
}

enum status jsonl_next(struct jsonl *file, struct arena *one, struct json **value,
                       struct error *err)
{
    *value = NULL;
    while (file->at < file->end) {
        const char *line = file->at;
        const char *stop = memchr(line, '\n', (size_t)(file->end - line));
        const size_t n = (size_t)((stop ? stop : file->end) - line);
        file->at = line + n + 1;
        file->line++;
        (void)snprintf(file->where, sizeof file->where, "%.230s:%zu", file->path, file->line);
        if (strspn(line, " \t\r") < n)
            return json_parse(line, n, file->where, JSON_STRICT, one, value, err);
    }
    return OK;
}
