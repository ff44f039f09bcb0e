"""Preloaded interpreters: a run that is forked from one gives what a fresh interpreter gives, and leaves nothing behind."""
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest

from case import Case, without_measured

RECIPE = '''
local hpo = require "hpo"
local study = hpo.study {
  name = "s", space = { %(space)s }, search = %(search)s, samples = %(samples)d, concurrency = 2, metric = "loss", seed = 1, on_failure = "prune",
  scheduler = hpo.scheduler.fifo { max_t = 2 },
  trial = function(p)
    return hpo.command { run = { %(run)s }, inputs = { %(inputs)s }, env = { PLACE = "%(place)s", %(env)s }, preload = %(preload)s, %(more)s }
  end,
}
return { default = study }
'''
HEAD = '''import json, os, sys

def report(loss=None):
    x = json.load(open(os.environ["HPO_PARAMS"]))["x"]
    for t in range(int(os.environ["HPO_FROM"]) + 1, int(os.environ["HPO_UNTIL"]) + 1):
        print(json.dumps({"t": t, "loss": x * t if loss is None else loss}), flush=True)
'''
FORKED = "gc.get_freeze_count() > 0"  # inside a run
PYTHON = f'"{sys.executable}"'


class Preload(Case):
    def setUp(self):
        super().setUp()
        self.stores = 0

    def recipe(self, preload="true", run=None, inputs="", samples=3, env="", more="", space="x = hpo.uniform(0, 1)",
               search="hpo.search.random {}"):
        run = run or PYTHON + ', hpo.source "train.py"'
        self.write("r.lua", RECIPE % {"preload": preload, "run": run, "inputs": inputs, "samples": samples, "env": env, "more": more, "space": space, "search": search,
                                      "place": self.folder})

    def run_it(self, preload="true", status=0, **options):
        """In a store of its own: the table, the logs of all trials without what is drawn anew, and what hpo said."""
        self.stores += 1
        store = f"store-{self.stores}"
        self.recipe(preload, **options)
        messages = self.build("r.lua", "--cache", store, "-j2", status=status)["messages"]
        logs = []
        for trial in range(options.get("samples", 3)):
            log = self.hpo("log", "r.lua", f"s/{trial}", "--cache", store)[0]
            log = re.sub(r"/store-\d+/", "/store/", re.sub(r"/[0-9a-f]{16}\b", "/X", log))
            logs.append("".join(sorted(log.splitlines(True))))  # output and error are two pipes
        return without_measured(self.table("r.lua", "--cache", store)), logs, messages

    def notes(self, messages):
        return [line.partition(": ")[2] for line in messages.splitlines() if "fresh interpreter" in line]

    def lines_of(self, name):
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def assert_forked(self, expected, name="forked"):
        found = set(self.lines_of(name))
        (self.folder / name).unlink()
        self.assertEqual(found, {str(expected)})

    def same(self, script, **options):
        """Forked and fresh give the same tables and logs, and the first was forked."""
        self.write("train.py", script + f'\nimport gc\nif __name__ == "__main__": open(os.environ["PLACE"] + "/forked", "a").write(f"{{{FORKED}}}\\n")\n')
        forked = self.run_it("true", **options)
        self.assert_forked(True)
        fresh = self.run_it("false", **options)
        self.assert_forked(False)
        self.assertEqual(self.notes(forked[2]), [])
        self.assertEqual(forked[0], fresh[0])
        self.assertEqual(forked[1], fresh[1])
        return forked

    def test_what_a_script_sees(self):
        _, logs, _ = self.same('"""Its words."""\n' + HEAD + '''
import argparse, atexit, inspect, signal, warnings
print(sys.argv, sys.orig_argv[1:], __file__, __doc__, sorted(globals()), __loader__.path, __spec__, __cached__, file=sys.stderr)
print(sys.path, sys.flags, os.getcwd(), sorted(os.environ.items()), file=sys.stderr)
print(vars(argparse.Namespace(a=1)), sys.modules["__main__"].report is report, file=sys.stderr)
print(sys.stdin.read(), sys.stdin.name, sys.stdin.mode, sys.stdin.encoding, sys.stdin.errors, sys.stdin.line_buffering, file=sys.stderr)
print(sys.stdout.name, sys.stdout.line_buffering, sys.stderr.line_buffering, sys.stdout.write_through, file=sys.stderr)
print(sorted(signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGHUP)), signal.getsignal(signal.SIGINT), file=sys.stderr)
print(oct(os.umask(0o22)), os.getpid() == os.getpgrp(), sorted(os.listdir("/proc/self/fd")), os.listdir("."), file=sys.stderr)
print(hash("a text"), {"a", "b", "c", "d"}, signal.pthread_sigmask(signal.SIG_BLOCK, []), file=sys.stderr)
warnings.warn("too far up", stacklevel=2)
warnings.warn("old", DeprecationWarning, stacklevel=2)
atexit.register(print, "at exit", file=sys.stderr)
class Last:
    def __del__(self): print("taken away", file=sys.stderr)
last = Last()
kept = open("out.txt", "w")
kept.write("not closed")
report()
''', run=PYTHON + ', hpo.source "train.py", "--lr", 0.1, "a b"', more="live = false")
        self.assertIn("taken away", logs[0])
        self.assertIn("'--lr', '0.1', 'a b'", logs[0])
        self.assertIn("sys:1: UserWarning: too far up", logs[0])

    def test_random_states_are_fresh(self):
        self.write("train.py", "import random, json, os, gc\n" + HEAD + f'''
open(os.environ["PLACE"] + "/drawn", "a").write(f"{{random.random()}} {{{FORKED}}}\\n")
random.seed(3)
report(random.random())
''')
        table = self.run_it()[0]
        drawn = [line.split() for line in self.lines_of("drawn")]
        self.assertEqual(len({value for value, _ in drawn}), 3)
        self.assertEqual({forked for _, forked in drawn}, {"True"})
        self.assertEqual(table, self.run_it("false")[0])

    def test_numpy_and_scikit_learn(self):
        for name in ("numpy", "sklearn"):
            if subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True).returncode:
                self.skipTest(f"SKIP: there is no {name}")
        self.write("train.py", "import numpy\n" + HEAD + '''
import gc
open(os.environ["PLACE"] + "/drawn", "a").write(f"{numpy.random.rand()}\\n")
report()
''')
        self.run_it()
        self.assertEqual(len(set(self.lines_of("drawn"))), 3)
        self.same("import numpy as np\nfrom sklearn.linear_model import SGDClassifier\n" + HEAD + '''
np.random.seed(1)
x = np.random.rand(100, 3)
model = SGDClassifier(random_state=1, alpha=1e-3).fit(x, x[:, 0] > 0.5)
print(np.random.rand(), file=sys.stderr)
report(float(model.coef_[0, 0]))
''')

    def test_how_a_script_ends(self):
        ends = ("sys.exit()", "sys.exit(0)", "sys.exit(3)", "sys.exit('it is over')", "raise KeyboardInterrupt", "1 / 0", "{}['a']",
                "os.kill(os.getpid(), 9)", "os._exit(4)", "os.abort()",
                "import threading; threading.Thread(target=lambda: print('late', file=sys.stderr)).start()",
                "sys.excepthook = lambda *a: print('hook', a[0].__name__, file=sys.stderr); 1 / 0")
        cases = "".join(f"        if x == {i}: {end}\n" for i, end in enumerate(ends))
        self.write("train.py", HEAD + f'''
def inner(x):
    try:
        [].pop()
    except IndexError:
        pass
{cases}
report()
print("x" * 5000)  # more than is read at once, and not flushed
inner(json.load(open(os.environ["HPO_PARAMS"]))["x"])
''')
        options = {"space": f"x = hpo.randint(0, {len(ends) - 1})", "search": "hpo.search.grid {}", "samples": len(ends)}
        forked, fresh = self.run_it(**options), self.run_it("false", **options)
        self.assertEqual(forked[0], fresh[0])
        for end, one, other in zip(ends, forked[1], fresh[1]):
            self.assertEqual(one, other, end)
        said = [sorted(re.findall(r"s/\d+: it .*", messages)) for messages in (forked[2], fresh[2])]
        self.assertEqual(said[0], said[1])
        self.assertEqual(len(said[0]), 9, said)

    def test_processes_of_a_script(self):
        self.same(HEAD + '''
import multiprocessing, subprocess
def double(x):
    return 2 * x
if __name__ == "__main__":
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(method, pool.map(double, [1, 2]), file=sys.stderr)
    print(subprocess.run("echo $HPO_UNTIL $PLACE; pwd; echo $HOME", shell=True, capture_output=True).stdout, file=sys.stderr)
    report()
''', samples=1)

    def test_a_folder_of_pythonpath_among_the_inputs(self):
        self.write("lib/mine.py", "import os\nprint(__file__, os.path.exists(__file__), file=__import__('sys').stderr)\n")
        self.same("import json, mine\n" + HEAD + "\nreport()\n", inputs='hpo.source "lib"', env='PYTHONPATH = "lib"')

    def test_what_inputs_shadow_is_not_preloaded(self):
        """By their own names, and those of what they want."""
        self.write("bisect.py", "import sys\nprint('shadow', __file__, file=sys.stderr)\nfrom _bisect import *\nbisect = bisect_right\n")
        for script in ("import bisect, colorsys\n" + HEAD, "import random, colorsys\n" + HEAD, "import colorsys\n" + HEAD):
            _, logs, _ = self.same(script + "report()\n", inputs='hpo.source "bisect.py"', samples=1)
            self.assertEqual("shadow" in logs[0], not script.startswith("import colorsys"))

    def test_a_folder_shadows_what_is_nowhere_else(self):
        self.write("colorsys/data.txt", "")
        self.write("nowhere/data.txt", "")
        self.same("import colorsys\nimport nowhere\n" + HEAD + "print(colorsys.__file__, nowhere.__path__, file=sys.stderr)\nreport()\n",
                  inputs='hpo.source "colorsys", hpo.source "nowhere"', samples=1)

    def test_modules_of_the_inputs(self):
        self.write("common.py", '''import os, sys
open(os.environ["PLACE"] + "/loads", "a").write("load\\n")
data = open(os.path.join(os.path.dirname(__file__), "data.txt")).read()
print("common is loaded", file=sys.stderr)
''')
        self.write("data.txt", "12")
        script = HEAD + 'import common\nprint(common.__file__, common.data, file=sys.stderr)\nreport(float(common.data))\n'
        inputs = 'hpo.source "common.py", hpo.source "data.txt"'
        self.write("train.py", script)
        forked = self.run_it('{ "common" }', inputs=inputs, samples=4)
        self.assertEqual(len(self.lines_of("loads")), 1)
        fresh = self.run_it("false", inputs=inputs, samples=4)
        self.assertEqual(len(self.lines_of("loads")), 5)
        self.assertEqual(forked[:2], fresh[:2])
        self.assertIn("common is loaded", forked[1][3])

    def test_one_that_wants_another_input(self):
        self.write("common.py", "import other\n")
        self.write("other.py", "import os\nUNTIL = os.environ['HPO_UNTIL']\n")
        self.write("train.py", HEAD + "import common\nreport(float(common.other.UNTIL))\n")
        inputs = 'hpo.source "common.py", hpo.source "other.py"'
        table, _, messages = self.run_it('{ "common" }', inputs=inputs)
        self.assertEqual(self.notes(messages), ["common imports other, an input that preload does not name"])
        self.assertEqual(table["trials"][0]["metrics"][0]["loss"], 2)
        _, _, messages = self.run_it('{ "common", "other" }', inputs=inputs)
        self.assertEqual(self.notes(messages), ["importing common fails: KeyError: 'HPO_UNTIL'"])

    def test_what_is_run_fresh_is_said_once(self):
        self.write("noisy.py", "print('good morning')\n")
        self.write("asks.py", "import os\nMORE = os.environ.get('HPO_MORE')\n")
        self.write("threaded.py", "import threading, time\nthreading.Thread(target=time.sleep, args=(1,), daemon=True).start()\n")
        self.write("broken.py", "import os\nif 'HPO_UNTIL' in os.environ: pass\nelse: raise ValueError('not\\nnow')\n")
        self.write("dies.py", "import os\nif not os.environ.get('HPO_UNTIL'): os.kill(os.getpid(), 9)\n")
        for name, why in (("noisy", "what it imports prints on standard output"), ("threaded", "what it imports starts threads"),
                          ("asks", "what it imports asks for HPO_MORE, which a run alone has"),
                          ("broken", "importing broken fails: ValueError: not now"),
                          ("dies", "the interpreter that loads what it imports has ended")):
            self.write("train.py", f"{HEAD}import {name}\nreport()\n")
            _, _, messages = self.run_it(f'{{ "{name}" }}', inputs=f'hpo.source "{name}.py"')
            self.assertEqual(self.notes(messages), [why])
        self.write("train.py", HEAD + "report()\n")
        self.write("python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n', 0o755)
        for run, inputs in (('"-u", hpo.source "train.py"', ""), ('"-m", "train"', 'hpo.source "train.py"')):
            _, _, messages = self.run_it(run=f"{PYTHON}, {run}", inputs=inputs)
            self.assertEqual(self.notes(messages), ["its Python has flags"])
        _, _, messages = self.run_it(run=f'"{self.folder}/python3", hpo.source "train.py"')
        self.assertEqual(self.notes(messages), ["its Python is a script that starts another"])
        _, _, messages = self.run_it("false", run=f'{PYTHON}, "-u", hpo.source "train.py"')
        self.assertEqual(self.notes(messages), [])

    def test_a_script_that_cannot_be_read(self):
        self.write("train.py", "import json\nthis is no Python\n")
        forked, fresh = self.run_it(samples=1), self.run_it("false", samples=1)
        self.assertEqual(forked[:2], fresh[:2])
        self.assertIn("it cannot be read: invalid syntax", self.notes(forked[2])[0])

    def test_wrong_fields(self):
        self.write("train.py", HEAD + "report()\n")
        for value, expected in (("3", "expected true, false or a list of modules, found 3"), ("{}", "expected at least one element"),
                                ('{ "train", "common" }', 'preload[2]: expected a module among the inputs, found "common"')):
            self.recipe(value)
            self.assertIn(expected, self.hpo("build", "r.lua", status=2)[1])

    def test_it_is_in_no_key(self):
        self.write("train.py", HEAD + "report()\n")
        for value, ran in (("true", 3), ("false", 0), ('{ "train" }', 0)):
            self.recipe(value)
            self.assertEqual(self.build("r.lua")["ran"], ran)

    # ---- ends ----

    def waiting_build(self, ends="", **options):
        """A build whose two runs wait; their numbers, and that of the interpreter."""
        self.write("train.py", HEAD + f'''
import gc, signal, subprocess, time
{ends}
stray = subprocess.Popen(["sleep", "600"], start_new_session=True)
if not os.fork():
    os.setsid()
    time.sleep(600)
pid = os.getpid()
open(f"{{os.environ['PLACE']}}/pid.{{pid}}.new", "w").write(f"{{pid}} {{stray.pid}} {{{FORKED}}}")
os.rename(f"{{os.environ['PLACE']}}/pid.{{pid}}.new", f"{{os.environ['PLACE']}}/pid.{{pid}}")
while not os.path.exists(os.environ["PLACE"] + "/go"):
    time.sleep(0.02)
report()
''')
        self.recipe(samples=4, **options)
        build = self.start("build", "r.lua", "-j2")
        while len(list(self.folder.glob("pid.*[0-9]"))) < 2:
            self.assertIsNone(build.poll(), build.stderr.read() if build.poll() is not None else "")
            time.sleep(0.02)
        self.assertEqual({path.read_text().split()[2] for path in self.folder.glob("pid.*[0-9]")}, {"True"})
        return build

    def processes(self):
        """All that has to do with this test's folder."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    environment = file.read()
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    command = file.read().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if f"HOME={self.folder}/".encode() in environment:
                found[int(pid)] = command
        return found

    def assert_all_gone(self):
        for _ in range(200):
            if not self.processes():
                return
            time.sleep(0.05)
        self.fail(self.processes())

    def test_nothing_is_left_when_hpo_is_killed(self):
        build = self.waiting_build()
        self.assertGreaterEqual(len(self.processes()), 8)  # two runs with two strays each, an interpreter, and its next child
        build.kill()
        build.communicate()
        self.assert_all_gone()

    def test_nothing_is_left_after_an_interrupt(self):
        build = self.waiting_build()
        build.send_signal(signal.SIGINT)
        _, err = build.communicate(timeout=60)
        self.assertEqual(build.returncode, 130, err)
        self.assert_all_gone()

    def test_strays_end_with_their_run(self):
        build = self.waiting_build()
        self.write("go", "")
        _, err = build.communicate(timeout=60)
        self.assertEqual(build.returncode, 0, err)
        self.assert_all_gone()

    def test_an_interpreter_that_is_killed(self):
        """Its children live on, and what follows is run fresh."""
        build = self.waiting_build()
        runs = [int(path.name.split(".")[1]) for path in self.folder.glob("pid.*[0-9]")]
        for pid, command in self.processes().items():
            if "preload.py" in command and os.getpgid(pid) == pid and pid not in runs:
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
        self.write("go", "")
        _, err = build.communicate(timeout=60)
        self.assertEqual(build.returncode, 0, err)
        self.assertEqual(self.notes(err), ["the interpreter that was loaded for it has ended"])
        forked = sorted(path.read_text().split()[2] for path in self.folder.glob("pid.*[0-9]"))
        self.assertEqual(forked, ["False", "False", "True", "True"])
        self.assertEqual(sum(trial["status"] == "completed" for trial in self.table("r.lua")["trials"]), 4)

    def test_a_child_that_hangs_is_ended(self):
        build = self.waiting_build("signal.signal(signal.SIGTERM, signal.SIG_IGN)", more="timeout = 0.5")
        _, err = build.communicate(timeout=60)
        self.assertEqual(build.returncode, 0, err)
        self.assertIn("0.5 s", err)
        self.assert_all_gone()

    def test_an_interrupt_while_it_is_loaded(self):
        self.write("slow.py", "import os, time\nopen(os.environ['PLACE'] + '/loads', 'a').write('load\\n')\ntime.sleep(600)\n")
        self.write("train.py", HEAD + "import slow\nreport()\n")
        self.recipe('{ "slow" }', inputs='hpo.source "slow.py"')
        build = self.start("build", "r.lua", "-j2")
        while not self.lines_of("loads"):
            time.sleep(0.02)
        build.send_signal(signal.SIGINT)
        _, err = build.communicate(timeout=60)
        self.assertEqual(build.returncode, 130, err)
        self.assertEqual(self.lines_of("loads"), ["load"])  # for both runs
        self.assert_all_gone()

    def test_many_kinds_of_runs(self):
        """Each has an interpreter of its own; few are kept."""
        self.write("common.py", 'import os\nopen(os.environ["PLACE"] + "/loads", "a").write(os.environ["KIND"] + "\\n")\n')
        self.write("train.py", HEAD + f'import common, gc\nopen(os.environ["PLACE"] + "/forked", "a").write(f"{{{FORKED}}}\\n")\nreport()\n')
        self.run_it('{ "common" }', inputs='hpo.source "common.py"', env='KIND = tostring(p.x):sub(1, 4)', samples=9)
        self.assertEqual(len(self.lines_of("loads")), 9)
        self.assert_forked(True)
        self.assert_all_gone()


if __name__ == "__main__":
    unittest.main()
