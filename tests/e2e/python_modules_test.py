"""hpo.python: a script with what it imports from the recipe's folder; and `import hpo`, which needs no declaration."""
import os
import shutil
import sys
import unittest

from case import BIN, ROOT, Case

PYTHON = os.path.realpath(sys.executable)
RECIPE = '''local hpo = require "hpo"
return { default = hpo.command { run = { "%s", %s, hpo.output "y" }, %s } }
'''


class PythonModules(Case):
    def recipe(self, script='hpo.python "train.py"', fields=""):
        self.write("r.lua", RECIPE % (PYTHON, script, fields))

    def ran(self, *arguments):
        return self.build("r.lua", *arguments)["ran"]

    def inputs(self):
        """The names of the action's inputs, as its key has them."""
        key, = [line.split()[1] for line in self.hpo("why", "r.lua", "default")[0].splitlines() if line.startswith("  key ")]
        lines = self.hpo("why", "r.lua", key)[0].splitlines()
        return [line.split()[0][len("input."):] for line in lines if line.strip().startswith("input.")]

    def test_what_is_imported_counts_and_nothing_else(self):
        self.write("train.py", "import sys, os.path, json as j, common\nopen(sys.argv[1], 'w').write(str(common.x))\n")
        self.write("common.py", "from deep import x\n")
        self.write("deep.py", "x = 1\n")
        self.write("unrelated.py", "x = 1\n")
        self.recipe()
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.assertEqual(self.inputs(), ["common.py", "deep.py", "train.py"])
        self.assertEqual(self.read("out/r/default"), "1")
        self.write("unrelated.py", "x = 2\n")
        self.assertEqual(self.ran(), 0)
        self.write("deep.py", "x = 2\n")
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.assertEqual(self.read("out/r/default"), "2")

    def test_an_import_that_comes_or_goes(self):
        """Also in a build whose graph is remembered."""
        self.write("train.py", "try: import extra\nexcept ImportError: extra = None\nimport sys\nopen(sys.argv[1], 'w').write(str(extra and extra.x))\n")
        self.recipe()
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.write("extra.py", "x = 1\n")
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.assertEqual(self.read("out/r/default"), "1")
        self.write("extra.py", "import more\nx = more.x\n")
        self.write("more.py", "x = 5\n")
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.assertEqual(self.read("out/r/default"), "5")
        (self.folder / "extra.py").unlink()
        self.assertEqual(self.ran(), 0)  # as it was
        self.assertEqual(self.read("out/r/default"), "None")

    def test_packages(self):
        """With __init__.py and without, relative imports, stars, names in brackets."""
        self.write("code/train.py", "import sys\nfrom package import (model,  # the net\n  data as d,)\nimport space.inner.leaf\nfrom star import *\n"
                   "open(sys.argv[1], 'w').write(f'{model.x} {d.x} {space.inner.leaf.x} {shown.x}')\n")
        self.write("code/package/__init__.py", "")
        self.write("code/package/model.py", "from .parts import layer\nfrom . import helper\nx = layer.x + helper.x\n")
        self.write("code/package/parts/__init__.py", "from ..data import x\n")
        self.write("code/package/parts/layer.py", "x = 1\n")
        self.write("code/package/parts/unused.py", "")
        self.write("code/package/helper.py", "x = 2\n")
        self.write("code/package/data.py", "x = 'data'\n")
        self.write("code/package/notes.txt", "")
        self.write("code/space/inner/leaf.py", "x = 'leaf'\n")
        self.write("code/space/inner/other.py", "")
        self.write("code/star/__init__.py", "__all__ = ['shown']\n")
        self.write("code/star/shown.py", "x = 'star'\n")
        self.recipe('hpo.python "code/train.py"')
        self.assertEqual(self.ran(), 1)
        self.assertEqual(self.read("out/r/default"), "3 data leaf star")
        self.assertEqual(self.inputs(), ["code/" + name for name in (
            "package/__init__.py", "package/data.py", "package/helper.py", "package/model.py", "package/parts/__init__.py",
            "package/parts/layer.py", "space/inner/leaf.py", "star/__init__.py", "star/shown.py", "train.py")])

    def test_where_imports_hide(self):
        """And what only looks like one."""
        self.write("train.py", '''#!/usr/bin/env python3
"""import not_a
from not_b import x"""
import a; import b
if True: import c
def f():
    from d \\
        import x
text = 'import not_c' + r"\\\\" + r"\\"import" + f"{'import not_d'}" + b'"'.decode()
values = {"from": 1, 'import':
    2}  # import not_e
it = lambda: text; from e import (
    x,
    y as import_,
)
class import_from: pass
\tpass
'''.replace("\tpass\n", ""))
        for name in "abcde":
            self.write(f"{name}.py", "x = y = 1\n")
        for name in "abcde":
            self.write(f"not_{name}.py", "")
        self.write("last.py", "")
        self.write("train.py", self.read("train.py") + "import sys, last\nopen(sys.argv[1], 'w')\n")
        self.recipe()
        self.assertEqual(self.ran(), 1)
        self.assertEqual(self.inputs(), ["a.py", "b.py", "c.py", "d.py", "e.py", "last.py", "train.py"])

    def test_beside_other_inputs(self):
        """What is declared under a module's name wins; a script under another name has its modules beside it."""
        self.write("train.py", "import sys, common\nopen(sys.argv[1], 'w').write(common.x)\n")
        self.write("common.py", "x = 'found'\n")
        self.recipe(fields='inputs = { ["common.py"] = hpo.text("x = \'declared\'", "x") }')
        self.ran()
        self.assertEqual(self.read("out/r/default"), "declared")
        self.recipe('"in/run.py"', 'inputs = { ["in/run.py"] = hpo.python "train.py" }')
        self.assertEqual(self.ran(), 1)
        self.assertEqual(self.read("out/r/default"), "found")
        self.assertEqual(self.inputs()[:2], ["in/common.py", "in/run.py"])
        self.write("r.lua", 'local hpo = require "hpo"\nreturn { script = hpo.python "train.py" }\n')
        self.ran("script")
        self.assertEqual(self.read("out/r/script.py"), self.read("train.py"))

    def test_trials(self):
        self.write("train.py", "import hpo, common\nfor t in hpo.steps(): hpo.report(loss=hpo.param('x') + common.x)\n")
        self.write("common.py", "x = 1\n")
        self.write("r.lua", '''local hpo = require "hpo"
return { default = hpo.study { name = "s", space = { x = hpo.choice { 1, 2 } }, search = hpo.search.grid(), metric = "loss", scheduler = hpo.scheduler.fifo { max_t = 1 },
  trial = function() return hpo.command { run = { "%s", hpo.python "train.py" } } end } }
''' % PYTHON)
        self.assertEqual([self.ran(), self.ran()], [2, 0])
        self.write("common.py", "x = 2\n")
        self.assertEqual([self.ran(), self.ran()], [2, 0])

    def test_what_is_refused(self):
        self.recipe('hpo.python "absent.py"')
        self.assertIn('r.lua:2: hpo.python: expected a file of Python, found none at "absent.py"', self.hpo("build", "r.lua", status=2)[1])
        self.recipe('hpo.python "../train.py"')
        self.assertIn("r.lua:2: hpo.python: ", self.hpo("build", "r.lua", status=2)[1])
        self.recipe()
        self.write("train.py", "import common\n")
        for text, sentence in (("x = 1\nimport 7\n", "common.py:2: expected the name of a module"), ("\n'''open\n\n", "common.py:2: the string that begins here has no end"),
                               ("from x import (a,\n b\n\nc = 1\n", "common.py:4: expected \")\""), ("from import x\n", "common.py:1: expected \"from MODULE import NAME\"")):
            self.write("common.py", text)
            self.assertIn(sentence, self.hpo("build", "r.lua", status=2)[1])

    def test_import_hpo_without_a_word(self):
        """From the installation; in no key; what is declared, and env, come first."""
        self.write("train.py", "import hpo, sys\nopen(sys.argv[1], 'w').write(hpo.__file__)\n")
        self.recipe('hpo.source "train.py"')
        self.ran()
        self.assertTrue(os.path.samefile(self.read("out/r/default"), BIN / "../share/hpo/python/hpo.py"))
        self.assertEqual((BIN / "../share/hpo/python/hpo.py").read_text(), (ROOT / "recipes/python/hpo.py").read_text())
        self.assertEqual(self.inputs(), ["train.py"])
        self.assertNotIn("PYTHONPATH", self.hpo("why", "r.lua", "default")[0])
        self.write("hpo.py", "")
        self.recipe('hpo.source "train.py"', 'inputs = { hpo.source "hpo.py" }')
        self.ran()
        self.assertTrue(self.read("out/r/default").startswith(f"{self.folder}/.hpo/work/"))
        self.write("lib/hpo.py", "")
        self.recipe('hpo.source "train.py"', f'env = {{ PYTHONPATH = "{self.folder}/lib" }}')
        self.ran()
        self.assertEqual(self.read("out/r/default"), f"{self.folder}/lib/hpo.py")
        self.recipe()  # hpo.python finds the one beside the script
        self.ran()
        self.assertIn("hpo.py", self.inputs())

    def test_another_hpo_changes_no_key(self):
        shutil.copytree(BIN.parent / "share", self.folder / "prefix/share", symlinks=True)
        (self.folder / "prefix/bin").mkdir()
        for name in ("hpo", "hpo-trainer"):
            shutil.copy(BIN / name, self.folder / "prefix/bin" / name)
        self.write("train.py", "import hpo, sys\nopen(sys.argv[1], 'w').write('x')\n")
        self.recipe('hpo.source "train.py"')
        self.program = self.folder / "prefix/bin/hpo"
        self.assertEqual(self.ran(), 1)
        self.write("prefix/share/hpo/python/hpo.py", "# a newer one\n")
        self.assertEqual(self.ran(), 0)


if __name__ == "__main__":
    unittest.main()
