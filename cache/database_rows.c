/*
 * database_rows: the guard of each row and the sum of each table, as schema.h describes them. The
 * invariant: what a transaction has put, changed and taken away is in `changes`, and goes into
 * table_sum before it commits. Start at guard_of and rows_define.
 */
#include "cache/database_handle.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "base/arena.h"
#include "cache/watch.h"

/* ---- the guard of a row ---- */

/* SipHash-1-3 (Aumasson and Bernstein 2012, with fewer rounds) with the key 0, fed with words. */
struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

static inline void mix(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 = rotate(s->v0, 32) + s->v3;
    s->v2 += s->v1;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static inline void add_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    mix(s);
    s->v0 ^= word;
}

/* Little-endian words, zeros behind the last byte; how many there are was added before. */
static void add_bytes(struct sip *sip, const unsigned char *bytes, size_t n)
{
    struct sip s = *sip;

    for (; n >= 8; bytes += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        add_word(&s, le64toh(word));
    }
    if (n > 0) {
        uint64_t word = 0;
        memcpy(&word, bytes, n);
        add_word(&s, le64toh(word));
    }
    *sip = s;
}

/* A word for the type, one for the number or the length, the bytes. */
static void add_value(struct sip *sip, sqlite3_value *value)
{
    const int type = sqlite3_value_type(value);
    const void *bytes;
    double real;
    uint64_t x;

    add_word(sip, (uint64_t)type);
    switch (type) {
    case SQLITE_INTEGER:
        add_word(sip, (uint64_t)sqlite3_value_int64(value));
        return;
    case SQLITE_FLOAT:
        real = sqlite3_value_double(value);
        memcpy(&x, &real, sizeof x);
        add_word(sip, x);
        return;
    case SQLITE_NULL:
        return;
    default:
        bytes = sqlite3_value_blob(value); /* of a text too: without a copy for its NUL */
        x = (uint64_t)sqlite3_value_bytes(value);
        add_word(sip, x);
        add_bytes(sip, bytes, (size_t)x);
    }
}

static uint64_t guard_of(const char *table, int n, sqlite3_value **values)
{
    struct sip sip = {0x736f6d6570736575, 0x646f72616e646f6d, 0x6c7967656e657261,
                      0x7465646279746573};

    add_bytes(&sip, (const unsigned char *)table, strlen(table) + 1);
    for (int i = 0; i < n; i++)
        add_value(&sip, values[i]);
    sip.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        mix(&sip);
    return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}

static struct change *change_of(struct database *db, const char *table)
{
    for (size_t i = 0; i < SCHEMA_TABLES; i++)
        if (strcmp(schema_tables[i].name, table) == 0)
            return &db->changes[i];
    assert(!"a table of schema.h");
    return NULL;
}

static void note_damage(struct database *db, struct change *change)
{
    change->damaged = db->damaged = true;
}

/* ---- the functions of schema.h ---- */

/* row_new(table, values…): its guard; one row more. */
static void row_new(sqlite3_context *context, int n, sqlite3_value **values)
{
    struct database *db = sqlite3_user_data(context);
    const char *table = (const char *)sqlite3_value_text(values[0]);
    struct change *change = change_of(db, table);
    const uint64_t guard = guard_of(table, n - 1, values + 1);

    change->any = true;
    change->rows++;
    change->sum += guard;
    sqlite3_result_int64(context, (sqlite3_int64)guard);
}

/* row_is(table, digest, columns…): whether it is whole. */
static void row_is(sqlite3_context *context, int n, sqlite3_value **values)
{
    struct database *db = sqlite3_user_data(context);
    const char *table = (const char *)sqlite3_value_text(values[0]);
    const uint64_t guard = guard_of(table, n - 2, values + 2);

    if (guard != (uint64_t)sqlite3_value_int64(values[1]))
        note_damage(db, change_of(db, table));
    sqlite3_result_int(context, guard == (uint64_t)sqlite3_value_int64(values[1]));
}

/* row_changed(table, old digest, new values…): its new guard. */
static void row_changed(sqlite3_context *context, int n, sqlite3_value **values)
{
    struct database *db = sqlite3_user_data(context);
    const char *table = (const char *)sqlite3_value_text(values[0]);
    struct change *change = change_of(db, table);
    const uint64_t guard = guard_of(table, n - 2, values + 2);

    change->any = true;
    change->sum += guard - (uint64_t)sqlite3_value_int64(values[1]);
    sqlite3_result_int64(context, (sqlite3_int64)guard);
}

/* row_gone(table, digest, columns…): one row less. */
static void row_gone(sqlite3_context *context, int n, sqlite3_value **values)
{
    struct database *db = sqlite3_user_data(context);
    struct change *change = change_of(db, (const char *)sqlite3_value_text(values[0]));

    row_is(context, n, values);
    change->any = true;
    change->rows--;
    change->sum -= (uint64_t)sqlite3_value_int64(values[1]);
}

enum status rows_define(struct database *db, struct error *err)
{
    static const struct {
        const char *name;
        void (*run)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {{"row_new", row_new},
                     {"row_is", row_is},
                     {"row_changed", row_changed},
                     {"row_gone", row_gone}};

    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const int rc = sqlite3_create_function_v2(db->handle, functions[i].name, -1,
                                                  SQLITE_UTF8 | SQLITE_DIRECTONLY, db,
                                                  functions[i].run, NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            return database_explain(db, rc, err);
    }
    return OK;
}

/* ---- sums ---- */

static enum status read_sum(struct database *db, const char *table, int64_t *rows, uint64_t *sum,
                            struct error *err)
{
    struct statement *st =
        database_statement(db, "SELECT rows, sum FROM table_sum WHERE name = ?1");

    *rows = 0;
    *sum = 0;
    statement_bind_text(st, 1, table);
    if (statement_row(st)) {
        *rows = statement_integer(st, 0);
        *sum = (uint64_t)statement_integer(st, 1);
    }
    return statement_end(st, err);
}

static enum status write_sum(struct database *db, const char *table, int64_t rows, uint64_t sum,
                             struct error *err)
{
    struct statement *st = database_statement(
        db, "INSERT OR REPLACE INTO table_sum(name, rows, sum) VALUES(?1, ?2, ?3)");

    statement_bind_text(st, 1, table);
    statement_bind_integer(st, 2, rows);
    statement_bind_integer(st, 3, (int64_t)sum);
    return statement_run(st, err);
}

enum status rows_sum(struct database *db, struct error *err)
{
    for (size_t i = 0; i < SCHEMA_TABLES; i++) {
        struct change *change = &db->changes[i];
        int64_t rows;
        uint64_t sum;
        if (!change->any)
            continue;
        TRY(read_sum(db, schema_tables[i].name, &rows, &sum, err));
        TRY(write_sum(db, schema_tables[i].name, rows + change->rows, sum + change->sum, err));
        *change = (struct change){.damaged = change->damaged};
    }
    return OK;
}

/* ---- checking and repairing ---- */

/* Reads a whole table: how many rows are whole, the sum of their guards, how many are damaged. */
static enum status read_table(struct database *db, const struct schema_table *table, int64_t *whole,
                              uint64_t *sum, int64_t *damaged, struct error *err)
{
    struct arena *arena = arena_open();
    char *sql = arena ? arena_printf(arena, "SELECT row_is('%s', digest, %s), digest FROM %s",
                                     table->name, table->columns, table->name)
                      : NULL;
    sqlite3_stmt *st = NULL;
    int rc = sql ? sqlite3_prepare_v2(db->handle, sql, -1, &st, NULL) : SQLITE_NOMEM;

    *whole = *damaged = 0;
    *sum = 0;
    while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        const bool is = sqlite3_column_int(st, 0) != 0;
        *whole += is;
        *damaged += !is;
        if (is)
            *sum += (uint64_t)sqlite3_column_int64(st, 1);
        rc = watch_interrupted(db->watch) ? SQLITE_INTERRUPT : SQLITE_OK;
    }
    sqlite3_finalize(st);
    arena_close(arena);
    return rc == SQLITE_DONE ? OK : database_explain(db, rc, err);
}

enum status database_check_table(struct database *db, size_t i, struct table_check *out,
                                 struct error *err)
{
    const struct schema_table *table = &schema_tables[i];
    int64_t rows, whole;
    uint64_t expected, sum;

    *out = (struct table_check){.name = table->name, .what = table->what};
    TRY(read_sum(db, table->name, &rows, &expected, err));
    TRY(read_table(db, table, &whole, &sum, &out->damaged, err));
    rows += db->changes[i].rows; /* what the open transaction has done is not in there yet */
    expected += db->changes[i].sum;
    out->missing = rows - whole - out->damaged;
    out->wrong_sum = out->damaged == 0 && out->missing == 0 && sum != expected;
    return OK;
}

static enum status say(struct database *db, const struct schema_table *table, int64_t damaged,
                       int64_t missing, struct error *err)
{
    struct arena *arena = arena_open();
    char *sentence = arena ? arena_printf(arena,
                                          "damaged rows in the store's table \"%s\" (%s): %lld "
                                          "dropped, %lld missing; %s",
                                          table->name, table->what, (long long)damaged,
                                          (long long)(missing > 0 ? missing : 0), table->after)
                           : NULL;
    const enum status s = sentence ? database_say(db, sentence, err) : error_memory(err);

    arena_close(arena);
    return s;
}

static enum status repair_table(struct database *db, size_t i, struct error *err)
{
    const struct schema_table *table = &schema_tables[i];
    struct arena *arena = arena_open();
    char *sql = arena ? arena_printf(arena, "DELETE FROM %s WHERE NOT row_is('%s', digest, %s)",
                                     table->name, table->name, table->columns)
                      : NULL;
    int64_t rows, whole, damaged;
    uint64_t expected, sum;
    enum status s = sql ? OK : error_memory(err);

    if (s == OK)
        s = read_sum(db, table->name, &rows, &expected, err);
    if (s == OK)
        s = read_table(db, table, &whole, &sum, &damaged, err);
    if (s == OK)
        s = database_run(db, sql, err);
    if (s == OK)
        s = write_sum(db, table->name, whole, sum, err);
    if (s == OK)
        s = say(db, table, damaged, rows + db->changes[i].rows - whole - damaged, err);
    arena_close(arena);
    db->changes[i] = (struct change){0};
    return s;
}

enum status rows_repair(struct database *db, struct error *err)
{
    enum status s = OK;

    if (!db->damaged || db->repairing)
        return OK;
    db->repairing = true; /* what is read meanwhile is met again, and no news */
    for (size_t i = 0; s == OK && i < SCHEMA_TABLES; i++)
        if (db->changes[i].damaged)
            s = repair_table(db, i, err);
    db->repairing = db->damaged = false;
    return s;
}

enum status rows_count_all(struct database *db, int64_t *rows, struct error *err)
{
    *rows = 0;
    for (size_t i = 0; i < SCHEMA_TABLES; i++) {
        int64_t whole, damaged;
        uint64_t sum;
        TRY(read_table(db, &schema_tables[i], &whole, &sum, &damaged, err));
        TRY(write_sum(db, schema_tables[i].name, whole, sum, err));
        db->changes[i] = (struct change){0};
        if (strcmp(schema_tables[i].name, "revision") != 0)
            *rows += whole;
    }
    return OK;
}

enum status database_repair(struct database *db, struct error *err)
{
    struct table_check checks[SCHEMA_TABLES];
    enum status s = OK;

    database_only_look(db, true);
    for (size_t i = 0; s == OK && i < SCHEMA_TABLES; i++)
        s = database_check_table(db, i, &checks[i], err);
    database_only_look(db, false);
    if (s != OK)
        return s;
    for (size_t i = 0; i < SCHEMA_TABLES; i++)
        if (checks[i].damaged > 0 || checks[i].missing != 0 || checks[i].wrong_sum)
            note_damage(db, &db->changes[i]);
    return rows_repair(db, err);
}

void database_only_look(struct database *db, bool only_look)
{
    db->repairing = only_look;
    if (!only_look) {
        db->damaged = false;
        for (size_t i = 0; i < SCHEMA_TABLES; i++)
            db->changes[i].damaged = false;
    }
}

const char *database_damage(struct database *db)
{
    const char *first = db->n_damages > 0 ? db->damages[0] : NULL;

    if (first)
        memmove(db->damages, db->damages + 1, --db->n_damages * sizeof *db->damages);
    return first;
}
