"""How trials and studies end: whatever a scheduler decides a study does; a trial at its study's stop."""
import unittest

from case import Case

TRAINER = '''
t=$HPO_FROM
while [ $t -lt $HPO_UNTIL ]; do t=$((t + 1)); echo "{\\"t\\": $t, \\"loss\\": $((LOSS)), \\"acc\\": $t}"; done
touch "$HPO_CHECKPOINT_OUT/done"
'''
POPULATION = '''
local hpo = require "hpo"
local kind = hpo.param("kind", "1")
return { default = hpo.study {
  name = "s", space = { x = hpo.uniform(0, 1) }, metric = "loss", samples = 4, concurrency = hpo.param("concurrency", 1),
  search = SEARCH, scheduler = SCHEDULER,
  trial = function() return hpo.command { env = { KIND = kind }, run = { "sh", hpo.source "train.sh" } } end,
} }
'''
LIMIT = 2 * 4 * 4  # samples × max_t
PBT = "hpo.scheduler.pbt { max_t = 4, mutations = { x = hpo.uniform(0, 1) } }"


class Ends(Case):
    def recipe(self, scheduler=PBT, search="hpo.search.random {}"):
        self.write("train.sh", TRAINER.replace("LOSS", "$KIND"))
        self.write("r.lua", POPULATION.replace("SCHEDULER", scheduler).replace("SEARCH", search))

    def ended(self, *sets):
        messages = self.build("r.lua", *sets, timeout=60)["messages"]
        table = self.table("r.lua", *sets)
        self.assertTrue({t["status"] for t in table["trials"]} <= {"completed", "stopped"}, table)
        return table, messages

    def test_a_population_where_nothing_improves(self):
        """Constant, a plateau, up and down: on as many workers as the worst are, each ends, and the table says why."""
        self.recipe()
        for kind in ("1", "t < 3 ? 0 : t", "t % 2"):
            table, messages = self.ended("--set", f"kind={kind}")
            exploits = [i for i, row in enumerate(table["decisions"]) if row["decision"] == "exploit"]
            self.assertLess(exploits[-1], LIMIT)
            self.assertGreaterEqual(len(table["decisions"]), LIMIT)
            self.assertEqual({t["reached"] for t in table["trials"]}, {4})
            self.assertEqual(table["info"]["units_with_exploits"], LIMIT)
            self.assertIn("after 32 units, 2 × samples × max_t, no trial exploited another any more", messages)
        self.assertIn("nobody exploits any more", self.hpo("why", "r.lua", "s/0", "--set", "kind=t % 2")[0])

    def test_a_population_that_improves_is_left_alone(self):
        self.recipe()
        table, messages = self.ended("--set", "kind=9 - t", "--set", "concurrency=4")
        self.assertNotIn("units_with_exploits", table["info"])
        self.assertNotIn("any more", messages)

    def test_a_population_of_fewer_points_than_samples(self):
        self.recipe(search="hpo.search.points { { x = 0.5 }, { x = 0.25 } }")
        table, _ = self.ended("--set", "kind=9 - t")
        self.assertEqual([(t["status"], t["reached"]) for t in table["trials"]], [("completed", 4)] * 2)

    def test_a_scheduler_of_a_recipe_that_exploits_for_ever(self):
        self.recipe('''{ max_t = 4, report = function(self, trial, t)
          return { { trial = trial, decision = "exploit", parent = trial, t = 1 } } end }''')
        table, _ = self.ended()
        self.assertEqual([t["status"] for t in table["trials"]], ["completed"] * 4)
        self.assertEqual([row["decision"] for row in table["decisions"]].count("exploit"), LIMIT - 1)

    def test_a_scheduler_of_a_recipe_that_pauses_everybody(self):
        self.recipe('{ max_t = 4, report = function() return "pause" end, idle = function() return {} end }')
        table, _ = self.ended()
        self.assertEqual([(t["status"], t["reached"]) for t in table["trials"]], [("stopped", 1)] * 4)


STOP = '''
local hpo = require "hpo"
return { default = hpo.study {
  name = "s", space = { x = hpo.choice { 1, 2 } }, samples = 2, metric = "loss", stop = { STOP },
  scheduler = hpo.scheduler.fifo { max_t = 8 }, trial = function() return hpo.command { run = { "sh", hpo.source "train.sh" } } end } }
'''


class Stop(Case):
    """loss falls from 7, acc rises from 1."""

    def reached(self, stop):
        self.write("train.sh", TRAINER.replace("LOSS", "8 - t"))
        self.write("r.lua", STOP.replace("STOP", stop))
        self.build("r.lua")
        return {t["reached"] for t in self.table("r.lua")["trials"]}

    def test_each_metric_in_its_own_direction(self):
        self.assertEqual(self.reached("loss = 3"), {5})
        self.assertEqual(self.reached("acc = { at_least = 6 }"), {6})
        self.assertEqual(self.reached("acc = { at_most = 3 }"), {1})
        self.assertEqual(self.reached("loss = { at_least = 4 }"), {1})
        self.assertEqual(self.reached("loss = { at_most = 4 }"), {4})

    def refuses(self, stop, message):
        self.write("r.lua", STOP.replace("STOP", stop))
        self.assertIn(message, self.hpo("build", "r.lua", status=2)[1])

    def test_a_metric_without_a_direction_is_refused(self):
        self.refuses("acc = 6", "study.stop.acc: expected { at_least = NUMBER } or { at_most = NUMBER }, found 6")
        self.refuses("acc = { at_least = 1, at_most = 2 }", "study.stop.acc: expected { at_least = NUMBER }")
        self.refuses("acc = {}", "study.stop.acc: expected { at_least = NUMBER }")
        self.refuses("t = 3", 'study.stop.t: "t" says where a trial is')


if __name__ == "__main__":
    unittest.main()
