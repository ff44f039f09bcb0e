/* signed: the signature comes first, what it says after. Start at signed_read. */
#include "engine/statement/signed.h"

#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/sign.h"
#include "engine/statement/envelope.h"
#include "engine/statement/keys.h"

enum { STATEMENT_LIMIT = 64 << 20, KEY_LIMIT = 64 * 1024 };

static enum status check_with(const struct envelope *e, const char *pem, size_t n, const char *name,
                              struct arena *arena, struct trusted_key *by, bool *right,
                              struct error *err)
{
    struct verifier *v;
    enum status s = verifier_open(pem, n, &v, err);

    if (s == ERR_INPUT)
        error_place(err, "%s", name);
    TRY(s);
    s = envelope_check(e, v, arena, right, err);
    if (s == OK && *right)
        s = verifier_id(v, by->id, err);
    by->name = name;
    verifier_close(v);
    return s;
}

static enum status check_with_own(const struct envelope *e, struct arena *arena,
                                  struct trusted_key *by, bool *right, struct error *err)
{
    struct own_key own;
    enum status s;

    TRY(keys_open(arena, &own, err));
    if (!own.signer) {
        (void)error_set(err, ERR_INPUT, "", "there is no key to check the signature with");
        error_hint(err, "--key FILE names the public key of who signed it");
        return ERR_INPUT;
    }
    s = check_with(e, own.public, strlen(own.public), "your own key", arena, by, right, err);
    keys_close(&own);
    return s;
}

static enum status check(const struct envelope *e, const char *path, const char *const *keys,
                         size_t n_keys, struct arena *arena, struct trusted_key *by,
                         struct error *err)
{
    bool right = false;

    if (n_keys == 0)
        TRY(check_with_own(e, arena, by, &right, err));
    for (size_t i = 0; i < n_keys && !right; i++) {
        char *pem;
        size_t n;
        const enum status s = file_read(keys[i], KEY_LIMIT, arena, &pem, &n, err);
        TRY(s == ERR_NOT_FOUND ? ERR_INPUT : s);
        TRY(check_with(e, pem, n, keys[i], arena, by, &right, err));
    }
    if (right)
        return OK;
    return error_set(err, ERR_DIFFERS, path,
                     "no key that you trust has signed this, or it was changed since%s%.16s",
                     e->ids[0][0] ? ": it names the key " : "", e->ids[0]);
}

static enum status find_folder(const char *path, bool audit, struct arena *arena,
                               const char **folder, struct error *err)
{
    const char *slash = strrchr(path, '/');

    *folder = slash ? arena_copy(arena, path, (size_t)(slash - path) + 1) : ".";
    if (*folder && audit)
        *folder = file_join(arena, *folder, "..");
    return *folder ? OK : error_memory(err);
}

/* What speaks of one target must not lie beside the files of another, as if it spoke of these. */
static enum status check_name(const char *path, const struct statement *s, struct error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const size_t n = strlen(s->target);

    if (strncmp(name, s->target, n) == 0 && strcmp(name + n, STATEMENT_FILE) == 0)
        return OK;
    (void)error_set(err, ERR_DIFFERS, path, "it is %s of target %s, and is named %s",
                    s->audit.result ? "an audit" : "a statement", s->target, name);
    error_hint(err, "its name has to be %s" STATEMENT_FILE ", beside the files of that target",
               s->target);
    return ERR_DIFFERS;
}

/* The statement beside a target's files, its folder or the list of its nodes: what was meant. */
static enum status hint_at_statement(const char *path, struct arena *arena, struct error *err)
{
    size_t n = strlen(path);

    while (n > 1 && path[n - 1] == '/')
        n--;
    for (; n > 0 && path[n - 1] != '/'; n--) {
        const char *meant;
        if (path[n] != '.' && path[n] != '/' && path[n] != '\0')
            continue;
        if (!(meant = arena_printf(arena, "%.*s" STATEMENT_FILE, (int)n, path)))
            return error_memory(err);
        if (strcmp(meant, path) == 0 || access(meant, R_OK) != 0)
            continue;
        error_hint(err, "the statement is %s", meant);
        break;
    }
    return ERR_INPUT;
}

static enum status read_envelope(const char *path, struct arena *arena, struct envelope *out,
                                 struct error *err)
{
    char *bytes, *end;
    size_t n;
    enum status s = file_read(path, STATEMENT_LIMIT, arena, &bytes, &n, err);

    TRY(s == ERR_NOT_FOUND ? ERR_INPUT : s);
    if ((end = memchr(bytes, '\n', n)) != NULL && end + 1 != bytes + n)
        return error_set(err, ERR_INPUT, path, "expected a statement, which is one line");
    return envelope_read(bytes, end ? (size_t)(end - bytes) : n, path, arena, out, err);
}

enum status signed_read(const char *path, const char *const *keys, size_t n_keys,
                        struct arena *arena, struct signed_statement *out, struct error *err)
{
    struct envelope e;
    const enum status s = read_envelope(path, arena, &e, err);

    TRY(s == ERR_INPUT ? hint_at_statement(path, arena, err) : s);
    TRY(check(&e, path, keys, n_keys, arena, &out->by, err));
    TRY(statement_read(&e, path, arena, &out->statement, err));
    TRY(check_name(path, &out->statement, err));
    return find_folder(path, out->statement.audit.result, arena, &out->folder, err);
}
