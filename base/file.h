/*
 * file: whole files and folders, with a message for every failure.
 *
 * Writing is all or nothing: temporary file, write, fsync, rename, fsync of the folder. No function
 * follows a symbolic link when it removes or lists; removing stays on one mount.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;

/*
 * Reads a whole regular file of at most limit bytes into the arena; a NUL stands behind the bytes.
 * ERR_NOT_FOUND: no such file. ERR_INPUT: larger than limit, or not a regular file. n may be NULL.
 */
enum status file_read(const char *path, size_t limit, struct arena *arena, char **bytes, size_t *n,
                      struct error *err) MUST_CHECK;

/* The last bytes of a file, at most `most` of them; else as file_read. */
enum status file_read_end(const char *path, size_t most, struct arena *arena, char **bytes,
                          size_t *n, struct error *err) MUST_CHECK;

/*
 * The first call of a program. Who started it may have closed descriptor 0, 1 or 2; then the next
 * file opened, perhaps a database, would get that number, and output would be written into it. This
 * call takes the free numbers; writing to them fails.
 */
void file_hold_standard(void);

/* Writes all n bytes to an open descriptor, over short writes and signals. path is for messages. */
enum status file_write_all(int fd, const char *path, const void *bytes, size_t n,
                           struct error *err) MUST_CHECK;

/* Replaces path by a file with these bytes, durably and atomically; mode 0644. */
enum status file_write(const char *path, const void *bytes, size_t n, struct error *err) MUST_CHECK;

/* Makes a folder and its parents; one that exists is fine. */
enum status file_make_folders(const char *path, struct error *err) MUST_CHECK;

/*
 * Removes a file or a whole folder, read-only ones too; what is absent is fine. ERR_SYSTEM: it, or
 * something in it, cannot be removed, and is named; what is mounted in it is never touched.
 */
enum status file_remove(const char *path, struct error *err) MUST_CHECK;

/* The names in a folder without "." and "..", sorted by bytes. ERR_NOT_FOUND: no such folder. */
enum status file_list(const char *path, struct arena *arena, char ***names, size_t *n,
                      struct error *err) MUST_CHECK;

/* Makes the folder entry of a file durable. */
enum status file_sync_folder(const char *path, struct error *err) MUST_CHECK;

/*
 * The absolute path behind path, links followed. ERR_NOT_FOUND: there is nothing; ERR_SYSTEM: it
 * cannot be looked up. The string lives in the arena.
 */
enum status file_absolute(const char *path, struct arena *arena, char **absolute,
                          struct error *err) MUST_CHECK;

/* True for a folder, and for a link to one. */
bool file_is_folder(const char *path);

/* "FOLDER/NAME", or NULL when there is no memory. */
char *file_join(struct arena *arena, const char *folder, const char *name);

/*
 * True when path is a relative path that stays inside its folder: not empty, no leading '/', no "."
 * or ".." or empty component, no NUL.
 */
bool file_is_inner_path(const char *path);

/* Whether a path is that folder's or lies in it, by their letters alone. */
bool file_is_below(const char *path, const char *folder);

#endif
