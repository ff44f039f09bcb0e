"""warm: a searcher that knows another study's reports from the start, or those of the store's past."""
import json
import shutil
import unittest

from case import Case, without_measured

RECIPE = '''local hpo = require "hpo"
local function train(p)
  return hpo.command { run = { "sh", "-c", [[
    for t in $(seq $((HPO_FROM + 1)) $HPO_UNTIL); do echo "{\\"t\\": $t, \\"loss\\": $(awk "BEGIN { print ($X - 0.3) ^ 2 + 1 / $t }")}"; done
  ]] }, env = { X = p.x } }
end
local function study(name, o)
  o.name, o.metric, o.trial, o.concurrency = name, o.metric or "loss", train, 2
  o.scheduler = o.scheduler or hpo.scheduler.asha { max_t = 3, reduction_factor = 2 }
  return hpo.study(o)
end
local first = study("first", { space = { x = hpo.uniform(0, 1), kind = hpo.choice { "a", "b" } }, samples = hpo.param("samples", 30), seed = 1 })
local function listens(s)
  local told = {}
  return { suggest = function(_, n) return { x = 0.5 + n, told = #told, first = told[1], last = told[#told] } end,
    start = function(_, n, p) if n < 0 then told[#told + 1] = "start " .. n .. " " .. hpo.json(p) end end,
    observe = function(_, n, t, v) if n < 0 then told[#told + 1] = "observe " .. n .. " " .. t end end,
    finish = function(_, n, status) if n < 0 then told[#told + 1] = "finish " .. n .. " " .. status end end }
end
local second = study("second", { space = { x = hpo.uniform(0, 0.6) }, samples = 4, seed = 2, warm = first, search = hpo.search.tpe {} })
local cold = study("cold", { space = { x = hpo.uniform(0, 0.6) }, samples = 4, seed = 2, search = hpo.search.tpe {} })
local third = study("third", { samples = 1, warm = first, search = listens })
return { default = second, cold = cold, third = third }
'''


class Warm(Case):
    def setUp(self):
        super().setUp()
        self.write("r.lua", RECIPE)

    def xs(self, name, *arguments):
        return [t["params"]["x"] for t in self.table("r.lua", name, *arguments)["trials"]]

    def test_it_begins_with_a_model(self):
        self.build("r.lua", "default", "cold", "-j4")
        warm, cold = self.xs("second"), self.xs("cold")
        self.assertFalse(set(warm) & set(cold))  # more than ten trials are known: nothing is a start-up point
        self.assertTrue(all(abs(x - 0.3) < 0.2 for x in warm), warm)
        self.assertEqual(self.build("r.lua", "default", "cold")["ran"], 0)
        other = self.build("r.lua", "default", "-j1", "--cache", "other")
        self.assertEqual(self.xs("second", "--cache", "other"), warm, other)

    def test_what_it_hears(self):
        self.build("r.lua", "third", "-j4")
        told = self.table("r.lua", "third")["trials"][0]["params"]
        self.assertEqual(told["first"].split(" {")[0], "start -30")
        self.assertRegex(told["last"], r"^finish -1 (stopped|completed)$")
        self.assertEqual({t["trial"] for t in self.table("r.lua", "third")["trials"]}, {0})

    def test_another_past_is_another_search(self):
        self.build("r.lua", "-j4")
        before = self.xs("second")
        self.build("r.lua", "-j4", "--set", "samples=34")
        self.assertNotEqual(self.xs("second", "--set", "samples=34"), before)

    def test_mistakes(self):
        for text, part in (("warm = 3", "study.warm: expected another study of this recipe, or hpo.history { file = ... }, found 3"),
                           ('warm = first, metric = "other"', "study.warm: expected a study with metric other, mode min")):
            self.write("r.lua", RECIPE.replace("warm = first, search = listens", text))
            self.assertIn(part, self.hpo("build", "r.lua", status=2)[1])

PAST = '''local hpo = require "hpo"
local function train(p)
  return hpo.command { run = { "sh", "-c", [[
    for t in $(seq $((HPO_FROM + 1)) $HPO_UNTIL); do echo "{\\"t\\": $t, \\"loss\\": $(awk "BEGIN { print ($X - 0.3) ^ 2 + 1 / $t }")}"; done
  ]] }, env = { X = p.x } }
end
local function study(name, samples, max_t, warm)
  return hpo.study { name = name, space = { x = hpo.uniform(0, 1) }, samples = samples, seed = hpo.param("seed", 1), concurrency = 2, metric = "loss",
    scheduler = hpo.scheduler.asha { max_t = max_t, reduction_factor = 2 }, trial = train, search = hpo.search.tpe {}, warm = warm }
end
return { default = study("new", 4, 3, hpo.history { file = "past.json" }), short = study("short", 20, 2), long = study("long", 30, 4) }
'''


class History(Case):
    """hpo.history: gathered once into a file, the same for whoever has it."""

    def setUp(self):
        super().setUp()
        self.write("r.lua", PAST)

    def xs(self, *arguments):
        return [t["params"]["x"] for t in self.table("r.lua", "new", *arguments)["trials"]]

    def test_it_begins_with_what_the_store_knows(self):
        self.build("r.lua", "short", "long", "-j4")
        self.assertFalse((self.folder / "past.json").exists())
        self.hpo("build", "r.lua", "--dry-run")
        self.assertFalse((self.folder / "past.json").exists())
        out, err = self.hpo("build", "r.lua", "-j4")
        self.assertIn("new begins with 30 trials of past studies, now in past.json", err)
        known = json.loads(self.read("past.json"))
        # The 20 of "short" are the first of "long", where they went at least as far or were stopped as early.
        self.assertEqual(len(known["trials"]), 30)
        self.assertEqual((known["metric"], known["mode"], known["space"]), ("loss", "min", {"x": "hpo.uniform(0, 1)"}))
        xs = self.xs()
        self.assertGreaterEqual(sum(abs(x - 0.3) < 0.2 for x in xs), 3, xs)
        before = self.read("past.json")
        again = self.build("r.lua")
        self.assertEqual((again["ran"], again["messages"], self.read("past.json")), (0, "", before))
        # Whoever has the file has the same search, whatever their store knows.
        self.build("r.lua", "-j1", "--cache", "other")
        self.assertEqual(without_measured(self.table("r.lua", "new", "--cache", "other")), without_measured(self.table("r.lua", "new")))

    def test_cold_and_later_warm(self):
        out, err = self.hpo("build", "r.lua")
        self.assertIn("new begins cold: no past study has a trial of its space, and past.json says so; --update looks again", err)
        cold = self.xs()
        self.assertEqual(self.build("r.lua")["ran"], 0)
        self.build("r.lua", "long")
        self.assertEqual(self.build("r.lua")["ran"], 0)
        out, err = self.hpo("build", "r.lua", "--update")
        self.assertRegex(err, r"new begins with 3\d trials of past studies")
        self.assertNotEqual(self.xs(), cold)

    def test_the_order_of_builds_does_not_matter(self):
        texts = []
        for order in (("short", "long"), ("long", "short")):
            shutil.rmtree(self.folder / ".hpo", ignore_errors=True)
            (self.folder / "past.json").unlink(missing_ok=True)
            for name in order:
                self.build("r.lua", name)
            self.build("r.lua")
            texts.append(self.read("past.json"))
        self.assertEqual(texts[0], texts[1])

    def test_mistakes(self):
        self.build("r.lua", "short")
        self.build("r.lua")
        good = self.read("past.json")
        for text, part in ((good[:-3], "past.json:"), (good.replace('"loss", "mode"', '"acc", "mode"'), 'with metric "acc"'),
                           (good.replace('"stopped"', '"lost"', 1), "past.json.trials["), (good.replace('"t": 1', '"t": 0', 1), "].t: expected a whole number ≥ 1"),
                           (good.replace('"x": 0.', '"x": 7.', 1), "expected a value of hpo.uniform(0, 1), found 7.")):
            with self.subTest(part=part):
                self.write("past.json", text)
                self.assertIn(part, self.hpo("build", "r.lua", status=2)[1])
        self.write("past.json", good)
        self.assertEqual(self.build("r.lua")["ran"], 0)
        for options, part in (("{}", "hpo.history.file: expected a file beside the recipe"),
                              ('{ file = "../x" }', 'hpo.history.file: expected a path without'), ('{ file = "x", recipe = 1 }', "no such field")):
            self.write("r.lua", PAST.replace('{ file = "past.json" }', options))
            self.assertIn(part, self.hpo("build", "r.lua", status=2)[1])


if __name__ == "__main__":
    unittest.main()
