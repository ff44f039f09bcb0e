"""Recipes through the program: one message with file, line and field for each mistake; limits that no pcall
swallows; the shipped recipes can be read; methods of one's own, from the manual."""
import json
import re
import shutil
import unittest

from case import LONG, ROOT, Case, without_measured

HPO = 'local hpo = require "hpo"\n'
TRIAL = 'trial = function(p) return hpo.command { run = { "true" } } end'

# A recipe, and how its message begins and what else it holds.
MISTAKES = [
    ("return {", "r.lua:1: ", "near"),
    ("local x = nil\nreturn { d = x.y }", "r.lua:2: ", "attempt to index a nil value"),
    ("error('no')", "r.lua:1: ", "no"),
    ("return nil", "r.lua: targets: ", "return { default = ... }"),
    ("return {}", "r.lua: targets: ", "at least one target"),
    ("return { d = 3 }", 'r.lua: target "d": ', "found 3"),
    (HPO + "return { d = hpo.comand {} }", "r.lua:2: hpo.comand: ", 'did you mean "command"?'),
    (HPO + "return { d = hpo.command { run = {} } }", "r.lua:2: hpo.command.run: ", "at least one element"),
    (HPO + 'return { d = hpo.command { run = { "x" }, output = {} } }', "r.lua:2: hpo.command.output: ", '"outputs"?'),
    (HPO + 'local x = hpo.text "t"\nreturn { d = "a" .. x }', "r.lua:3: hpo.text: ", "cannot be joined"),
    (HPO + 'return { d = hpo.source "absent" }', "r.lua:2: hpo.source: ", "absent"),
    (HPO + 'return { d = hpo.model { "bigscience/bloomz-560m" } }', "r.lua:2: hpo.model: ", "--set model=FOLDER"),
    (HPO + 'return { d = hpo.study { samples = "twelve" } }', "r.lua:2: study.samples: ",
     'expected a whole number ≥ 1, found "twelve"'),
    (HPO + "return { d = hpo.study { space = { lr = hpo.uniform(2, 1) } } }", "r.lua:2: hpo.uniform: ", "low ≤ high"),
    (HPO + "return { d = hpo.study { scheduler = hpo.scheduler.asha { max_t = 0 } } }",
     "r.lua:2: hpo.scheduler.asha.max_t: ", "expected a whole number ≥ 1, found 0"),
    (HPO + "return { d = hpo.study { scheduler = hpo.scheduler.fifo { max_t = 2 },\n"
     "search = { suggest = function(self, n) return n.x end }, samples = 1, " + TRIAL + " } }", "r.lua:3: ", "index"),
    (HPO + "return { d = hpo.study { scheduler = hpo.scheduler.fifo { max_t = 2 }, search = hpo.search.points { {} },\n"
     "trial = function(p)\nreturn p.x.y end } }", "r.lua:4: ", "attempt to index a nil value"),
    (HPO + "return { d = hpo.study { scheduler = hpo.scheduler.fifo { max_t = 2 }, search = hpo.search.points { {} },\n"
     "trial = function(p) return 3 end } }", "r.lua:3: study.trial: ", "expected hpo.train, hpo.command or hpo.script, found 3"),
    ('require "absent"', "r.lua:1: ", "absent"),
    ("os.exit(0)", "r.lua:1: ", "os"),
    ("io.open('x')", "r.lua:1: ", "io"),
    ("return math.random()", "r.lua:1: ", "random"),
    ("return load('\\27Lua')", "r.lua: targets: ", "expected a table"),
    ("setmetatable({}, { __gc = function() end })", "r.lua:1: ", "__gc"),
]

LIMITS = [
    ("while true do end", "instructions"),
    ("while true do pcall(function() while true do end end) end", "instructions"),
    ("local co = coroutine.wrap(function() while true do end end) co()", "instructions"),
    ("local t = {} while true do t[#t + 1] = ('x'):rep(1000000) .. #t end", "1 GB"),
    ("local s = 'x' while true do pcall(function() s = s .. s end) end", "1 GB"),
]


class Mistakes(Case):
    def test_each_has_one_message_with_its_place(self):
        for text, place, part in MISTAKES:
            with self.subTest(recipe=text):
                self.write("r.lua", text)
                out, err = self.hpo("build", "r.lua", status=2)
                self.assertEqual(out, "")
                self.assertTrue(err.startswith("hpo: " + place), err)
                self.assertIn(part, err)
                self.assertLessEqual(len(err.splitlines()), 2, err)

    def test_parameters(self):
        self.write("r.lua", HPO + 'local n = hpo.param("n", 3)\nlocal xs = hpo.param("xs", { 0.0, 0.5 })\n'
                   'return { d = hpo.text(hpo.json { n = n, xs = xs }) }')
        for value, part in (("n=x", "n: expected a whole number, found \"x\""), ("n=1.5", "a whole number"),
                            ("xs=1,b", "a list"), ("m=1", 'no parameter "m"'), ("n", "NAME=VALUE")):
            with self.subTest(set=value):
                self.assertIn(part, self.hpo("build", "r.lua", "--set", value, status=2)[1])
        self.build("r.lua", "--set", "n=7", "--set", "xs=1,2.5")
        self.assertEqual(json.loads(self.read("out/r/d")), {"n": 7, "xs": [1, 2.5]})

    def test_limits(self):
        for text, part in LIMITS if LONG else LIMITS[1:4:2]:
            with self.subTest(recipe=text):
                self.write("r.lua", text)
                self.assertIn(part, self.hpo("build", "r.lua", status=2, timeout=120)[1])

    @unittest.skipUnless(LONG, "it takes the ten seconds that a call may take")
    def test_a_pattern_that_never_ends(self):
        self.write("r.lua", "('a'):rep(200000):find('.-.-.-b')")
        self.assertIn("more than 10 s", self.hpo("build", "r.lua", status=2, timeout=60)[1])


class Shipped(Case):
    def test_they_can_be_read(self):
        for name in ("asha", "manual"):
            shutil.copy(ROOT / "recipes" / f"{name}.lua", self.folder)
            shutil.copy(ROOT / "recipes" / "profiles.lua", self.folder)
            graph = json.loads(self.hpo("graph", f"{name}.lua", "--format", "json")[0])
            self.assertGreater(len(graph["nodes"]), 5)
            self.assertIn("--set model=FOLDER", self.hpo("graph", f"{name}.lua", "--set", "profile=original", status=2)[1])


TRAIN = """rate=$(sed 's/.*: *//; s/}//' "$HPO_PARAMS")
t=$((HPO_FROM + 1))
while [ "$t" -le "$HPO_UNTIL" ]; do
  awk -v t="$t" -v r="$rate" 'BEGIN { x = log(r / 0.01); print "{\\"t\\": " t ", \\"loss\\": " x * x + (t > 4 ? 4 : 5 - t) "}" }'
  t=$((t + 1))
done
"""


class MethodsOfOnesOwn(Case):
    """The two examples of docs/recipes.md, with real trials."""

    def example(self, word):
        blocks = re.findall(r"```lua\n(.*?)```", (ROOT / "docs/recipes.md").read_text(), re.DOTALL)
        self.write("r.lua", next(b for b in blocks if word in b))
        self.write("train.sh", TRAIN)
        tables = []
        for jobs in (1, 4):
            shutil.rmtree(self.folder / ".hpo", ignore_errors=True)
            self.build("r.lua", "-j", jobs)
            tables.append(without_measured(self.table("r.lua")))
        self.assertEqual(tables[0], tables[1])
        self.assertEqual(self.build("r.lua")["ran"], 0)
        return tables[0]

    def test_a_searcher(self):
        table = self.example("nearby")
        self.assertEqual([t["reached"] for t in table["trials"]], [3] * 8)
        self.assertGreaterEqual(table["best"], 2)

    def test_a_scheduler(self):
        table = self.example("patience")
        self.assertEqual({t["reached"] for t in table["trials"]}, {6})
        self.assertEqual({t["status"] for t in table["trials"]}, {"stopped"})


if __name__ == "__main__":
    unittest.main()
