"""A trainer that ends by itself: that is a result, its trial is completed there, and its scheduler hears of it."""
import unittest

from case import Case, without_measured

# Odd x train 3 units, even ones as many as they are asked for; each run may stop at its last unit and go on from a checkpoint.
TRAINER = '''
echo "start from $HPO_FROM" >> "$STARTS"
x=$(sed 's/[^0-9]//g' "$HPO_PARAMS")
s=0
[ -n "$HPO_CHECKPOINT_IN" ] && s=$(cat "$HPO_CHECKPOINT_IN/s")
t=$((HPO_FROM + 1))
most=99
[ $((x % 2)) = 1 ] && most=3
until=$HPO_UNTIL
while [ $t -le $until ] && [ $t -le $most ]; do
  s=$(( (s * 7 + x * t) % 101 ))
  more=
  [ -n "$HPO_MORE" ] && [ $t -eq $until ] && more=', "more": true'
  echo "{\\"t\\": $t, \\"loss\\": $s$more}"
  if [ -n "$more" ]; then
    read -r word || exit 0
    case $word in *until*) until=$(echo "$word" | tr -dc 0-9) ;; esac
  fi
  t=$((t + 1))
done
echo $s > "$HPO_CHECKPOINT_OUT/s"
'''
RECIPE = '''
local hpo = require "hpo"
local points = {}
for i = 1, 8 do points[i] = { x = i } end
local s = hpo.study {
  name = "s", space = { x = hpo.randint(1, 100) }, search = hpo.search.points(points), concurrency = 3, metric = "loss", seed = 3,
  scheduler = %s, %s
  trial = function(p)
    return hpo.command { run = { "sh", hpo.source "train.sh" }, env = { STARTS = "%s" }, live = %s, may_end = %s }
  end,
}
return { default = s, best = s.best.checkpoint / "s" }
'''
SCHEDULERS = ("fifo { max_t = 8 }", "asha { max_t = 8, reduction_factor = 2 }", 'asha { max_t = 8, reduction_factor = 2, type = "promotion" }',
              "hyperband { max_t = 8, reduction_factor = 2 }", "median { max_t = 8 }",
              "pbt { max_t = 8, perturbation_interval = 2, mutations = { x = hpo.randint(1, 100) } }")


class EndsItself(Case):
    def setUp(self):
        super().setUp()
        self.write("train.sh", TRAINER)

    def recipe(self, scheduler, fields="", live="true", may_end="true"):
        self.write("r.lua", RECIPE % (scheduler, fields, self.folder / "starts", live, may_end))

    def outcome(self, cache, *arguments):
        (self.folder / "starts").unlink(missing_ok=True)
        self.build("r.lua", "--cache", cache, "default", "best", *arguments)
        return without_measured(self.table("r.lua", "--cache", cache)), self.read("out/r/best")

    def test_every_scheduler(self):
        for i, scheduler in enumerate(SCHEDULERS):
            self.recipe("hpo.scheduler." + scheduler)
            table, best = self.outcome(f"a{i}", "-j1")
            self.assertEqual(self.outcome(f"b{i}", "-j4"), (table, best), scheduler)
            self.recipe("hpo.scheduler." + scheduler, live="false")
            self.assertEqual(self.outcome(f"c{i}", "-j2"), (table, best), scheduler)
            self.assertEqual(self.build("r.lua", "--cache", f"c{i}", "default", "best")["ran"], 0)
            ended = [t for t in table["trials"] if t["params"]["x"] % 2 and t["status"] == "completed" and t["reached"] < 8]
            self.assertTrue(ended, scheduler)
            if "pbt" not in scheduler:
                self.assertEqual({t["reached"] for t in ended}, {3}, scheduler)
            self.assertIn("all right", self.hpo("cache", "verify", "--cache", f"c{i}")[0])

    def test_one_row_for_each_report(self):
        self.recipe("hpo.scheduler.fifo { max_t = 5 }")
        table, _ = self.outcome("a")
        rows = [(d["t"], d["decision"]) for d in table["decisions"] if d["trial"] == 0]
        self.assertEqual(rows, [(1, "continue"), (2, "continue"), (3, "continue")])
        self.assertIn("completed at t = 3: its process ended by itself", self.hpo("why", "r.lua", "s/0", "--cache", "a")[0])
        self.assertIn("known", self.hpo("why", "r.lua", "s/0/4", "--cache", "a")[0])

    def test_the_scheduler_and_the_searcher_hear_of_it(self):
        """At the virtual time of the unit that never came: after trial 1's fourth report and before trial 2's."""
        self.recipe('''function()
    local heard = {}
    return { max_t = 5,
      report = function(_, n, t) heard[#heard + 1] = n .. "/" .. t return t >= 5 and "stop" or "continue" end,
      finish = function(_, n, how)
        assert(how == "completed")
        local at = table.concat(heard, " ")
        if n == 0 then assert(at:find("2/3$"), at) end
        return n == 0 and { { trial = 1, decision = "stop", why = "trial 0 is at its end" } } or nil
      end }
  end''', "budget = { units = 23 },")
        table, _ = self.outcome("a")
        self.assertEqual((table["trials"][1]["status"], table["trials"][1]["reached"]), ("stopped", 3))
        self.assertEqual(sum(len(t["metrics"]) for t in table["trials"]), 23)

    def test_without_it_that_is_a_failure(self):
        self.recipe("hpo.scheduler.fifo { max_t = 5 }", may_end="false")
        message = self.build("r.lua", status=1)["messages"]
        self.assertIn("it ended with status 0 without the report of t = 4", message)

    def test_it_has_reported_something(self):
        self.write("train.sh", "echo nothing")
        self.recipe("hpo.scheduler.fifo { max_t = 5 }")
        message = self.build("r.lua", status=1)["messages"]
        self.assertIn("it ended with status 0 without the report of t = 1", message)

    def test_it_ends_earlier_than_it_did(self):
        """What was reported before has been another program."""
        self.write("train.sh", '''
for t in 1 2 3; do
  [ $t -le $HPO_FROM ] && continue
  [ -e "$STARTS.short" ] && [ $t = 2 ] && exit 0
  echo "{\\"t\\": $t, \\"loss\\": 1}"
done
[ -e "$STARTS.short" ] || { : > "$STARTS.short"; exit 1; }''')
        self.recipe("hpo.scheduler.fifo { max_t = 3 }", "samples = 1,")
        self.build("r.lua", "--sandbox", "off", status=1)
        message = self.build("r.lua", "--sandbox", "off", status=1)["messages"]
        self.assertIn("without the report of t = 2, which is known from before: it is not reproducible", message)

    def test_where_it_ended_its_checkpoint_is_kept(self):
        self.recipe("hpo.scheduler.fifo { max_t = 8 }")
        self.write("r.lua", self.read("r.lua").replace("x = i }", "x = 2 * i + 1 }"))
        self.assertEqual(self.build("r.lua", "default")["ran"], 8)
        self.hpo("cache", "gc")
        self.assertEqual(self.build("r.lua", "best")["ran"], 0)


if __name__ == "__main__":
    unittest.main()
