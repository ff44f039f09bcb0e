/* clone_url: mirrors, and whether a URL is a folder here or a server. Start at clone_find_place. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "engine/clone/clone_state.h"

static const char *const schemes[] = {"http://", "https://",   "ssh://",
                                      "git://",  "git+ssh://", "ssh+git://"};

/* The bytes before a ".git" and slashes at the end, which say nothing. */
static size_t bare_length(const char *url)
{
    size_t n = strlen(url);

    while (n > 1 && url[n - 1] == '/')
        n--;
    return n > 4 && memcmp(url + n - 4, ".git", 4) == 0 ? n - 4 : n;
}

/* What of url lies behind the mirror's `from`, or NULL when the mirror does not concern it. */
static const char *behind(const struct clone_mirror *mirror, const char *url)
{
    size_t n = strlen(mirror->from), bare = bare_length(mirror->from);

    if (bare == bare_length(url) && strncmp(mirror->from, url, bare) == 0)
        return "";
    if (n == 0 || strncmp(mirror->from, url, n) != 0)
        return NULL;
    return strchr("/:", mirror->from[n - 1]) || strchr("/:", url[n]) ? url + n : NULL;
}

static const char *after_mirrors(const struct clone_source *source, struct arena *arena)
{
    const struct clone_mirror *best = NULL;

    for (size_t i = 0; i < source->n_mirrors; i++) {
        const struct clone_mirror *mirror = &source->mirrors[i];
        if (behind(mirror, source->url) && (!best || strlen(mirror->from) >= strlen(best->from)))
            best = mirror;
    }
    return best ? arena_printf(arena, "%s%s", best->to, behind(best, source->url)) : source->url;
}

static bool has_scheme(const char *url)
{
    size_t n = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

    return n > 0 && strncmp(url + n, "://", 3) == 0;
}

/* host:path or user@host:path, as ssh writes it: a colon before the first slash. */
static bool is_host_and_path(const char *url)
{
    size_t n = strcspn(url, "/:");

    return n > 0 && url[n] == ':' && access(url, F_OK) != 0;
}

/* Without what stands before '@' in http: a password, or a token in the user's place. */
static const char *without_secrets(const char *url, struct arena *arena)
{
    const char *host = strstr(url, "://");
    const char *end, *at;

    if (!host)
        return url;
    host += 3;
    end = host + strcspn(host, "/?#");
    at = memrchr(host, '@', (size_t)(end - host));
    if (!at)
        return url;
    return arena_printf(arena, "%.*s%s", (int)(host - url), url, at + 1);
}

static unsigned hex_value(char c)
{
    return (unsigned)(isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* The folder of a file:// URL: %20 and its kin decoded, no host but this one. */
static enum status path_of_file_url(struct clone_place *at, const char *url, struct arena *arena,
                                    struct error *err)
{
    const char *from = url + strlen("file://");
    char *path, *to;

    if (strncmp(from, "localhost/", 10) == 0)
        from += strlen("localhost");
    if (*from != '/')
        return error_set(err, ERR_INPUT, at->name, "expected file:///FOLDER");
    at->path = path = to = arena_string(arena, from);
    if (!path)
        return error_memory(err);
    for (; *from; from++, to++) {
        *to = *from;
        if (*from != '%')
            continue;
        if (!isxdigit((unsigned char)from[1]) || !isxdigit((unsigned char)from[2]) ||
            (from[1] == '0' && from[2] == '0'))
            return error_set(err, ERR_INPUT, at->name,
                             "expected two hexadecimal digits, not both 0, after %%");
        *to = (char)(hex_value(from[1]) << 4 | hex_value(from[2]));
        from += 2;
    }
    *to = '\0';
    return OK;
}

/* The path as it is, or with the ".git" behind it that a bare repository's folder may have. */
static enum status find_folder(struct clone_place *at, struct arena *arena, struct error *err)
{
    char *with_git;

    if (access(at->path, F_OK) == 0)
        return OK;
    if (!(with_git = arena_printf(arena, "%s.git", at->path)))
        return error_memory(err);
    if (access(with_git, F_OK) == 0)
        at->path = with_git;
    return OK;
}

enum status clone_find_place(const struct clone_source *source, struct arena *arena,
                             struct clone_place *out, struct error *err)
{
    const char *url = after_mirrors(source, arena);

    *out = (struct clone_place){.scratch = source->scratch};
    if (!url || !(out->name = without_secrets(source->url, arena)))
        return error_memory(err);
    if (url != source->url) {
        const char *shown = without_secrets(url, arena);
        if (!shown || !(out->name = arena_printf(arena, "%s (mirror %s)", out->name, shown)))
            return error_memory(err);
    }
    if (!*url || strpbrk(url, "\r\n"))
        return error_set(err, ERR_INPUT, out->name, "expected a URL or a folder on one line");
    if (strncmp(url, "file://", 7) == 0) {
        TRY(path_of_file_url(out, url, arena, err));
        return find_folder(out, arena, err);
    }
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
            out->url = url;
    if (!out->url && has_scheme(url))
        return error_set(err, ERR_INPUT, out->name,
                         "expected a folder or a URL of file, http, https, ssh or git");
    if (!out->url && is_host_and_path(url))
        out->url = url;
    if (out->url)
        return OK;
    out->path = url;
    return find_folder(out, arena, err);
}

enum status clone_name(const struct clone_source *source, struct arena *arena, const char **name,
                       struct error *err)
{
    struct clone_place at;

    TRY(clone_find_place(source, arena, &at, err));
    *name = at.name;
    return OK;
}

enum status clone_parse_mirror(const char *text, struct arena *arena, struct clone_mirror *out,
                               struct error *err)
{
    const char *equals = strchr(text, '=');
    const char *to = equals ? equals + 1 : "";

    if (!equals || equals == text || !*to)
        return error_set(err, ERR_INPUT, "--mirror", "expected FROM=TO, found \"%s\"", text);
    if (!(out->from = arena_copy(arena, text, (size_t)(equals - text))))
        return error_memory(err);
    if (*to != '/' && !has_scheme(to) && !is_host_and_path(to)) {
        char folder[4096];
        if (!getcwd(folder, sizeof folder))
            return error_system(err, "--mirror", "find the current folder");
        out->to = arena_printf(arena, "%s/%s", folder, to);
    } else {
        out->to = arena_string(arena, to);
    }
    return out->to ? OK : error_memory(err);
}
