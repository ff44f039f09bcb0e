/* keys: where the key lies, and who may read it. Start at keys_open. */
#include "engine/statement/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/sign.h"

enum { KEY_LIMIT = 64 * 1024 };

/* NULL: nobody has named one. */
static const char *named_file(void)
{
    const char *name = getenv("HPO_KEY_FILE");

    return name && *name ? name : NULL;
}

/* *path NULL: nothing says where. */
static enum status find_path(struct arena *arena, const char **path, struct error *err)
{
    const char *given = named_file(), *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");

    *path = NULL;
    if (given) {
        *path = given;
        return OK;
    }
    if (config && *config == '/')
        *path = arena_printf(arena, "%s/hpo/key.pem", config);
    else if (home && *home == '/')
        *path = arena_printf(arena, "%s/.config/hpo/key.pem", home);
    else
        return OK;
    return *path ? OK : error_memory(err);
}

static enum status read_key(const char *path, struct arena *arena, char **pem, size_t *n,
                            struct error *err)
{
    struct stat st;

    TRY(file_read(path, KEY_LIMIT, arena, pem, n, err));
    if (stat(path, &st) != 0)
        return error_system(err, path, "look at");
    if ((st.st_mode & 077) == 0)
        return OK;
    sign_forget(*pem, *n);
    (void)error_set(err, ERR_INPUT, path, "others than you may read this key: its mode is %03o",
                    (unsigned)(st.st_mode & 0777));
    error_hint(err, "chmod 600 %s, or a new key if somebody has read it", path);
    return ERR_INPUT;
}

static enum status name_key(struct own_key *key, struct arena *arena, struct error *err)
{
    struct verifier *v;
    char *pem;
    enum status s;

    TRY(signer_public(key->signer, arena, &pem, err));
    key->public = pem;
    TRY(verifier_open(pem, strlen(pem), &v, err));
    s = verifier_id(v, key->id, err);
    verifier_close(v);
    return s;
}

enum status keys_open(struct arena *arena, struct own_key *out, struct error *err)
{
    char *pem;
    size_t n;
    enum status s;

    *out = (struct own_key){.path = NULL};
    TRY(find_path(arena, &out->path, err));
    if (!out->path)
        return OK;
    if (!named_file() && access(out->path, R_OK) != 0 && errno == EACCES)
        return OK; /* another user's home */
    s = read_key(out->path, arena, &pem, &n, err);
    if (s == ERR_NOT_FOUND && !named_file())
        return OK;
    if (s == ERR_NOT_FOUND)
        return error_set(err, ERR_INPUT, "HPO_KEY_FILE", "there is no file %s", out->path);
    TRY(s);
    s = signer_open(pem, n, &out->signer, err);
    sign_forget(pem, n);
    if (s == ERR_INPUT)
        error_place(err, "%s", out->path);
    if (s == OK && (s = name_key(out, arena, err)) != OK)
        keys_close(out);
    return s;
}

void keys_close(struct own_key *key)
{
    signer_close(key->signer);
    key->signer = NULL;
}

/* The folder of the key is its owner's, too. */
static enum status make_folder(const char *path, struct arena *arena, struct error *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash && slash > path ? arena_copy(arena, path, (size_t)(slash - path)) : NULL;
    const mode_t mask = umask(077);
    const enum status s = folder ? file_make_folders(folder, err) : OK;

    (void)umask(mask);
    return s;
}

static enum status write_new(const char *path, const char *pem, size_t n, bool *made,
                             struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum status s;

    *made = fd >= 0;
    if (fd < 0)
        return errno == EEXIST ? OK : error_system(err, path, "make");
    s = file_write_all(fd, path, pem, n, err);
    if (s == OK && fsync(fd) != 0)
        s = error_system(err, path, "write");
    if (close(fd) != 0 && s == OK)
        s = error_system(err, path, "write");
    if (s != OK)
        (void)unlink(path);
    return s;
}

enum status keys_make(struct arena *arena, struct own_key *out, bool *made, struct error *err)
{
    const char *path;
    char *pem;
    size_t n;
    enum status s;

    *made = false;
    TRY(find_path(arena, &path, err));
    if (!path)
        return error_set(err, ERR_INPUT, "HOME",
                         "expected a folder for the key: HOME, "
                         "XDG_CONFIG_HOME or HPO_KEY_FILE");
    if (access(path, F_OK) != 0) {
        TRY(make_folder(path, arena, err));
        TRY(sign_make(arena, &pem, &n, err));
        s = write_new(path, pem, n, made, err);
        sign_forget(pem, n);
        TRY(s);
    }
    return keys_open(arena, out, err);
}
