/*
 * statement: what execution/provenance.h and audit/attest.h have written, read back: files of a
 * target, and what is said of where they come from; or what an audit of it came to. Nothing in it
 * is believed before its envelope's signature was checked.
 */
#ifndef ENGINE_STATEMENT_STATEMENT_H
#define ENGINE_STATEMENT_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct envelope;
struct text;

struct stated_file {
    const char *name; /* counted from the statement's folder */
    struct digest digest;
};

struct stated_link {
    const char *name, *target;
};

/* What a moving name was. */
struct stated_pin {
    const char *url, *rev, *commit;
};

/* What an audit came to, and of which nodes. */
struct stated_audit {
    const char *result;            /* AUDIT_PASSED, ...; NULL: the statement is of a build */
    const char **warned, **failed; /* warned: inconclusive, or their recipe excepts them */
    size_t n_passed, n_warned, n_failed, n_excepted;
    size_t n_before; /* kept in the store since the audit was broken off */
};

/* Of an audit: target, nodes, recipe and audit alone. */
struct statement {
    struct stated_audit audit;
    struct stated_file *files; /* these four lists are sorted by name */
    size_t n_files;
    struct stated_link *links;
    size_t n_links;
    const char **executable, **folders; /* files that may be run; folders with nothing in them */
    size_t n_executable, n_folders;
    struct stated_pin *pins;
    size_t n_pins;
    struct stated_file nodes;    /* TARGET.nodes.jsonl */
    struct stated_file recipe;   /* its file of Lua */
    struct stated_file *sources; /* other files; of a folder the digest of its listing */
    size_t n_sources;
    const char **modules; /* those of the sources that are Lua, which the recipe requires */
    size_t n_modules;
    const char *target, *arguments;  /* canonical --set */
    const char *isolation, *version; /* of hpo */
    int accepted, not_reproducible, n_nodes;
};

/* Behind a target's name: the list of its nodes, and the statement. */
#define STATEMENT_NODES ".nodes.jsonl"
#define STATEMENT_FILE ".intoto.jsonl"

/* The predicate of an audit, and its results. */
extern const char statement_test_result[];
#define AUDIT_PASSED "PASSED"
#define AUDIT_WARNED "WARNED"
#define AUDIT_FAILED "FAILED"

/* ERR_INPUT: it is no statement of hpo's. where: a file, for messages. */
enum status statement_read(const struct envelope *e, const char *where, struct arena *arena,
                           struct statement *out, struct error *err) MUST_CHECK;

/* What a statement of a build says of a name; NULL, false: nothing. */
const struct stated_file *statement_file(const struct statement *s, const char *name);
const struct stated_link *statement_link(const struct statement *s, const char *name);
bool statement_is_executable(const struct statement *s, const char *name);
bool statement_is_empty_folder(const struct statement *s, const char *name);

/* {"name", "digest"}: what in-toto calls a resource, as statements have them. */
void statement_add_resource(struct text *out, const char *name, const struct digest *digest);

#endif
