"""Other people's trainers: every way in which a process can serve, or fail to serve, its units."""
import json
import signal
import time
import unittest

from case import Case, without_measured

RECIPE = '''
local hpo = require "hpo"
local study = hpo.study {
  name = "s", space = { x = hpo.choice { 1, 2, 3 } }, search = hpo.search.grid {}, metric = "loss", mode = "min", seed = 1,
  concurrency = hpo.param("concurrency", 1), on_failure = hpo.param("on_failure", "stop"), keep = hpo.param("keep", "last"),
  scheduler = hpo.scheduler.fifo { max_t = hpo.param("max_t", 3) },
  trial = function(p)
    return hpo.command { run = { "sh", hpo.source "trainer.sh" }, env = { COUNT = "%(count)s" }, timeout = %(timeout)s }
  end,
}
return { default = study, best = study.best.checkpoint }
'''

# A trainer in shell: its whole state is a list of what it trained.
TRAINER = '''
x=$(sed 's/[^0-9]//g' "$HPO_PARAMS")
[ -n "$HPO_CHECKPOINT_IN" ] && cp "$HPO_CHECKPOINT_IN/state" state || : > state
t=$((HPO_FROM + 1))
while [ $t -le $HPO_UNTIL ]; do
  echo "$x.$t" >> "$COUNT"
  echo "$x.$t" >> state
  %(middle)s
  echo "{\\"t\\": $t, \\"loss\\": $((100 - x * t)), \\"info\\": {\\"pid\\": $$}}"
  t=$((t + 1))
done
cp state "$HPO_CHECKPOINT_OUT/state"
%(end)s
'''


class Protocol(Case):
    sandbox = "off"

    def trainer(self, middle=":", end=":", timeout="30"):
        self.write("trainer.sh", TRAINER % {"middle": middle, "end": end})
        self.write("r.lua", RECIPE % {"count": self.folder / "count", "timeout": timeout})

    def counted(self):
        return self.read("count").split() if (self.folder / "count").exists() else []

    def failing(self, middle, text, **keywords):
        self.trainer(middle, **keywords)
        answer = self.build("r.lua", status=1)
        self.assertIn(text, answer["messages"])
        return answer

    def test_one_process_a_run(self):
        self.trainer()
        answer = self.build("r.lua")
        self.assertEqual(answer["ran"], 3)
        self.assertEqual(self.counted(), [f"{x}.{t}" for x in (1, 2, 3) for t in (1, 2, 3)])
        table = self.table("r.lua")
        self.assertEqual(table["best"], 2)
        self.assertEqual([t["status"] for t in table["trials"]], ["completed"] * 3)
        self.assertEqual([m["loss"] for m in table["trials"][1]["metrics"]], [98, 96, 94])
        self.assertEqual(table["trials"][2]["params"], {"x": 3})
        self.assertEqual(len(table["decisions"]), 9)
        self.assertEqual(self.build("r.lua")["ran"], 0)
        self.build("r.lua", "best")
        self.assertEqual(self.read("out/r/best/state"), "3.1\n3.2\n3.3\n")

    def test_a_longer_max_t_continues(self):
        self.trainer()
        self.build("r.lua", "--set", "max_t=2")
        answer = self.build("r.lua", "--set", "max_t=4")
        self.assertEqual(answer["ran"], 3)
        self.assertEqual(sorted(self.counted()), sorted(f"{x}.{t}" for x in (1, 2, 3) for t in (1, 2, 3, 4)))
        self.assertEqual(self.build("r.lua", "--set", "max_t=3")["ran"], 0)
        self.build("r.lua", "best", "--set", "max_t=4")
        self.assertEqual(self.read("out/r/best/state"), "3.1\n3.2\n3.3\n3.4\n")

    def test_a_dropped_checkpoint_is_made_again(self):
        self.trainer()
        self.build("r.lua", "--set", "keep=best")
        before = len(self.counted())
        answer = self.build("r.lua", "best", "--set", "max_t=2")  # the best at t = 2 was never a checkpoint
        self.assertEqual(answer["ran"], 1)
        self.assertEqual(self.counted()[before:], ["3.1", "3.2"])
        self.assertEqual(self.read("out/r/best/state"), "3.1\n3.2\n")

    def test_a_newer_checkpoint_replaces_the_older_one(self):
        """While the trial goes on; the best one stays."""
        self.write("trainer.sh", '''
t=$((HPO_FROM + 1))
if [ $HPO_UNTIL = 8 ]; then
  for i in $(seq 200); do
    find "$BLOBS" -size +90k -exec head -n 1 {} \\; | sort > "$SEEN"
    [ "$(wc -l < "$SEEN")" -gt 2 ] && sleep 0.05 || break
  done
fi
while [ $t -le $HPO_UNTIL ]; do
  echo "{\\"t\\": $t, \\"loss\\": $(( (t - 2) * (t - 2) ))}"
  t=$((t + 1))
done
(echo "t = $HPO_UNTIL"; head -c 100000 /dev/zero) > "$HPO_CHECKPOINT_OUT/state"
''')
        self.write("r.lua", f'''
local hpo = require "hpo"
return {{ default = hpo.study {{
  name = "s", space = {{ x = hpo.choice {{ 1 }} }}, samples = 1, metric = "loss", mode = "min", best = "any", seed = 1,
  scheduler = hpo.scheduler.asha {{ max_t = 8, grace_period = 1, reduction_factor = 2 }},
  trial = function(p)
    return hpo.command {{ run = {{ "sh", hpo.source "trainer.sh" }},
      env = {{ BLOBS = "{self.folder}/.hpo/blobs", SEEN = "{self.folder}/seen" }} }}
  end }} }}
''')
        self.assertEqual(self.build("r.lua")["ran"], 4)
        self.assertEqual(self.read("seen"), "t = 2\nt = 4\n")
        self.assertEqual(self.build("r.lua")["ran"], 0)

    def test_reports_without_a_number(self):
        self.trainer()
        text = self.read("trainer.sh").replace('$((100 - x * t))', '$([ $x = 3 ] && echo NaN || echo $((100 - x * t)))')
        self.write("trainer.sh", text)
        self.build("r.lua")
        table = self.table("r.lua")
        self.assertEqual(table["best"], 1)
        self.assertEqual([m["loss"] for m in table["trials"][2]["metrics"]], [None] * 3)
        self.assertEqual([t["status"] for t in table["trials"]], ["completed"] * 3)

    def test_no_finite_report_at_all(self):
        self.trainer()
        self.write("trainer.sh", self.read("trainer.sh").replace('$((100 - x * t))', "NaN"))
        self.build("r.lua")
        self.assertIn("no finite loss", self.hpo("build", "r.lua", "best", status=1)[1])

    def test_garbage_is_log(self):
        self.trainer(middle='echo garbage; echo "{broken"; echo "[1]"; head -c 100000 /dev/zero | tr "\\0" x; echo; printf "\\377\\n"')
        self.build("r.lua")
        self.assertIn("garbage", self.hpo("log", "r.lua", "s/0")[0])

    def test_the_log_of_a_trial_is_that_of_all_its_runs(self):
        self.trainer('echo "at $t" >&2; [ $t = 5 ] && exit 3; :')
        self.build("r.lua", "--set", "max_t=2")
        self.build("r.lua", "--set", "max_t=4")

        def said(node):
            return [line for line in self.hpo("log", "r.lua", node)[0].splitlines() if line.startswith("at ")]

        self.assertEqual(said("s/1"), ["at 1", "at 2", "at 3", "at 4"])
        self.assertEqual(said("s/1/4"), ["at 3", "at 4"])
        self.build("r.lua", "--set", "max_t=5", status=1)
        self.assertEqual(said("s/0/5"), ["at 5"])
        self.assertEqual(said("s/0"), ["at 1", "at 2", "at 3", "at 4", "at 5"])
        self.assertIn("template", self.hpo("why", "r.lua", "s/0/5")[0])

    def test_out_of_order(self):
        self.failing('[ $t = 2 ] && t=3', "expected the report of t = 2, found t = 3")
        self.assertEqual(self.table("r.lua")["trials"][0]["reached"], 1)

    def test_twice(self):
        self.failing('[ $t = 2 ] && echo "{\\"t\\": 1, \\"loss\\": 1}"', "expected the report of t = 2, found t = 1")

    def test_beyond_the_last(self):
        self.trainer(end='echo "{\\"t\\": 4, \\"loss\\": 1}"')
        self.assertIn("after its last t = 3", self.build("r.lua", status=1)["messages"])

    def test_missing_report(self):
        self.failing('[ $t = 3 ] && exit 0', "with status 0 without the report of t = 3")

    def test_crash_keeps_what_was_reported(self):
        answer = self.failing('[ $x.$t = 2.3 ] && [ ! -e "$COUNT.fixed" ] && exit 7', "status 7")
        self.assertIn("trial 1 failed at t = 3", answer["messages"])
        self.write("count.fixed", "")
        self.build("r.lua")
        self.assertEqual(len(self.table("r.lua")["trials"]), 3)

    def test_a_signal(self):
        self.failing('[ $t = 2 ] && kill -SEGV $$', "signal 11")

    def test_a_failure_after_the_last_report(self):
        self.trainer(end="exit 5")
        answer = self.build("r.lua", status=1)
        self.assertIn("status 5", answer["messages"])
        self.assertEqual(self.table("r.lua")["trials"][0]["reached"], 2)

    def test_a_hang(self):
        begin = time.time()
        self.failing('[ $t = 2 ] && sleep 60', "nothing came from it for 0.5 s", timeout="0.5")
        self.assertLess(time.time() - begin, 30)

    def test_a_slow_trainer_that_reports_is_no_hang(self):
        self.trainer(middle="sleep 0.4", timeout="2")
        self.build("r.lua", "-j3", "--set", "concurrency=3", "--set", "max_t=7")

    def test_prune(self):
        self.trainer('[ $x.$t = 2.2 ] && [ ! -e "$COUNT.fixed" ] && exit 7')
        answer = self.build("r.lua", "--set", "on_failure=prune")
        self.assertEqual(answer["failed"], 1)
        table = self.table("r.lua")
        self.assertEqual([t["status"] for t in table["trials"]], ["completed", "failed", "completed"])
        self.assertEqual([t["reached"] for t in table["trials"]], [3, 1, 3])
        self.assertEqual(self.build("r.lua", "--set", "on_failure=prune")["ran"], 0)
        self.write("count.fixed", "")
        self.build("r.lua", "--set", "on_failure=prune", "--retry-failed")
        self.assertEqual([t["status"] for t in self.table("r.lua")["trials"]], ["completed"] * 3)

    def checkpointing(self, middle=":"):
        self.trainer(middle=middle)
        text = self.read("trainer.sh")
        text = text.replace('\\"info\\"', '\\"checkpoint\\": \\"t$t\\", \\"info\\"')
        text = text.replace("  %s\n" % middle, f'  mkdir "$HPO_CHECKPOINT_OUT/t$t"; cp state "$HPO_CHECKPOINT_OUT/t$t/state"\n  {middle}\n')
        text = text.replace('cp state "$HPO_CHECKPOINT_OUT/state"', ":").replace('"{', '"{')
        self.write("trainer.sh", text)

    def test_a_checkpoint_in_the_middle_saves_the_way(self):
        self.checkpointing('[ $x.$t = 1.3 ] && [ ! -e "$COUNT.fixed" ] && { touch "$COUNT.fixed"; exit 7; }')
        self.build("r.lua", status=1)
        self.build("r.lua")
        self.assertEqual([c for c in self.counted() if c.startswith("1.")], ["1.1", "1.2", "1.3", "1.3"])
        self.build("r.lua", "best")
        self.assertEqual(self.read("out/r/best/state"), "3.1\n3.2\n3.3\n")

    def test_a_checkpoint_that_is_not_there(self):
        self.trainer()
        self.write("trainer.sh", self.read("trainer.sh").replace('\\"info\\"', '\\"checkpoint\\": \\"t9\\", \\"info\\"'))
        self.assertIn('checkpoint "t9" is not there', self.build("r.lua", status=1)["messages"])
        self.write("trainer.sh", self.read("trainer.sh").replace('t9', '../../x'))
        self.assertIn("outside HPO_CHECKPOINT_OUT", self.build("r.lua", status=1)["messages"])

    def test_interrupt_keeps_reported_units(self):
        self.trainer(middle="sleep 0.2")
        child = self.start("build", "r.lua")
        while len(self.counted()) < 2:
            time.sleep(0.01)
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=20)
        self.assertEqual(child.returncode, 130)
        self.build("r.lua")
        self.assertEqual(len(self.table("r.lua")["trials"]), 3)
        self.hpo("cache", "verify")

    def test_kill_keeps_the_checkpoint_in_the_middle(self):
        self.checkpointing("sleep 0.5")
        child = self.start("build", "r.lua")
        while "1.3" not in self.counted():
            time.sleep(0.01)
        time.sleep(0.15)  # the report of t = 2 has been read, that of t = 3 has not come
        child.kill()
        child.communicate(timeout=20)
        self.build("r.lua")
        self.assertEqual([c for c in self.counted() if c.startswith("1.")], ["1.1", "1.2", "1.3", "1.3"])

    def test_two_builds_share_the_units(self):
        self.trainer(middle="sleep 0.05")
        children = [self.start("build", "r.lua", "--json", "--out", f"out{i}") for i in range(2)]
        outputs = [c.communicate(timeout=120) for c in children]
        self.assertEqual([c.returncode for c in children], [0, 0], outputs)
        self.assertEqual(sorted(self.counted()), sorted(f"{x}.{t}" for x in (1, 2, 3) for t in (1, 2, 3)))

    def test_a_source_that_changes_meanwhile(self):
        self.trainer(middle=f'[ $x.$t = 1.2 ] && sleep 0.3 && echo ": changed" >> {self.folder}/trainer.sh')
        answer = self.build("r.lua", status=1)
        self.assertIn("trainer.sh: it changed while s/0 read it", answer["messages"])
        self.assertEqual(self.table("r.lua")["trials"][0]["reached"], 1)

    def test_lost_inputs_of_a_trial_are_made_again(self):
        self.write("r.lua", '''
local hpo = require "hpo"
local big = hpo.command { name = "big", run = { "sh", "-c", "seq 1 5000 > big" }, outputs = { "big" } }
return { default = hpo.study { name = "s", samples = hpo.param("samples", 2), metric = "loss", seed = 1,
  space = { x = hpo.uniform(0, 1) }, scheduler = hpo.scheduler.fifo { max_t = 1 },
  trial = function() return hpo.command { run = { "sh", "-c", [[echo "{\\"t\\": 1, \\"loss\\": $(wc -l < big)}"]] }, inputs = { big = big } } end } }
''')
        self.build("r.lua")
        for blob in [p for p in (self.folder / ".hpo/blobs").rglob("*") if p.is_file()]:
            blob.unlink()
        answer = self.build("r.lua", "--set", "samples=3")
        self.assertEqual(answer["ran"], 2)
        self.assertEqual(answer["messages"].count("made again"), 1)

    def test_rerun_of_a_unit_compares(self):
        self.trainer()
        self.build("r.lua")
        answer = self.build("r.lua", "--rerun", "s/1")
        self.assertEqual(answer["ran"], 1)
        self.assertNotIn("not reproducible", answer["messages"])
        self.write("trainer.sh", self.read("trainer.sh").replace("100 - x", "$(cat $COUNT.drift 2>/dev/null || echo 100) - x"))
        self.build("r.lua")
        self.write("count.drift", "90")
        answer = self.build("r.lua", "--rerun", "s/1/3")
        self.assertIn("s/1/3 is not reproducible", answer["messages"])
        self.assertEqual([m["loss"] for m in self.table("r.lua")["trials"][1]["metrics"]], [98, 96, 94])
        self.hpo("build", "r.lua", "--rerun", "s/9", status=2)

    def test_the_same_table_for_anyone(self):
        self.trainer(middle='sleep 0.0$((x * 7 % 5))')
        tables = []
        for jobs in (1, 3):
            self.build("r.lua", f"-j{jobs}", "--set", "concurrency=3", "--cache", f"store{jobs}")
            tables.append(without_measured(json.loads(self.hpo("table", "r.lua", "--json", "--cache", f"store{jobs}")[0])))
        self.assertEqual(*tables)


if __name__ == "__main__":
    unittest.main()
