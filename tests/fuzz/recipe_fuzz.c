/*
 * recipe: any text as a recipe. It is read, or refused in a sentence, and then again with the same
 * answer: a recipe is a function of its text. Studies are asked once for everything. What takes
 * long is interrupted.
 */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/arena.h"
#include "engine/recipe/recipe.h"
#include "tests/fuzz/memory_file.h"

enum { MOST_US = 300000 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static volatile sig_atomic_t late;

static void note(int number)
{
    late = number;
}

struct answer {
    enum status status;
    struct error err;
    struct graph *graph;
    struct recipe *recipe;
};

static void ask(struct answer *a, const char *path)
{
    struct recipe_options options = {.path = path, .share = "/nowhere", .interrupted = &late};
    const struct itimerval soon = {.it_value = {.tv_usec = MOST_US}};

    late = 0;
    *a = (struct answer){.status = OK};
    if (graph_open(&a->graph, &a->err) != OK || setitimer(ITIMER_REAL, &soon, NULL) != 0)
        abort();
    a->status = recipe_open(&options, a->graph, &a->recipe, &a->err);
    if (a->status != OK && (!a->err.text[0] || a->recipe))
        abort();
}

static void check_same(const struct answer *a, const struct answer *b)
{
    if (a->status == ERR_INTERRUPTED || b->status == ERR_INTERRUPTED)
        return;
    if (a->status != b->status || graph_size(a->graph) != graph_size(b->graph) ||
        strcmp(a->err.text, b->err.text) != 0 || strcmp(a->err.where, b->err.where) != 0)
        abort();
}

/* Refusals are answers too; only what is said must be a sentence. */
static bool said(enum status s, const struct error *err)
{
    if (s != OK && !err->text[0])
        abort();
    return s == OK;
}

static void ask_study(struct answer *a, int calls)
{
    struct arena *arena = graph_arena(a->graph);
    const struct trial_report report = {.t = 1, .value = 0.5};
    const char *params, *why;
    struct decision *decisions;
    double cost;
    int until, node;
    size_t n;

    if (!said(recipe_wake(a->recipe, calls, &a->err), &a->err) ||
        !said(recipe_suggest(a->recipe, calls, 0, arena, &params, &a->err), &a->err) || !params ||
        !said(recipe_start(a->recipe, calls, 0, params, &a->err), &a->err))
        return;
    (void)said(recipe_cost(a->recipe, calls, params, &cost, &a->err), &a->err);
    (void)said(recipe_until(a->recipe, calls, 0, 0, &until, &a->err), &a->err);
    (void)said(recipe_trial(a->recipe, calls, params, &node, &a->err), &a->err);
    if (said(recipe_report(a->recipe, calls, &report, arena, &decisions, &n, &a->err), &a->err))
        (void)said(recipe_why(a->recipe, calls, 0, arena, &why, &a->err), &a->err);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct memory_file file = memory_file_open(bytes, n);
    struct answer answers[2];

    (void)signal(SIGALRM, note);
    for (int i = 0; i < 2; i++)
        ask(&answers[i], file.path);
    check_same(&answers[0], &answers[1]);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; answers[i].status == OK && k < graph_size(answers[i].graph); k++)
            if (graph_node(answers[i].graph, k)->kind == NODE_STUDY)
                ask_study(&answers[i], graph_node(answers[i].graph, k)->study->callbacks);
        recipe_close(answers[i].recipe);
        graph_close(answers[i].graph);
    }
    memory_file_close(&file);
    return 0;
}
