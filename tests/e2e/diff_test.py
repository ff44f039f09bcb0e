"""hpo diff: two builds side by side."""
import json
import unittest

from case import Case

RECIPE = '''
local hpo = require "hpo"
local lib = require "lib"
local step = hpo.command { name = "step", run = { "sh", "-c", "echo " .. hpo.param("word", "one") .. " > $0", hpo.output "w" } }
local points = {}
for i = hpo.param("first", 1), hpo.param("last", 3) do points[#points + 1] = { x = i } end
local s = hpo.study { name = "s", metric = "loss", space = { x = hpo.randint(1, 9) }, search = hpo.search.points(points), concurrency = 2,
  scheduler = hpo.scheduler.fifo { max_t = lib.max_t },
  trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh", p.x }, inputs = { step } } end }
return { default = s EXTRA }
'''
TRAIN = 'for t in $(seq 1 $HPO_UNTIL); do echo "{\\"t\\": $t, \\"loss\\": $(($1 * 10 - t)), \\"acc\\": $1}"; done\n'


class Diff(Case):
    def setUp(self):
        super().setUp()
        self.recipe("r.lua")
        self.write("lib.lua", "return { max_t = 2 }")
        self.write("train.sh", TRAIN)

    def recipe(self, name, extra=""):
        self.write(name, RECIPE.replace("EXTRA", extra))

    def diff(self, a, b):
        return json.loads(self.hpo("diff", a, b, "--json")[0])

    def test_a_node_is_told_once(self):
        """By its target, or by its name."""
        self.recipe("r.lua", ", made = step")
        self.build("r.lua", "made")
        self.build("r.lua", "made", "--set", "word=two")
        self.assertEqual([node["name"] for node in self.diff(1, 2)["nodes"]], ["made"])
        self.recipe("r.lua", ", made = step, new = hpo.command { name = 'other', run = { 'sh', '-c', 'echo > $0', hpo.output 'o' } }")
        self.build("r.lua", "made", "new")
        self.assertEqual(self.diff(1, 3)["nodes"], [{"name": "new", "only": "b"}])

    def test_sets_fields_and_tables(self):
        self.build("r.lua", "--set", "word=two")
        self.write("train.sh", TRAIN.replace("* 10", "* 8"))
        self.build("r.lua", "--set", "first=2", "--set", "last=4")
        found = self.diff(1, 2)
        self.assertEqual(found["set"], [{"name": "first", "b": "2"}, {"name": "last", "b": "4"}, {"name": "word", "a": "two"}])
        self.assertEqual(found["files"], [])
        self.assertEqual(found["nodes"], [{"name": "step", "fields": ['run[3]: "echo two > $0" → "echo one > $0"']}])
        study, = found["studies"]
        rows = [(t["params"]["x"], t.get("a", {}).get("metrics"), t.get("b", {}).get("metrics"), t["change"]) for t in study["trials"]]
        self.assertEqual(rows, [
            (1, {"loss": 8, "acc": 1}, None, {}), (2, {"loss": 18, "acc": 2}, {"loss": 14, "acc": 2}, {"loss": -4, "acc": 0}),
            (3, {"loss": 28, "acc": 3}, {"loss": 22, "acc": 3}, {"loss": -6, "acc": 0}), (4, None, {"loss": 30, "acc": 4}, {})])
        self.assertEqual((study["best"]["a"]["trial"], study["best"]["b"]["params"], study["best"]["change"]["loss"]), (0, {"x": 2}, 6))
        text = self.hpo("diff", 1, 2)[0]
        self.assertIn("A  run 1  ", text)
        self.assertIn("\n--set first: its default → 2\n", text)
        self.assertIn('\nstep\n  run[3]: "echo two > $0" → "echo one > $0"\n', text)
        self.assertIn("\nstudy s (loss, min)\n  best in A: trial 0 (x=1), t = 2, loss 8\n  best in B: trial 0 (x=2), t = 2, loss 14\n  change: 6\n", text)
        self.assertRegex(text, r"\ntrial A  trial B  x  loss A  loss B  change  acc A  acc B  change ")
        self.assertRegex(text, r"\n      1        0  2      18      14      -4      2      2       0    2  completed    2  completed\n")

    def test_what_units_were_trained_from(self):
        """By the first trial that both have; digests are cut for people."""
        self.build("r.lua")
        self.write("train.sh", TRAIN + "#")
        self.build("r.lua")
        self.assertEqual(self.diff(1, 2)["units"][0]["name"], "s/0/1")
        self.assertRegex(self.hpo("diff", 1, 2)[0], r'\ns/0/1\n  input\.train\.sh: "file [0-9a-f]{12}" → "file [0-9a-f]{12}"\n\n')

    def test_files_of_lua_and_nodes_that_one_lacks(self):
        self.build("r.lua")
        self.write("lib.lua", "return { max_t = 3 }")
        self.recipe("r.lua", ', other = hpo.command { name = "other", run = { "echo" } }')
        self.build("r.lua", "default", "other")
        found = self.diff(1, 2)
        self.assertEqual([f["name"] for f in found["files"]], ["lib.lua", "r.lua"])
        self.assertEqual(found["nodes"], [{"name": "other", "only": "b"}])
        self.assertRegex(self.hpo("diff", 1, 2)[0], r"\nfile lib\.lua: [0-9a-f]{12} → [0-9a-f]{12}\n(.|\n)*\nother: only in B\n")

    def test_two_recipes(self):
        self.build("r.lua")
        self.recipe("q.lua", ', t = hpo.study { name = "t", metric = "v", search = hpo.search.points { {} }, scheduler = hpo.scheduler.fifo'
                    ' { max_t = 1 }, trial = function() return hpo.command { run = { "echo", [[{"t": 1, "v": 2}]] } } end }')
        self.build("q.lua", "default", "t")
        found = self.diff(1, 2)
        self.assertEqual([(s["study"], s.get("only")) for s in found["studies"]], [("s", None), ("t", "b")])
        self.assertEqual([t["change"] for t in found["studies"][0]["trials"]], 3 * [{"loss": 0, "acc": 0}])
        self.assertIn("study t (v, min): only in B\n", self.hpo("diff", 1, 2)[0])

    def test_the_same(self):
        self.build("r.lua")
        self.build("r.lua")
        self.assertIn("\nno --set, no file of Lua and no key differs\n", self.hpo("diff", 1, 2)[0])

    def test_what_is_no_build(self):
        self.build("r.lua")
        self.assertIn("there is no run 2 here", self.hpo("diff", 1, 2, status=2)[1])
        self.assertIn('RUN: expected a whole number', self.hpo("diff", 1, "r.lua", status=2)[1])
        self.assertIn("hpo: diff: expected RUN RUN\n", self.hpo("diff", 1, status=2)[1])


if __name__ == "__main__":
    unittest.main()
