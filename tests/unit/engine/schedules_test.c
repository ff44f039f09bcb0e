/*
 * schedules: whole builds without a process. Whatever the executor and the results do, in whatever
 * order events come, whoever dies, hangs, is lost or answers late: a study has one table.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/execution/build.h"
#include "engine/execution/loop.h"
#include "engine/process/capture.h"
#include "engine/process/runner.h"
#include "tests/unit/engine/made_up.h"

enum {
    SHORT = 600,     /* schedules of each short study; HPO_SCHEDULES sets another number */
    LONG = 60,       /* of a study twice as long */
    A_RECIPE = 200,  /* schedules that one recipe serves: its graph grows with each */
    MOST_FAULTS = 12 /* of one schedule */
};

static const char recipe_text[] =
    "local hpo = require 'hpo'\n"
    "local function script(p)\n"
    "  return hpo.script { run = { 'true', p.x }, report = 'loss=(%S+)', outputs = { 'a' },\n"
    "    retries = 100, timeout = 3 }\n"
    "end\n"
    "local function ends()\n"
    "  return hpo.command { run = { 'true' }, may_end = true, retries = 100, timeout = 3 }\n"
    "end\n"
    "local function search(name, scheduler, samples, units, trial)\n"
    "  return hpo.study {\n"
    "    name = name, space = { x = hpo.uniform(0, 1) }, samples = samples, concurrency = 3,\n"
    "    metric = 'loss', mode = 'min', seed = 1, scheduler = scheduler,\n"
    "    budget = units and { units = units },\n"
    "    trial = trial or function(p) return hpo.command { run = { 'true' }, retries = 100,\n"
    "      timeout = 3 } end,\n"
    "  }\n"
    "end\n"
    "local s = hpo.scheduler\n"
    "local targets = { step = hpo.command { run = { 'true' }, outputs = { 'a' }, retries = 100, "
    "timeout = 3 } }\n"
    "for prefix, n in pairs { ['short '] = 2, ['long '] = 4 } do\n"
    "  local function add(name, scheduler, samples, units)\n"
    "    targets[prefix .. name] = search(prefix .. name, scheduler, samples, units)\n"
    "  end\n"
    "  add('fifo', s.fifo { max_t = n }, n + 1)\n"
    "  add('spent', s.fifo { max_t = n }, n + 1, n * n)\n"
    "  add('asha', s.asha { max_t = n, grace_period = 1, reduction_factor = 2 }, 2 * n)\n"
    "  add('hyperband', s.hyperband { max_t = n, reduction_factor = 2 }, 2 * n)\n"
    "  add('pbt', s.pbt { max_t = n, perturbation_interval = 1, mutations = {} }, n + 2)\n"
    "  targets[prefix .. 'twins'] = hpo.compare {\n"
    "    search(prefix .. 'one', s.fifo { max_t = n }, n + 1),\n"
    "    search(prefix .. 'other', s.asha { max_t = n + 1, reduction_factor = 2 }, n + 2),\n"
    "  }\n"
    "  targets[prefix .. 'ends'] = search(prefix .. 'ends',\n"
    "    s.asha { max_t = n + 1, reduction_factor = 2 }, 2 * n, nil, ends)\n"
    "  targets[prefix .. 'best that ends'] = targets[prefix .. 'ends'].best.checkpoint\n"
    "  targets[prefix .. 'population that ends'] = search(prefix .. 'population that ends',\n"
    "    s.pbt { max_t = n + 1, perturbation_interval = 1, mutations = {} }, n + 2, nil, ends)\n"
    "  for word, scheduler in pairs { fifo = s.fifo { max_t = n + 1 },\n"
    "      asha = s.asha { max_t = n + 1, reduction_factor = 2 },\n"
    "      promotion = s.asha { max_t = n + 1, reduction_factor = 2, type = 'promotion' },\n"
    "      hyperband = s.hyperband { max_t = n + 1, reduction_factor = 2 },\n"
    "      median = s.median { max_t = n + 1, min_samples_required = 2 } } do\n"
    "    local study = search(prefix .. 'script ' .. word, scheduler, 2 * n, nil, script)\n"
    "    targets[prefix .. 'script ' .. word] = study\n"
    "    targets[prefix .. 'best of ' .. word] = study.best.checkpoint\n"
    "  end\n"
    "  targets[prefix .. 'best'] = targets[prefix .. 'asha'].best.checkpoint\n"
    "end\n"
    "return targets\n";

/* What all schedules share. */
struct shared {
    char folder[64], recipe_path[80];
    struct arena *arena;
    struct store *store;
    struct options o;
    struct reaper reaper;
    struct capture capture;
    struct tools *tools;
    struct progress *progress;
    struct graph *graph;
    struct recipe *recipe;
    int served;
    int said; /* standard error, while nothing is said */
};

static struct shared shared = {.said = -1};

/* What went wrong in all schedules together: a test of nothing would show here. */
static struct made_up total;
static int64_t schedules;

/* What a build says of its mishaps is of no interest; what a test says is. */
static void hush(void)
{
    const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    (void)fflush(stderr);
    shared.said = dup(2);
    (void)dup2(null, 2);
    close(null);
}

static void speak(void)
{
    if (shared.said < 0)
        return;
    (void)dup2(shared.said, 2);
    close(shared.said);
    shared.said = -1;
}

static void open_recipe(void)
{
    const struct recipe_options options = {.path = shared.recipe_path, .share = shared.folder};
    const struct tools_context tools = {&shared.o, shared.store, &shared.capture, NULL,
                                        shared.arena};
    struct error err;

    recipe_close(shared.recipe);
    graph_close(shared.graph);
    assert_int_equal(tools_open(&tools, &shared.tools, &err), OK); /* they know a graph's names */
    assert_int_equal(graph_open(&shared.graph, &err), OK);
    if (recipe_open(&options, shared.graph, &shared.recipe, &err) != OK) {
        speak();
        fail_msg("%s: %s", err.where, err.text);
    }
    shared.served = 0;
}

static int open_shared(void **state)
{
    struct error err;

    (void)state;
    (void)snprintf(shared.folder, sizeof shared.folder, "/tmp/schedules-XXXXXX");
    if (!mkdtemp(shared.folder) || !(shared.arena = arena_open()))
        return -1;
    (void)snprintf(shared.recipe_path, sizeof shared.recipe_path, "%s/r.lua", shared.folder);
    if (file_write(shared.recipe_path, recipe_text, strlen(recipe_text), &err) != OK ||
        store_open(file_join(shared.arena, shared.folder, "store"), STORE_WRITE, NULL,
                   &shared.store, &err) != OK ||
        progress_open(false, &shared.progress, &err) != OK)
        return -1;
    shared.o = (struct options){.program = "/bin/false", .bin = "/bin", .jobs = 1};
    shared.capture = (struct capture){&shared.reaper, -1, 10};
    return 0;
}

static int close_shared(void **state)
{
    struct error ignored;

    (void)state;
    recipe_close(shared.recipe);
    graph_close(shared.graph);
    runner_end(&shared.reaper);
    progress_close(shared.progress);
    store_close(shared.store);
    arena_close(shared.arena);
    return file_remove(shared.folder, &ignored) == OK ? 0 : -1;
}

static void needs_of(const void *graph, int node, void (*need)(void *to, int n), void *to)
{
    graph_needs(graph, node, need, to);
}

static const struct target *target_named(const char *name)
{
    const struct target *all;
    const size_t n = graph_targets(shared.graph, &all);

    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    fail();
    return NULL;
}

/* Takes away what is measured: "seconds": 0.1 becomes "seconds": 0. */
static char *without_times(const char *json, struct arena *arena)
{
    static const char field[] = "\"seconds\": ";
    char *copy = arena_string(arena, json), *to = copy;

    for (const char *from = json; *from;) {
        if (strncmp(from, field, sizeof field - 1) == 0) {
            to = stpcpy(to, "\"seconds\": 0");
            from += sizeof field - 1;
            from += strspn(from, "0123456789.e+-");
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    return copy;
}

/* One build of a target under one schedule; the tables of its studies. */
static char *run(const char *name, uint64_t seed, int slots, int faults, struct arena *arena)
{
    const struct target *target = target_named(name);
    struct error err = {.text = ""};
    struct made_up m;
    struct text table = text_in(arena);
    char *json;
    struct build b = {.o = &shared.o,
                      .arena = arena,
                      .graph = shared.graph,
                      .recipe = shared.recipe,
                      .tools = shared.tools,
                      .progress = shared.progress,
                      .rerun = {.study = -1},
                      .targets = target,
                      .n_targets = 1,
                      .replays = true};

    made_up_open(&m, arena, seed, slots, faults);
    b.executor = &m.executor;
    b.results = &m.results;
    assert_int_equal(units_open(b.results, NULL, arena, &b.units, &err), OK);
    assert_int_equal(plan_open(needs_of, b.graph, arena, &b.plan, &err), OK);
    assert_int_equal(plan_want(b.plan, target->node, &err), OK);
    if (loop_run(&b, &err) != OK || b.failed) {
        speak();
        fail_msg("%s, seed %llu: %s: %s", name, (unsigned long long)seed, err.where, err.text);
    }
    assert_null(b.jobs);
    assert_int_equal(m.running, 0);
    assert_int_equal(b.counts.marked, 0); /* trainers report the same, however they are cut */
    assert_int_equal(plan_state(b.plan, target->node), PLAN_DONE);
    total.deaths += m.deaths;
    total.hangs += m.hangs;
    total.losses += m.losses;
    total.gone += m.gone;
    total.late += m.late;
    total.refused += m.refused;
    total.starts += m.starts;
    total.gone_on += m.gone_on;
    total.kept += m.kept;
    total.paused += m.paused;
    total.ended += m.ended;
    schedules++;
    for (size_t i = 0; i < b.studies.n; i++)
        assert_int_equal(study_table(work_of(&b, b.studies.nodes[i])->study,
                                     graph_label(b.graph, b.studies.nodes[i]), TABLE_MEASURED,
                                     &table, &err),
                         OK);
    assert_int_equal(text_finish(&table, &json, NULL, &err), OK);
    return without_times(json, arena);
}

static int how_many(int usual)
{
    const char *asked = getenv("HPO_SCHEDULES");

    return asked ? (int)strtol(asked, NULL, 10) : usual;
}

/* All schedules of a target against the calm one: one slot, no fault. */
static void all_are_alike(const char *name, int usual)
{
    struct arena *calm = arena_open();
    char *expected;

    open_recipe();
    hush();
    expected = run(name, 1, 1, 0, calm);
    for (int seed = 1; seed <= how_many(usual); seed++) {
        struct arena *arena = arena_open();
        char *table;
        if (++shared.served % A_RECIPE == 0)
            open_recipe();
        table = run(name, (uint64_t)seed, 1 + seed % 5, seed % (MOST_FAULTS + 1), arena);
        if (strcmp(table, expected) != 0) {
            speak();
            fail_msg("%s, seed %d: another table:\n%s\n%s", name, seed, table, expected);
        }
        arena_close(arena);
    }
    speak();
    arena_close(calm);
}

static void one_table_under_asha(void **state)
{
    (void)state;
    all_are_alike("short asha", SHORT);
    all_are_alike("long asha", LONG);
}

static void one_table_under_fifo(void **state)
{
    (void)state;
    all_are_alike("short fifo", SHORT);
    all_are_alike("long fifo", LONG);
}

static void one_table_under_a_budget(void **state)
{
    (void)state;
    all_are_alike("short spent", SHORT);
    all_are_alike("long spent", LONG);
}

static void one_table_under_hyperband(void **state)
{
    (void)state;
    all_are_alike("short hyperband", SHORT);
    all_are_alike("long hyperband", LONG);
}

/* Two studies train the same units. */
static void one_table_each_for_twins(void **state)
{
    (void)state;
    all_are_alike("short twins", SHORT);
    all_are_alike("long twins", LONG);
}

static void one_table_under_pbt(void **state)
{
    (void)state;
    all_are_alike("short pbt", SHORT);
    all_are_alike("long pbt", LONG);
}

static void the_best_checkpoint_is_made(void **state)
{
    (void)state;
    all_are_alike("short best", SHORT);
    all_are_alike("long best", LONG);
}

static void one_table_of_trainers_that_end(void **state)
{
    (void)state;
    all_are_alike("short ends", SHORT / 2);
    all_are_alike("long ends", LONG);
    all_are_alike("short best that ends", SHORT / 2);
    all_are_alike("short population that ends", SHORT / 2);
    all_are_alike("long population that ends", LONG);
}

/* Programs that know of nothing are paused, end by themselves, and say things when they are told to
 * end. */
static void one_table_of_scripts(void **state)
{
    (void)state;
    all_are_alike("short script fifo", SHORT / 2);
    all_are_alike("short script asha", SHORT);
    all_are_alike("long script asha", LONG);
    all_are_alike("short script promotion", SHORT / 2);
    all_are_alike("long script promotion", LONG);
    all_are_alike("short script hyperband", SHORT / 2);
    all_are_alike("long script hyperband", LONG);
    all_are_alike("short script median", SHORT / 2);
}

static void what_the_best_script_leaves_is_made(void **state)
{
    (void)state;
    all_are_alike("short best of asha", SHORT / 2);
    all_are_alike("long best of hyperband", LONG);
}

static void an_action_is_made(void **state)
{
    (void)state;
    all_are_alike("step", SHORT);
}

/* Every kind of mishap has happened, or the tests above say nothing. */
static void all_of_it_has_happened(void **state)
{
    (void)state;
    assert_true(total.deaths > 0);
    assert_true(total.hangs > 0);
    assert_true(total.losses > 0);
    assert_true(total.gone > 0);
    assert_true(total.late > 0);
    assert_true(total.refused > 0);
    assert_true(total.gone_on > 0);
    assert_true(total.kept > 0);
    assert_true(total.paused > 0);
    assert_true(total.ended > 0);
    printf("%lld schedules: %d tasks, %d went on, %d saved and waited on, %d died, %d hung, %d "
           "lost, %d checkpoints gone, "
           "%d answers late, %d claims refused\n",
           (long long)schedules, total.starts, total.gone_on, total.kept, total.deaths, total.hangs,
           total.losses, total.gone, total.late, total.refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_table_under_fifo),
        cmocka_unit_test(one_table_under_asha),
        cmocka_unit_test(one_table_under_hyperband),
        cmocka_unit_test(one_table_under_a_budget),
        cmocka_unit_test(one_table_each_for_twins),
        cmocka_unit_test(one_table_under_pbt),
        cmocka_unit_test(the_best_checkpoint_is_made),
        cmocka_unit_test(an_action_is_made),
        cmocka_unit_test(one_table_of_trainers_that_end),
        cmocka_unit_test(one_table_of_scripts),
        cmocka_unit_test(what_the_best_script_leaves_is_made),
        cmocka_unit_test(all_of_it_has_happened),
    };

    return cmocka_run_group_tests(tests, open_shared, close_shared);
}
