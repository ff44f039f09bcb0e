"""Any program as a trial: what it prints or writes is read, and it stands still while a decision is open."""
import pathlib
import signal
import time
import unittest

from case import LONG, Case, without_measured

# The same numbers twice: as a program that knows nothing, and by the protocol. STARTS gets a line for each process.
SCRIPT = '''
echo "start $1" >> "$STARTS"
s=0
for t in 1 2 3 4 5 6 7 8 9; do
  [ -e "$STARTS.before" ] && . "$STARTS.before"
  s=$(( (s * 7 + $1 * t) % 101 ))
  echo "epoch $t of 9: loss=$s" >&2
done
echo $s > s
'''
TRAINER = '''
s=0
x=$(sed 's/[^0-9]//g' "$HPO_PARAMS")
[ -n "$HPO_CHECKPOINT_IN" ] && s=$(cat "$HPO_CHECKPOINT_IN/s")
t=$((HPO_FROM + 1))
while [ $t -le $HPO_UNTIL ]; do
  s=$(( (s * 7 + x * t) % 101 ))
  echo "{\\"t\\": $t, \\"loss\\": $s}"
  t=$((t + 1))
done
echo $s > "$HPO_CHECKPOINT_OUT/s"
'''
STUDY = '''
local hpo = require "hpo"
local points = {}
for i = 1, 12 do points[i] = { x = i * 5 } end
local s = hpo.study {
  name = "s", space = { x = hpo.randint(1, 100) }, search = hpo.search.points(points), concurrency = 4, metric = "loss", seed = 3,
  scheduler = hpo.scheduler.%s,
  trial = function(p)
    return %s
  end,
}
return { default = s, best = s.best.checkpoint / "s" }
'''
AS_SCRIPT = '''hpo.script {
      run = { "sh", hpo.source "script.sh", p.x }, outputs = { "s" }, report = "loss=(%%S+)", env = { STARTS = "%s" },
    }'''
ASHA = "asha { max_t = 9, reduction_factor = 3 }"
SCHEDULERS = ("fifo { max_t = 3 }", ASHA, 'asha { max_t = 9, reduction_factor = 3, type = "promotion" }', "hyperband { max_t = 9 }",
              'hyperband { max_t = 9, order = "bohb" }', "median { max_t = 9 }")


def without_keys(table):
    if isinstance(table, dict):
        return {k: without_keys(v) for k, v in table.items() if k != "key"}
    return [without_keys(v) for v in table] if isinstance(table, list) else table


def wait_for(what, seconds=60):
    """What the function gives, as soon as that is something."""
    for _ in range(seconds * 50):
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it never came")


def state_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return None


class Schedules(Case):
    sandbox = "off"

    def setUp(self):
        super().setUp()
        self.write("script.sh", SCRIPT)
        self.write("train.sh", TRAINER)

    def recipe(self, scheduler):
        self.write("r.lua", STUDY % (scheduler, AS_SCRIPT % (self.folder / "starts")))

    def starts(self):
        path = self.folder / "starts"
        n = len(path.read_text().splitlines()) if path.exists() else 0
        path.unlink(missing_ok=True)
        return n

    def build_script(self, scheduler, *arguments):
        self.recipe(scheduler)
        self.number = getattr(self, "number", 0) + 1
        where = ("--cache", f"store-{self.number}")
        self.build("r.lua", *where, "default", "best", *arguments)
        return without_keys(without_measured(self.table("r.lua", *where))), self.read("out/r/best")

    def test_the_table_of_a_trainer_that_speaks_the_protocol(self):
        for scheduler in SCHEDULERS:
            self.write("p.lua", STUDY % (scheduler, 'hpo.command { run = { "sh", hpo.source "train.sh" }, live = false }'))
            self.build("p.lua", "--cache", "protocol")
            expected = without_keys(without_measured(self.table("p.lua", "--cache", "protocol")))
            for arguments in (("-j1",), ("-j4",), ("-j3", "--waiting", "1")):
                found, _ = self.build_script(scheduler, *arguments)
                self.assertEqual(found, expected, (scheduler, arguments))
                starts = self.starts()
                if "--waiting" not in arguments and scheduler == ASHA:
                    self.assertLessEqual(starts, 13, arguments) # one for each trial, and the best's whole program
            self.assertEqual(self.build("r.lua", "--cache", f"store-{self.number}", "default", "best")["ran"], 0)

    def test_no_more_may_wait(self):
        """What must give way is ended, and begins from 0 when it goes on: more starts, and nothing else."""
        table, best = self.build_script(SCHEDULERS[2], "-j4")
        few = self.starts()
        again = self.build_script(SCHEDULERS[2], "-j4", "--waiting", "1")
        self.assertEqual(again, (table, best))
        self.assertGreaterEqual(self.starts(), few)

    def test_the_best_is_what_the_whole_program_leaves(self):
        """Whether it was ended early or not: here the best by far reports once."""
        self.recipe(ASHA)
        text = self.read("r.lua").replace('metric = "loss"', 'metric = "loss", stop = { loss = 5 }')
        self.write("r.lua", text)
        self.build("r.lua")
        self.starts()
        best = self.table("r.lua")["best"]
        trial = self.table("r.lua")["trials"][best]
        self.assertLess(trial["reached"], 9)
        answer = self.build("r.lua", "best")
        self.assertEqual((answer["ran"], self.starts()), (1, 1))
        s = 0
        for t in range(1, 10):
            s = (s * 7 + trial["params"]["x"] * t) % 101
        self.assertEqual(self.read("out/r/best"), f"{s}\n")
        self.assertEqual(self.build("r.lua", "best", "default")["ran"], 0)

    # ---- standing still ----

    def hold(self, *arguments):
        """A build in which trial 0 does not go on, so that the others wait for its report; and their pids."""
        self.recipe("asha { max_t = 9, reduction_factor = 3, grace_period = 2 }")
        self.write("starts.before", f'''
[ $t = 1 ] && echo $$ > "{self.folder}/pid-$1"
while [ $1 = 5 ] && [ $t = 2 ] && [ ! -e "{self.folder}/go" ]; do sleep 0.02; done
sleep 0.02
''')
        child = self.start("build", "r.lua", "-j4", *arguments)
        self.addCleanup(child.kill)

        def stopped():
            pids = [int(p.read_text()) for p in self.folder.glob("pid-*") if p.name != "pid-5" and p.read_text().strip()]
            return pids if len(pids) == 3 and all(state_of(p) in ("T", "D") for p in pids) else None # D: its child is
        return child, wait_for(stopped)

    def expect_calm(self):
        expected, _ = Schedules.build_script(self, "asha { max_t = 9, reduction_factor = 3, grace_period = 2 }")
        return expected

    def test_it_stands_still_until_the_decision_is_known(self):
        child, _ = self.hold()
        self.assertIsNone(child.poll())
        self.assertLessEqual(self.read("starts").count("start"), 5) # one took the free slot, at most
        self.write("go", "")
        out, err = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 0, err)
        found = without_keys(without_measured(self.table("r.lua")))
        self.assertEqual(found, self.expect_calm())

    def test_an_interrupt_ends_what_stands_still(self):
        child, pids = self.hold()
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=60)
        self.assertEqual(child.returncode, 130)
        self.assertEqual([state_of(p) for p in pids], [None] * 3)
        self.write("go", "")
        self.build("r.lua")
        self.assertEqual(without_keys(without_measured(self.table("r.lua"))), self.expect_calm())

    def test_a_killed_build_goes_on(self):
        child, pids = self.hold()
        child.kill()
        child.communicate(timeout=60)
        wait_for(lambda: all(state_of(p) in (None, "Z") for p in pids))
        self.starts()
        self.write("go", "")
        self.build("r.lua")
        self.assertLessEqual(self.starts(), 12)
        self.assertEqual(without_keys(without_measured(self.table("r.lua"))), self.expect_calm())
        self.assertIn("all right", self.hpo("cache", "verify")[0])


class Reports(Case):
    def run_script(self, text, fields, status=0, metric="loss", max_t=3, more="", build=(), where=()):
        """A study of one trial; its reports as the table has them, or the messages."""
        self.write("script.sh", text)
        self.write("r.lua", f'''
local hpo = require "hpo"
return {{ default = hpo.study {{
  name = "s", space = {{ x = hpo.randint(1, 100) }}, samples = 1, metric = "{metric}",
  scheduler = hpo.scheduler.fifo {{ max_t = {max_t} }},{more}
  trial = function(p) return hpo.script {{ run = {{ "sh", hpo.source "script.sh" }}, {fields} }} end,
}} }}''')
        answer = self.build("r.lua", *build, status=status)
        if status:
            return answer["messages"]
        trial = self.table("r.lua", *where)["trials"][0]
        self.status = trial["status"]
        return [{k: v for k, v in m.items() if k != "t"} for m in trial["metrics"]]

    def test_a_later_match_replaces_an_earlier_one(self):
        """Progress bars end with carriage returns; a report is complete once every pattern has matched."""
        found = self.run_script(r'''
for e in 1 2; do
  printf 'step 1 loss: 9.%s\rstep 2 loss: 8.%s\r' $e $e
  printf '\033[1mval_loss: %s.5\033[0m acc: 1e-%s\n' $e $e
done''', 'report = { loss = "^step.*loss: (%S+)", val_loss = "val_loss: (%S+)", acc = "acc: (.+)" }')
        self.assertEqual(found, [{"loss": 8.1, "val_loss": 1.5, "acc": 0.1}, {"loss": 8.2, "val_loss": 2.5, "acc": 0.01}])
        self.assertEqual(self.status, "completed")

    def test_lines_that_belong_together(self):
        """What comes again under the same number is the same report, the last counts; one that is not complete is none."""
        found = self.run_script(r'''
echo 'before: loss 7'
echo '[0] train'; echo 'loss 1'; echo 'loss 9'; echo 'acc 2'; echo 'acc 3'
echo '[1] train'; echo 'loss 5'
echo '[2] train'; echo 'acc 6'; echo 'loss 7'
echo '[2] train'; echo 'loss 8'; echo 'acc 8'
''', 'report = { t = "^%[(%d+)%]", loss = "loss (%S+)", acc = "acc (%S+)" }')
        self.assertEqual(found, [{"loss": 9, "acc": 3}, {"loss": 8, "acc": 8}])

    def test_numbers(self):
        found = self.run_script("echo loss=nan; echo loss=-Infinity; echo loss=+.5e1", 'report = "loss=(%S+)"')
        self.assertEqual(found, [{"loss": None}, {"loss": None}, {"loss": 5}])

    def test_what_is_no_number(self):
        message = self.run_script("echo 'epoch 1 loss=0.5,'", 'report = "loss=(%S+)"', status=1)
        self.assertIn('expected a number for loss, found "0.5," in the line `epoch 1 loss=0.5,`', message)

    def test_no_report_at_all(self):
        message = self.run_script("echo 'training has begun'; echo 'val_los=1'", 'report = "val_loss=(%S+)"', status=1)
        self.assertIn('it ended with status 0 without a report: no line of it matches loss = "val_loss=(%S+)"', message)
        self.assertIn("training has begun\nval_los=1", message)

    def test_a_table(self):
        text = '''printf 'epoch,note,"loss",acc\\r\\n1,"a, ""b""",0.5,1\\r\\n2,x,,2\\r\\n2,x,0.25,\\r\\n' > m/metrics.csv; printf '3,x,0.125,3\\r\\n9,' >> m/metrics.csv'''
        found = self.run_script("mkdir m; " + text, 'report = { file = "m/metrics.csv" }')
        self.assertEqual(found, [{"epoch": 1, "loss": 0.5, "acc": 1}, {"epoch": 2, "loss": 0.25}, {"epoch": 3, "loss": 0.125, "acc": 3}])

    def test_lines_of_json(self):
        found = self.run_script('''
echo '{"loss": 2, "name": "a", "lr": [1]}' > m.jsonl
echo '{"lr": 5}' >> m.jsonl
echo '{"loss": NaN, "acc": 1}' >> m.jsonl
echo '{"loss": 3' >> m.jsonl''', 'report = { file = "m.jsonl" }', status=1)
        self.assertIn("m.jsonl: expected a number for loss, found: `{\"loss\": 3`", found)
        found = self.run_script("echo '{\"loss\": 2}' > m.jsonl; echo '{\"lr\": 5}' >> m.jsonl; printf '{\"loss\": NaN, \"acc\": 1}' >> m.jsonl",
                                'report = { file = "m.jsonl" }')
        self.assertEqual(found, [{"loss": 2}, {"loss": None, "acc": 1}])

    def test_a_file_without_rows_is_told_by_what_it_has(self):
        for name, text, has in (("m.csv", "epoch, val_los\\n1,2\\n", "epoch, val_los"), ("m.jsonl", '{"epoch": 1, "lr": 2}\\n', "epoch, lr"),
                                ("m.json", '{"t": 1, "lr": 2}', "t, lr")):
            message = self.run_script(f"printf '{text}' > {name}", f'report = {{ file = "{name}" }}', status=1)
            self.assertIn(f'"{name}" has no row with a number for loss; its columns: {has}\n', message)
        message = self.run_script("printf 'loss\\n' > m.csv", 'report = { file = "m.csv" }', status=1)
        self.assertIn('"m.csv" has no row with a number for loss; its columns: loss\n', message)
        message = self.run_script("echo loss > metrics.csv", 'report = { file = "metric.csv" }', status=1)
        self.assertIn('it ended with status 0 without a report: it has not written "metric.csv"\n', message)

    def test_rows_are_read_while_it_runs(self):
        """A program that waits for what follows from its rows: it would never end otherwise."""
        found = self.run_script(f'''
echo t,loss > m.csv
for t in 1 2 3 4 5 6; do
  echo "$t,$t" >> m.csv
  [ $t = 3 ] && while [ ! -e "{self.folder}/go" ]; do sleep 0.05; done
done''', 'report = { file = "m.csv" }', build=["-j1"], max_t=6, more=' stop = { loss = 3.5 }, mode = "min",')
        self.assertEqual(found, [{"loss": 1}])

    def test_a_table_that_is_written_anew(self):
        rewrite = '''
rows=
for t in 1 2 3; do
  rows="$rows$t0,$t.5
"
  printf 'step,loss\\n%s' "$rows" > new.csv; mv new.csv m.csv
  sleep 0.05
done'''.replace("$t0", "$t")
        self.assertEqual([m["loss"] for m in self.run_script(rewrite, 'report = { file = "m.csv" }')], [1.5, 2.5, 3.5])
        message = self.run_script('''
for t in 1 2 3; do printf 'loss\\n%s.5\\n' $t > new.csv; mv new.csv m.csv; sleep 0.2; done''', 'report = { file = "m.csv" }', status=1)
        self.assertIn("m.csv: its row 1 was another one before: what is replaced as a whole needs a field t", message)

    def test_an_object_that_is_replaced(self):
        text = '''
for t in 1 2 3; do
  printf '{\\n "t": %s, "loss": %s.5\\n}' $t $t > new; mv new m.json
  sleep 0.3
done'''
        self.assertEqual(self.run_script(text, 'report = { file = "m.json" }'), [{"loss": 1.5}, {"loss": 2.5}, {"loss": 3.5}])
        message = self.run_script(text.replace('"t": %s,', '"n": %s,'), 'report = { file = "m.json" }', status=1)
        self.assertIn("m.json: what is replaced as a whole needs a field t", message)
        message = self.run_script(text.replace('"t": %s,', '"t": 1%s,'), 'report = { file = "m.json" }', status=1)
        self.assertIn("m.json: expected t = 1, found t = 11", message)

    def test_one_number_at_the_end(self):
        text = "echo \"f1': 0.25}\"; echo score=1; echo score=2; echo '{\"score\": 4, \"f1\": 0.5}' > m.json; printf 'score\\n6\\n7\\n' > m.csv"
        for report, expected in (('"score=(%d+)"', {"score": 2}), ('{ score = "^score=(%d+)", f1 = "f1.: (%S+)}" }', {"score": 2, "f1": 0.25}),
                                 ('{ file = "m.json" }', {"score": 4, "f1": 0.5}), ('{ file = "m.csv" }', {"score": 7})):
            found = self.run_script(text, f"report = {{ last = {report} }}", metric="score")
            self.assertEqual((found, self.status), ([expected], "completed"), report)
        message = self.run_script(text, 'report = { last = { file = "no.json" } }', metric="score", status=1)
        self.assertIn('without a report: it has not written "no.json"', message)
        message = self.run_script(text + "; exit 3", 'report = { last = "score=(%d+)" }', metric="score", status=1)
        self.assertIn("it ended with status 3", message)

    def test_a_terminal(self):
        text = "[ -t 1 ] && [ -t 2 ] && echo loss=1; [ -t 1 ] || echo loss=2; stty size 2>/dev/null <&1; true"
        self.assertEqual(self.run_script(text, 'report = "loss=(%S+)"'), [{"loss": 2}])
        self.assertEqual(self.run_script(text, 'tty = true, report = "loss=(%S+)"'), [{"loss": 1}])
        self.assertNotIn("\r", self.hpo("log", "r.lua", "s/0")[0])

    def test_its_environment(self):
        text = 'env | grep -c "^HPO_[FUPM]\\|^HPO_CHECK"; echo "loss=${PYTHONUNBUFFERED}5"'
        self.assertEqual(self.run_script(text, 'report = "loss=(%S+)"'), [{"loss": 15}])
        self.assertTrue(self.hpo("log", "r.lua", "s/0")[0].startswith("0\n"))
        self.assertEqual(self.run_script(text, 'report = "loss=(%S+)", env = { PYTHONUNBUFFERED = "2" }'), [{"loss": 25}])

    def test_after_max_t_it_is_left_to_end(self):
        found = self.run_script(f"for t in 1 2 3 4 5; do echo loss=$t; done; echo done > '{self.folder}/done'", 'report = "loss=(%S+)"', build=("--sandbox", "off"))
        self.assertEqual([m["loss"] for m in found], [1, 2, 3])
        self.assertEqual(self.read("done"), "done\n")
        answer = self.build("r.lua")
        self.assertEqual(answer["ran"], 0)
        self.write("r.lua", self.read("r.lua").replace("max_t = 3", "max_t = 9"))
        self.assertEqual(self.build("r.lua")["ran"], 0) # what it reported beyond is known, and that it ended
        self.assertEqual([m["loss"] for m in self.table("r.lua")["trials"][0]["metrics"]], [1, 2, 3, 4, 5])

    def test_a_failure_behind_the_last_t(self):
        self.run_script("for t in 1 2 3 4; do echo loss=$t; done; exit 9", 'report = "loss=(%S+)"')
        self.assertEqual(self.status, "completed")
        self.assertIn("behind its last t, which counts: it ended with status 9",
                      self.build("r.lua", "--cache", "other")["messages"])

    def test_a_failure_before(self):
        message = self.run_script("echo loss=1; exit 9", 'report = "loss=(%S+)"', status=1)
        self.assertIn("it ended with status 9", message)
        message = self.run_script("echo loss=1; sleep 60", 'report = "loss=(%S+)", timeout = 0.3', status=1)
        self.assertIn("nothing came from it for 0.3 s", message)

    def test_rows_before_a_failure_stand(self):
        """Whenever they were read."""
        for number, i in enumerate((1, 1, 3, 3)):
            found = self.run_script(f"echo loss > m.csv; for i in $(seq {i}); do echo $i >> m.csv; done; printf 9 >> m.csv; exit 7",
                                    'report = { file = "m.csv" }', max_t=5, more=' on_failure = "prune",', build=("--cache", f"c{number}"),
                                    where=("--cache", f"c{number}"))
            self.assertEqual(([m["loss"] for m in found], self.status), (list(range(1, i + 1)), "failed"))

    def test_a_bad_line_while_it_stands_still(self):
        """Only when its trial comes to it."""
        text = "for t in 1 2; do echo loss=$t; done; echo loss=x; echo loss=3; sleep 0.2"
        found = self.run_script(text, 'report = "loss=(%S+)"', max_t=2)
        self.assertEqual([m["loss"] for m in found], [1, 2])
        message = self.run_script(text, 'report = "loss=(%S+)"', max_t=4, status=1)
        self.assertIn("failed at t = 3", message)
        self.assertIn('found "x" in the line `loss=x`', message)

    def test_an_answer_to_a_signal_is_no_report(self):
        """It is told to end where its number is good enough, and then prints another one."""
        self.run_script("trap 'echo loss=7; exit 0' TERM; echo loss=1; while :; do sleep 0.02; done", 'report = "loss=(%S+)"',
                        more=" stop = { loss = 1 },")
        self.assertEqual(self.status, "stopped")
        self.assertEqual(self.build("r.lua")["ran"], 0)
        self.write("r.lua", self.read("r.lua").replace("stop = { loss = 1 },", ""))
        child = self.start("build", "r.lua")
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=60)
        table = self.table("r.lua")["trials"][0]
        self.assertEqual((table["reached"], table["status"]), (1, "interrupted"))

    @unittest.skipUnless(LONG, "it takes the ten seconds after which hpo gives up")
    def test_a_pattern_that_never_returns(self):
        self.write("script.sh", "")
        text = """awk 'BEGIN { for (i = 0; i < 30000; i++) printf "a"; print "" }'; sleep 60"""
        with self.assertRaises(AssertionError) as raised:
            self.run_script(text, 'report = "(.-.-.-.-)b"')
        self.assertIn("2 != 0", str(raised.exception))
        self.assertIn("a pattern with many repetitions can do that", str(raised.exception))

    def test_what_it_prints_in_the_key(self):
        self.run_script("echo loss=1; echo acc=1; echo loss=2; echo acc=2", 'report = "loss=(%S+)"', max_t=2)
        self.assertEqual(self.build("r.lua")["ran"], 0)
        for change in (('"loss=(%S+)"', '"loss=(%d+)"'), ('"loss=(%d+)"', '{ loss = "loss=(%d+)", acc = "acc=(%d+)" }'),
                       ("report =", "tty = true, report ="), ("tty = true", "may_end = false")):
            self.write("r.lua", self.read("r.lua").replace(*change))
            self.assertEqual(self.build("r.lua")["ran"], 1, change)
        self.write("r.lua", self.read("r.lua").replace("report =", "timeout = 50, report ="))
        self.assertEqual(self.build("r.lua")["ran"], 0)


class Refusals(Case):
    def refused(self, fields, *expected, scheduler="fifo { max_t = 3 }", metric="loss", returns="s"):
        self.write("script.sh", "echo loss=1; touch ran")
        self.write("r.lua", f'''
local hpo = require "hpo"
local s = hpo.study {{
  space = {{ x = hpo.randint(1, 100) }}, samples = 4, metric = "{metric}", scheduler = hpo.scheduler.{scheduler},
  trial = function(p)
    return hpo.script {{ run = {{ "sh", hpo.source "script.sh" }}, {fields} }}
  end,
}}
return {{ default = {returns} }}''')
        message = self.build_refused()
        for text in expected:
            self.assertIn(text, message)

    def build_refused(self):
        out, err = self.hpo("build", "r.lua", status=2)
        return out + err

    def test_patterns(self):
        for pattern in ("loss", "loss=(%S+", "()", "(a)(b)", "(a", "a)", "[(]", "(a)[", "(a)%", "(a)%f", "%bx(", "(a)%1"):
            self.refused(f"report = '{pattern}'", "r.lua:5: hpo.script.report", "a Lua pattern with one capture")
        for pattern in ("loss=(%S+)", "[(](%d)[]]", "(%b())", "%f[%d](%d+)", "%((.+)%)", "([^%]]+)"):
            self.write("ok.lua", f'''
local hpo = require "hpo"
return {{ default = hpo.study {{ space = {{}}, samples = 1, scheduler = hpo.scheduler.fifo {{ max_t = 1 }}, metric = "loss",
  trial = function() return hpo.script {{ run = {{ "echo", "loss=5" }}, report = [=[{pattern}]=] }} end }} }}''')
            self.hpo("build", "ok.lua", "--dry-run")

    def test_fields(self):
        self.refused("", "hpo.script.report", "expected a pattern such as", "found nothing")
        self.refused("report = { acc = '(%d)' }", "it has no pattern for the study's metric, loss")
        self.refused("report = { file = 'm.txt' }", "hpo.script.report.file", ".csv, .tsv, .jsonl")
        self.refused("report = { file = '../m.csv' }", "hpo.script.report.file")
        self.refused("report = { last = {} }", "hpo.script.report.last")
        self.refused("report = '(x)', params = {}", "hpo.script.params: no such field")
        self.refused("report = '(x)', tty = 1", "hpo.script.tty: expected true or false")

    def test_a_population(self):
        self.refused("report = '(x)'", "r.lua:3: hpo.script", "a script has none",
                     scheduler="pbt { max_t = 4, perturbation_interval = 2, mutations = {} }")
        self.assertFalse((self.folder / "ran").exists())
        for command in (["graph", "r.lua"], ["build", "r.lua", "--dry-run"]):  # while it is read
            self.assertIn("a script has none", self.hpo(*command, status=2)[1])

    def test_an_exploit_of_a_recipes_own(self):
        self.refused("report = 'loss=(%d)'", "its trials are scripts, which have no checkpoint",
                     scheduler='fifo and { max_t = 4, report = function(_, trial, t) '
                               'return { { trial = trial, decision = "exploit", parent = trial } } end }')

    def test_outside_of_a_study(self):
        self.write("r.lua", 'local hpo = require "hpo"\nreturn { default = hpo.script { run = { "true" }, report = "(x)" } }')
        self.assertIn("it is a trial, and nothing else", self.build_refused())

    def test_the_best_of_a_script_without_outputs(self):
        self.write("r.lua", '''
local hpo = require "hpo"
local s = hpo.study { name = "s", space = {}, samples = 1, scheduler = hpo.scheduler.fifo { max_t = 1 }, metric = "loss",
  trial = function() return hpo.script { run = { "echo", "loss=5" }, report = "loss=(%d)" } end }
return { default = s.best.checkpoint }''')
        out, err = self.hpo("build", "r.lua", status=1)
        self.assertIn("r.lua:4", err)
        self.assertIn("it declares none", err)


if __name__ == "__main__":
    unittest.main()
