"""hpo shell: where an action would run; run.sh in a kept folder repeats what failed."""
import os
import pathlib
import pty
import select
import signal
import subprocess
import time
import unittest

from case import Case

RECIPE = '''
local hpo = require "hpo"
local data = hpo.command { name = "data", run = { "sh", "-c", "echo 42 > $0", hpo.output "data.txt" } }
local step = hpo.command { name = "step", run = { "sh", hpo.source "step.sh", "it's", data }, env = { COLOUR = "red & blue" },
  pass = { "SECRET_KEY" }, outputs = { "deep/out" } }
local s = hpo.study { name = "s", metric = "loss", space = { x = hpo.randint(1, 9) }, search = hpo.search.points { { x = 5 }, { x = 2 } },
  concurrency = 1, scheduler = hpo.scheduler.fifo { max_t = 3 },
  trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh" }, inputs = { data } } end }
return { data = data, step = step, s = s, after = hpo.after(s, function(best)
  return hpo.command { name = "final", run = { "sh", "-c", "echo " .. best.params.x .. " > $0", hpo.output "f" } } end) }
'''
STEP = 'cat "$2"; echo "$1 $COLOUR ${SECRET_KEY-none}"; mkdir -p deep; echo > deep/out\n'
TRAIN = '''echo "from $HPO_FROM to $HPO_UNTIL more=${HPO_MORE-no} with $(cat $HPO_PARAMS)" >&2
for t in $(seq $((HPO_FROM + 1)) $HPO_UNTIL); do echo "{\\"t\\": $t, \\"loss\\": $t}"; done
'''


class Shell(Case):
    def setUp(self):
        super().setUp()
        self.write("r.lua", RECIPE)
        self.write("step.sh", STEP)
        self.write("train.sh", TRAIN)
        self.environment["SHELL"] = "/bin/sh"

    def shell(self, node, typed, *arguments, status=0):
        done = subprocess.run([str(self.program), "shell", "r.lua", node, *arguments], cwd=self.folder, env=self.environment,
                              input=typed, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(list(self.folder.glob(".hpo/work/*/dir/step.sh")), [])  # nothing of it is left
        return done.stdout, done.stderr

    def test_an_action(self):
        self.assertIn("step: it reads data, which is not built yet\n  hpo build r.lua makes it", self.shell("step", "", status=2)[1])
        self.build("r.lua", "data")
        self.environment.update(SECRET_KEY="hush", UNRELATED="1")
        out, err = self.shell("step", "ls; ls deep; echo $COLOUR $SECRET_KEY ${UNRELATED-clean}; sh step.sh a data; pwd")
        self.assertEqual(out.splitlines()[:-1], ["data", "deep", "step.sh", "red & blue hush clean", "42", "a red & blue hush"])
        self.assertRegex(err, r"^in (/.*/dir), this would run:\n  /\S*/sh step\.sh 'it'\\''s' data\nthe folder goes when the shell ends\n$")
        self.assertFalse(pathlib.Path(out.splitlines()[-1]).exists())
        command = err.splitlines()[1]
        self.assertEqual(self.shell("step", command + "; ls deep")[0].splitlines(), ["42", "it's red & blue hush", "out"])
        self.assertEqual(self.build("r.lua", "step")["ran"], 1)  # what was done there is in no store

    def test_hpo_py_is_found_as_in_a_build(self):
        self.write("r.lua", RECIPE.replace('{ "sh", hpo.source "train.sh" }', '{ "python3", hpo.source "train.py" }'))
        self.write("train.py", "import hpo\nfor t in hpo.steps(1):\n  hpo.report(loss=1)\n")
        self.build("r.lua")
        self.assertIn('"loss": 1', self.shell("s/0/1", "python3 train.py")[0])

    def test_its_status(self):
        self.assertIn("the shell ended with status 3", self.shell("data", "exit 3", status=1)[1])

    def test_a_trial(self):
        """Its run from the beginning, as far as it has come."""
        self.build("r.lua", "data")
        out, err = self.shell("s/0", "sh train.sh 2>&1; ls")
        self.assertEqual(out.splitlines()[0], 'from 0 to 3 more=no with {"x": 5}')
        self.assertEqual(out.splitlines()[-2:], ["data", "train.sh"])
        self.assertIn("s/1: s has no such trial, or it has not come to it", self.shell("s/1", "", status=2)[1])
        self.build("r.lua", "s")
        self.assertIn('from 0 to 2 more=no with {"x": 2}', self.shell("s/1/2", "sh train.sh")[1])
        self.assertIn("to 3", self.shell("s/1", "sh train.sh; test -d $HPO_CHECKPOINT_OUT && test -z \"$HPO_CHECKPOINT_IN\"")[1])

    def test_what_there_is_not(self):
        for node, message in (("nope", "the recipe has no node of this name"), ("s", "it runs no command"), ("s/7", "s has no such trial")):
            self.assertIn(message, self.shell(node, "", status=2)[1])

    def test_what_a_study_makes(self):
        self.build("r.lua")
        self.assertIn("echo 2 > $0' f\n", self.shell("final", "true")[1].replace("echo 5", "echo 2"))

    def at_a_terminal(self, typed, then=lambda child: None):
        """hpo shell where a user types this; (status, what the terminal showed). then: once "here" is shown."""
        above, below = pty.openpty()
        child = subprocess.Popen([str(self.program), "shell", "r.lua", "data"], cwd=self.folder, env={**self.environment, "PS1": "x"},
                                 stdin=below, stdout=below, stderr=below, start_new_session=True)
        os.close(below)
        text, sent, done = b"", False, False
        deadline = time.monotonic() + 60
        while child.poll() is None:
            if time.monotonic() > deadline:
                child.kill()
                self.fail(f"it has not ended: {text}")
            if select.select([above], [], [], 0.2)[0]:
                try:
                    text += os.read(above, 4096)
                except OSError:
                    break
            if not sent and b"when the shell ends" in text:
                os.write(above, typed)
                sent = True
            if not done and b"is-2-here" in text:
                then(child)
                done = True
        status = child.wait(60)
        os.close(above)
        return status, text

    def test_a_terminal_has_an_interactive_shell(self):
        status, text = self.at_a_terminal(b"case $- in *i*) echo is-$((1+1))-interactive;; esac; exit 7\n")
        self.assertEqual(status, 0)
        self.assertIn(b"is-2-interactive", text)

    def test_a_shell_that_stops_where_nobody_could_let_it_go_on_goes_on(self):
        for shell, stop in (("/bin/sh", b"kill -STOP $$"), ("/bin/bash", b"suspend")):
            self.environment["SHELL"] = shell
            status, text = self.at_a_terminal(stop + b"\necho went-$((1+1))-on\nexit\n")
            self.assertEqual(status, 0)
            self.assertIn(b"went-2-on", text)

    def test_hpo_stops_with_its_shell(self):
        with self.start("shell", "r.lua", "data", stdin=subprocess.PIPE) as child:
            child.stdin.write("kill -STOP $$\necho on\n")
            child.stdin.close()
            self.assertTrue(os.WIFSTOPPED(os.waitpid(child.pid, os.WUNTRACED)[1]))
            os.kill(child.pid, signal.SIGCONT)
            self.assertEqual(child.stdout.read(), "on\n")
            self.assertEqual(child.wait(60), 0)

    def test_a_signal_ends_an_interactive_shell(self):
        for shell in ("/bin/sh", "/bin/bash"):
            self.environment["SHELL"] = shell
            status, text = self.at_a_terminal(b"echo is-$((1+1))-here\n", lambda child: child.terminate())
            self.assertEqual(status, 130, text)
            self.assertEqual([p for p in self.folder.glob(".hpo/work/*/dir")], [])

    def test_a_shell_that_does_not_hear_that_it_is_to_end_is_killed(self):
        status, text = self.at_a_terminal(b"trap '' HUP; echo is-$((1+1))-here\n", lambda child: child.terminate())
        self.assertEqual(status, 130, text)

    def kept(self, target, *arguments, recipe="r.lua"):
        messages = self.build(recipe, target, *arguments, status=1)["messages"]
        return pathlib.Path(messages.split("its folder is kept: ")[1].split("\n")[0])

    def test_run_sh_repeats_a_failure(self):
        self.write("step.sh", STEP + "cat; exit 5\n")
        self.environment["SECRET_KEY"] = "hush"
        script = self.kept("step") / "run.sh"
        self.assertTrue(os.access(script, os.X_OK))
        self.assertNotIn("hush", script.read_text())
        for environment, said in (({"PATH": os.environ["PATH"], "SECRET_KEY": "other", "COLOUR": "green"}, "other"), ({"PATH": os.environ["PATH"]}, "none")):
            done = subprocess.run([script], env=environment, cwd="/", input="typed", capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stdout), (5, f"42\nit's red & blue {said}\n"))

    def test_run_sh_where_the_program_has_an_equals_sign(self):
        """env would take it for one more variable."""
        self.write("a=b/r.lua", 'local hpo = require "hpo"\nreturn { p = hpo.command { run = { hpo.source "p.sh", "x y" }, outputs = { "o" } } }\n')
        self.write("a=b/p.sh", '#!/bin/sh\necho "ran $1"; exit 6\n', 0o755)
        done = subprocess.run([self.kept("p", "--cache", "a=b/.hpo", recipe="a=b/r.lua") / "run.sh"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (6, "ran x y\n"))

    def test_run_sh_of_a_trial(self):
        """It runs from where the trial went on, and nobody asks it for more."""
        self.write("train.sh", TRAIN + 'test $HPO_UNTIL = 3 && exit 4\n')
        done = subprocess.run([self.kept("s") / "run.sh"], env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(done.returncode, 4)
        self.assertEqual(done.stderr, 'from 0 to 3 more=no with {"x": 5}\n')


if __name__ == "__main__":
    unittest.main()
