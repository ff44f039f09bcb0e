"""Preloaded interpreters: a run that is forked from one gives what a fresh interpreter gives."""
import gzip
import re
import subprocess
import sys
import unittest

from preload_case import FORKED, HEAD, PYTHON, PreloadCase


class Preload(PreloadCase):
    def test_what_a_script_sees(self):
        _, logs, _ = self.same('"""Its words."""\n' + HEAD + '''
import argparse, atexit, inspect, signal, warnings
print(sys.argv, getattr(sys, "orig_argv", [])[1:], __file__, __doc__, sorted(globals()), __loader__.path, __spec__, __cached__, file=sys.stderr)
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
        self.assertIn("('PYTHONHASHSEED', '0')", logs[0])
        self.assertIn("'--lr', '0.1', 'a b'", logs[0])
        self.assertRegex(logs[0], "(?m)^(sys:1|<sys>:0): UserWarning: too far up")

    def test_random_states_are_fresh(self):
        self.write("train.py", "import random, json, os\n" + HEAD + f'''
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
        """With two cpus OpenBLAS has a thread of its own, which a fork survives."""
        for name in ("numpy", "sklearn"):
            if subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True).returncode:
                self.skipTest(f"SKIP: there is no {name}")
        self.same("import numpy as np\nfrom sklearn.linear_model import SGDClassifier\n" + HEAD + '''
open(os.environ["PLACE"] + "/drawn", "a").write(f"{np.random.rand()}\\n")
np.random.seed(1)
x = np.random.rand(100, 3)
model = SGDClassifier(random_state=1, alpha=1e-3).fit(x, x[:, 0] > 0.5)
print(np.random.rand(), (np.ones((300, 300)) @ np.ones((300, 300))).sum(), file=sys.stderr)
report(float(model.coef_[0, 0]))
''', more="resources = { cpus = 2 }")
        self.assertEqual(len(set(self.lines_of("drawn"))), 6)

    def test_how_a_script_ends(self):
        ends = ("sys.exit()", "sys.exit(0)", "sys.exit(3)", "sys.exit('it is over')", "raise KeyboardInterrupt", "1 / 0", "{}['a']",
                "os.kill(os.getpid(), 9)", "os._exit(4)", "os.abort()", "sys.exit(0.0)", "sys.stdout.close()", "sys.stdout = None", "os.close(1)",
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
        self.assertEqual(len(said[0]), 10, said)

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
        self.write("fractions.py", "import sys\nprint('shadow', __file__, file=sys.stderr)\nclass Fraction(int): pass\n")
        for script in ("import fractions, colorsys\n" + HEAD, "import statistics, colorsys\n" + HEAD, "import colorsys\n" + HEAD):
            _, logs, _ = self.same(script + "report()\n", inputs='hpo.source "fractions.py"', samples=1)
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

    def test_what_a_module_of_ones_own_changes(self):
        """It stands before a library: what it does is done when that is imported."""
        self.write("paths.py", "import sys\nsys.path.insert(0, 'lib')\n")
        self.write("lib/colorsys.py", "import sys\nprint('of lib', file=sys.stderr)\n")
        for begin in ("import paths\n", "import sys, json\nsys.path.insert(0, 'lib')\n"):
            _, logs, _ = self.same("import json\n" + begin + "import colorsys\n" + HEAD + "report()\n", samples=1,
                                   inputs='hpo.source "paths.py", hpo.source "lib"')
            self.assertIn("of lib", logs[0])
        self.write("lib/ast.py", "import sys\nprint('own ast', file=sys.stderr)\n")  # which the interpreter uses itself
        _, logs, _ = self.same("import sys, json\nsys.path.insert(0, 'lib')\nimport ast\n" + HEAD + "report()\n", samples=1,
                               inputs='hpo.source "lib"')
        self.assertIn("own ast", logs[0])

    def test_inputs_that_the_whole_folder_shadows(self):
        self.write("colorsys.py", "import sys\nprint('shadow', file=sys.stderr)\n")
        self.write("train.py", "import json\nimport colorsys\n" + HEAD + "report()\n")
        options = {"run": PYTHON + ', "src/train.py"', "env": 'PYTHONPATH = "."', "samples": 1,
                   "inputs": '["src/train.py"] = hpo.source "train.py", hpo.source "colorsys.py"'}
        forked, fresh = self.run_it("true", **options), self.run_it("false", **options)
        self.assertEqual(forked[:2], fresh[:2])
        self.assertIn("shadow", forked[1][0])

    def test_seeds_that_a_module_gives(self):
        """They are what each run begins with, as in a fresh interpreter."""
        self.write("common.py", "import random\nfrom random import seed\nseed(7)\nimport random as r\nr.random()\n")
        self.write("train.py", HEAD + "import common, random\nreport(random.random())\n")
        inputs = 'hpo.source "common.py"'
        self.assertEqual(self.run_it('{ "common" }', inputs=inputs)[:2], self.run_it("false", inputs=inputs)[:2])

    def test_torch_draws_anew(self):
        if subprocess.run([sys.executable, "-c", "import torch"], capture_output=True).returncode:
            self.skipTest("SKIP: there is no torch")
        self.write("train.py", "import torch\n" + HEAD + "report(torch.rand(1).item())\n")
        losses = [trial["metrics"][0]["loss"] for trial in self.run_it()[0]["trials"]]
        self.assertEqual(len(set(losses)), 3, losses)

    def test_files_that_nobody_closes(self):
        """What stands in front of another file, as text of a gzip, is written into it first."""
        script = 'import gzip\n' + HEAD + 'def function(): pass\nkept = gzip.open("x.gz", "wt")\nkept.write("hello")\n'
        self.write("train.py", script + 'import atexit, shutil\nreport()\nos.link("x.gz", os.environ["PLACE"] + "/" + sys.argv[1])\n')
        for name, preload in (("forked.gz", "true"), ("fresh.gz", "false")):
            self.run_it(preload, samples=1, run=PYTHON + f', hpo.source "train.py", "{name}"', more="live = false")
            self.assertEqual(gzip.open(self.folder / name, "rt").read(), "hello")

    def test_a_file_that_stays_open(self):
        self.write("common.py", "file = open('data.txt')\n")
        self.write("data.txt", "1\n2\n3\n")
        self.write("train.py", HEAD + "import common\nreport(sum(map(float, common.file)))\n")
        inputs = 'hpo.source "common.py", hpo.source "data.txt"'
        table, _, messages = self.run_it('{ "common" }', inputs=inputs)
        self.assertEqual(self.notes(messages), ["what it imports keeps a file open: data.txt"])
        self.assertEqual({trial["metrics"][0]["loss"] for trial in table["trials"]}, {6})

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

if __name__ == "__main__":
    unittest.main()
