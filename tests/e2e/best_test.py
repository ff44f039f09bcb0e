"""A study's best: table, JSON, CSV and checkpoint say the same, whichever reports count."""
import csv
import io
import unittest

from case import Case

# The checkpoint says after which t it was taken, and with which x.
RECIPE = """
local hpo = require "hpo"
local best = hpo.param("best", "any")
local study = hpo.study {
  name = "s", space = { x = hpo.ordered { 1, 2, 3, 4 }, status = 7 }, samples = 4, concurrency = 4, metric = "loss", best = best,
  search = hpo.search.grid {}, scheduler = hpo.scheduler.SCHEDULER,
  trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh" } } end,
}
return { study = study, best = study.best.checkpoint }
"""
FIFO = "fifo { max_t = 4 }"
PBT = "pbt { max_t = 4, perturbation_interval = 2, quantile_fraction = 0.5, resample_probability = 0, mutations = { x = { 1, 2, 3 } } }"
TRAIN = """
x=$(sed 's/.*"x": //; s/[^0-9].*//' "$HPO_PARAMS")
t=$HPO_FROM
while [ $t -lt $HPO_UNTIL ]; do
  t=$((t + 1))
  mkdir "$HPO_CHECKPOINT_OUT/$t"
  echo "$x $t" > "$HPO_CHECKPOINT_OUT/$t/at"
  echo "{\\"t\\": $t, \\"loss\\": $(( LOSS )), \\"checkpoint\\": \\"$t\\"}"
done
"""


class Best(Case):
    def best(self, scheduler, loss, *sets):
        """(x, t, value, lines of the table): the same in JSON, CSV, table and checkpoint."""
        self.write("r.lua", RECIPE.replace("SCHEDULER", scheduler))
        self.write("train.sh", TRAIN.replace("LOSS", loss))
        self.build("r.lua", *sets)
        table = self.table("r.lua", *sets)
        trial = table["trials"][table["best"]]
        judged = trial["judged_by"]
        x = judged.get("params", trial["params"])["x"]
        row = list(csv.DictReader(io.StringIO(self.hpo("table", "r.lua", "--csv", *sets)[0])))[table["best"]]
        self.assertEqual((int(row["x"]), float(row["loss"])), (x, judged["value"]))
        self.assertEqual(int(row.get("at_t", judged["t"])), judged["t"])
        self.assertEqual(self.read("out/r/best/at").split(), [str(x), str(judged["t"])])
        block = self.hpo("table", "r.lua", *sets)[0].split("\n\n")[1].splitlines()
        facts = dict(line.rsplit(None, 1) for line in block if line)
        self.assertEqual((facts["best trial"], facts["  x"], facts["  loss"]), (str(table["best"]), str(x), str(judged["value"])))
        self.assertEqual(facts.get("  at t", str(trial["reached"])), str(judged["t"]))
        return x, judged["t"], judged["value"]

    def test_of_any_report(self):
        loss = "10 * ((t - 2) * (t - 2)) + (x - 3) * (x - 3)"
        self.assertEqual(self.best(FIFO, loss), (3, 2, 0))
        self.assertEqual(self.best(FIFO, loss, "--set", "best=last"), (3, 4, 40))

    def test_of_a_trial_that_took_other_parameters_since(self):
        """Trial 3 is the best after t = 1 and the worst after t = 2, where it exploits another."""
        loss = "x < 4 ? 20 - x + t : t == 1 ? 0 : 99"
        self.assertEqual(self.best(PBT, loss), (4, 1, 0))
        last = self.table("r.lua")["trials"][3]
        self.assertNotEqual(last["params"], last["judged_by"]["params"])

    def test_a_parameter_named_like_a_column(self):
        self.best(FIFO, "t")
        head = self.hpo("table", "r.lua", "--csv")[0].splitlines()[0].split(",")
        self.assertEqual(head, ["trial", "params.status", "x", "loss", "at_t", "runtime_s", "t", "status"])


if __name__ == "__main__":
    unittest.main()
