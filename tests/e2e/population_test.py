"""A population: mutations, donors that are ahead of their checkpoint, no unit trained twice, its winner's schedule again."""
import json
import unittest

from case import Case, without_measured

RECIPE = '''
local hpo = require "hpo"
-- The checkpoint holds what the way there was: a digit for each unit, the params' x at that time.
local function train(p)
  return hpo.command { run = { "sh", "-c", [[
    way=$(cat "$HPO_CHECKPOINT_IN/way" 2>/dev/null)
    x=$(sed 's/.*"x": //; s/[^0-9].*//' "$HPO_PARAMS")
    for t in $(seq $((HPO_FROM + 1)) $HPO_UNTIL); do
      sleep 0.0$(( (x * 7919 + t * 104729) % 5 ))
      way="$way$x"
      echo "{\\"t\\": $t, \\"loss\\": $((100 - x * t + (x * t * 13) % 7))}"
    done
    echo "$way" > "$HPO_CHECKPOINT_OUT/way"
  ]] } }
end
local space = { x = hpo.randint(1, 9) }
local population = hpo.study {
  name = "population", space = space, samples = hpo.param("samples", 8), concurrency = hpo.param("concurrency", 3), metric = "loss", seed = 5,
  cost = function(p) return 1 + p.x % 3 end, trial = train,
  scheduler = hpo.scheduler.pbt { max_t = 12, perturbation_interval = hpo.param("interval", 3), quantile_fraction = 0.4, mutations = space },
}
local again = hpo.after(population, function(best)
  return hpo.study { name = "again", metric = "loss", search = hpo.search.points { best.schedule[1].params },
    scheduler = hpo.scheduler.replay { schedule = best.schedule }, trial = train }.best.checkpoint
end)
local told = hpo.after(population, function(best) return hpo.text(hpo.json(best.schedule), "schedule.json") end)
return { population = population, best = population.best.checkpoint, again = again, schedule = told }
'''


class Population(Case):
    def setUp(self):
        super().setUp()
        self.write("r.lua", RECIPE)

    def keys(self, table):
        return {s["key"] for trial in table["trials"] for s in trial["segments"]}

    def test_the_same_for_any_j_and_no_unit_twice(self):
        for interval, concurrency in ((3, 3), (2, 8)):
            tables = []
            for jobs in (1, 8):
                sets = ["--set", f"interval={interval}", "--set", f"concurrency={concurrency}"]
                cache = ["--cache", f"store-{interval}-{jobs}"]
                answer = self.build("r.lua", "population", f"-j{jobs}", *sets, *cache)
                table = json.loads(self.hpo("table", "r.lua", "--json", *sets, *cache)[0])
                self.assertEqual(answer["units_trained"], len(self.keys(table)), answer)
                self.assertIn("exploit", {d["decision"] for d in table["decisions"]})
                tables.append(without_measured(table))
            self.assertEqual(tables[0], tables[1])

    def test_the_winners_schedule_trains_nothing_new(self):
        self.build("r.lua", "population", "-j4")
        answer = self.build("r.lua", "again", "best", "schedule", "-j4")
        self.assertEqual(answer["units_trained"], 0, answer)
        self.assertEqual(self.read("out/r/again/way"), self.read("out/r/best/way"))
        way, t = "", 0
        for part in json.loads(self.read("out/r/schedule.json")):
            way, t = way + str(part["params"]["x"]) * (part["t"] - t), part["t"]
        self.assertEqual(self.read("out/r/best/way").strip(), way)

    def test_donors_whose_checkpoint_was_never_made(self):
        """Another study has trained the units in single runs: what an exploit goes on from is made again, alone."""
        self.build("r.lua", "population", "best", "-j4")
        expected, way = without_measured(self.table("r.lua")), self.read("out/r/best/way")
        self.write("fifo.lua", RECIPE.replace("return { population", '''
local fifo = hpo.study { name = "fifo", space = space, samples = 8, concurrency = 8, metric = "loss", seed = 5, trial = train,
  scheduler = hpo.scheduler.fifo { max_t = 12 } }
return { fifo = fifo, population'''))
        for jobs in (1, 4):
            cache = ["--cache", f"store{jobs}", "--out", f"out{jobs}"]
            self.build("fifo.lua", "fifo", "-j4", *cache)
            after = self.build("r.lua", "population", "best", f"-j{jobs}", *cache)
            self.assertNotIn("reproducible", after["messages"])
            self.assertEqual(without_measured(json.loads(self.hpo("table", "r.lua", "--json", *cache)[0])), expected)
            self.assertEqual(self.read(f"out{jobs}/r/best/way"), way)

    def test_more_samples_are_another_population_over_the_same_units(self):
        self.build("r.lua", "population", "-j4")
        more = self.build("r.lua", "population", "-j4", "--set", "samples=10")
        table = self.table("r.lua", "--set", "samples=10")
        self.assertEqual(len(table["trials"]), 10)
        self.assertLess(more["units_trained"], len(self.keys(table)))


if __name__ == "__main__":
    unittest.main()
