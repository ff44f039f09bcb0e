/*
 * schema: the tables. Digests and keys are 32 bytes. Rows that a build reads by the thousand are
 * narrow and lie in the order of their keys (WITHOUT ROWID); what is wide lies beside them.
 *
 * needs says which blobs (those that are files) a tree or a log needs: owner is the tree's digest,
 * for a log the action's key. It answers "may this blob go" without a walk over the store.
 */
#include "cache/schema.h"

const char *const schema_objects[] = {
    "CREATE TABLE table_sum(name TEXT PRIMARY KEY, rows INTEGER NOT NULL, sum INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID",
    "CREATE TABLE inline_blob(digest BLOB PRIMARY KEY, bytes BLOB NOT NULL) STRICT",
    "CREATE TABLE trusted(blob BLOB PRIMARY KEY, ino INTEGER NOT NULL, size INTEGER NOT NULL,"
    " mtime_ns INTEGER NOT NULL, digest INTEGER NOT NULL) STRICT, WITHOUT ROWID",

    "CREATE TABLE result(key BLOB PRIMARY KEY, kind TEXT NOT NULL, name TEXT, tree BLOB,"
    " bytes INTEGER NOT NULL, reports TEXT, log BLOB, seconds REAL NOT NULL, run INTEGER NOT NULL,"
    " kept INTEGER NOT NULL, marked INTEGER NOT NULL, used_day INTEGER NOT NULL,"
    " digest INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX result_tree ON result(tree) WHERE kept",
    "CREATE INDEX result_unit ON result(key) WHERE kept AND kind = 'unit'",
    "CREATE TABLE detail(key BLOB PRIMARY KEY, description TEXT NOT NULL, info TEXT,"
    " digest INTEGER NOT NULL) STRICT",
    "CREATE TABLE other_result(id INTEGER PRIMARY KEY, key BLOB NOT NULL, tree BLOB,"
    " bytes INTEGER NOT NULL, reports TEXT, log BLOB, seconds REAL NOT NULL, run INTEGER NOT NULL,"
    " kept INTEGER NOT NULL, digest INTEGER NOT NULL) STRICT",
    "CREATE INDEX other_result_key ON other_result(key)",
    "CREATE INDEX other_result_tree ON other_result(tree) WHERE kept",
    "CREATE TABLE needs(owner BLOB NOT NULL, blob BLOB NOT NULL, digest INTEGER NOT NULL,"
    " PRIMARY KEY(owner, blob)) STRICT, WITHOUT ROWID",
    "CREATE INDEX needs_blob ON needs(blob)",
    "CREATE TABLE root(owner TEXT NOT NULL, key BLOB NOT NULL, digest INTEGER NOT NULL,"
    " PRIMARY KEY(owner, key)) STRICT, WITHOUT ROWID",
    "CREATE INDEX root_key ON root(key)",

    "CREATE TABLE stat(path TEXT PRIMARY KEY, dev INTEGER NOT NULL, ino INTEGER NOT NULL,"
    " size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,"
    " content BLOB NOT NULL, hashed_day INTEGER NOT NULL, digest INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID",

    "CREATE TABLE run(id INTEGER PRIMARY KEY, recipe TEXT NOT NULL, arguments TEXT NOT NULL,"
    " started INTEGER NOT NULL, seconds REAL, ran INTEGER, cached INTEGER, failed INTEGER,"
    " status TEXT, digest INTEGER NOT NULL) STRICT",
    "CREATE INDEX run_recipe ON run(recipe)",
    "CREATE TABLE node(recipe TEXT NOT NULL, name TEXT NOT NULL, run INTEGER NOT NULL,"
    " key BLOB NOT NULL, digest INTEGER NOT NULL, PRIMARY KEY(recipe, name, run))"
    " STRICT, WITHOUT ROWID",
    "CREATE TABLE journal(key BLOB PRIMARY KEY, answer TEXT NOT NULL, day INTEGER NOT NULL,"
    " digest INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE study_table(recipe TEXT NOT NULL, arguments TEXT NOT NULL, study TEXT NOT NULL,"
    " run INTEGER NOT NULL, body TEXT NOT NULL, digest INTEGER NOT NULL,"
    " PRIMARY KEY(recipe, arguments, study)) STRICT",
    "CREATE TABLE snapshot(name BLOB PRIMARY KEY, content BLOB NOT NULL, run INTEGER NOT NULL,"
    " day INTEGER NOT NULL, revision INTEGER NOT NULL, digest INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID",
    "CREATE TABLE revision(number INTEGER NOT NULL, digest INTEGER NOT NULL) STRICT",
    "CREATE TABLE failure(key BLOB PRIMARY KEY, run INTEGER NOT NULL, name TEXT, folder TEXT,"
    " log BLOB, text TEXT NOT NULL, day INTEGER NOT NULL, digest INTEGER NOT NULL) STRICT",

    "CREATE TABLE acceptance(key BLOB PRIMARY KEY, stands_for BLOB NOT NULL, recipe TEXT NOT NULL,"
    " name TEXT NOT NULL, who TEXT NOT NULL, uid INTEGER NOT NULL, time INTEGER NOT NULL, digest "
    "INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID",
    "CREATE INDEX acceptance_stands_for ON acceptance(stands_for)",
};
const size_t schema_n_objects = sizeof schema_objects / sizeof *schema_objects;

#define AGAIN "what it held is made again when it is needed"

const struct schema_table schema_tables[SCHEMA_TABLES] = {
    {RESULT, "results of actions and units", AGAIN},
    {JOURNAL, "answers of searchers, schedulers and tools", "they are asked again"},
    {STAT, "digests of sources", "the files are read again"},
    {NEEDS, "which blobs a tree needs", AGAIN},
    {NODE, "keys of nodes", "`hpo why` knows less of the past"},
    {DETAIL, "descriptions of keys", "`hpo why` knows less of the past"},
    {OTHER_RESULT, "second results of keys", "what differed is not known any more"},
    {ROOT, "checkpoints to keep", AGAIN},
    {TRUSTED, "digests of large blobs", "the blobs are read again"},
    {RUN, "builds", "`hpo runs` knows less of the past"},
    {STUDY_TABLE, "tables of studies", "the next build of the study writes it anew"},
    {SNAPSHOT, "graphs of builds", "the next build looks at everything"},
    {FAILURE, "failures", "what failed is tried again"},
    {REVISION, "the number of changed answers", "the next build looks at everything"},
    {ACCEPTANCE, "keys accepted by hand", "what was accepted runs, or is accepted again"},
};

const char schema_upgrade_before[] =
    "DROP INDEX result_tree; DROP INDEX result_unit; DROP INDEX other_result_key;"
    "DROP INDEX other_result_tree; DROP INDEX needs_blob; DROP INDEX want_key;"
    "DROP INDEX run_recipe; DROP TABLE snapshot; DROP TABLE revision;"
    "ALTER TABLE result RENAME TO old_result; ALTER TABLE detail RENAME TO old_detail;"
    "ALTER TABLE other_result RENAME TO old_other; ALTER TABLE needs RENAME TO old_needs;"
    "ALTER TABLE stat RENAME TO old_stat; ALTER TABLE run RENAME TO old_run;"
    "ALTER TABLE node RENAME TO old_node; ALTER TABLE journal RENAME TO old_journal;"
    "ALTER TABLE study_table RENAME TO old_table; ALTER TABLE failure RENAME TO old_failure;";

/* Copies the rows of a table, whose columns had the names `from`. */
#define COPY(table, old, from) COPY_(table, old, from)
#define COPY_(name, columns, old, from)                                                            \
    "INSERT INTO " name "(" columns ", digest) SELECT " from ", row_new('" name "', " from         \
    ") FROM " old "; DROP TABLE " old ";"

const char schema_upgrade_after[] =
    "INSERT INTO inline_blob SELECT digest, bytes FROM small; DROP TABLE small;" COPY(
        RESULT, "old_result",
        "key, kind, name, tree, bytes, reports, log, seconds, run, kept, marked, used_day")
        COPY(DETAIL, "old_detail", "key, description, info") COPY(
            OTHER_RESULT, "old_other", "id, key, tree, bytes, reports, log, seconds, run, kept")
            COPY(NEEDS, "old_needs", "owner, blob") COPY(ROOT, "want", "owner, key")
                COPY(TRUSTED, "blob_stat", "digest, ino, size, mtime_ns")
                    COPY(STAT, "old_stat",
                         "path, dev, ino, size, mtime_ns, ctime_ns, digest, hashed_day")
                        COPY(RUN, "old_run",
                             "id, recipe, arguments, started, seconds, ran, cached, failed, status")
                            COPY(NODE, "old_node", "recipe, name, run, key")
                                COPY(JOURNAL, "old_journal", "key, answer, day") COPY(
                                    STUDY_TABLE, "old_table", "recipe, arguments, study, run, body")
                                    COPY(FAILURE, "old_failure",
                                         "key, run, name, folder, log, text, day");
