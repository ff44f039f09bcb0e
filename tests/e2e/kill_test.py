"""SIGKILL at random instants, then a build: the undisturbed table, no work lost that a kill does not explain."""
import collections
import os
import random
import time
import unittest

from case import Case, without_measured

KILLS = int(os.environ.get("HPO_KILLS", "8"))

RECIPE = '''
local hpo = require "hpo"
local data = hpo.command { name = "data", run = { "sh", "-c", "echo data >> $COUNT; sleep 0.05; seq 1 3000 > numbers" },
  outputs = { "numbers" }, env = { COUNT = "%(count)s" } }
local study = hpo.study {
  name = "s", space = { x = hpo.randint(1, 1000) }, samples = 10, concurrency = 3, metric = "loss", mode = "min", seed = 1,
  scheduler = hpo.scheduler.asha { max_t = 5, grace_period = 1, reduction_factor = 2 },
  trial = function(p)
    return hpo.command { run = { "sh", hpo.source "trainer.sh" }, inputs = { numbers = data }, env = { COUNT = "%(count)s" } }
  end,
}
local last = hpo.command { name = "last", run = { "sh", "-c", "echo last >> $COUNT; cat best/state > out.txt" },
  inputs = { best = study.best.checkpoint }, outputs = { "out.txt" }, env = { COUNT = "%(count)s" } }
return { default = last, trials = study }
'''

TRAINER = '''
x=$(sed 's/[^0-9]//g' "$HPO_PARAMS")
[ -n "$HPO_CHECKPOINT_IN" ] && cp "$HPO_CHECKPOINT_IN/state" state || : > state
t=$((HPO_FROM + 1))
while [ $t -le $HPO_UNTIL ]; do
  echo "$x.$t" >> "$COUNT"
  sleep 0.02
  echo "$x.$t" >> state
  mkdir "$HPO_CHECKPOINT_OUT/t$t"; cp state "$HPO_CHECKPOINT_OUT/t$t/state"
  echo "{\\"t\\": $t, \\"loss\\": $(( (x * 7919) % 101 + 100 / t )), \\"checkpoint\\": \\"t$t\\"}"
  t=$((t + 1))
done
'''


class Kill(Case):
    sandbox = "off"

    def prepare(self, name):
        self.write("trainer.sh", TRAINER)
        self.write("r.lua", RECIPE % {"count": self.folder / name})

    def outcome(self, store):
        self.build("r.lua", "trials", "default", "--cache", store)
        table = without_measured(self.table("r.lua", "--cache", store))
        for trial in table["trials"]:
            for segment in trial["segments"]:
                del segment["key"]  # the counter's path is in it
        return table, self.read("out/r/default.txt")

    def test_kills(self):
        self.prepare("calm")
        calm = self.outcome("calm-store")
        self.prepare("count")
        draw = random.Random(7)
        kills = 0
        while kills < KILLS:
            child = self.start("build", "r.lua", "--cache", "store", start_new_session=True)
            time.sleep(draw.uniform(0.001, 0.35))
            if child.poll() is None:
                kills += 1
            child.kill()
            child.communicate()
        self.assertEqual(self.outcome("store"), calm)
        self.hpo("cache", "verify", "--cache", "store")
        counts = collections.Counter(self.read("count").split())
        once = collections.Counter(self.read("calm").split())
        self.assertEqual(set(counts), set(once))
        # A kill costs at most what runs at that instant: two units and an action with -j2, rarely the unit before.
        self.assertLessEqual(sum(counts.values()) - len(counts), kills * (os.cpu_count() + 2))
        self.assertEqual(self.build("r.lua", "--cache", "store")["ran"], 0)


if __name__ == "__main__":
    unittest.main()
