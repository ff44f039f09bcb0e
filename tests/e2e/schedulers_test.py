"""Every event of Ray Tune's schedulers (fixtures/schedulers.json), with real child processes, at any -j and any delay."""
import json
import shutil
import unittest

from case import LONG, SHARED, Case

RECIPE = '''
local hpo = require "hpo"
local points = {}
for i = 0, %(n)d - 1 do points[#points + 1] = { i = i } end
local costs = { %(costs)s }
return { default = hpo.study {
  name = "s", space = { i = hpo.randint(0, %(n)d) }, search = hpo.search.points(points), samples = %(n)d, concurrency = %(concurrency)d,
  metric = "loss", mode = "%(mode)s", seed = 1, cost = function(p) return costs[p.i + 1] end,
  scheduler = hpo.scheduler.%(scheduler)s { %(options)s },
  trial = function(p) return hpo.command { run = { "sh", hpo.source "trial.sh" }, inputs = { curves = hpo.source "curves" } } end,
} }
'''

OPTIONS = {"asha": ("max_t", "grace_period", "reduction_factor"), "median": ("max_t", "grace_period", "min_samples_required"),
           "hyperband": ("max_t", "reduction_factor"), "pbt": ("max_t", "perturbation_interval", "quantile_fraction")}

TRIAL = '''
i=$(sed 's/[^0-9]//g' "$HPO_PARAMS")
sleep 0.0$(( (i * 7919 + HPO_UNTIL * 104729) %% %(delay)d ))
sed -n "$((HPO_FROM + 1)),$((HPO_UNTIL))p" "curves/$i"
'''


def options_of(case):
    order = ['order = "bohb"'] if case["scheduler"] == "hyperband" else []
    return ", ".join([f"{name} = {case[name]}" for name in OPTIONS[case["scheduler"]]] + order)


def event(row):
    return [row["trial"], row["t"], row["decision"]]


class Schedulers(Case):
    def check(self, case, jobs, delay):
        n = len(case["curves"])
        (self.folder / "curves").mkdir(exist_ok=True)
        for i, curve in enumerate(case["curves"]):
            lines = [json.dumps({"t": t + 1, "loss": value}) for t, value in enumerate(curve)]
            self.write(f"curves/{i}", "\n".join(lines) + "\n")
        self.write("trial.sh", TRIAL % {"delay": delay})
        self.write("r.lua", RECIPE % {**case, "n": n, "options": options_of(case), "costs": ", ".join(map(str, case.get("cost", [1] * n)))})
        self.build("r.lua", f"-j{jobs}", "--cache", f"store{jobs}")
        table = json.loads(self.hpo("table", "r.lua", "--json", "--cache", f"store{jobs}")[0])
        rows = [d for d in table["decisions"] if d["decision"] != "drop"]
        if case["scheduler"] == "pbt":
            self.assertEqual([event(d) + [d.get("donor")] for d in rows], case["events"])
        else:
            self.assertEqual([event(d) for d in rows], case["events"])
        self.assertEqual([t["reached"] for t in table["trials"]], case["reached"])
        return table

    def test_every_case(self):
        path = SHARED / "fixtures" / "schedulers.json"
        if not path.exists():
            self.skipTest("SKIP: no reference results (../shared)")
        cases = json.loads(path.read_text())
        self.assertEqual({c["scheduler"] for c in cases}, set(OPTIONS))
        for k, case in enumerate(cases):
            if len(case["events"]) > 60 and not LONG:
                continue  # unit.lua.schedulers decides every event of every case
            with self.subTest(case=k, scheduler=case["scheduler"]):
                self.tearDownStores()
                if LONG:
                    self.check(case, 1, 2)
                self.check(case, 8, 9)

    def tearDownStores(self):
        for name in ("store1", "store8", "out", "curves"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
