"""A build while it runs: on its own terminal, and from another one."""
import json
import os
import re
import signal
import time
import unittest

from case import Case
from terminal import Program

# Reports t = 1 at once; each further one waits for the file GATE/TRIAL, or GATE/all.
TRIAL = r'''
i=$(sed 's/.*"i": *\([0-9]*\).*/\1/' "$HPO_PARAMS")
t=$((HPO_FROM + 1))
while [ $t -le "$HPO_UNTIL" ]; do
  while [ $t -gt 1 ] && [ ! -e "$1/$i" ] && [ ! -e "$1/all" ]; do sleep 0.02; done
  echo "step $t of trial $i" >&2
  echo "{\"t\": $t, \"eval_loss\": $((i * 1000 + 100 / t)).625, \"acc\": 0.$i}"
  t=$((t + 1))
done
'''
RECIPE = r'''
local hpo = require "hpo"
local gate = hpo.param("gate", "")
local function study(name, first, n)
  local points = {}
  for i = first, first + n - 1 do points[#points + 1] = { i = i, learning_rate = 0.001 * i, optimizer = "a\27[31mdamw" } end
  return hpo.study { name = name, metric = "eval_loss", concurrency = n, search = hpo.search.points(points),
    space = { i = hpo.randint(0, 1000), learning_rate = hpo.uniform(0, 9), optimizer = hpo.choice { "a\27[31mdamw" } },
    scheduler = hpo.scheduler.fifo { max_t = 3 },
    trial = function(p) return hpo.command { run = { "sh", hpo.source "trial.sh", gate } } end }
end
return { first = study("first", 1, 3), second = hpo.param("two", true) and study("second", 5, 4) or nil }
'''
ACTION = r'''
local hpo = require "hpo"
return { long = hpo.command { name = "long", outputs = { "x" }, run = { "sh", "-c",
  "echo begun; while [ ! -e '" .. hpo.param("gate", "") .. "/all' ]; do sleep 0.02; done; echo over; echo " .. hpo.param("word", "a") .. " > x" } } }
'''


class Live(Case):
    def setUp(self):
        super().setUp()
        self.environment["TERM"] = "dumb"
        self.gate = self.folder / "gate"
        self.gate.mkdir()
        self.write("trial.sh", TRIAL)
        self.write("r.lua", RECIPE)
        self.write("a.lua", ACTION)

    def arguments(self, recipe, *more):
        return ["build", recipe, "-j", "8", "--system", self.gate, "--set", f"gate={self.gate}", *more]

    def open(self, which="all"):
        (self.gate / which).touch()

    def begin(self, recipe="r.lua", *more):
        """A build elsewhere, without a terminal, that waits for the gate."""
        build = self.start(*self.arguments(recipe, *more))
        self.addCleanup(build.communicate)
        self.addCleanup(build.kill)
        return build

    def end(self, build, status=0):
        self.open()
        out, err = build.communicate(timeout=20)
        self.assertEqual(build.returncode, status, err)
        return out, err

    def in_terminal(self, *arguments, columns=80, rows=24):
        program = Program([str(self.program), *map(str, arguments)], self.folder, self.environment, columns, rows)
        self.addCleanup(program.kill)
        return program

    def wait(self, condition, timeout=60):
        end = time.monotonic() + timeout
        while not (found := condition()):
            self.assertLess(time.monotonic(), end, "it does not come about")
            time.sleep(0.05)
        return found

    def state(self):
        """What the running build has left beside its store, once it has."""
        for path in self.folder.glob(".hpo/live/*.json"):
            try:
                return [json.loads(line) for line in path.read_text().splitlines()]
            except FileNotFoundError:
                pass
        return None

    def wait_for_reports(self, n):
        """Until the state tells of so many delivered units."""
        def there():
            state = self.state()
            return state and sum(len(t["metrics"]) for s in state[1]["studies"] for t in s["trials"]) == n
        self.wait(there)


class OwnTerminal(Live):
    def test_the_table_at_three_widths(self):
        for columns in (60, 80, 160):
            with self.subTest(columns=columns):
                build = self.in_terminal(*self.arguments("r.lua", "--cache", f"store{columns}"), columns=columns, rows=40)
                shown = build.until(lambda s: len(re.findall(r"^\* ", s.text(), re.M)) == 2 and "4 of 4 trials" in s.text())
                self.assertTrue(all(len(line) < columns for line in shown), shown)
                text = "\n".join(shown)
                self.assertRegex(text, r"first: 3 of 3 trials.*; best eval_loss 1101 \(trial 0\)")
                self.assertRegex(text, r"second: 4 of 4 trials.*; best eval_loss 5101 \(trial 0\)")
                self.assertRegex(text, r"(?m)^\*     0 .* 1 +1101  running \d")
                self.assertRegex(text, r"(?m)^      2 .* 1 +3101  running \d")
                self.assertEqual(r"a\u001B[31mdamw" in text, columns > 60)
                self.assertRegex(text, r"r\.lua  \d:\d\d.* run 1, 7 of 8 slots")
                self.open()
                self.assertEqual(build.finish(), 0)
                text = build.screen.text()
                self.assertNotIn("trials", text)
                self.assertNotIn("slots", text)
                self.assertIn("first/0 t = 3 eval_loss 1034 (", text)
                self.assertIn("7 ran, 0 cached, 0 failed", text)
                (self.gate / "all").unlink()

    def test_one_line_where_it_is_small(self):
        """Counts and the best are of one study, and no value is cut."""
        for columns, expected in ((70, r"first 3/3, best 1101 \| second 4/4, best 5101"), (34, r"first 3/3, best 1101 \| \+1"), (12, "best 1101")):
            with self.subTest(columns=columns):
                build = self.in_terminal(*self.arguments("r.lua", "--cache", f"store{columns}"), columns=columns, rows=10)
                shown = build.until(lambda s: re.search(expected, s.shown()[-1]))
                self.assertLess(len(shown[-1]), columns)
                self.assertNotIn("[0/0]", shown[-1])
                self.open()
                self.assertEqual(build.finish(), 0)
                self.assertNotRegex(build.screen.text(), r"3/3|\+1")
                (self.gate / "all").unlink()

    def test_a_resize_leaves_nothing_behind(self):
        build = self.in_terminal(*self.arguments("r.lua"), columns=160, rows=40)
        build.until(lambda s: "4 of 4 trials" in s.text() and "learning_rate" in s.text())
        for columns, rows in ((60, 40), (37, 40), (100, 8), (80, 24)):
            build.resize(columns, rows)
            shown = build.until(lambda s: re.search(r"(first|first:) 3.*best (eval_loss )?1101|best 1101", s.text())
                                and all(len(line) < columns for line in s.shown()) and len(re.findall("1101", s.text())) <= 2)
            self.assertTrue(all(len(line) < columns for line in shown), shown)
            self.assertLessEqual(build.screen.text().count("slots"), 1)
        self.open()
        self.assertEqual(build.finish(), 0)
        self.assertNotRegex(build.screen.text(), r"slots|trials|\+1|waiting|running|…")

    def test_lines_come_above_the_table(self):
        build = self.in_terminal(*self.arguments("r.lua"), columns=80, rows=30)
        build.until(lambda s: "4 of 4 trials" in s.text())
        self.open("2")
        shown = build.until(lambda s: "first/1 t = 3 eval_loss 2034 (" in s.text())
        line = next(i for i, row in enumerate(shown) if "first/1 t = 3" in row)
        table = next(i for i, row in enumerate(shown) if "slots" in row)
        self.assertLess(line, table)
        self.open()
        self.assertEqual(build.finish(), 0)


    def test_the_heading_counts_what_the_rows_say(self):
        """Two slots for three trials."""
        build = self.in_terminal(*self.arguments("r.lua", "--set", "two=false", "-j", "2"), columns=80, rows=30)
        shown = build.until(lambda s: "first: 3 of 3 trials" in s.text() and len(re.findall(r"running \d", s.text())) == 2)
        text = "\n".join(shown)
        self.assertIn("first: 3 of 3 trials, 2 running, 1 waiting", text)
        self.assertEqual(len(re.findall(r"(?m)  waiting$", text)), 1)
        self.open()
        self.assertEqual(build.finish(), 0)


class Elsewhere(Live):
    def test_runs_say_that_it_runs_and_how_far_it_is(self):
        build = self.begin()
        self.wait_for_reports(7)
        out = self.hpo("runs")[0]
        self.assertRegex(out, r"   1  \S+ \S+  running  ")
        self.assertIn("first 3/3, best eval_loss 1101 (trial 0) | second 4/4, best eval_loss 5101 (trial 0) | 7 running", out)
        (run,) = json.loads(self.hpo("runs", "--json")[0])["runs"]
        self.assertEqual((run["status"], run["ran"], run["progress"]["slots_used"]), ("running", 7, 7))
        self.end(build)
        out = self.hpo("runs")[0]
        self.assertRegex(out, r"   1  \S+ \S+  done  ")
        self.assertEqual(os.listdir(self.folder / ".hpo/live"), ["lock"])

    def test_one_that_was_killed_is_known_as_that(self):
        build = self.begin()
        self.wait_for_reports(7)
        build.send_signal(signal.SIGKILL)
        build.wait()
        self.wait(lambda: "killed" in self.hpo("runs")[0])
        self.assertIn("no build of it runs", self.hpo("watch", "r.lua", status=2)[1])
        self.open()
        self.hpo(*self.arguments("r.lua"))
        self.assertEqual(os.listdir(self.folder / ".hpo/live"), ["lock"])

    def test_what_a_killed_one_did_is_not_told_as_if_it_were_the_last(self):
        """It leaves no table and no keys: what is told is of an earlier build, and says so; or it is an error that names it."""
        def kill(recipe):
            (self.gate / "all").unlink(missing_ok=True)
            for left in self.folder.glob(".hpo/live/*.json"):
                left.unlink()
            build = self.begin(recipe, "--set", "word=b") if recipe == "a.lua" else self.begin(recipe)
            self.wait(lambda: (self.state() or [{}])[0].get("board", {}).get("jobs"))
            build.kill()
            build.wait()
        kill("a.lua")
        for command, words in (("log", "no build of this recipe that ended here has a node"), ("why", "run 1 was killed and left no keys")):
            status = 2 if command == "log" else 0
            out, err = self.hpo(command, "a.lua", "long", status=status)
            self.assertIn("run 1 was killed and left no keys of its nodes\n", err)
            self.assertIn(words, out + err)
        self.open()
        self.hpo(*self.arguments("a.lua"))
        self.assertEqual(self.hpo("log", "a.lua", "long"), ("begun\nover\n", ""))
        kill("a.lua")
        for command in ("log", "why"):
            self.assertIn("run 3 was killed and left no keys of its nodes: this is of an earlier one\n",
                          self.hpo(command, "a.lua", "long")[1])
        self.assertEqual(self.hpo("log", "a.lua", "long", "--set", f"gate={self.gate}")[1], "")
        kill("r.lua")
        for words in ((), ("first",), ("--set", f"gate={self.gate}")):
            self.assertIn("run 4 was killed before it left a table\n  the next hpo build r.lua goes on from",
                          self.hpo("table", "r.lua", *words, status=2)[1])
        self.open()
        self.hpo(*self.arguments("r.lua"))
        self.assertNotIn("killed", self.hpo("table", "r.lua")[1])
        (self.folder / "trial.sh").write_text(TRIAL + "\n# other")
        kill("r.lua")
        self.assertIn("run 6 was killed and left no table: this is of run 5\n", self.hpo("table", "r.lua")[1])
        self.assertIn("run 6 was killed and left no keys of its nodes: this is of an earlier one\n",
                      self.hpo("log", "r.lua", "first/1")[1])

    def test_one_that_reads_sources_runs(self):
        """A file that takes long to hash: the build is stopped meanwhile."""
        self.open()
        self.hpo(*self.arguments("r.lua"))
        with open(self.folder / "trial.sh", "ab") as f:
            f.truncate(2 << 30)
        build = self.begin()
        self.wait(self.state)
        build.send_signal(signal.SIGSTOP)
        self.assertNotIn("board", self.state()[0])
        self.assertEqual(self.hpo("watch", "r.lua")[0], "the build has begun\n")
        out, err = self.hpo("table", "r.lua", "first")
        self.assertIn("run 2 is running and has no trial of this yet: this is of run 1\n", err)
        self.assertIn("completed", out)
        self.assertRegex(self.hpo("runs")[0], r"   2  \S+ \S+  running  ")
        follower = self.start("log", "-f", "r.lua", "third/1")
        build.kill()
        self.assertIn("no build of this recipe", follower.communicate(timeout=20)[1])

    def test_its_table(self):
        build = self.begin()
        self.wait_for_reports(7)
        out, err = self.hpo("table", "r.lua", "first", "--json")
        table = json.loads(out)
        self.assertEqual([(t["status"], t["reached"]) for t in table["trials"]], [("running", 1)] * 3)
        self.assertFalse(table["decided"])
        self.assertIn("run 1 is running", err)
        self.assertEqual(self.hpo("table", "r.lua", "--set", f"gate={self.gate}")[0], self.hpo("table", "r.lua")[0])
        self.assertIn("no build of it here has a study with a trial", self.hpo("table", "r.lua", "--set", "gate=x", status=2)[1])
        self.end(build)
        after = json.loads(self.hpo("table", "r.lua", "first", "--json")[0])
        self.assertEqual([(t["status"], t["reached"]) for t in after["trials"]], [("completed", 3)] * 3)

    def test_logs_of_what_runs(self):
        build = self.begin()
        self.wait_for_reports(7)
        self.assertIn("step 1 of trial 2\n", self.hpo("log", "r.lua", "first/1")[0])
        follower = self.start("log", "-f", "r.lua", "first/1")
        self.addCleanup(follower.kill)
        time.sleep(0.5)
        self.open("2")
        self.wait(lambda: self.state()[0]["board"]["slots_used"] == 6)
        self.end(build)
        out, err = follower.communicate(timeout=20)
        self.assertEqual((follower.returncode, err), (0, ""))
        self.assertEqual(re.findall(r"step \d of trial \d", out), [f"step {t} of trial 2" for t in (1, 2, 3)])
        self.assertEqual(self.hpo("log", "r.lua", "first/1")[0], out)

    def test_a_log_is_followed_to_the_end(self):
        """What began and ended since the last state is told by the table that the build left."""
        self.write("asha.lua", RECIPE.replace("hpo.scheduler.fifo { max_t = 3 }", "hpo.scheduler.asha { max_t = 4, reduction_factor = 2 }")
                   .replace('study("first", 1, 3)', 'study("first", 1, 4)'))
        build = self.begin("asha.lua", "--set", "two=false")
        self.wait_for_reports(4)
        self.wait(lambda: any(j["label"] == "first/0" for j in self.state()[0]["board"]["jobs"]))
        state, = self.folder.glob(".hpo/live/*.json")
        state.with_suffix(".json.new").mkdir()  # no state is written any more: this one is the last
        follower = self.start("log", "-f", "asha.lua", "first/0")
        self.addCleanup(follower.kill)
        begun = os.read(follower.stdout.fileno(), 65536).decode()
        self.assertIn("step 1 of trial 1\n", begun)
        self.end(build)
        out, err = follower.communicate(timeout=20)
        self.assertEqual((follower.returncode, err), (0, ""))
        out = begun + out
        self.assertEqual(re.findall(r"step (\d) of trial 1", out), list("1121234"))  # it saves nothing, so begins anew
        self.assertEqual(self.hpo("log", "asha.lua", "first/0")[0], out)

    def test_why_speaks_of_the_key_that_runs(self):
        self.open()
        self.hpo(*self.arguments("a.lua"))
        (self.gate / "all").unlink()
        build = self.begin("a.lua", "--set", "word=b")
        self.wait(lambda: self.state() and self.state()[2])
        out, _ = self.hpo("why", "a.lua", "long")
        self.assertRegex(out, r"  running, for \d")
        self.assertIn("since run 2 its key differs from that of run 1 in:\n", out)
        self.assertRegex(out, r"run\[3\]: .*echo b > x")
        self.assertEqual(self.hpo("log", "a.lua", "long")[0], "begun\n")
        follower = self.start("log", "-f", "a.lua", "long", "--set", f"gate={self.gate}", "--set", "word=b")
        self.end(build)
        self.assertEqual(follower.communicate(timeout=20), ("begun\nover\n", ""))
        self.assertIn("known: made in run 2", self.hpo("why", "a.lua", "long")[0])

    def test_watch_until_it_ends(self):
        build = self.begin()
        self.wait_for_reports(7)
        out = self.hpo("watch", "r.lua")[0]
        self.assertRegex(out, r"(?m)^\*     0 .* 1101  running \d")
        watch = self.in_terminal("watch", "r.lua", columns=80, rows=24)
        watch.until(lambda s: "4 of 4 trials" in s.text())
        watch.resize(50, 12)
        shown = watch.until(lambda s: all(len(line) <= 50 for line in s.shown()) and len(s.shown()) <= 12
                            and "first: 3 of 3 trials; best eval_loss 1101" in s.text())
        self.assertLessEqual(len(shown), 12)
        self.end(build)
        self.assertEqual(watch.finish(), 0)
        self.assertRegex(watch.screen.text(), r"^run 1 has ended: done, 7 ran, 0 cached, 0 failed")

    def test_watch_is_left_by_q_and_by_an_interrupt(self):
        build = self.begin()
        self.wait_for_reports(7)
        for key in ("q", "\x03"):
            watch = self.in_terminal("watch", "r.lua")
            watch.until(lambda s: "4 of 4 trials" in s.text())
            watch.press(key)
            self.assertEqual(watch.finish(), 0)
            self.assertEqual(watch.screen.text().strip(), "" if key == "q" else "^C" if "^C" in watch.screen.text() else "")
        self.assertIsNone(build.poll())
        self.end(build)

    def test_watch_gives_the_terminal_back_while_it_is_stopped(self):
        """Ctrl-Z: the shell has its own screen, cursor and echo; fg draws the table again."""
        build = self.begin()
        self.wait_for_reports(7)
        shell = Program(["/bin/sh", "-mc", f"'{self.program}' watch r.lua; stty -a; echo here; read x; fg; echo over"], self.folder, self.environment)
        self.addCleanup(shell.kill)
        shell.until(lambda s: "4 of 4 trials" in s.text() and s.other)
        shell.press("\x1a")
        shell.until(lambda s: not s.other and "here" in s.text())
        self.assertNotIn("trials", shell.screen.text())
        self.assertRegex(shell.screen.text(), r" icanon[ ;]")
        self.assertRegex(shell.screen.text(), r"(?m)(^| )echo[ ;]")
        self.assertFalse(shell.screen.hidden)
        shell.press("\n")
        shell.until(lambda s: s.other and "4 of 4 trials" in s.text())
        self.assertTrue(shell.screen.hidden)
        shell.press("q")
        self.assertEqual(shell.finish(), 0)
        self.assertRegex(shell.screen.text(), r"over\s*$")
        self.end(build)

    def test_a_state_that_nobody_understands_is_none(self):
        """Another version's, or no JSON at all: what the history knows is said."""
        build = self.begin()
        self.wait_for_reports(7)
        (state,) = self.folder.glob(".hpo/live/*.json")
        for text in ("", "x", "{}\n", '{"recipe": 3}\n', '{"recipe": "r", "arguments": "{}", "started": 0, "board": {}}\n'):
            state.write_text(text)
            self.assertRegex(self.hpo("runs")[0], r"   1  \S+ \S+  running  ")
        self.end(build)


class Lines(Live):
    def test_a_failure_names_its_parameters(self):
        self.write("trial.sh", 'echo wrong >&2\nexit 3\n')
        _, err = self.hpo(*self.arguments("r.lua", "--set", "two=false", "--keep-going"), status=1)
        self.assertRegex(err, r'failed: first/\d: it ended with status 3\n  its parameters: \{"i": \d, "learning_rate": ')

    def test_no_counts_before_an_error_without_an_action(self):
        self.write("c.lua", 'local hpo = require "hpo"\nreturn { x = hpo.clone { url = "https://127.0.0.1:1/x", rev = "main" } }')
        out, err = self.hpo("build", "c.lua", status=1)
        self.assertNotIn("0 ran", err + out)


if __name__ == "__main__":
    unittest.main()
