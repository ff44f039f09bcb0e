"""`hpo log` and `hpo why` of a trial speak of one build: the last one, or that of --run."""
import unittest

from case import Case

RECIPE = '''
local hpo = require "hpo"
return { default = hpo.study {
  name = "s", space = { x = hpo.uniform(0, 1) }, samples = 2, concurrency = 1, metric = "loss", seed = %d,
  scheduler = hpo.scheduler.fifo { max_t = %d },
  trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh" } } end,
} }
'''
TRAINER = '''
t=$HPO_FROM
while [ $t -lt $HPO_UNTIL ]; do
  t=$((t + 1))
  echo "%s at $t"
  echo "{\\"t\\": $t, \\"loss\\": $t}"
done
echo > "$HPO_CHECKPOINT_OUT/c"
'''


class OneBuild(Case):
    def of(self, seed, max_t, word, end=""):
        self.write("r.lua", RECIPE % (seed, max_t))
        self.write("train.sh", TRAINER % word + end)
        return self.build("r.lua", status=1 if end else 0)["run"]

    def test_an_older_longer_trial_is_not_shown(self):
        first = self.of(1, 6, "first")
        second = self.of(2, 4, "second")
        self.assertEqual([line for line in self.hpo("log", "r.lua", "s/0")[0].splitlines() if line[0] != "{"],
                         [f"second at {t}" for t in range(1, 5)])
        self.assertIn("first at 6", self.hpo("log", "r.lua", "s/0", "--run", first)[0])
        self.assertNotIn("second", self.hpo("log", "r.lua", "s/0", "--run", first)[0])
        why = {run: self.hpo("why", "r.lua", "s/0", *run)[0] for run in ((), ("--run", first), ("--run", second))}
        keys = {run: text.split("  key ")[1][:64] for run, text in why.items()}
        for run in keys:
            table = self.hpo("table", "r.lua", "--json", *run)[0]
            self.assertIn(keys[run], table, run)
        self.assertEqual(keys[()], keys["--run", second])
        self.assertNotEqual(keys[()], keys["--run", first])

    def test_one_that_failed(self):
        self.of(1, 6, "first")
        self.of(3, 4, "third", end="exit 3\n")
        log = self.hpo("log", "r.lua", "s/0")[0]
        self.assertIn("third at 4", log)
        self.assertNotIn("first", log)
        self.assertIn("failed in run 2: it ended with status 3", self.hpo("why", "r.lua", "s/0")[0])

    def test_trials_that_are_one(self):
        """A parameter was forgotten: said once, and only where parameters differ."""
        text = RECIPE.replace('hpo.command { run = { "sh", hpo.source "train.sh" } }',
                              'hpo.command { run = { "sh", hpo.source "train.sh" }, params = { y = %s } }')
        for given, said in (("1", 1), ("p.x", 0)):
            self.write("train.sh", TRAINER % "t")
            self.write("r.lua", text % (1, 2, given))
            messages = self.build("r.lua")["messages"]
            self.assertEqual(messages.count("s: trials 0 and 1 are one: they differ in x, which reaches nothing that trial(p) returns"), said)


if __name__ == "__main__":
    unittest.main()
