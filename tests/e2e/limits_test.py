"""What ends a whole study: a goal that a report meets, a number of units."""
import unittest

from case import Case, without_measured

TRIAL = '''
i=$(sed 's/[^0-9]//g' "$HPO_PARAMS")
t=$((HPO_FROM + 1))
while [ $t -le "$HPO_UNTIL" ]; do
  echo "{\\"t\\": $t, \\"loss\\": $(( i * 10 - t ))}"
  t=$((t + 1))
done
echo "$HPO_FROM" > "$HPO_CHECKPOINT_OUT/from"
'''
RECIPE = '''
local hpo = require "hpo"
local points = {}
for i = 6, 1, -1 do points[#points + 1] = { i = i } end
local s = hpo.study {
  name = "s", space = { i = hpo.randint(0, 100) }, search = hpo.search.points(points), concurrency = 2, metric = "loss",
  scheduler = hpo.scheduler.%s, %s
  trial = function(p) return hpo.command { run = { "sh", hpo.source "trial.sh" } } end,
}
return { default = s, best = s.best.checkpoint / "from" }
'''


class Limits(Case):
    def setUp(self):
        super().setUp()
        self.write("trial.sh", TRIAL)

    def recipe(self, fields, scheduler="fifo { max_t = 3 }"):
        self.write("r.lua", RECIPE % (scheduler, fields))

    def trials(self, *arguments):
        """Of each trial: its status and how many of its units the study has heard of."""
        return [(trial["status"], len(trial["segments"])) for trial in self.table("r.lua", *arguments)["trials"]]

    def story(self, trial):
        return self.hpo("why", "r.lua", f"s/{trial}")[0]

    def test_a_budget_of_units(self):
        self.recipe("budget = { units = 7 },")
        built = self.build("r.lua")
        self.assertEqual(sum(t for _, t in self.trials()), 7)
        self.assertEqual(built["units_trained"], 7)
        self.assertEqual(self.trials(), [("completed", 3), ("completed", 3), ("stopped", 1), ("stopped", 0)])
        self.assertIn("stopped at t = 1: the study's budget of 7 units is spent", self.story(2))

    def test_what_is_cached_counts_too(self):
        self.recipe("budget = { units = 7 },")
        self.build("r.lua")
        first = without_measured(self.table("r.lua"))
        self.assertEqual(self.build("r.lua")["units_trained"], 0)
        self.assertEqual(without_measured(self.table("r.lua")), first)
        self.recipe("budget = { units = 9 },")
        self.assertEqual(self.build("r.lua")["units_trained"], 2)
        self.recipe("")
        self.assertEqual(self.build("r.lua")["units_trained"], 9)

    def test_no_more_is_trained_than_the_budget_has(self):
        for scheduler in ("fifo { max_t = 3 }", "asha { max_t = 3, reduction_factor = 2 }", "hyperband { max_t = 3 }"):
            for units in (1, 2, 4, 5, 8):
                self.recipe(f"budget = {{ units = {units} }},", scheduler)
                tables = []
                for jobs in (1, 4):
                    cache = f"store-{jobs}-{units}-{scheduler[0]}"
                    trained = self.build("r.lua", "-j", str(jobs), "--cache", cache, "default")["units_trained"]
                    self.assertLessEqual(trained, units, (jobs, scheduler))
                    tables.append(self.trials("--cache", cache))
                    self.assertEqual(sum(t for _, t in tables[-1]), units)
                self.assertEqual(tables[0], tables[1])

    def test_the_dry_run_knows_it(self):
        self.recipe("budget = { units = 4 },")
        self.assertIn("at least 4, at most 4 more units", "".join(self.hpo("build", "r.lua", "--dry-run", "default")))

    def test_a_goal_of_the_study(self):
        self.recipe("stop_study = { loss = 28 },")
        self.build("r.lua", "default", "best")
        # Trials 0 and 1 (60 - t, 50 - t), then 2 and 3 (40 - t, 30 - t): trial 3 is the first that is that good.
        self.assertEqual(self.trials(), [("completed", 3), ("completed", 3), ("stopped", 2), ("stopped", 2)])
        self.assertIn("stopped at t = 2: its loss meets the study's stop_study", self.story(3))
        self.assertIn("after trial 3's report at t = 2: trial 3 meets the study's stop_study: loss", self.story(2))
        self.assertEqual(self.read("out/r/best"), "0\n")

    def test_a_goal_in_another_direction(self):
        self.recipe("stop_study = { loss = { at_least = 59 } },")
        self.build("r.lua", "default")
        self.assertEqual(self.trials(), [("stopped", 1), ("stopped", 0)])

    def test_an_unknown_metric(self):
        self.recipe("stop_study = { acc = { at_least = 1 } },")
        self.assertIn("study.stop_study: trial 0", self.hpo("build", "r.lua", status=2)[1])


if __name__ == "__main__":
    unittest.main()
