"""The experiment itself: the recipes that come with hpo, on the mini profile and on real SQuAD.

HPO_LONG=1 compares -j1 and -j4 on the whole profiles; else on a small part of their questions.
"""
import json
import os
import shutil
import subprocess
import unittest

from case import LONG, ROOT, SHARED, Case, without_measured


FIFO = '''
local hpo = require "hpo"
local profile = require "profiles"
local study = hpo.study {
  name = "fifo", space = { lr = hpo.loguniform(profile.lr_lower, profile.lr_upper), bs = 4, wd = 0.0 }, samples = 4, concurrency = 2, seed = 3,
  scheduler = hpo.scheduler.fifo { max_t = hpo.param("max_t", 3) }, trial = profile.train,
}
return { trials = study, best = study.best.checkpoint }
'''
ONE = '''
local hpo = require "hpo"
local profile = require "profiles"
local study = hpo.study {
  name = "one", search = hpo.search.points { { lr = hpo.param("lr", 0.1), bs = hpo.param("bs", 1), wd = hpo.param("wd", 0.1) } },
  scheduler = hpo.scheduler.fifo { max_t = hpo.param("max_t", 1) }, trial = profile.train,
}
return { scores = hpo.evaluate { checkpoint = study.best.checkpoint, data = profile.data } }
'''


def units(table):
    return {(trial["trial"], s["t"]): s for trial in table["trials"] for s in trial["segments"]}


def loss(trial):
    return trial["metrics"][-1]["eval_loss"]


class Experiment(Case):
    def setUp(self):
        super().setUp()
        for name in ("asha.lua", "manual.lua", "profiles.lua"):
            shutil.copy(ROOT / "recipes" / name, self.folder / name)

    def settings(self, **sets):
        return [word for name, value in sets.items() for word in ("--set", f"{name}={value}")]

    def scores_of(self, trial, ran):
        sets = self.settings(**trial["params"], max_t=trial["reached"])
        answer = self.build("one.lua", *sets, timeout=300)
        self.assertEqual(answer["ran"], ran)  # the evaluation at most: the units are the search's
        return json.loads(self.read("out/one/scores.json"))

    def test_the_default_build(self):
        """Cold, nothing to do, more samples, another max_t; best and worst."""
        cold = self.build("asha.lua", timeout=600)
        self.assertEqual(cold["failed"], 0)
        table = self.table("asha.lua")
        statuses = [t["status"] for t in table["trials"]]
        self.assertEqual(len(statuses), 12)
        self.assertEqual(set(statuses), {"completed", "stopped"})

        again = self.build("asha.lua")
        self.assertEqual((again["ran"], again["failed"]), (0, 0))

        self.write("one.lua", ONE)
        best = table["trials"][table["best"]]
        worst = max(table["trials"], key=loss)
        self.assertEqual(loss(best), min(map(loss, table["trials"])))
        self.assertLess(loss(best), loss(worst) / 2)
        high, low = self.scores_of(best, 0)["exact_match"], self.scores_of(worst, 1)["exact_match"]
        self.assertGreaterEqual(high, 50)
        self.assertGreater(high, low + 30)
        row, = json.loads(self.read("out/asha/default/table.json"))["rows"]
        self.assertEqual((row["run"], row["exact_match"], row["eval_loss"], row["t"]), ("asha", high, loss(best), best["reached"]))

        self.more_samples(units(table))
        self.shorter_and_longer(table)

    def more_samples(self, before):
        """12 → 20: what both tables have is cached, its keys equal, and only the rest is trained."""
        ran = self.build("asha.lua", "--set", "samples=20", timeout=600)["ran"]
        table = self.table("asha.lua", "--set", "samples=20")
        after = units(table)
        self.assertEqual(len(table["trials"]), 20)
        new = [name for name in after if name not in before]
        for name, unit in after.items():
            self.assertEqual(unit["cached"], name in before, name)
            if name in before:
                self.assertEqual(unit["key"], before[name]["key"])
        self.assertLessEqual(ran, len(new) + 1)  # runs of units, and the scores of another best one
        self.assertEqual(self.build("asha.lua", "--set", "samples=20")["ran"], 0)

    def shorter_and_longer(self, whole):
        """max_t 5 → 3: no unit is new, and what a trial has are the first units of the longer search; and back."""
        self.build("asha.lua", "trials", "--set", "max_t=3", timeout=600)
        short = self.table("asha.lua", "--set", "max_t=3")
        known = units(whole)
        for name, unit in units(short).items():
            self.assertTrue(unit["cached"], name)
            self.assertEqual(unit["key"], known[name]["key"])
        self.assertTrue(all(t["reached"] <= 3 for t in short["trials"]))
        self.assertEqual(self.build("asha.lua", "trials", "--set", "max_t=5")["ran"], 0)

    def test_max_t_from_3_to_5(self):
        """Exactly two new units a trial, from the checkpoints: as if it had been 5 from the start."""
        small = self.settings(train_size=1000 if LONG else 150, validation_size=40)
        self.write("fifo.lua", FIFO)
        self.build("fifo.lua", "trials", *small, timeout=600)
        before = units(self.table("fifo.lua", *small))
        longer = self.build("fifo.lua", "trials", *small, "--set", "max_t=5", timeout=600)
        self.assertEqual(longer["ran"], 4)  # a process a trial
        table = self.table("fifo.lua", *small, "--set", "max_t=5")
        after = units(table)
        self.assertEqual({name for name, unit in after.items() if not unit["cached"]}, {(n, t) for n in range(4) for t in (4, 5)})
        self.assertEqual({name: after[name]["key"] for name in before}, {name: unit["key"] for name, unit in before.items()})
        self.build("fifo.lua", "trials", "best", *small, "--set", "max_t=5", "--cache", "straight", "--out", "straight-out", timeout=600)
        straight = self.table("fifo.lua", *small, "--set", "max_t=5", "--cache", "straight")
        self.assertEqual(without_measured(straight), without_measured(table))
        self.build("fifo.lua", "best", *small, "--set", "max_t=5")
        for name in sorted(os.listdir(self.folder / "out/fifo/best")):
            self.assertEqual((self.folder / "out/fifo/best" / name).read_bytes(), (self.folder / "straight-out/fifo/best" / name).read_bytes(), name)
        self.assertEqual(self.build("fifo.lua", "trials", *small, "--set", "max_t=3")["ran"], 0)

    def compare_jobs(self, recipe, *arguments):
        """-j1 and -j4 on stores of their own: tables and results equal to the byte, apart from what is measured."""
        results = []
        for jobs in (1, 4):
            store = ("--cache", f"store{jobs}", "--out", f"out{jobs}")
            self.build(recipe, f"-j{jobs}", "default", "trials", "scores", *arguments, *store, timeout=1500)
            table = self.table(recipe, *arguments, *store[:2])
            rows = json.loads(self.read(f"out{jobs}/{recipe[:-4]}/default/table.json"))["rows"]
            for row in rows:
                for name in ("runtime_s", "minutes", "slots", "ratio"):
                    self.assertIn(name, row)
                    del row[name]
            results.append(json.dumps([without_measured(table), rows, self.read(f"out{jobs}/{recipe[:-4]}/scores.json")]))
            self.assertEqual(self.build(recipe, "default", "trials", "scores", *arguments, *store)["ran"], 0)
        self.assertEqual(*results)

    def test_jobs_mini(self):
        self.compare_jobs("asha.lua", *([] if LONG else self.settings(train_size=120, validation_size=30)))

    def test_manual_recipe(self):
        small = self.settings(train_size=60, validation_size=20, epochs=2)
        self.build("manual.lua", *small, timeout=600)
        table = self.table("manual.lua", *small)
        self.assertEqual(len(table["trials"]), 12)
        self.assertEqual({t["reached"] for t in table["trials"]}, {2})
        self.assertEqual(self.build("manual.lua", *small)["ran"], 0)

    def test_jobs_squad(self):
        if not (SHARED / "tools" / "make-squad-mirror").exists():
            self.skipTest("the text of SQuAD is not here")
        mirror = self.folder / "mirror.git"
        subprocess.run([SHARED / "tools" / "make-squad-mirror", mirror], check=True, capture_output=True)
        small = [] if LONG else self.settings(train_size=60, validation_size=10, samples=4)
        self.compare_jobs("asha.lua", "--set", "profile=squad", "--mirror", f"https://github.com/rajpurkar/SQuAD-explorer={mirror}", *small)
        self.assertIn("https://github.com/rajpurkar/SQuAD-explorer", self.read("hpo.lock"))  # pinned by its own name


if __name__ == "__main__":
    unittest.main()
