"""Spaces and what goes wrong with them: a message with file, line and field, and nothing that was stored is lost; branches
through the program, with real trials."""
import json
import unittest

from case import Case, without_measured

# One field of the study each stands in its own line, so that the line of a message can be told: space is line 4.
RECIPE = '''local hpo = require "hpo"
local train = [[for t in $(seq $((HPO_FROM + 1)) $HPO_UNTIL); do echo "{\\"t\\": $t, \\"loss\\": $(awk "BEGIN { print $X + 1 / $t }")}"; done]]
local s = hpo.study {
  space = %(space)s,
  samples = %(samples)s, concurrency = 2, metric = %(metric)s, name = "s",
  search = %(search)s,
  scheduler = %(scheduler)s,
  trial = function(p) return hpo.command { run = { "sh", "-c", %(train)s }, env = { X = p.x } } end,
  %(more)s
}
return { default = s, best = s.best.checkpoint }
'''
FIELDS = {
    "space": "{ x = hpo.uniform(0, 1) }", "samples": "6", "metric": '"loss"', "search": "hpo.search.random {}",
    "scheduler": "hpo.scheduler.asha { max_t = 3 }", "train": "train", "more": "",
}

MISTAKES = [
    # low, high, steps
    ({"space": "{ x = hpo.uniform(2, 1) }"}, "r.lua:4: hpo.uniform: expected low ≤ high, found 2, 1"),
    ({"space": "{ x = hpo.randint(3, 2) }"}, "r.lua:4: hpo.randint: expected low ≤ high, found 3, 2"),
    ({"space": "{ x = hpo.loguniform(0, 1) }"}, "r.lua:4: hpo.loguniform: low: expected a number > 0, found 0"),
    ({"space": "{ x = hpo.qloguniform(-1, 1, 1) }"}, "r.lua:4: hpo.qloguniform: low: expected a number > 0, found -1"),
    ({"space": "{ x = hpo.uniform(0, 0 / 0) }"}, "r.lua:4: hpo.uniform: high: expected a number, found nan"),
    ({"space": "{ x = hpo.quniform(0, 1, -1) }"}, "r.lua:4: hpo.quniform: q: expected a number > 0, found -1"),
    ({"space": "{ x = hpo.choice {} }"}, "r.lua:4: hpo.choice: expected at least one element"),
    # the same thing twice
    ({"space": "{ x = hpo.choice { 1, 1.0 } }"}, "r.lua:4: hpo.choice[2]: the value 1 is there twice"),
    ({"space": '{ x = hpo.uniform(0, 1), c = hpo.choice { { "a", x = hpo.uniform(0, 1) } } }'},
     "r.lua:3: study.space.c[1].x: the space has two parameters of this name"),
    ({"more": "}\nlocal other = hpo.study {\n  samples = 1, name = 's', space = { x = 1 }, scheduler = hpo.scheduler.fifo { max_t = 1 }, trial = print,"},
     'r.lua:10: study.name: there is a study "s" already: r.lua:3'),
    # schedulers
    ({"scheduler": "hpo.scheduler.asha { max_t = 2, grace_period = 3 }"},
     "r.lua:7: hpo.scheduler.asha.grace_period: expected a whole number ≤ max_t, 2, found 3"),
    ({"scheduler": "hpo.scheduler.median { max_t = 2, grace_period = 3 }"}, "r.lua:7: hpo.scheduler.median.grace_period: "),
    ({"scheduler": "hpo.scheduler.asha { max_t = 2, reduction_factor = 1 }"},
     "r.lua:7: hpo.scheduler.asha.reduction_factor: expected a number > 1, found 1"),
    ({"scheduler": "hpo.scheduler.hyperband { max_t = 2, reduction_factor = 0.5 }"},
     "r.lua:7: hpo.scheduler.hyperband.reduction_factor: expected a number > 1, found 0.5"),
    ({"scheduler": "hpo.scheduler.pbt { max_t = 2, quantile_fraction = 0.6 }"},
     "r.lua:7: hpo.scheduler.pbt.quantile_fraction: expected a number > 0 and ≤ 0.5, found 0.6"),
    ({"scheduler": "hpo.scheduler.pbt { max_t = 2, quantile_fraction = 0 }"}, "pbt.quantile_fraction: expected a number > 0"),
    ({"scheduler": "hpo.scheduler.pbt { max_t = 2, perturbation_factors = { 0 } }"},
     "r.lua:7: hpo.scheduler.pbt.perturbation_factors[1]: expected a number > 0, found 0"),
    ({"scheduler": '{ max_t = 2, report = function() return "perhaps" end }'}, 'found "perhaps"'),
    ({"scheduler": "{ max_t = 2, report = function() end }"}, 'r.lua:3: study.scheduler: report: expected "continue"'),
    ({"scheduler": "{ max_t = 2, report = function(_, n, t) return n == 1 and t == 1 and "
      '{ { trial = 1, decision = "exploit", parent = 0, t = 2 } } or "continue" end, ["until"] = function(_, n, t) return n == 0 and 2 or t + 1 end }',
      "more": "cost = function(p) return p.x == 0.5 and 0.25 or 1 end, first = { { x = 0.5 } },"},
     "r.lua:3: the scheduler's exploit of trial 0 at t = 2: nothing is left to train there, as max_t is 2"),
    # searchers
    ({"search": "{ suggest = function(self, n) return { x = n } end }"},
     "r.lua:3: study.search: suggest.x: expected a value of hpo.uniform(0, 1), found 2"),
    ({"search": "{ suggest = function(self, n) return { y = 0.5 } end }"}, "r.lua:3: study.search: suggest.y: no such parameter"),
    ({"search": "{ suggest = function(self, n) return {} end }"}, "r.lua:3: study.search: suggest.x: a point gives every"),
    ({"search": "{ suggest = function(self, n) return { x = 0 / 0 } end }"}, "r.lua:3: study.search: suggest.x: expected "),
    ({"search": "{ suggest = function(self, n) return 3 end }"}, "r.lua:3: study.search: suggest: expected a table of parameters, found 3"),
    ({"samples": "1000000", "search": "{ suggest = function(self, n) return { x = 0.5 } end }"},
     "r.lua:3: study.search: suggest: the last 1000 trials, up to trial 1000, were all tried before"),
    ({"search": "{ suggest = function(self, n)\nif n < 2 then return { x = 0.5 } end\nwhile true do end end }"},
     "r.lua:8: the study's suggest ran more than 1,000,000,000 instructions"),
    ({"more": "where = function(p) return false end,"}, "r.lua:3: study.where: it refuses 10000 random points"),
    ({"more": "where = function(p) end,"}, "r.lua:3: study.where: expected true or false, found nothing"),
    ({"more": "cost = function(p) return 0 end,"}, "r.lua:3: study.cost: expected a number > 0, found 0"),
    # metrics
    ({"metric": '"accuracy"'}, "r.lua:3: study.metric: trial 0: the report at t = 1 has no number accuracy; its numbers: loss"),
    ({"more": "stop = { accuracy = { at_least = 1 } },"}, "r.lua:3: study.stop: trial 0: the report at t = 1 has no number accuracy; its numbers: loss"),
]


class Spaces(Case):
    def recipe(self, **fields):
        self.write("r.lua", RECIPE % {**FIELDS, **fields})

    def test_mistakes_have_a_place(self):
        for fields, message in MISTAKES:
            with self.subTest(**fields):
                self.recipe(**fields)
                err = self.hpo("build", "r.lua", "-j2", status=2)[1]
                self.assertIn(message, err)
                self.assertEqual([line[:11] for line in err.splitlines() if line.startswith("hpo: ")], ["hpo: r.lua:"])

    def test_nothing_is_lost(self):
        search = "{ suggest = function(self, n) return { x = n < 4 and n / 8 or %s } end }"
        self.recipe(search=search % "n")
        err = self.hpo("build", "r.lua", "-j1", status=2)[1]
        self.assertIn("suggest.x: expected a value of hpo.uniform(0, 1), found 4", err)
        self.recipe(search=search % "n / 8")
        units = {s["key"] for t in self.table_of_build()["trials"] for s in t["segments"] if not s["cached"]}
        self.assertTrue(units)
        self.recipe(metric='"accuracy"', search=search % "n / 8")
        self.hpo("build", "r.lua", status=2)
        self.recipe(search=search % "n / 8")
        self.assertEqual(self.build("r.lua")["ran"], 0)

    def table_of_build(self):
        answer = self.build("r.lua", "-j1")
        table = self.table("r.lua")
        first = [s["cached"] for t in table["trials"][:2] for s in t["segments"]]
        self.assertTrue(all(first), (answer, table))
        return table

    def test_metrics_that_are_never_finite(self):
        for number in ("Infinity", "-Infinity", "NaN", "null"):
            with self.subTest(number=number):
                self.recipe(train=f"""[[for t in $(seq $((HPO_FROM + 1)) $HPO_UNTIL); do echo "{{\\"t\\": $t, \\"loss\\": {number}}}"; done]]""")
                out, err = self.hpo("build", "r.lua", "-j2")
                self.assertIn("s: no trial reported a finite loss, so there is no best", err)
                table = self.table("r.lua")
                self.assertIsNone(table["best"])
                self.assertEqual({m["loss"] for t in table["trials"] for m in t["metrics"]}, {None})
                err = self.hpo("build", "r.lua", "best", status=1)[1]
                self.assertIn('r.lua:3: study "s" has no finite loss, so it has no best trial', err)


BRANCHES = '''local hpo = require "hpo"
local train = [[for t in $(seq $((HPO_FROM + 1)) $HPO_UNTIL); do echo "{\\"t\\": $t, \\"loss\\": $(awk "BEGIN { print $LOSS + 1 / $t }")}"; : > "$HPO_CHECKPOINT_OUT/c"; done]]
local searchers = { random = hpo.search.random {}, grid = hpo.search.grid {}, tpe = hpo.search.tpe { n_startup_trials = 5 },
  bohb = hpo.search.bohb {} }
local schedulers = { asha = hpo.scheduler.asha { max_t = 4, reduction_factor = 2 },
  pbt = hpo.scheduler.pbt { max_t = 4, mutations = { optimizer = { "adam", "sgd" } } } }
return { default = hpo.study {
  name = "s", metric = "loss", concurrency = 3, samples = 20,
  space = { width = hpo.ordered { 1, 2, 4 }, optimizer = hpo.choice { "adam", { "sgd", momentum = hpo.quniform(0, 0.9, 0.1) } } },
  search = searchers[hpo.param("search", "random")], scheduler = schedulers[hpo.param("scheduler", "asha")],
  trial = function(p)
    return hpo.command { run = { "sh", "-c", train }, env = { LOSS = 1 / p.width + (p.momentum or 2) } }
  end,
} }
'''


class Branches(Case):
    def test_every_searcher_decides_the_same_at_any_j(self):
        self.write("r.lua", BRANCHES)
        for search, scheduler in (("random", "asha"), ("grid", "asha"), ("tpe", "asha"), ("bohb", "asha"), ("random", "pbt")):
            with self.subTest(search=search, scheduler=scheduler):
                sets = ("--set", f"search={search}", "--set", f"scheduler={scheduler}")
                tables = []
                for jobs in (1, 8):
                    self.build("r.lua", *sets, f"-j{jobs}", "--cache", f"{search}{scheduler}{jobs}")
                    tables.append(without_measured(self.table("r.lua", *sets, "--cache", f"{search}{scheduler}{jobs}")))
                self.assertEqual(tables[0], tables[1])
                kinds = {("momentum" in t["params"], t["params"]["optimizer"]) for t in tables[0]["trials"]}
                self.assertEqual(kinds, {(False, "adam"), (True, "sgd")})
                csv = self.hpo("table", "r.lua", *sets, "--csv", "--cache", f"{search}{scheduler}1")[0].splitlines()
                self.assertTrue(csv[0].startswith("trial,momentum,optimizer,width,"), csv[0])


if __name__ == "__main__":
    unittest.main()
