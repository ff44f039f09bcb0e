"""Values of a space that are lists, nil or the only one: in a trial's parameters, its table, a population."""
import csv
import io
import json
import unittest

from case import Case

RECIPE = """
local hpo = require "hpo"
local lists = { { 64, 64 }, { 128 } }
local study = hpo.study {
  name = "s", metric = "loss", space = {
    hidden = hpo.ordered(lists), decay = hpo.choice { hpo.null, 0.5 }, lr = hpo.uniform(0.1, 0.1),
    opt = hpo.choice { "adam", { "sgd", momentum = hpo.choice { 1 } }, { "lion", momentum = hpo.choice { 1 } } } },
  SEARCH,
  trial = function(p)
    local decay = p.decay == nil and "none" or tostring(p.decay)
    return hpo.command { env = { DECAY = decay, WIDTH = tostring(p.hidden[1]) }, run = { "sh", "-c", [[
      cp "$HPO_PARAMS" "$HPO_CHECKPOINT_OUT/params"
      for t in $(seq $((HPO_FROM + 1)) $HPO_UNTIL); do echo "{\\"t\\": $t, \\"loss\\": $((WIDTH + t))}"; done
    ]] } }
  end,
}
return { study = study, best = study.best.checkpoint }
"""
GRID = "search = hpo.search.grid {}, scheduler = hpo.scheduler.fifo { max_t = 1 }"
PBT = "samples = 6, concurrency = 6, scheduler = hpo.scheduler.pbt { max_t = 4, quantile_fraction = 0.5, mutations = { hidden = lists } }"
FIRST = "first = { { hidden = { 128 }, lr = 0.1, opt = 'adam' } }, samples = 1, scheduler = hpo.scheduler.fifo { max_t = 1 }"


class Values(Case):
    def study(self, search):
        self.write("r.lua", RECIPE.replace("SEARCH", search))
        self.build("r.lua")
        return self.table("r.lua")

    def test_a_grid(self):
        params = [t["params"] for t in self.study(GRID)["trials"]]
        self.assertEqual(len(params), 12)
        self.assertEqual(params[0], {"decay": None, "hidden": [64, 64], "lr": 0.1, "opt": "adam"})
        self.assertEqual(params[-1], {"decay": 0.5, "hidden": [128], "lr": 0.1, "momentum": 1, "opt": "lion"})
        self.assertEqual(json.loads(self.read("out/r/best/params")), params[0])
        rows = list(csv.DictReader(io.StringIO(self.hpo("table", "r.lua", "--csv")[0])))
        self.assertEqual((rows[0]["decay"], rows[0]["hidden"]), ("", "[64, 64]"))

    def test_a_population(self):
        table = self.study(PBT)
        self.assertIn("exploit", {d["decision"] for d in table["decisions"]})
        for trial in table["trials"]:
            self.assertIn(trial["params"]["hidden"], [[64, 64], [128]])
            self.assertIn(trial["params"]["decay"], [None, 0.5])
        self.hpo("check", "r.lua")

    def test_a_point_by_hand_leaves_nil_out(self):
        self.assertEqual(self.study(FIRST)["trials"][0]["params"], {"decay": None, "hidden": [128], "lr": 0.1, "opt": "adam"})


if __name__ == "__main__":
    unittest.main()
