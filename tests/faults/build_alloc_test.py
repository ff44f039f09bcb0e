"""The n-th allocation of `hpo build` fails, for n = 1, 2, 3, ..., once or from then on: it says so and ends with
status 1, leaves a store that verifies, and the next build makes everything right.

Needs a build with HPO_FAULTS. HPO_LONG=1 tries every n, else some; with the address sanitizer a leak fails too.
"""
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from case import BIN, LONG, Case  # noqa: E402

SOME = 25

RECIPE = '''
local hpo = require "hpo"
local big = hpo.command { run = { "sh", "-c", "cat a b/x; seq 1 3000 > big" }, inputs = { a = hpo.text "x", b = hpo.source { "in", exclude = { "y" } } }, outputs = { "big" } }
local study = hpo.study {
  name = "s", space = { x = hpo.choice { 1, 2 } }, search = hpo.search.grid {}, metric = "loss",
  warm = hpo.history { file = "past.json" },
  scheduler = hpo.scheduler.asha { max_t = 2, grace_period = 1, reduction_factor = 2 },
  trial = function(p) return hpo.command { run = { "sh", hpo.source "trainer.sh" }, inputs = { big = big } } end,
}
return { default = hpo.compare { study }, trials = study, best = study.best.checkpoint, text = hpo.text "t", big = big }
'''
TRAINER = '''
x=$(sed 's/[^0-9]//g' "$HPO_PARAMS")
t=$HPO_FROM
while [ $t -lt $HPO_UNTIL ]; do t=$((t + 1)); echo "{\\"t\\": $t, \\"loss\\": $((9 - x * t))}"; done
seq 1 $((x * 2000)) > "$HPO_CHECKPOINT_OUT/state"
'''
TARGETS = ("default", "trials", "best", "text", "big")


class Allocations(Case):
    def setUp(self):
        super().setUp()
        if self.failing(1, "runs").returncode != 1:
            self.skipTest("built without HPO_FAULTS: allocations cannot be made to fail")
        self.write("r.lua", RECIPE)
        self.write("trainer.sh", TRAINER)
        self.write("in/x", "x")
        self.write("in/.hpoignore", "*.log\n")

    def failing(self, n, *arguments):
        return subprocess.run([BIN / "hpo", *arguments], cwd=self.folder, env=dict(self.environment, HPO_FAIL_ALLOC=str(n)),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)

    def try_one(self, n, *arguments):
        """True where the build got through."""
        done = self.failing(n, *arguments)
        self.assertIn(done.returncode, (0, 1), f"allocation {n}: {done.stderr}")
        if done.returncode == 1:
            self.assertIn("out of memory", done.stderr, f"allocation {n}")
        return done.returncode == 0

    def last(self, *arguments):
        """An n beyond the last allocation, by doubling."""
        n = 1
        while not self.try_one(-n, *arguments):
            n *= 2
            self.restart()
        return n

    def restart(self):
        for name in (".hpo", "out"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / "past.json").unlink(missing_ok=True)
        if (self.folder / "kept").exists():
            shutil.copytree(self.folder / "kept", self.folder / ".hpo")

    def numbers(self, last):
        step = 1 if LONG else max(1, last // SOME)
        return [n * sign for n in range(1, last, step) for sign in ((1, -1) if LONG else (1 if n // step % 2 else -1,))]

    def check(self):
        if (self.folder / ".hpo/version").exists():
            self.assertIn("all right", self.hpo("cache", "verify")[0])
        answer = self.build("r.lua", *TARGETS)
        self.assertEqual(answer["failed"], 0)
        self.assertEqual(self.read("out/r/big").splitlines()[-1], "3000")
        self.assertEqual(self.read("out/r/text"), "t")
        self.assertEqual(self.read("out/r/best/state").splitlines()[-1], "4000")
        self.assertEqual([t["reached"] for t in self.table("r.lua")["trials"]], [2, 2])

    def each(self, *arguments):
        last = self.last(*arguments)
        for n in self.numbers(last):
            with self.subTest(n=n):
                self.restart()
                self.try_one(n, *arguments)
                self.check()
        self.restart()

    def test_cold(self):
        self.each("build", "r.lua", *TARGETS, "-j2")

    def test_nothing_to_do(self):
        self.build("r.lua", *TARGETS)
        shutil.move(self.folder / ".hpo", self.folder / "kept")
        self.restart()
        self.each("build", "r.lua", *TARGETS)

    def test_questions(self):
        self.build("r.lua", *TARGETS)
        for arguments in (("table", "r.lua"), ("why", "r.lua", "big"), ("graph", "r.lua", "--format", "json"), ("log", "r.lua", "big"), ("runs",),
                          ("cache", "stat"), ("cache", "verify"), ("cache", "gc"), ("build", "r.lua", "--dry-run")):
            n, successes = 1, 0
            while successes < 5 and n < 20000:
                successes = successes + 1 if self.try_one(n, *arguments) else 0
                n += 1 if LONG else 7
        self.check()


if __name__ == "__main__":
    unittest.main()
