"""warm: a searcher that knows another study's reports from the start."""
import unittest

from case import Case

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
        for text, part in (("warm = 3", "study.warm: expected another study of this recipe, found 3"),
                           ('warm = first, metric = "other"', "study.warm: expected a study with metric other, mode min")):
            self.write("r.lua", RECIPE.replace("warm = first, search = listens", text))
            self.assertIn(part, self.hpo("build", "r.lua", status=2)[1])


if __name__ == "__main__":
    unittest.main()
