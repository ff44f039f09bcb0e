"""hpo check: searchers and schedulers that are not pure."""
import unittest

from case import Case

RECIPE = '''local hpo = require "hpo"
local asked = 0
local function pure(study)
  local best = math.huge
  return {
    suggest = function(_, n) return { x = n + (best < 0.5 and 100 or 0) } end,
    observe = function(_, _, _, v) best = math.min(best, v) end,
  }
end
local function counts_for_ever() -- what it remembers outlives it
  return { suggest = function(_, n) asked = asked + 1 return { x = asked } end }
end
local function stops_the_first_name()
  local seen = {}
  return { max_t = 3, start = function(_, trial) seen["t" .. trial] = true end, report = function(_, trial, t)
    for name in pairs(seen) do return name == "t" .. trial and t >= 2 and "stop" or "continue" end
  end }
end
local kind = hpo.param("kind", "pure")
return { default = hpo.study { name = "s", samples = hpo.param("samples", 4), concurrency = 2, metric = "loss",
  search = kind == "counts" and counts_for_ever or pure,
  scheduler = kind == "order" and stops_the_first_name or hpo.scheduler.asha { max_t = 3, reduction_factor = 2 },
  trial = function() return hpo.command { run = { "sh", "-c",
    [[for t in $(seq $((HPO_FROM + 1)) $HPO_UNTIL); do echo "{\\"t\\": $t, \\"loss\\": 0.$t}"; done]] } } end } }
'''


class Check(Case):
    def setUp(self):
        super().setUp()
        self.write("r.lua", RECIPE)

    def check(self, kind, status):
        self.build("r.lua", "--set", f"kind={kind}", "-j2")
        return self.hpo("check", "r.lua", "--set", f"kind={kind}", status=status)

    def test_pure(self):
        self.assertRegex(self.check("pure", 0)[0], r"^s: \d+ answers of its searcher and scheduler are the same asked again")

    def test_what_it_remembers_outlives_it(self):
        err = self.check("counts", 2)[1]
        self.assertRegex(err, r'^hpo: r.lua:20: the searcher\'s answer to "suggest 0" was {"x": 1}, and asked again it is {"x": 5}')

    def test_order(self):
        err = self.check("order", 2)[1]
        self.assertRegex(err, r'^hpo: r.lua:20: the scheduler\'s answer to "report 0 2 0.2" was .*"stop".* another order it is .*"continue"')

    def test_nothing_built(self):
        self.assertIn("hpo build", self.hpo("check", "r.lua", status=2)[1])


if __name__ == "__main__":
    unittest.main()
