"""TPE and BOHB: the densities of Optuna and HpBandSter (fixtures/samplers.json) through a recipe; studies with real
child processes that decide the same at any -j."""
import itertools
import json
import math
import unittest

from case import LONG, SHARED, Case, without_measured

DENSITIES = '''
local hpo = require "hpo"
local texts = {}
for i, case in ipairs(require "cases") do
  local space = {}
  for name, domain in pairs(case.space) do
    local kind, values = next(domain)
    space[name] = kind == "choice" and hpo.choice(values) or hpo[kind](values[1], values[2])
  end
  texts[i] = hpo.json {
    tpe = hpo.search.tpe {}:density(space, case.history, case.queries),
    bohb = hpo.search.bohb {}:density(space, case.history, case.queries),
  }
end
return { default = hpo.text("[" .. table.concat(texts, ",") .. "]", "densities.json") }
'''

STUDY = '''
local hpo = require "hpo"
local search, scheduler = hpo.param("search", "tpe"), hpo.param("scheduler", "asha")
local methods = {
  tpe = hpo.search.tpe { n_startup_trials = 4 },
  independent = hpo.search.tpe { n_startup_trials = 4, multivariate = false, constant_liar = false },
  bohb = hpo.search.bohb {},
}
local schedulers = { asha = hpo.scheduler.asha { max_t = 4, reduction_factor = 2 }, fifo = hpo.scheduler.fifo { max_t = 2 } }
return { default = hpo.study {
  name = "s", space = { lr = hpo.loguniform(1e-5, 1e-1), layers = hpo.randint(1, 8), act = hpo.choice { "relu", "gelu" } },
  samples = hpo.param("samples", 30), concurrency = 4, metric = "loss", mode = hpo.param("mode", "min"), seed = 3,
  first = { { lr = 1e-3, layers = 2, act = "relu" } }, on_failure = "prune",
  search = methods[search], scheduler = schedulers[scheduler],
  trial = function(p) return hpo.command { run = { "sh", hpo.source "trial.sh" } } end,
} }
'''

# The loss falls with t, depends on every parameter, is no number at times; some trials fail.
TRIAL = '''
sum=$(cksum < "$HPO_PARAMS" | cut -d' ' -f1)
sleep 0.0$(( (sum + HPO_UNTIL) %% 7 ))
t=$HPO_FROM
while [ $t -lt $HPO_UNTIL ]; do
  t=$((t + 1))
  [ $((sum %% 11)) -eq 3 ] && [ $t -eq 2 ] && exit 1
  awk -v t=$t -v sum=$sum '{
    match($0, /"lr": [0-9.e-]+/); lr = substr($0, RSTART + 6, RLENGTH - 6)
    x = log(lr / 0.003); loss = x * x + 1 / t
    if (sum %% 13 == 5) print "{\\"t\\": " t ", \\"loss\\": null}"
    else printf "{\\"t\\": %%d, \\"loss\\": %%.6f}\\n", t, loss
  }' "$HPO_PARAMS"
done
'''


def lua(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"[{json.dumps(k)}] = {lua(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(map(lua, value)) + "}"
    return json.dumps(value) if isinstance(value, str) else repr(value)


class Densities(Case):
    def near(self, found, expected):
        if expected is None:
            self.assertIsNone(found)
        else:
            self.assertTrue(math.isclose(found, expected, rel_tol=1e-9, abs_tol=0), f"{found} is not {expected}")

    def test_every_case(self):
        path = SHARED / "fixtures" / "samplers.json"
        if not path.exists():
            self.skipTest("SKIP: no reference results (../shared)")
        cases = json.loads(path.read_text())
        self.assertEqual(len(cases), 6)
        self.write("cases.lua", "return " + lua([{
            "space": c["space"], "queries": c["queries"],
            "history": [{"params": h["config"], "value": h["loss"]} for h in c["history"]],
        } for c in cases]))
        self.write("r.lua", DENSITIES)
        self.build("r.lua")
        answers = json.loads(self.read("out/r/default.json"))
        for case, answer in zip(cases, answers, strict=True):
            for found, expected in zip(answer["tpe"], case["tpe"]["log_density"], strict=True):
                self.assertEqual(sorted(found), sorted(expected))
                for name in expected:
                    self.near(found[name][0], expected[name][0])
                    self.near(found[name][1], expected[name][1])
            for found, expected in zip(answer["bohb"], case["bohb"]["density"], strict=True):
                self.near(found[0], expected["l"])
                self.near(found[1], expected["g"])


class Studies(Case):
    def setUp(self):
        super().setUp()
        self.write("trial.sh", TRIAL % ())
        self.write("r.lua", STUDY)

    def run_study(self, store, *arguments):
        self.build("r.lua", *arguments, "--cache", store)
        return without_measured(self.table("r.lua", *arguments[1:], "--cache", store))

    def test_the_same_at_any_j(self):
        every = itertools.product(("tpe", "independent", "bohb"), ("asha", "fifo"))
        for search, scheduler in every if LONG else (("tpe", "asha"), ("independent", "fifo"), ("bohb", "asha")):
            with self.subTest(search=search, scheduler=scheduler):
                sets = ("--set", f"search={search}", "--set", f"scheduler={scheduler}")
                one = self.run_study(f"one-{search}-{scheduler}", "-j1", *sets)
                eight = self.run_study(f"eight-{search}-{scheduler}", "-j8", *sets)
                self.assertEqual(one, eight)
                self.assertEqual({t["status"] for t in one["trials"]} - {"completed", "stopped", "failed"}, set())

    def test_more_samples_keep_the_first_ones(self):
        for search in ("tpe", "bohb"):
            with self.subTest(search=search):
                sets = ("--set", f"search={search}", "--set", "scheduler=fifo")
                few = self.run_study(f"few-{search}", "-j4", *sets)
                more = self.build("r.lua", "-j4", "--sandbox", "off", *sets, "--set", "samples=36", "--cache", f"few-{search}")
                table = without_measured(self.table("r.lua", *sets, "--set", "samples=36", "--cache", f"few-{search}"))
                self.assertEqual(table["trials"][:30], few["trials"])
                self.assertGreater(more["ran"], 0)
                self.assertLessEqual(more["ran"], 6)
                again = self.build("r.lua", "-j4", *sets, "--set", "samples=36", "--cache", f"few-{search}")
                self.assertEqual((again["ran"], again["failed"]), (0, 0))  # what prune has met is not tried again

    def test_bad_input_names_file_line_and_field(self):
        for line, message in (
            ("hpo.search.tpe { n_startup = 3 }", "r.lua:2: hpo.search.tpe.n_startup: no such field"),
            ("hpo.search.bohb { top_n_percent = 0 }", "r.lua:2: hpo.search.bohb.top_n_percent: expected a whole number ≥ 1"),
            ("hpo.search.tpe {}:density({}, { { params = {} } }, {})",
             "r.lua:2: hpo.search.tpe:density: history[1].value: expected a number"),
        ):
            self.write("r.lua", f'local hpo = require "hpo"\nlocal x = {line}\nreturn {{ default = hpo.text "x" }}\n')
            self.assertIn(message, self.hpo("build", "r.lua", status=2)[1])


if __name__ == "__main__":
    unittest.main()
