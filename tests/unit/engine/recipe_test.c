/* recipe: what decides in a study is known by its source; what a recipe can reach, and cannot. */
#include "engine/recipe/recipe.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/text.h"
#include "engine/recipe/numerics.h"
#include "lua/embedded.h"
#include "tests/unit/place.h"

/* A recipe that is open, its graph, and what was said where it could not be opened. */
struct opened {
    struct graph *graph;
    struct recipe *recipe;
    struct error err;
};

static void write_file(struct place *p, const char *path, const char *text)
{
    assert_int_equal(file_write(path, text, strlen(text), &p->err), OK);
}

static enum status open_with(struct opened *o, const struct recipe_options *options)
{
    *o = (struct opened){.graph = NULL};
    assert_int_equal(graph_open(&o->graph, &o->err), OK);
    return recipe_open(options, o->graph, &o->recipe, &o->err);
}

static enum status open_recipe(struct place *p, struct opened *o, const char *text)
{
    write_file(p, "r.lua", text);
    return open_with(o, &(struct recipe_options){.path = "r.lua", .share = "."});
}

static void close_recipe(struct opened *o)
{
    recipe_close(o->recipe);
    graph_close(o->graph);
}

/* The recipe is refused, with this in the message. */
static void refuse(struct place *p, const char *text, const char *message)
{
    struct opened o;
    enum status s = open_recipe(p, &o, text);

    if (s != ERR_INPUT || !strstr(o.err.text, message))
        print_error("%s\n-> %d %s: %s\n", text, s, o.err.where, o.err.text);
    assert_int_equal(s, ERR_INPUT);
    assert_non_null(strstr(o.err.text, message));
    close_recipe(&o);
}

/* The recipe is read; an error in it says what it found otherwise. */
static void accept(struct place *p, const char *text)
{
    struct opened o;
    enum status s = open_recipe(p, &o, text);

    if (s != OK)
        print_error("%s\n-> %s: %s\n", text, o.err.where, o.err.text);
    assert_int_equal(s, OK);
    close_recipe(&o);
}

/* ---- what decides ---- */

#define STUDY(fields)                                                                              \
    "local hpo = require 'hpo'\n"                                                                  \
    "return { s = hpo.study { space = { x = hpo.uniform(0, 1) }, samples = 2, trial = print, "     \
    "scheduler = hpo.scheduler.fifo { max_t = 2 }, " fields " } }"

/* What the only study's decisions hang on. */
static const char *root_of(struct place *p, const char *text)
{
    const char *root = NULL;
    struct opened o;

    assert_int_equal(open_recipe(p, &o, text), OK);
    for (int i = 0; i < graph_size(o.graph); i++)
        if (graph_node(o.graph, i)->kind == NODE_STUDY)
            root = arena_string(p->arena, graph_node(o.graph, i)->study->source);
    assert_non_null(root);
    close_recipe(&o);
    return root;
}

static size_t module_named(const char *name, size_t n)
{
    size_t i = 0;

    while (embedded[i].name &&
           (strncmp(embedded[i].name, name, n) != 0 || embedded[i].name[n] != '\0'))
        i++;
    return i;
}

/* Marks the module, and what its text requires: found by reading it, not by running it. */
static void mark(const char *name, size_t n, bool *marks)
{
    static const char word[] = "\nlocal ";
    const size_t module = module_named(name, n);

    if (!embedded[module].name || marks[module])
        return;
    marks[module] = true;
    for (const char *at = embedded[module].bytes; (at = strstr(at, "require \"")) != NULL;) {
        const char *line = at;
        at += strlen("require \"");
        while (line > embedded[module].bytes && line[-1] != '\n')
            line--;
        if (strncmp(line, word + 1, strlen(word + 1)) == 0 || strncmp(line, "require", 7) == 0)
            mark(at, strcspn(at, "\""), marks);
    }
}

static const char *expected_root(struct place *p, const char *const *names)
{
    bool marks[256] = {false};
    struct text all = text_in(p->arena);
    struct digest digest;
    char *bytes, hex[DIGEST_HEX + 1];
    size_t n;

    for (; *names; names++)
        mark(*names, strlen(*names), marks);
    text_printf(&all, "numerics %d\n", SEARCH_NUMERICS);
    for (size_t i = 0; embedded[i].name; i++)
        if (marks[i]) {
            text_printf(&all, "%s %zu\n", embedded[i].name, embedded[i].n);
            text_add_bytes(&all, embedded[i].bytes, embedded[i].n);
        }
    assert_int_equal(text_finish(&all, &bytes, &n, &p->err), OK);
    assert_int_equal(digest_bytes(bytes, n, &digest, &p->err), OK);
    digest_hex(&digest, hex);
    return arena_string(p->arena, hex);
}

static void test_a_root_has_what_was_required_and_nothing_else(void **state)
{
    static const char *const random[] = {"hpo.sandbox",       "hpo.globals",        "hpo.study",
                                         "hpo.search.random", "hpo.scheduler.fifo", NULL},
                             *const bohb[] = {"hpo.sandbox",     "hpo.globals",        "hpo.study",
                                              "hpo.search.bohb", "hpo.scheduler.fifo", NULL};

    assert_string_equal(root_of(*state, STUDY("")), expected_root(*state, random));
    assert_string_equal(root_of(*state, STUDY("search = hpo.search.bohb {}")),
                        expected_root(*state, bohb));
    assert_string_not_equal(expected_root(*state, random), expected_root(*state, bohb));
}

static void test_a_recipes_text_is_in_no_root_of_ours(void **state)
{
    assert_string_equal(root_of(*state, STUDY("")), root_of(*state, "-- a comment\n" STUDY("")));
}

#define OWN                                                                                        \
    "search = function() return { suggest = function() return require('mine').next() end } end"

static void test_a_recipes_own_searcher_has_all_its_files_in_the_root(void **state)
{
    const char *first, *second;

    write_file(*state, "mine.lua", "return { next = require('deep').next }");
    write_file(*state, "deep.lua", "return { next = function() return { x = 0.5 } end }");
    first = root_of(*state, "local mine = require 'mine'\n" STUDY(OWN));
    assert_string_equal(first, root_of(*state, "local mine = require 'mine'\n" STUDY(OWN)));
    write_file(*state, "deep.lua", "return { next = function() return { x = 0.7 } end }");
    second = root_of(*state, "local mine = require 'mine'\n" STUDY(OWN));
    assert_string_not_equal(first, second);
    /* What is required behind the study decides too. */
    assert_string_not_equal(second,
                            root_of(*state, "local hpo = require 'hpo'\nlocal s = "
                                            "(function() " STUDY(OWN) " end)()\n"
                                                                      "require 'mine' return s"));
}

static void test_a_file_is_required_before_the_recipe_is_read(void **state)
{
    struct opened o;
    const char *params;
    int calls = -1;

    write_file(*state, "mine.lua", "return { next = function() return { x = 0.5 } end }");
    assert_int_equal(open_recipe(*state, &o, STUDY(OWN)), OK);
    for (int i = 0; i < graph_size(o.graph); i++)
        if (graph_node(o.graph, i)->kind == NODE_STUDY)
            calls = graph_node(o.graph, i)->study->callbacks;
    assert_int_equal(recipe_wake(o.recipe, calls, &o.err), OK);
    assert_int_equal(recipe_suggest(o.recipe, calls, 0, graph_arena(o.graph), &params, &o.err),
                     ERR_INPUT);
    assert_non_null(strstr(o.err.text, "\"mine\" comes too late"));
    assert_string_equal(o.err.where, "r.lua:2");
    close_recipe(&o);
}

/* ---- what a recipe can reach ---- */

#define RETURN "\nlocal hpo = require 'hpo' return { x = hpo.text 'x' }"

static void test_no_text_shows_an_address(void **state)
{
    static const char *const formats[] = {"%p",  "%-p", "%--p", "%20p",  "%-20.3p", "% p",
                                          "%#p", "%+p", "%0p",  "a%%%p", "%s %p"};

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "local t = string.format('%s', 'a', {})", formats[i]);
        refuse(*state, text, "%p would show an address");
    }
    accept(*state, "assert(string.format('100%%p') == '100%p')\n"
                   "assert(('%d%%plain'):format(3) == '3%plain')" RETURN);
    accept(*state, "local values = { {}, print, coroutine.create(print) }\n"
                   "for _, v in ipairs(values) do\n"
                   "  assert(tostring(v) == type(v) and ('%s'):format(v) == type(v))\n"
                   "  local _, message = pcall(function() return v + 1 end)\n"
                   "  assert(not message:find '0x', message)\n"
                   "end" RETURN);
    refuse(*state, "error({})", "an error that is a table, not a text");
}

static void test_a_recipe_sees_no_weak_tables(void **state)
{
    refuse(*state, "setmetatable({}, { __mode = 'k' })", "neither __gc nor weak tables");
    refuse(*state, "setmetatable({}, { __gc = print })", "neither __gc nor weak tables");
}

static void test_a_recipe_requires_hpo_and_its_own_files(void **state)
{
    refuse(*state, "require 'hpo.sandbox'", "\"hpo.sandbox\" is a part of hpo");
    refuse(*state, "require 'hpo.core'", "\"hpo.core\" is a part of hpo");
    refuse(*state, "require 'hpo.rng'", "\"hpo.rng\" is a part of hpo");
    accept(*state, "assert(require 'string' == string and require '_G' == _G)\n"
                   "assert(require 'hpo' == require 'hpo')" RETURN);
    write_file(*state, "a.lua", "return require 'b'");
    write_file(*state, "b.lua", "return require 'a'");
    refuse(*state, "require 'a'", "\"a\" requires itself");
    write_file(*state, "broken.lua", "error 'it is broken'");
    refuse(*state, "pcall(require, 'broken') require 'broken'", "it is broken");
}

/* Each line is a way to the library's own state: it is closed, or reaches a copy. */
static void test_a_recipe_changes_nothing_of_the_librarys(void **state)
{
    static const char *const closed[][2] = {
        {"hpo.study = print", "it cannot be changed"},
        {"hpo.search.tpe = print", "it cannot be changed"},
        {"hpo.search.tpe({}).open = print", "it cannot be changed"},
        {"rawset(hpo.search.tpe {}, 'open', print)", "cannot be changed"},
        {"setmetatable(hpo.uniform(0, 1), {})", "cannot be changed"},
        {"hpo.uniform(0, 1).low = -1", "it cannot be changed"},
        {"hpo.choice { 1, 2 }.values[1] = 3", "attempt to index a nil value"},
        {"getmetatable('').__index = nil", "attempt to"},
        {"getmetatable(hpo.text 'x').__div = print", "attempt to index a nil value"},
        {"getmetatable(hpo.uniform(0, 1)).at = print", "attempt to index a nil value"},
        {"getmetatable(hpo).__index = print", "attempt to index a nil value"},
    };

    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "local hpo = require 'hpo'\n%s", closed[i][0]);
        refuse(*state, text, closed[i][1]);
    }
    accept(*state, "for _, t in ipairs { math, string, table, utf8, coroutine } do\n"
                   "  for name in pairs(t) do t[name] = nil end\n"
                   "end\n"
                   "pairs, ipairs, next, type, setmetatable, pcall = nil\n"
                   "assert(('x'):rep(2) == 'xx')\n" STUDY("search = hpo.search.tpe {}"));
    accept(*state, "function string.twice(s) return s .. s end\n"
                   "assert(('x'):twice() == 'xx')" RETURN);
    accept(*state, "local class = {}\nclass.__index = class\n"
                   "local hpo = require 'hpo'\n"
                   "local own = setmetatable({ suggest = function() end }, class)\n"
                   "hpo.study { samples = 1, space = { x = 1 }, search = own, trial = print,\n"
                   "  scheduler = hpo.scheduler.fifo { max_t = 1 } }\n"
                   "assert(getmetatable(own) == class)\nrawset(own, 'x', 1)" RETURN);
}

/* ---- limits ---- */

static void test_coroutines_that_end_soon_count_against_the_limit(void **state)
{
    refuse(*state, "while true do coroutine.wrap(function() end)() end",
           "ran more than 1,000,000,000 instructions");
    refuse(*state, "while true do coroutine.resume(coroutine.create(function() end)) end",
           "ran more than 1,000,000,000 instructions");
}

static void test_what_pcall_caught_is_not_said_later(void **state)
{
    refuse(*state,
           "local hpo = require 'hpo'\n"
           "assert(not pcall(hpo.source, 'absent'))\nerror 'something else'",
           "something else");
}

static volatile sig_atomic_t interrupted;

static void raise_flag(int number)
{
    interrupted = number;
}

/* As does whatever else exceeds a limit: nothing that a recipe can call catches it. */
static void test_nothing_catches_an_interrupt(void **state)
{
    static const char *const endless[] = {
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local function f() pcall(f) pcall(f) end\nf()",
        "local function f() end\nwhile true do coroutine.wrap(f)() end",
        "local function f() while true do end end\n"
        "while true do coroutine.resume(coroutine.create(f)) end",
        "local function f() while true do coroutine.yield() end end\n"
        "while true do coroutine.close(coroutine.create(f)) end",
        "local t <close> = setmetatable({}, { __close = function() while true do end end })\n"
        "while true do end",
    };
    struct recipe_options options = {.path = "r.lua", .share = ".", .interrupted = &interrupted};
    struct opened o;

    (void)signal(SIGALRM, raise_flag);
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        interrupted = 0;
        write_file(*state, "r.lua", endless[i]);
        (void)ualarm(50000, 0);
        assert_int_equal(open_with(&o, &options), ERR_INTERRUPTED);
        close_recipe(&o);
    }
    (void)signal(SIGALRM, SIG_DFL);
}

static void test_an_interrupt_comes_before_the_next_call(void **state)
{
    struct recipe_options options = {.path = "r.lua", .share = ".", .interrupted = &interrupted};
    struct opened o;
    double cost;

    interrupted = 0;
    write_file(*state, "r.lua", STUDY(""));
    assert_int_equal(open_with(&o, &options), OK);
    assert_int_equal(
        recipe_cost(o.recipe, graph_node(o.graph, 0)->study->callbacks, "{}", &cost, &o.err), OK);
    interrupted = 1;
    assert_int_equal(
        recipe_cost(o.recipe, graph_node(o.graph, 0)->study->callbacks, "{}", &cost, &o.err),
        ERR_INTERRUPTED);
    close_recipe(&o);
}

/* ---- its text ---- */

static void test_a_mark_or_a_first_line_for_a_shell_is_no_lua(void **state)
{
    struct opened o;

    accept(*state, "\xEF\xBB\xBF" RETURN);
    accept(*state, "#!/usr/bin/env -S hpo build" RETURN);
    accept(*state, "\xEF\xBB\xBF#!/usr/bin/env -S hpo build" RETURN);
    write_file(*state, "marked.lua", "\xEF\xBB\xBFreturn 7");
    accept(*state, "assert(require 'marked' == 7)" RETURN);
    assert_int_equal(open_recipe(*state, &o, "#!/usr/bin/hpo\nerror 'here'"), ERR_INPUT);
    assert_string_equal(o.err.where, "r.lua:2");
    close_recipe(&o);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, place_enter, place_leave)
    const struct CMUnitTest tests[] = {
        TEST(test_a_root_has_what_was_required_and_nothing_else),
        TEST(test_a_recipes_text_is_in_no_root_of_ours),
        TEST(test_a_recipes_own_searcher_has_all_its_files_in_the_root),
        TEST(test_a_file_is_required_before_the_recipe_is_read),
        TEST(test_no_text_shows_an_address),
        TEST(test_a_recipe_sees_no_weak_tables),
        TEST(test_a_recipe_requires_hpo_and_its_own_files),
        TEST(test_a_recipe_changes_nothing_of_the_librarys),
        TEST(test_coroutines_that_end_soon_count_against_the_limit),
        TEST(test_what_pcall_caught_is_not_said_later),
        TEST(test_nothing_catches_an_interrupt),
        TEST(test_an_interrupt_comes_before_the_next_call),
        TEST(test_a_mark_or_a_first_line_for_a_shell_is_no_lua),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
