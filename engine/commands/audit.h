/* audit: what the parts of hpo audit share. */
#ifndef ENGINE_COMMANDS_AUDIT_H
#define ENGINE_COMMANDS_AUDIT_H

#include "engine/audit/attest.h"
#include "engine/audit/place.h"
#include "engine/options.h"
#include "engine/statement/keys.h"
#include "engine/statement/signed.h"

struct build;
struct recipe;

struct audited {
    struct arena *arena;
    struct options o; /* with the --set of the last build */
    struct store *store;
    struct lineage record;
    struct lineage now; /* with --from-nothing: what was made */
    struct choice choice;
    struct place place;
    struct finding *findings;
    struct verdicts verdicts;
    int n_told_later;               /* audit_told_later */
    int64_t run;                    /* of the last build */
    struct signed_statement stated; /* with --against */
    struct own_key key;             /* that signs what is found, where there is one */
    struct tested *tested;          /* the targets */
    size_t n_tested;
    struct digest recipe; /* of its file */
    const char *folder;   /* out/RECIPE/audit */
    const char *targets;  /* what is audited, for people: "default, best" */
    const char **known;   /* targets that were built */
    size_t n_known;
    const char *const *names; /* of nodes, on the command line */
    size_t n_names;
    const char *unknown; /* the first word that is no target, or NULL */
    size_t n_targets;    /* words that are */
};

/* What the store has of the last build, of the targets or nodes that are named. ERR_INPUT: it does
 * not know them. */
enum status audit_find_record(struct audited *a, struct error *err) MUST_CHECK;

/* What a statement has, with --against. ERR_INPUT: it is of another recipe, target or --set.
 * ERR_DIFFERS: it is not signed by a key that is trusted. */
enum status audit_find_statement(struct audited *a, struct error *err) MUST_CHECK;

/* With --against: what the statement says of the target's files, and of which nodes there are, with
 * what was made. */
enum status audit_compare_target(struct audited *a, struct build *b, struct error *err) MUST_CHECK;

/* Where what is found is left, signed. */
enum status audit_find_folder(struct audited *a, const struct recipe *recipe,
                              struct error *err) MUST_CHECK;

#endif
