"""Two and three builds at once on one store: each action and each unit once, and the same tables for all."""
import collections
import json
import re
import shutil
import signal
import time
import unittest

from case import BIN, LONG, ROOT, Case, without_measured


# A trainer whose side effects can be counted, under ASHA, behind an action and before one.
RECIPE = '''
local hpo = require "hpo"
local count = { COUNT = "%(count)s" }
local data = hpo.command { name = "data", run = { "sh", "-c", "echo data >> $COUNT; sleep 0.1; seq 1 3000 > numbers" }, outputs = { "numbers" }, env = count }
local study = hpo.study {
  name = "s", space = { x = hpo.randint(1, 1000) }, samples = 16, concurrency = hpo.param("concurrency", 4), metric = "loss", mode = "min", seed = 2,
  scheduler = hpo.scheduler.asha { max_t = hpo.param("max_t", 4), grace_period = 1, reduction_factor = 2 },
  trial = function(p) return hpo.command { run = { "sh", hpo.source "trainer.sh" }, inputs = { numbers = data }, env = count } end,
}
local last = hpo.command { name = "last", run = { "sh", "-c", "echo last >> $COUNT; cat best/state > out.txt" },
  inputs = { best = study.best.checkpoint }, outputs = { "out.txt" }, env = count }
return { default = last, trials = study }
'''
TRAINER = '''
x=$(sed 's/[^0-9]//g' "$HPO_PARAMS")
[ -n "$HPO_CHECKPOINT_IN" ] && cp "$HPO_CHECKPOINT_IN/state" state || : > state
t=$((HPO_FROM + 1))
while [ $t -le $HPO_UNTIL ]; do
  echo "$x.$t" >> "$COUNT"
  sleep 0.0$((x % 7))
  echo "$x.$t" >> state
  echo "{\\"t\\": $t, \\"loss\\": $(( (x * 7919) % 101 + 100 / t ))}"
  t=$((t + 1))
done
cp state "$HPO_CHECKPOINT_OUT/state"
'''


class Builds(Case):
    sandbox = "off"

    def together(self, *commands):
        """Starts them all at once → their answers."""
        children = [self.start("build", *command, "--json", "--out", f"out{i}") for i, command in enumerate(commands)]
        outputs = [child.communicate(timeout=900) for child in children]
        self.assertEqual([child.returncode for child in children], [0] * len(children), outputs)
        return [json.loads(out.strip().splitlines()[-1]) for out, _ in outputs]

    def runs(self):
        """(ran, cached, failed) of each build in the history, by its number."""
        out = self.hpo("runs")[0]
        found = re.findall(r"^\s*(\d+) .*?(\d+) ran\s+(\d+) cached\s+(\d+) failed", out, re.M)
        return {int(n): tuple(map(int, rest)) for n, *rest in found}

    def counted(self):
        return collections.Counter(self.read("count").split()) if (self.folder / "count").exists() else {}

    def segments(self, *arguments):
        """The table, and how many units it speaks of; two trials may have drawn the same point."""
        table = self.table("r.lua", *arguments)
        return table, len({segment["key"] for trial in table["trials"] for segment in trial["segments"]})

    def prepare(self):
        self.write("trainer.sh", TRAINER)
        self.write("r.lua", RECIPE % {"count": self.folder / "count"})

    def once(self):
        counts = self.counted()
        self.assertEqual({name: n for name, n in counts.items() if n != 1}, {})
        return sum(counts.values())

    def test_the_first_builds_of_all(self):
        """They make the store together."""
        self.write("r.lua", 'local hpo = require "hpo"\nreturn { x = hpo.command { run = { "cp", "/dev/null", hpo.output "y" } } }')
        for i in range(100 if LONG else 20):
            answers = self.together(*[("r.lua", "--cache", f"store{i}")] * 5)
            self.assertEqual(sum(a["ran"] for a in answers), 1)

    def test_asha_by_side_effects(self):
        for builds in (2, 3):
            with self.subTest(builds=builds):
                self.prepare()
                answers = self.together(*[("r.lua", "trials", "default", "-j2")] * builds)
                table, n = self.segments()
                self.assertEqual(self.once(), n + 2)
                runs = self.runs()
                self.assertEqual(len(runs), builds)
                self.assertEqual({int(a["run"]): (a["ran"], a["cached"], a["failed"]) for a in answers}, runs)
                tables = [json.loads(self.read(f"out{i}/r/trials/table.json")) for i in range(builds)]
                self.assertEqual([without_measured(t) for t in tables], [without_measured(table)] * builds)
                self.assertEqual(len({self.read(f"out{i}/r/default.txt") for i in range(builds)}), 1)
                self.assertEqual(self.build("r.lua", "trials", "default")["ran"], 0)
                self.assertIn("all right", self.hpo("cache", "verify")[0])
                shutil.rmtree(self.folder / ".hpo")
                (self.folder / "count").unlink()

    def test_different_wishes(self):
        """One trains further, one decides differently: what they share is trained once."""
        self.prepare()
        self.together(("r.lua", "trials", "-j2"), ("r.lua", "trials", "-j2", "--set", "max_t=2"), ("r.lua", "trials", "-j1", "--set", "concurrency=1"))
        keys = set()
        for sets in ([], ["--set", "max_t=2"], ["--set", "concurrency=1"]):
            table, _ = self.segments(*sets)
            keys |= {segment["key"] for trial in table["trials"] for segment in trial["segments"]}
            self.assertEqual(self.build("r.lua", "trials", *sets)["ran"], 0)
        counts = self.counted()
        self.assertEqual(counts.pop("data"), 1)
        self.assertEqual(len(counts), len(keys))
        # A unit may be trained twice only on the way to a checkpoint that nobody had kept.
        self.assertLessEqual(sum(counts.values()), len(keys) * 1.5)

    def test_one_is_killed_the_other_goes_on(self):
        self.prepare()
        children = [self.start("build", "r.lua", "trials", "default", "-j2", "--json", "--out", f"out{i}", start_new_session=True) for i in range(2)]
        while len(self.counted()) < 6:
            time.sleep(0.01)
        children[0].send_signal(signal.SIGKILL)
        children[0].communicate(timeout=60)
        out, err = children[1].communicate(timeout=120)
        self.assertEqual(children[1].returncode, 0, err)
        table, n = self.segments()
        self.assertLessEqual(sum(self.counted().values()), n + 2 + 6)  # what two slots had in hand
        self.assertEqual(self.build("r.lua", "trials", "default")["ran"], 0)
        self.assertIn("all right", self.hpo("cache", "verify")[0])

    def counting_programs(self):
        """A folder with hpo and a trainer that writes down what it is asked for, and never goes on: that it could not see."""
        (self.folder / "install/bin").mkdir(parents=True)
        shutil.copy2(BIN / "hpo", self.folder / "install/bin/hpo")
        (self.folder / "install/share").symlink_to(BIN.parent / "share")
        self.write("install/bin/hpo-trainer", f'''#!/bin/sh
[ "$1" = fingerprint ] || printf '%s\\t%s\\t%s\\n' "${{HPO_FROM:-0}}" "${{HPO_UNTIL:-1}}" "$*" >> {self.folder}/count
unset HPO_MORE
exec {BIN}/hpo-trainer "$@"
''', mode=0o755)
        return self.folder / "install/bin/hpo"

    def units_asked_for(self):
        found = collections.Counter()
        for line in self.read("count").splitlines():
            before, until, command = line.split("\t")
            found.update((command, t) for t in range(int(before) + 1, int(until) + 1))
        return found

    def test_the_recipe_that_comes_with_hpo(self):
        for name in ("asha.lua", "profiles.lua"):
            shutil.copy(ROOT / "recipes" / name, self.folder / name)
        small = [] if LONG else ["--set", "train_size=120", "--set", "validation_size=30"]
        self.program = self.counting_programs()
        self.build("asha.lua", "trials", "scores", *small, "--cache", "alone", timeout=900)
        alone, asked = json.loads(self.read("out/asha/trials/table.json")), self.units_asked_for()
        self.assertEqual(set(asked.values()), {1})
        for builds in (2, 3):
            (self.folder / "count").unlink()
            answers = self.together(*[("asha.lua", "trials", "scores", "-j2", *small)] * builds)
            self.assertEqual(self.units_asked_for(), asked)
            tables = [json.loads(self.read(f"out{i}/asha/trials/table.json")) for i in range(builds)]
            self.assertEqual([without_measured(t) for t in tables], [without_measured(alone)] * builds)
            runs = json.loads(self.hpo("runs", "--json")[0])
            self.assertEqual(sum(r["ran"] for r in runs["runs"]), sum(a["ran"] for a in answers))
            self.assertEqual(self.build("asha.lua", "trials", "scores", *small)["ran"], 0)
            shutil.rmtree(self.folder / ".hpo")


if __name__ == "__main__":
    unittest.main()
