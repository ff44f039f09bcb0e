/*
 * clone_fetch: asks a server and makes a bare copy. The user is never prompted, and a host must
 * prove who it is. Start at clone_fetch; connect_to tries the keys in turn.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/clone/clone_state.h"

/* What libgit2 hands back to the callbacks. */
struct talk {
    const struct clone_place *at;
    struct error *err;
    bool said;   /* a callback has written err */
    bool handed; /* a key, in this connection */
    int next;    /* key to try: 0 the agent, then key_files */
};

static const char *const key_files[] = {"id_ed25519", "id_ecdsa", "id_rsa"};
enum { KEYS = 1 + sizeof key_files / sizeof *key_files };

enum status clone_git_failed(const struct clone_place *at, const char *what, struct error *err)
{
    const git_error *last = git_error_last();
    const char *reason = last && last->message ? last->message : "no reason given";

    if (last && last->klass == GIT_ERROR_NOMEMORY)
        return error_memory(err);
    if (last && last->klass == GIT_ERROR_ODB && strstr(reason, "hash mismatch"))
        return error_set(err, ERR_CORRUPT, at->name, "cannot %s: %s", what, reason);
    return error_set(err, ERR_SYSTEM, at->name, "cannot %s: %s", what, reason);
}

static void say(struct talk *talk, const char *text, const char *more)
{
    (void)error_set(talk->err, ERR_SYSTEM, talk->at->name, "%s%s", text, more);
    talk->said = true;
    git_error_set_str(GIT_ERROR_CALLBACK, talk->err->text);
}

static int check_certificate(git_cert *cert, int valid, const char *host, void *payload)
{
    struct talk *talk = payload;

    if (valid)
        return 0;
    if (cert->cert_type == GIT_CERT_HOSTKEY_LIBSSH2) {
        say(talk, "~/.ssh/known_hosts does not hold the key that this host shows: ", host);
        error_hint(talk->err, "check the key, then connect once with ssh, or add what "
                              "ssh-keyscan prints");
    } else {
        say(talk, "no valid certificate of ", host);
        error_hint(talk->err, "GIT_SSL_CAINFO=FILE or SSL_CERT_FILE=FILE names the authorities "
                              "to trust");
    }
    return GIT_ECERTIFICATE;
}

/* True when an agent answers: libgit2 gives up for good at one that is named but gone. */
static bool has_agent(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("SSH_AUTH_SOCK");
    bool answers;
    int fd;

    if (!path || !*path || strlen(path) >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    answers = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return answers;
}

/* The next key that is there; GIT_EAUTH when all were tried. */
static int next_key(git_credential **out, struct talk *talk, const char *user)
{
    int rc = GIT_EAUTH;
    const char *home = getenv("HOME");
    struct arena *arena = arena_open();

    while (arena && rc == GIT_EAUTH && talk->next < KEYS) {
        int key = talk->next++;
        if (key == 0) {
            if (has_agent())
                rc = git_credential_ssh_key_from_agent(out, user);
            continue;
        }
        char *file = arena_printf(arena, "%s/.ssh/%s", home ? home : "", key_files[key - 1]);
        if (file && access(file, R_OK) == 0)
            rc = git_credential_ssh_key_new(out, user, NULL, file, NULL);
    }
    arena_close(arena);
    talk->handed = talk->handed || rc == 0;
    return rc;
}

static int give_credential(git_credential **out, const char *url, const char *user,
                           unsigned allowed, void *payload)
{
    struct talk *talk = payload;
    const struct passwd *me;
    int rc;

    (void)url;
    if (allowed & GIT_CREDENTIAL_USERNAME) {
        me = getpwuid(geteuid());
        return git_credential_username_new(out, me ? me->pw_name : "git");
    }
    if (allowed & GIT_CREDENTIAL_SSH_KEY) {
        if ((rc = next_key(out, talk, user)) == GIT_EAUTH) {
            say(talk, "the server accepts none of our ssh keys for the user ", user);
            error_hint(talk->err, "tried: the agent (SSH_AUTH_SOCK), then id_ed25519, id_ecdsa "
                                  "and id_rsa in ~/.ssh; a key with a passphrase needs the agent");
        }
        return rc;
    }
    say(talk, "the server asks for a password, and hpo never prompts for one", "");
    error_hint(talk->err, "use its ssh address, or --mirror URL=FOLDER with a clone of your own");
    return GIT_EAUTH;
}

static git_remote_callbacks callbacks_of(struct talk *talk)
{
    return (git_remote_callbacks){
        .version = GIT_REMOTE_CALLBACKS_VERSION,
        .credentials = give_credential,
        .certificate_check = check_certificate,
        .payload = talk,
    };
}

/*
 * Connects. A key file that cannot be read (a passphrase) ends the connection, so as long as keys
 * were handed out the next connection goes on with the next key. The one that works stays the first
 * for later connections of this talk.
 */
static enum status connect_to(git_remote *remote, struct talk *talk)
{
    const git_remote_connect_options options = {
        .version = GIT_REMOTE_CONNECT_OPTIONS_VERSION,
        .callbacks = callbacks_of(talk),
        .proxy_opts = {.version = GIT_PROXY_OPTIONS_VERSION, .type = GIT_PROXY_AUTO},
    };
    enum status s;
    int rc;

    do {
        talk->handed = false;
        rc = git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &options);
    } while (rc < 0 && talk->handed && !talk->said);
    if (rc == 0) {
        talk->next -= talk->handed;
        return OK;
    }
    if (talk->said)
        return ERR_SYSTEM;
    s = clone_git_failed(talk->at, "connect", talk->err);
    if (strstr(talk->err->text, "content-type"))
        error_hint(talk->err,
                   "the server gives only files there, it does not speak git's protocol");
    return s;
}

static int fetch_specs(git_remote *remote, struct talk *talk, char **specs, size_t n)
{
    const git_strarray list = {.strings = specs, .count = n};
    const git_fetch_options options = {
        .version = GIT_FETCH_OPTIONS_VERSION,
        .callbacks = callbacks_of(talk),
        .prune = GIT_FETCH_NO_PRUNE,
        .download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE,
        .proxy_opts = {.version = GIT_PROXY_OPTIONS_VERSION, .type = GIT_PROXY_AUTO},
    };

    return git_remote_fetch(remote, &list, &options, NULL);
}

/* The certificates that git's and OpenSSL's variables name, which libgit2 does not read. */
static enum status use_certificates(const struct clone_place *at, struct error *err)
{
    const char *file = getenv("GIT_SSL_CAINFO"), *folder = getenv("SSL_CERT_DIR");

    if (!file || !*file)
        file = getenv("SSL_CERT_FILE");
    if (file && !*file)
        file = NULL;
    if (folder && !*folder)
        folder = NULL;
    if (strncmp(at->url, "https:", 6) != 0 || (!file && !folder))
        return OK;
    if (git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, file, folder) < 0) {
        (void)clone_git_failed(at, "read the certificates", err);
        error_hint(err, "GIT_SSL_CAINFO or SSL_CERT_FILE: %s; SSL_CERT_DIR: %s",
                   file ? file : "not set", folder ? folder : "not set");
        return ERR_INPUT;
    }
    return OK;
}

enum status clone_names_add(struct clone_names *names, struct arena *arena, const char *full,
                            const git_oid *id, struct error *err)
{
    const char *copy = arena_string(arena, full);
    struct clone_name *last = arena_push(arena, names->list, names->n, names->capacity);

    if (!copy || !last)
        return error_memory(err);
    last->full = copy;
    git_oid_cpy(&last->id, id);
    return OK;
}

/* An annotated tag is followed by NAME^{}, the commit that it tags. */
static enum status copy_names(const git_remote_head **heads, size_t n, struct arena *arena,
                              struct clone_names *out, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = heads[i]->name;
        size_t length = strlen(name);
        if (length <= 3 || strcmp(name + length - 3, "^{}") != 0)
            TRY(clone_names_add(out, arena, name, &heads[i]->oid, err));
        else if (out->n > 0 && strncmp(out->list[out->n - 1].full, name, length - 3) == 0 &&
                 !out->list[out->n - 1].full[length - 3])
            git_oid_cpy(&out->list[out->n - 1].id, &heads[i]->oid);
    }
    return OK;
}

enum status clone_list(const struct clone_place *at, struct arena *arena, struct clone_names *out,
                       struct error *err)
{
    enum status s;
    struct talk talk = {.at = at, .err = err};
    git_remote *remote = NULL;
    const git_remote_head **heads;
    size_t n;

    if ((s = use_certificates(at, err)) != OK)
        return s;
    if (git_remote_create_detached(&remote, at->url) < 0)
        s = clone_git_failed(at, "use this URL", err);
    if (s == OK)
        s = connect_to(remote, &talk);
    if (s == OK && git_remote_ls(&heads, &n, remote) < 0)
        s = clone_git_failed(at, "list the branches and tags", err);
    if (s == OK)
        s = copy_names(heads, n, arena, out, err);
    git_remote_free(remote);
    return s;
}

/* Fetches one commit if that is allowed, else whatever the branches and tags reach. */
static enum status fetch_into(git_repository *git, const struct clone_place *at, const char *commit,
                              struct arena *arena, struct error *err)
{
    enum status s;
    struct talk talk = {.at = at, .err = err};
    char *everything[] = {"+refs/heads/*:refs/hpo/heads/*", "+refs/tags/*:refs/hpo/tags/*"};
    char *one = arena_printf(arena, "+%s:refs/hpo/commit", commit ? commit : "");
    git_remote *remote = NULL;

    if (!one)
        return error_memory(err);
    if (git_remote_create_anonymous(&remote, git, at->url) < 0)
        return clone_git_failed(at, "use this URL", err);
    if ((s = connect_to(remote, &talk)) != OK)
        goto out;
    if (commit && fetch_specs(remote, &talk, &one, 1) == 0)
        goto out;
    if (!git_remote_connected(remote) && (s = connect_to(remote, &talk)) != OK)
        goto out;
    if (fetch_specs(remote, &talk, everything, 2) < 0)
        s = talk.said ? ERR_SYSTEM : clone_git_failed(at, "fetch", err);
out:
    git_remote_free(remote);
    return s;
}

enum status clone_fetch(const struct clone_place *at, const char *commit, struct arena *arena,
                        struct clone_repository *out, struct error *err)
{
    char *folder = arena_printf(arena, "%s/clone-XXXXXX", at->scratch);

    TRY(use_certificates(at, err));
    if (!folder)
        return error_memory(err);
    if (!mkdtemp(folder))
        return error_system(err, at->scratch, "make a temporary folder");
    out->folder = folder;
    if (git_repository_init(&out->git, folder, 1) < 0)
        return clone_git_failed(at, "make a temporary repository", err);
    return fetch_into(out->git, at, commit, arena, err);
}
