"""Trials that fail, and what later builds make of it."""
import unittest

from case import Case, without_measured

# A trial for each x; what the file `dies` says of x and t decides who is killed.
TRAINER = '''
x=$(sed 's/[^0-9]//g' "$HPO_PARAMS")
t=$HPO_FROM
while [ $t -lt $HPO_UNTIL ]; do
  t=$((t + 1))
  echo "$x.$t" >> "$FOLDER/tried"
  grep -q "^$x.$t\\$" "$FOLDER/dies" && echo "no memory at $x.$t" && kill -9 $$
  echo "{\\"t\\": $t, \\"loss\\": $((x * 10 + t))}"
done
echo $t > "$HPO_CHECKPOINT_OUT/t"
'''

RECIPE = '''
local hpo = require "hpo"
local function study(name, on_failure)
  return hpo.study {
    name = name, on_failure = on_failure, space = { x = hpo.choice { 1, 2, 3, 4 } }, search = hpo.search.grid {},
    metric = "loss", concurrency = 4, seed = 1,
    scheduler = hpo.scheduler.asha { max_t = 4, grace_period = 1, reduction_factor = 2 },
    trial = function()
      return hpo.command { retries = 1, run = { "sh", hpo.source "train.sh" }, env = { FOLDER = "%s" } }
    end,
  }
end
return { default = study("s", hpo.param("f", "prune")), strict = study("strict", "stop") }
'''


class Failures(Case):
    sandbox = "off"

    def setUp(self):
        super().setUp()
        self.write("train.sh", TRAINER)
        self.write("r.lua", RECIPE % self.folder)
        self.write("tried", "")
        self.write("dies", "1.2\n3.1\n")

    def tried(self, *arguments, **keywords):
        """What this build ran, and its answer."""
        before = len(self.read("tried").split())
        answer = self.build("r.lua", *arguments, **keywords)
        return sorted(self.read("tried").split()[before:]), answer

    def first_build(self):
        units, answer = self.tried()
        self.assertEqual(units.count("3.1"), 2)  # and one retry
        self.assertEqual(answer["failed"], 2)
        self.assertNotIn("earlier build", answer["messages"])
        return self.table("r.lua")

    def statuses(self):
        return [(t["status"], t["reached"]) for t in self.table("r.lua", "s")["trials"]]

    def test_they_are_not_tried_again(self):
        table = self.first_build()
        self.assertEqual([(t["status"], t["reached"]) for t in table["trials"]][::2], [("failed", 1), ("failed", 0)])
        for _ in range(2):
            units, answer = self.tried()
            self.assertEqual((units, answer["ran"], answer["failed"]), ([], 0, 0))
            self.assertIn("s: 2 trials failed in an earlier build and are not tried again (--retry-failed does)",
                          answer["messages"])
            self.assertEqual(without_measured(self.table("r.lua")), without_measured(table))
        self.assertIn("no memory at 3.1", self.hpo("log", "r.lua", "s/2")[0])

    def test_a_dry_run_and_why_know_it(self):
        self.first_build()
        self.assertIn("nothing to do", self.hpo("build", "r.lua", "--dry-run")[0])
        self.assertIn("run s/2: t = 1 to 1", self.hpo("build", "r.lua", "--dry-run", "--retry-failed")[0])
        said = self.hpo("why", "r.lua", "s/2/1")[0]
        self.assertIn("it was ended by signal 9 (Killed); accepted: not tried again until its key changes", said)
        self.assertIn("failed at t = 2", self.hpo("why", "r.lua", "s/0")[0])
        self.assertEqual(self.tried()[0], [])

    def test_another_key_is_tried(self):
        self.first_build()
        self.write("train.sh", "# changed\n" + TRAINER)
        units, answer = self.tried()
        self.assertEqual(units.count("3.1"), 2)
        self.assertEqual(answer["failed"], 2)
        self.assertEqual(self.tried()[0], [])

    def test_retry_failed_tries_them_and_a_success_decides_anew(self):
        table = self.first_build()
        units, answer = self.tried("--retry-failed")
        self.assertEqual(units, ["1.2", "1.2", "3.1", "3.1"])
        self.assertEqual(answer["failed"], 2)
        self.assertEqual(without_measured(self.table("r.lua")), without_measured(table))
        self.assertEqual(self.tried()[0], [])
        self.write("dies", "3.1\n")
        self.assertEqual(self.tried()[0], [])
        units, answer = self.tried("--retry-failed")
        self.assertEqual(units, ["1.2", "1.3", "1.4", "3.1", "3.1"])
        self.assertEqual(self.statuses()[0], ("completed", 4))
        self.assertNotEqual(self.table("r.lua")["decisions"], table["decisions"])
        self.assertEqual(self.tried()[0], [])

    def test_a_study_that_stops_tries_again_and_accepts_nothing(self):
        self.tried("--set", "f=stop", status=1)
        self.assertIn("3.1", self.tried("--set", "f=stop", status=1)[0])
        self.assertIn("3.1", self.tried()[0])  # "prune" has not met it yet
        self.assertEqual(self.tried()[0], [])
        self.assertIn("3.1", self.tried("strict", status=1)[0])
        self.write("dies", "")
        self.tried("strict")
        self.assertEqual(self.tried()[0], [])
        self.assertEqual([status for status, _ in self.statuses()].count("failed"), 0)


if __name__ == "__main__":
    unittest.main()
