/*
 * replay: runs a fuzz target over saved files, under any compiler and without libFuzzer.
 *
 * Arguments are files and folders of files. Each file's bytes go to LLVMFuzzerTestOneInput in a
 * block of exactly their size, so that a sanitizer sees the first byte read behind it. The target
 * says no by aborting. A file that cannot be read, or no file at all, is a failure.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int complain(const char *path)
{
    (void)fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
    return -1;
}

/* The number of files read: 1, or -1. */
static int replay_file(const char *path, size_t n)
{
    int done = -1;
    uint8_t *bytes = malloc(n ? n : 1);
    FILE *file = bytes ? fopen(path, "rb") : NULL;

    if (file && fread(bytes, 1, n, file) == n) {
        (void)fprintf(stderr, "%s\n", path); /* before the call: an abort names its file */
        (void)LLVMFuzzerTestOneInput(bytes, n);
        done = 1;
    } else {
        (void)complain(path);
    }
    if (file)
        (void)fclose(file);
    free(bytes);
    return done;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int replay(const char *path)
{
    int done = 0;
    struct stat st;
    struct dirent **entries;

    if (stat(path, &st) != 0)
        return complain(path);
    if (!S_ISDIR(st.st_mode))
        return replay_file(path, (size_t)st.st_size);
    int n = scandir(path, &entries, visible, by_name);
    if (n < 0)
        return complain(path);
    for (int i = 0; i < n; i++) {
        char *inner = NULL;
        int files = -1;
        if (asprintf(&inner, "%s/%s", path, entries[i]->d_name) >= 0) {
            files = replay(inner);
            free(inner);
        }
        done = files < 0 || done < 0 ? -1 : done + files;
        free(entries[i]);
    }
    free(entries);
    return done;
}

int main(int argc, char **argv)
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        int files = replay(argv[i]);
        if (files < 0)
            return 1;
        total += files;
    }
    (void)printf("%d files\n", total);
    return total > 0 ? 0 : 1;
}
