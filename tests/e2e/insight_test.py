"""What a study can tell: why a trial ended, what was reused, what is still to pay, what another method would have done."""
import hashlib
import json
import sqlite3
import unittest

from case import Case

TRIAL = '''
i=$(sed 's/[^0-9]//g' "$HPO_PARAMS")
t=$((HPO_FROM + 1))
while [ $t -le "$HPO_UNTIL" ]; do
  echo "{\\"t\\": $t, \\"loss\\": $(( (i * 37 % 11) * 60 / t ))}"
  t=$((t + 1))
done
'''
RECIPE = '''
local hpo = require "hpo"
local points = {}
for i = 0, hpo.param("n", 8) - 1 do points[#points + 1] = { i = i } end
local schedulers = {
  asha = function(max_t) return hpo.scheduler.asha { max_t = max_t, reduction_factor = 2 } end,
  fifo = function(max_t) return hpo.scheduler.fifo { max_t = max_t } end,
}
local first = hpo.param("first", 0)
return { default = hpo.study {
  name = "s", space = { i = hpo.randint(0, 1000) }, search = hpo.search.points(points), concurrency = 3, metric = "loss",
  first = first > 0 and { { i = first } } or nil,
  scheduler = schedulers[hpo.param("scheduler", "asha")](hpo.param("max_t", 4)),
  trial = function(p) return hpo.command { run = { "sh", hpo.source "trial.sh" } } end,
} }
'''
# A scheduler with every decision there is: trials 0 and 1 wait for 2, which lets 0 go on and gives 1 up; 3 takes what 2 has.
EVERY = '''
local hpo = require "hpo"
local scheduler = { max_t = 3 }
function scheduler:report(trial, t, value)
  if t == 1 and trial < 2 then return { { trial = trial, decision = "pause", why = "waits for trial 2" } } end
  if t == 1 and trial == 2 then
    return { { trial = 2, decision = "stop", why = function() return "served" end },
             { trial = 0, decision = "continue", why = "best of 3" }, { trial = 1, decision = "drop" } }
  end
  if t == 1 and trial == 3 then return { { trial = 3, decision = "exploit", parent = 2, why = ("its own was %g"):format(value) } } end
  return "continue"
end
return { default = hpo.study {
  name = "every", space = { i = hpo.randint(0, 9) }, search = hpo.search.points { { i = 0 }, { i = 1 }, { i = 2 }, { i = 3 } },
  concurrency = 1, metric = "loss", scheduler = scheduler,
  trial = function(p) return hpo.command { run = { "sh", hpo.source "trial.sh" } } end,
} }
'''


class Insight(Case):
    def setUp(self):
        super().setUp()
        self.write("trial.sh", TRIAL)
        self.write("r.lua", RECIPE)

    @staticmethod
    def sets(**sets):
        return [word for name, value in sets.items() for word in ("--set", f"{name}={value}")]

    def units(self, **sets):
        """How many units a build trained, and how many it reused."""
        answer = self.build("r.lua", *self.sets(**sets))
        return answer["units_trained"], answer["units_reused"]

    def story(self, recipe, trial, *arguments):
        lines = self.hpo("why", recipe, trial, *arguments)[0].split("  key ")[0].splitlines()
        self.assertEqual(lines[0], trial)
        return [line.strip() for line in lines[1:]]

    def bounds(self, *arguments):
        """The least and the most units of the one undecided study of r.lua; 0, 0 where it is decided."""
        text = self.hpo("build", "r.lua", "--dry-run", *arguments)[0]
        if text == "nothing to do\n":
            return 0, 0
        line, = [line for line in text.splitlines() if line.startswith("  at least ")]
        words = line.replace(",", "").replace(";", "").split()
        return int(words[2]), int(words[5])

    def rows(self):
        """All that the store says, and all files of out/."""
        index = sqlite3.connect(self.folder / ".hpo/index.db")
        tables = [name for name, in index.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        rows = {name: index.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
        index.close()
        files = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in (self.folder / "out").rglob("*") if path.is_file()}
        return rows, files


class Why(Insight):
    def test_asha(self):
        self.build("r.lua")
        self.assertEqual(self.story("r.lua", "s/0"), [
            'params {"i": 0}', "went on at t = 1: 0 is the first at rung 1, at t = 1",
            "went on at t = 2: 0 is the first at rung 2, at t = 2", "completed at t = 4, the scheduler's max_t"])
        self.assertEqual(self.story("r.lua", "s/2"), [
            'params {"i": 2}', "stopped at t = 1: 480 is worse than the cut-off 120 of rung 1, at t = 1 (rank 3 of 3)"])

    def test_without_set_those_of_the_last_build(self):
        self.build("r.lua", "--set", "n=2", "--set", "max_t=1")
        self.assertIn("completed at t = 1, the scheduler's max_t", self.story("r.lua", "s/1"))
        self.assertIn("has a node of this name", self.hpo("why", "r.lua", "s/5", status=2)[1])

    def test_every_decision(self):
        self.write("every.lua", EVERY)
        self.build("every.lua")
        self.assertEqual(self.story("every.lua", "every/0"), [
            'params {"i": 0}', "paused at t = 1: waits for trial 2", "promoted from t = 1, after trial 2's report at t = 1: best of 3",
            "completed at t = 3, the scheduler's max_t"])
        self.assertEqual(self.story("every.lua", "every/1")[1:], [
            "paused at t = 1: waits for trial 2", "given up at t = 1, after trial 2's report at t = 1"])
        self.assertEqual(self.story("every.lua", "every/2")[1:], ["stopped at t = 1: served"])
        self.assertEqual(self.story("every.lua", "every/3")[1:], [
            "at t = 1 exploited trial 2: its own was 60", "completed at t = 3, the scheduler's max_t"])

    def test_the_end_of_the_rest(self):
        """A paused trial that nobody lets go on, a study's own stop, a failure that is pruned."""
        self.write("rest.lua", EVERY.replace("trial == 2 then", "trial == 9 then").replace("parent = 2", "parent = 1"))
        self.build("rest.lua")
        self.assertEqual(self.story("rest.lua", "every/1")[1:], [
            "paused at t = 1: waits for trial 2", "given up at t = 1: nothing runs that could let it go on"])
        self.write("stop.lua", RECIPE.replace("concurrency = 3", "stop = { loss = 100 }, concurrency = 3"))
        self.build("stop.lua")
        self.assertEqual(self.story("stop.lua", "s/0")[1:], ["stopped at t = 1: its loss meets the study's stop"])
        self.write("failing.sh", 'grep -q "1}" "$HPO_PARAMS" && exit 1\n' + TRIAL)
        self.write("prune.lua", RECIPE.replace("concurrency = 3", 'on_failure = "prune", concurrency = 3').replace("trial.sh", "failing.sh"))
        self.build("prune.lua", "--set", "n=3")
        self.assertEqual(self.story("prune.lua", "s/1")[1:], ["failed at t = 1"])
        self.assertIn("of rung 1", self.story("prune.lua", "s/2")[1])

    def test_a_reason_that_is_none(self):
        self.write("every.lua", EVERY.replace('"served"', "7"))
        self.build("every.lua")
        self.assertIn("its decisions cannot be told: ", self.story("every.lua", "every/2")[0])
        self.assertIn("scheduler: why", self.story("every.lua", "every/2")[0])

    def test_a_recipe_that_is_not_what_it_was(self):
        """Its keys are told all the same."""
        self.build("r.lua")
        self.write("r.lua", "return 1")
        self.assertIn("its decisions cannot be told: r.lua: targets: ", self.hpo("why", "r.lua", "s/0")[0])
        self.assertIn("\n  key ", self.hpo("why", "r.lua", "s/0")[0])

    def test_a_build_in_which_no_trial_began(self):
        """The table of the build before stays."""
        self.build("r.lua")
        before = self.hpo("table", "r.lua", "--csv")[0]
        self.write("r.lua", self.read("r.lua").replace("trial.sh", "typo.sh"))
        self.assertIn('found nothing at "typo.sh"', self.hpo("build", "r.lua", status=2)[1])
        self.assertEqual(self.hpo("table", "r.lua", "--csv")[0], before)

    def test_nothing_is_written(self):
        self.build("r.lua")
        before = self.rows()
        self.story("r.lua", "s/3")
        self.assertEqual(self.rows(), before)


class Continue(Insight):
    """Only what is new runs, to the unit; the rest is said to be reused."""

    def total(self, **sets):
        return sum(len(trial["segments"]) for trial in self.table("r.lua", *self.sets(**sets))["trials"])

    def test_again(self):
        trained, reused = self.units()
        self.assertEqual((trained, reused), (self.total(), 0))
        self.assertEqual(self.units(), (0, trained))
        text = self.hpo("build", "r.lua")[1]
        self.assertIn(f"units: {trained} reused (0.0 min), 0 trained\n", text)
        self.assertIn(f"{trained} of its {trained} units were reused, not trained: ", self.hpo("table", "r.lua")[0])
        self.assertNotIn("reused", self.read("out/r/default/table.txt"))  # a build with nothing to do leaves it unchanged

    def test_more_samples(self):
        before, _ = self.units(scheduler="fifo")
        self.assertEqual(self.units(scheduler="fifo", n=11), (3 * 4, before))

    def test_longer(self):
        self.assertEqual(self.units(scheduler="fifo"), (32, 0))
        self.assertEqual(self.units(scheduler="fifo", max_t=6), (8 * 2, 32))

    def test_another_scheduler(self):
        halving, _ = self.units()
        self.assertLess(halving, 32)
        self.assertEqual(self.units(scheduler="fifo"), (32 - halving, halving))
        self.assertEqual(self.units(), (0, halving))
        trained, reused = self.units(max_t=8)  # asha again, longer: what fifo trained is there
        self.assertEqual(trained + reused, self.total(max_t=8))
        self.assertEqual(trained, sum(max(0, t["reached"] - 4) for t in self.table("r.lua", "--set", "max_t=8")["trials"]))

    def test_points_to_try_first(self):
        before, _ = self.units(scheduler="fifo")
        self.assertEqual(self.units(scheduler="fifo", first=500), (4, before))
        self.assertEqual(self.units(scheduler="fifo", first=3), (0, before + 4))  # trial 0 is trial 4 as well

    def test_two_studies(self):
        """What one trains for another is reused in the same build."""
        self.write("two.lua", '''
local hpo = require "hpo"
local function study(name, max_t)
  return hpo.study {
    name = name, space = { i = hpo.randint(0, 9) }, search = hpo.search.points { { i = 1 }, { i = 2 } }, metric = "loss",
    scheduler = hpo.scheduler.fifo { max_t = max_t },
    trial = function(p) return hpo.command { run = { "sh", hpo.source "trial.sh" } } end,
  }
end
return { a = study("a", 2), b = study("b", 3) }
''')
        answer = self.build("two.lua")
        self.assertEqual((answer["units_trained"], answer["units_reused"]), (6, 4))
        self.assertEqual(self.units(n=3), (4, 2))  # 4 of i = 0; 1 and 2 are stopped at t = 1


class Bounds(Insight):
    def test_before_anything_ran(self):
        self.assertEqual(self.bounds(), (8, 32))
        self.assertIn("; none has run", self.hpo("build", "r.lua", "--dry-run")[0])
        least, most = self.bounds("--set", "scheduler=fifo")
        self.assertEqual((least, most), (32, 32))
        self.assertEqual(self.units(scheduler="fifo"), (32, 0))

    def test_what_it_then_costs(self):
        """Each further build trains a number of units between its bounds, and nothing is left then."""
        for sets in ({}, {"n": 12}, {"max_t": 5}, {"n": 20, "max_t": 9}, {"scheduler": "fifo"}, {"first": 77}):
            least, most = self.bounds(*self.sets(**sets))
            trained, _ = self.units(**sets)
            self.assertLessEqual(least, trained, sets)
            self.assertLessEqual(trained, most, sets)
            self.assertEqual(self.bounds(*self.sets(**sets)), (0, 0))

    def test_exact_where_nothing_is_open(self):
        self.build("r.lua", *self.sets(scheduler="fifo"))
        self.assertEqual(self.bounds(*self.sets(scheduler="fifo", max_t=6, n=10)), (8 * 2 + 2 * 6, 8 * 2 + 2 * 6))
        self.assertIn("; by what such units took, about 0.0 to 0.0 min", self.hpo("build", "r.lua", "--dry-run", *self.sets(scheduler="fifo", max_t=6))[0])
        self.assertEqual(self.bounds(*self.sets(scheduler="fifo", first=3)), (0, 0))

    def test_time_by_the_last_build(self):
        self.build("r.lua")
        self.write("trial.sh", "# another\n" + TRIAL)
        self.assertEqual(self.bounds(), (8, 32))
        self.assertIn("; by what such units took, about ", self.hpo("build", "r.lua", "--dry-run")[0])

    def test_a_searcher_that_learns(self):
        """Trials to come are unknown: what they share with the store is too."""
        self.write("r.lua", RECIPE.replace("hpo.search.points(points)", "hpo.search.tpe {}, samples = 6"))
        self.assertEqual(self.bounds(), (3, 24))
        self.build("r.lua")
        self.assertEqual(self.bounds(), (0, 0))

    def test_a_study_that_may_end_earlier(self):
        self.write("r.lua", RECIPE.replace("concurrency = 3", "stop = { loss = 100 }, concurrency = 3"))
        self.assertEqual(self.bounds("--set", "scheduler=fifo"), (8, 32))

    def test_what_is_read_must_be_made_first(self):
        self.write("r.lua", RECIPE.replace(
            "return { default", 'local made = hpo.command { run = { "sh", "-c", "echo 1 > made" }, outputs = { "made" } }\nreturn { default').replace(
            'hpo.source "trial.sh" } }', 'hpo.source "trial.sh" }, inputs = { made } }'))
        self.assertEqual(self.bounds(), (0, 32))

    def test_an_exploit(self):
        self.write("r.lua", EVERY)
        text = self.hpo("build", "r.lua", "--dry-run")[0]
        self.assertIn("at least 4, at most 12 more units, and those that are trained again after an exploit", text)

    def test_nothing_runs(self):
        self.hpo("build", "r.lua", "--dry-run")
        self.assertEqual(json.loads(self.hpo("runs", "--json")[0])["runs"], [])


class Simulate(Insight):
    def simulate(self, *arguments, **sets):
        answer = json.loads(self.hpo("simulate", "r.lua", "--json", *arguments, *self.sets(**sets))[0])
        real, instead = answer["runs"]
        self.assertEqual((real["run"], instead["run"]), ("as it is", "instead"))
        return real, instead

    def test_as_it_would_have_been(self):
        """Over all units of a full search, what asha would have done is what asha does."""
        self.build("r.lua", *self.sets(scheduler="fifo"))
        real, instead = self.simulate("s", "--scheduler", "asha { max_t = 4, reduction_factor = 2 }")
        self.assertEqual((real["decided"], real["trials"], real["units"], real["scheduler"]["name"]), (True, 8, 32, "fifo"))
        self.build("r.lua")
        asha, _ = self.simulate("--scheduler", "fifo { max_t = 1 }")
        self.assertEqual({**asha, "run": "instead"}, instead)
        table = self.table("r.lua")
        self.assertEqual(instead["best"], table["best"])
        self.assertEqual(instead["units"], sum(t["reached"] for t in table["trials"]))
        self.assertEqual(instead["missing"], [])

    def test_what_leaves_it_undecided(self):
        self.build("r.lua")
        _, instead = self.simulate("--scheduler", "fifo { max_t = 2 }")
        self.assertFalse(instead["decided"])
        self.assertEqual(instead["missing"], [
            {"trial": 1, "from": 2, "until": 2, "inputs": True}, {"trial": 2, "from": 2, "until": 2, "inputs": True}])
        self.assertEqual(instead["next"], {"trial": 1, "t": 2})
        text = self.hpo("simulate", "r.lua", "--scheduler", "fifo { max_t = 2 }")[0]
        self.assertIn("instead: undecided at virtual time 2, the best is that so far\n  trial 1: t = 2 is not known\n", text)
        self.assertIn("  open: what follows the report of trial 1 at t = 2\n", text)

    def test_another_order(self):
        self.build("r.lua", *self.sets(scheduler="fifo"))
        real, instead = self.simulate("--search", "points { { i = 7 }, { i = 3 }, { i = 0 } }", scheduler="fifo")
        self.assertEqual((instead["decided"], instead["trials"], instead["units"], instead["best"]), (True, 3, 12, 2))
        self.assertEqual((instead["params"], instead["value"]), (real["params"], real["value"]))
        _, instead = self.simulate("--search", "random {}", scheduler="fifo")
        self.assertEqual((instead["decided"], instead["units"]), (False, 0))  # none of its points is known

    def test_nothing_is_written(self):
        self.build("r.lua")
        before = self.rows()
        self.simulate("--scheduler", "asha { max_t = 9, reduction_factor = 3 }")
        self.simulate("--search", "random {}")
        self.assertEqual(self.rows(), before)

    def test_wrong_words(self):
        self.build("r.lua")
        for arguments, words in (
                ([], "expected --scheduler or --search"), (["--scheduler", "asa { max_t = 1 }"], 'did you mean "asha"'),
                (["--scheduler", "fifo {"], "--scheduler: unexpected symbol"), (["--scheduler", "7"], "study.scheduler: expected"),
                (["other", "--scheduler", "fifo { max_t = 1 }"], 'no study "other"')):
            self.assertIn(words, self.hpo("simulate", "r.lua", *arguments, status=2)[1])


class Clock(Insight):
    RECIPE = '''
local hpo = require "hpo"
return { default = hpo.study {
  name = "c", space = { bs = hpo.choice { 2, 4 }, kind = hpo.choice { "a", "b" } }, search = hpo.search.grid {}, metric = "loss",
  concurrency = 2, scheduler = hpo.scheduler.fifo { max_t = 2 }, %s
  first = { { bs = 2, kind = "a" }, { bs = 4, kind = "b" } },
  trial = function(p)
    local pause = p.bs == 2 and 0.3 or 0.1
    return hpo.command { run = { "sh", "-c", "for t in 1 2; do sleep " .. pause .. "; echo '{\\"t\\": '$t', \\"loss\\": 1}'; done" } }
  end,
} }
'''

    def test_idle_workers(self):
        out, err = self.hpo("build", "r.lua", "--set", "n=4", "--set", "scheduler=fifo")
        self.assertIn("s: virtual workers idle 33% of the time\n", err)  # 4 trials of 4 on 3 workers: 16 of 24
        self.assertIn("\nvirtual workers idle 33% of the time\n", self.hpo("table", "r.lua")[0])
        self.assertIn("\nvirtual workers idle 33% of the time\n", self.read("out/r/default/table.txt"))

    def test_a_cost_that_fits(self):
        self.write("c.lua", self.RECIPE % "")
        _, err = self.hpo("build", "c.lua", "-j1")
        self.assertIn("c: a unit's time depends on bs; a clock that knows it keeps workers busy:\n  cost = function(p) return ({ [2] = ", err)
        line, = [line.strip() for line in err.splitlines() if "cost = function" in line]
        self.write("c.lua", self.RECIPE % (line + ","))
        _, err = self.hpo("build", "c.lua", "-j1")
        self.assertNotIn("cost = ", err + self.hpo("table", "c.lua")[0])


if __name__ == "__main__":
    unittest.main()
