"""What a build would run, and why, before it runs: studies in hpo graph, in a dry run and in hpo why; names of what nobody named."""
import json
import unittest

from case import Case

RECIPE = '''
local hpo = require "hpo"
local data = hpo.command { name = "data", run = { "sh", "-c", "echo " .. hpo.param("rows", 1) .. " > $0", hpo.output "d" } }
local s = hpo.study { NAME metric = "loss", space = { x = hpo.randint(1, 9) }, concurrency = 2, samples = hpo.param("n", 3),
  search = hpo.search.points { { x = 5 }, { x = 2 }, { x = 7 }, { x = 1 } }, scheduler = hpo.scheduler.fifo { max_t = hpo.param("max_t", 2) },
  trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh", p.x }, inputs = { data } } end }
return { RETURNED }
'''
TRAIN = 'for t in $(seq $((HPO_FROM + 1)) $HPO_UNTIL); do echo "{\\"t\\": $t, \\"loss\\": $1}"; done; echo > $HPO_CHECKPOINT_OUT/c\n'


class WhatRuns(Case):
    def setUp(self):
        super().setUp()
        self.recipe()
        self.write("train.sh", TRAIN)

    def recipe(self, name='name = "s",', returned="default = s"):
        self.write("r.lua", RECIPE.replace("NAME", name).replace("RETURNED", returned))

    def dry(self, *arguments):
        return self.hpo("build", "r.lua", "--dry-run", *arguments)[0]

    def test_the_graph_shows_what_a_study_needs(self):
        """Its trials are no nodes: what they read is the study's."""
        text = self.hpo("graph", "r.lua")[0]
        self.assertIn("s (study) ← data, train.sh\n", text)
        self.assertIn("\ndata (command)\n", text)
        graph = json.loads(self.hpo("graph", "r.lua", "--json")[0])
        names = {node["node"]: node["name"] for node in graph["nodes"]}
        study, = [node for node in graph["nodes"] if node["kind"] == "study"]
        self.assertEqual(sorted(names[need] for need in study["needs"]), ["data", "train.sh"])
        self.assertEqual(sorted(names.values()), ["data", "s", "train.sh"])
        dot = self.hpo("graph", "r.lua", "--format", "dot")[0]
        self.assertEqual(dot.count("->"), 2)
        self.recipe(returned="default = s, b = hpo.after(s, function(best) return best.checkpoint end)")
        self.assertIn("b (undecided) ← s\n", self.hpo("graph", "r.lua")[0])

    def test_a_name_of_two_lines_stands_in_one(self):
        self.write("r.lua", self.read("r.lua").replace('name = "data"', 'name = "da\\nta"'))
        text = self.hpo("graph", "r.lua")[0]
        self.assertIn("\nda\\u000Ata (command)\n", text)
        self.assertIn("← da\\u000Ata, train.sh\n", text)

    def test_a_mistake_in_trial_is_said(self):
        self.write("r.lua", self.read("r.lua").replace("p.x }", "p.y.z }"))
        self.assertIn("r.lua:6", self.hpo("graph", "r.lua", status=2)[1])

    def test_a_dry_run_says_why_units_are_trained(self):
        self.assertIn("\n  2 units to train: not known before data is\n", self.dry())
        self.build("r.lua", "--set", "n=1")
        self.assertIn("study s: 2 of 3 trials begun, undecided\n  2 units to train: never trained\nrun s/1: t = 1 to 2\n", self.dry())
        self.build("r.lua")
        self.assertEqual(self.dry(), "nothing to do\n")
        self.assertIn("\n  2 units to train: never trained\nrun s/0: t = 3 to 3\n", self.dry("--set", "max_t=3"))
        self.write("train.sh", TRAIN + "#")
        self.assertRegex(self.dry(), r'\n  4 units to train: input\.train\.sh: "file [0-9a-f]{12}" → "file [0-9a-f]{12}"\nrun s/0: t = 1 to 2\n')
        self.write("train.sh", TRAIN)
        self.write("r.lua", self.read("r.lua").replace("p.x }", "p.x, 'a' }"))
        self.assertIn('  2 units to train: run: ["sh", "train.sh", "5"] → ["sh", "train.sh", "5", "a"]\n', self.dry())

    def test_a_dry_run_knows_failures(self):
        self.write("train.sh", "exit 3\n")
        self.build("r.lua", status=1)
        self.assertIn("  2 units to train: failed in run 1: it ended with status 3\n", self.dry("--set", "n=1"))

    def test_a_dry_run_knows_what_is_lost(self):
        """Files that gc has removed are made again, by nobody's --rerun."""
        self.recipe(returned="""default = s, best = s.best.checkpoint, data = data,
          step = hpo.command { name = "step", run = { "sh", "-c", "cp $1 $0", hpo.output "f", data } },
          bad = hpo.command { name = "bad", run = { "sh", "-c", "exit 3" }, outputs = { "x" } }""")
        self.build("r.lua", "step", "best")
        self.assertEqual(self.dry("step", "best"), "nothing to do\n")
        self.hpo("cache", "gc", "--max-gb", "0")
        self.assertEqual(self.dry("data"), "run data\n  its files are not in the store\n")
        self.build("r.lua", "data")
        self.assertEqual(self.dry("step"), "run step\n  its files are not in the store\n")
        self.assertEqual(self.dry("best"), "run best: t = 2\n  its checkpoint is not in the store\n")
        self.assertEqual(self.build("r.lua", "step")["ran"], 1)
        self.assertIn("run data\n  --rerun\n", self.dry("--rerun", "data"))
        self.build("r.lua", "bad", status=1)
        self.assertEqual(self.dry("bad"), "run bad\n  failed in run 4: it ended with status 3\n")

    def test_a_dry_run_knows_which_unit_is_trained_again(self):
        self.assertIn("then run s/0 again\n  --rerun\n", self.dry("--rerun", "s/0"))
        self.build("r.lua")
        self.assertEqual(self.dry("--rerun", "s/0"), "run s/0: t = 2\n  --rerun\n")
        self.assertEqual(self.dry("--rerun", "s/1/1"), "run s/1: t = 1\n  --rerun\n")
        self.assertIn('the study has no unit "s/7"', self.hpo("build", "r.lua", "--dry-run", "--rerun", "s/7", status=2)[1])

    def test_why_knows_how_a_trial_failed(self):
        self.write("train.sh", 'echo "{\\"t\\": 1, \\"loss\\": 1}"; exit 3\n')
        self.build("r.lua", status=1)
        self.assertIn("a study has no key, its trials have: hpo why r.lua s/0 tells of one", self.hpo("why", "r.lua", "s")[0])
        said = self.hpo("why", "r.lua", "s/0")[0]
        self.assertIn("\n  failed at t = 2 in run 1: it ended with status 3; a build tries it again\n", said)
        self.assertNotIn("undecided", said)

    def test_why_knows_it_before_the_run(self):
        """Of an action, a trial and a unit, what its key would differ in if it were built now."""
        self.build("r.lua")
        for node in ("data", "s/1", "s/1/1"):
            self.assertNotIn("now it would", self.hpo("why", "r.lua", node)[0])
        self.write("train.sh", TRAIN + "#")
        for node in ("s/1", "s/1/1"):
            self.assertRegex(self.hpo("why", "r.lua", node)[0], r"\n  now it would have another key, which differs in:\n  input\.train\.sh: ")
        self.assertNotIn("now it would", self.hpo("why", "r.lua", "data")[0])
        self.write("r.lua", self.read("r.lua").replace('"echo "', '"echo a"'))
        self.assertIn('  now it would have another key, which differs in:\n  run[3]: "echo 1 > $0" → "echo a1 > $0"\n', self.hpo("why", "r.lua", "data")[0])
        self.build("r.lua", "--set", "rows=3")
        self.assertNotIn("now it would", self.hpo("why", "r.lua", "data")[0])  # with the --set of that build
        self.write("r.lua", "return 1")
        self.assertIn("  key ", self.hpo("why", "r.lua", "data", "--set", "rows=3")[0])

    def test_what_nobody_named_has_a_name_to_read(self):
        one = 'hpo.study { metric = "loss", search = hpo.search.points { {} }, scheduler = hpo.scheduler.fifo { max_t = 1 }, trial = function()' \
              ' return hpo.command { run = { "sh", hpo.source "train.sh", 1 } } end }'
        after = f"hpo.after(s, function(best) return {one}.best.checkpoint end)"
        step = lambda what: f'hpo.command {{ run = {{ "true" }}, inputs = {{ c = {what} }} }}'
        self.recipe("", f"a = {step('s.best.checkpoint')}, b = {step(one + '.best.checkpoint')}, c = {step(after)}")
        labels = {line.split(" (")[0] for line in self.hpo("graph", "r.lua")[0].splitlines()}
        self.assertLessEqual({"study", "study-2", "after", "study.best", "study-2.best"}, labels)
        self.build("r.lua")
        studies = [study["study"] for study in self.table("r.lua")["studies"]]
        self.assertEqual(studies, ["after.study", "study", "study-2"])
        for study in studies:
            self.assertIn("completed at", self.hpo("why", "r.lua", f"{study}/0")[0])
            self.assertIn('"loss"', self.hpo("log", "r.lua", f"{study}/0")[0])


if __name__ == "__main__":
    unittest.main()
