"""A Python in a key: its version and all that its imports can find, in the action's environment."""
import base64
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import unittest
import zipfile

from case import Case

PYTHON = os.path.realpath(sys.executable)
VERSION = "%d.%d" % sys.version_info[:2]
STEP = 'local hpo = require "hpo"\nreturn { %s }\n'


def step(python, name="default", fields="", argv='"-c", "open(\'y\', \'w\')"'):
    return f'{name} = hpo.command {{ run = {{ "{python}", {argv}, hpo.output "y" }}, {fields} }}'


def wheel(path, name, version, text):
    files = {f"{name}.py": text, f"{name}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
             f"{name}-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    record = "".join(f"{file},sha256={digest(text)},{len(text)}\n" for file, text in files.items())
    files[f"{name}-{version}.dist-info/RECORD"] = record + f"{name}-{version}.dist-info/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return path


def digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


class PythonIdentity(Case):
    def venv(self, name="venv"):
        """An environment without packages; its python, and its site-packages."""
        folder = self.folder / name
        subprocess.run([PYTHON, "-m", "venv", "--without-pip", folder], check=True, capture_output=True)
        self.site = folder / f"lib/python{VERSION}/site-packages"
        return folder / "bin/python"

    def install(self, name, version, text="", extra="", site=None):
        """As pip does: the old dist-info goes, a new one comes."""
        site = site or self.site
        for old in site.glob(f"{name}-*.dist-info"):
            shutil.rmtree(old)
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
        (info / "RECORD").write_text(f"{name}.py,sha256={digest(text)},{len(text)}\n{extra}{name}-{version}.dist-info/RECORD,,\n")
        (site / f"{name}.py").write_text(text)
        return info

    def recipe(self, *steps):
        self.write("r.lua", STEP % ", ".join(steps))

    def ran(self, *arguments):
        return self.build("r.lua", *arguments)["ran"]

    def why(self, node="default"):
        return [line.strip() for line in self.hpo("why", "r.lua", node)[0].splitlines() if line.startswith("  python: ")]

    def logged(self, python):
        """A program called python that notes how often it runs another one: a shim."""
        shim = self.write("shims/python3", f'#!/bin/sh\necho "$*" >> {self.folder}/runs\nexec {python} "$@"\n', 0o755)
        return shim

    def asked(self):
        """How often the shim was asked what it is; and it forgets."""
        path = self.folder / "runs"
        text = path.read_text() if path.exists() else ""
        path.write_text("")
        return text.count("hpo python 1")

    def test_a_package_that_changes(self):
        python = self.venv()
        self.install("torch", "1.13.0")
        self.install("scikit_learn", "1.3.0")
        self.recipe(step(python))
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.install("torch", "2.1.0")
        self.assertEqual(self.why(), ["python: torch 1.13.0 → 2.1.0"])
        self.assertIn("  python: torch 1.13.0 → 2.1.0\n", self.hpo("build", "r.lua", "--dry-run")[0])
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.assertEqual(self.why(), ["python: torch 1.13.0 → 2.1.0"])
        self.install("torch", "1.13.0")
        self.assertEqual(self.ran(), 0)  # as it was
        shutil.rmtree(next(self.site.glob("scikit_learn*")))
        self.install("torch", "1.13.0", "other = 1\n")
        self.install("added", "1")
        self.assertEqual(self.ran(), 1)
        self.assertEqual(self.why(), ["python: added 1 added", "python: scikit-learn 1.3.0 removed", "python: torch 1.13.0: other content"])

    def test_a_study_says_it_too(self):
        python = self.venv()
        self.install("torch", "1.13.0")
        self.write("t.py", "import json, os\nfor t in range(int(os.environ['HPO_FROM']), int(os.environ['HPO_UNTIL'])): print(json.dumps({'t': t + 1, 'loss': 1}))\n")
        self.write("r.lua", f'''local hpo = require "hpo"
return {{ default = hpo.study {{ name = "s", space = {{ x = hpo.choice {{ 1, 2 }} }}, search = hpo.search.grid(), metric = "loss",
  scheduler = hpo.scheduler.fifo {{ max_t = 1 }}, trial = function() return hpo.command {{ run = {{ "{python}", hpo.source "t.py" }} }} end }} }}''')
        self.assertEqual([self.ran(), self.ran()], [2, 0])
        self.install("torch", "2.1.0")
        for node in ("s/0", "s/0/1"):  # before it runs, with a store that is only read
            self.assertEqual(self.why(node), ["python: torch 1.13.0 → 2.1.0"])
        self.assertRegex(self.hpo("build", "r.lua", "--dry-run")[0], "1 unit to train: tool: .*; python: torch 1.13.0 → 2.1.0\n")
        self.assertEqual(self.ran(), 2)
        self.assertEqual(self.why("s/0/1"), ["python: torch 1.13.0 → 2.1.0"])

    def test_what_says_where_things_lie_plays_no_part(self):
        """Scripts in bin, the address something came from; the order of RECORD and of folders; times."""
        python = self.venv()
        info = self.install("tool", "1", extra="../../../bin/tool,sha256=one,1\n/abs/x,sha256=two,2\ntool-1.dist-info/direct_url.json,sha256=q,1\n")
        self.recipe(step(python))
        self.assertEqual(self.ran(), 1)
        lines = (info / "RECORD").read_text().replace("=one", "=two").replace("=q", "=r").splitlines(True)
        (info / "RECORD").write_text("".join(reversed(lines)))
        os.utime(info, (1, 1))
        self.assertEqual(self.ran(), 0)
        (info / "RECORD").write_text("".join(lines) + "tool/data,sha256=x,1\n")
        self.assertEqual(self.ran(), 1)

    def test_the_same_environment_elsewhere(self):
        python = self.venv()
        self.install("torch", "1.13.0")
        self.recipe(step("python"))
        path = self.environment["PATH"]
        self.environment["PATH"] = f"{python.parent}:{path}"
        self.assertEqual(self.ran(), 1)
        shutil.copytree(self.folder / "venv", self.folder / "moved", symlinks=True)
        shutil.rmtree(self.folder / "venv")
        self.environment["PATH"] = f"{self.folder}/moved/bin:{path}"
        self.assertEqual(self.ran(), 0)

    def test_known_again_without_running_it(self):
        python = self.venv()
        info = self.install("torch", "1.13.0")
        shim = self.logged(python)
        self.recipe(step(shim))
        time.sleep(0.05)  # what changed just now is not known by its look
        self.assertEqual((self.ran(), self.asked()), (1, 1))
        self.assertEqual((self.ran(), self.asked()), (0, 0))
        self.recipe(step(shim), step(shim, "again", argv='"-c", "open(\'y\', \'w\') # again"'))  # another graph
        self.assertEqual((self.ran("default", "again"), self.asked()), (1, 0))
        (info / "RECORD").write_text("torch.py,sha256=edited,1\n")  # in place
        self.assertEqual((self.ran("default"), self.asked()), (1, 1))
        self.write("shims/python3", f"#!/bin/sh\n# another shim\nexec {python} \"$@\"\n", 0o755)
        self.assertEqual(self.ran("default"), 0)  # of the same Python

    def test_a_shim_that_is_told_by_a_file(self):
        """As pyenv's: the version is chosen by a file."""
        self.venv("one")
        self.venv("two")
        self.install("torch", "1.13.0")
        shim = self.write("versions/shims/python3", f'#!/bin/sh\nexec {self.folder}/$(cat {self.folder}/versions/version)/bin/python "$@"\n', 0o755)
        self.write("versions/version", "one")
        self.recipe(step(shim))
        ran = lambda: self.ran("--system", self.folder)  # where the environments are
        self.assertEqual([ran(), ran()], [1, 0])
        self.write("versions/version", "two")
        self.assertEqual([ran(), ran()], [1, 0])
        self.assertEqual(self.why(), ["python: torch 1.13.0 added"])

    def test_variables_and_options(self):
        python = self.venv()
        self.write("lib/extra.py", "x = 1\n")
        self.write("lib/README", "no module\n")
        shim = self.logged(python)
        self.recipe(step(shim, "a"), step(shim, "b", f'env = {{ PYTHONPATH = "{self.folder}/lib" }}'),
                    step(shim, "c", argv='"-c", "1; open(\'y\', \'w\')"'))
        self.assertEqual((self.ran("a", "b", "c"), self.asked()), (3, 2))  # equal environments are asked once
        self.write("lib/README", "still no module\n")
        self.assertEqual(self.ran("a", "b", "c"), 0)
        self.write("lib/extra.py", "x = 2\n")
        self.assertEqual(self.ran("a", "b", "c"), 1)
        self.assertEqual(self.why("b"), ["python: folder path:1: other content"])
        self.recipe(step(python, "d", f'env = {{ PYTHONPATH = "{self.folder}/lib" }}', argv='"-I", "-c", "open(\'y\', \'w\')"'))
        self.ran("d")
        self.write("lib/extra.py", "x = 3\n")
        self.assertEqual(self.ran("d"), 0)  # -I does not look there

    def test_editable(self):
        python = self.venv()
        self.write("project/src/mine/__init__.py", "x = 1\n")
        self.write("project/src/mine/data.json", "{}\n")
        self.write("project/notes", "a\n")
        self.install("mine", "1", extra="_mine.pth,sha256=path,1\n")
        (self.site / "_mine.pth").write_text(f"{self.folder}/project/src\n")
        self.recipe(step(python))
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.write("project/src/mine/data.json", "[]\n")
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.assertEqual(self.why(), ["python: folder mine: other content"])
        self.write("project/src/mine/__pycache__/x.pyc", "")
        self.write("project/notes", "b\n")
        self.assertEqual(self.ran(), 0)
        self.write("project/src/mine/new.py", "")
        self.assertEqual(self.ran(), 1)
        shutil.move(self.folder / "project", self.folder / "moved")
        (self.site / "_mine.pth").write_text(f"{self.folder}/moved/src\n")
        self.assertEqual(self.ran(), 0)

    def test_editable_with_a_finder(self):
        """setuptools, for a project whose packages lie beside other things."""
        python = self.venv()
        self.write("project/mine/__init__.py", "x = 1\n")
        self.write("project/train.py", "no part of the package\n")
        self.install("mine", "1", extra="__editable__.mine-1.pth,sha256=a,1\n__editable___mine_1_finder.py,sha256=b,1\n")
        (self.site / "__editable__.mine-1.pth").write_text("import __editable___mine_1_finder; __editable___mine_1_finder.install()\n")
        (self.site / "__editable___mine_1_finder.py").write_text(
            "MAPPING: dict = {'mine': '%s/project/mine'}\nNAMESPACES: dict = {}\ndef install(): pass\n" % self.folder)
        self.recipe(step(python))
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.write("project/train.py", "still none\n")
        self.assertEqual(self.ran(), 0)
        self.write("project/mine/__init__.py", "x = 2\n")
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.assertEqual(self.why(), ["python: folder mine/mine: other content"])

    def test_editable_by_links(self):
        """setuptools' strict form: a folder of links; and a module that its finder names without .py."""
        python = self.venv()
        self.write("project/mine/deep/part.py", "x = 1\n")
        self.write("project/single.py", "x = 1\n")
        (self.folder / "links").mkdir()
        (self.folder / "links/module.py").symlink_to(self.folder / "project/single.py")
        (self.folder / "links/mine").symlink_to(self.folder / "project/mine")
        (self.folder / "links/again").symlink_to(self.folder / "links")
        self.install("mine", "1", extra="mine.pth,sha256=a,1\n")
        self.install("other", "1", extra="__editable___other_1_finder.py,sha256=b,1\n")
        (self.site / "mine.pth").write_text(f"{self.folder}/links\n")
        (self.site / "__editable___other_1_finder.py").write_text(f"MAPPING = {{'alone': '{self.folder}/project/alone'}}\n")
        self.write("project/alone.py", "x = 1\n")
        self.recipe(step(python))
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        for name in ("single.py", "mine/deep/part.py", "alone.py"):
            self.write(f"project/{name}", "x = 2\n")
            self.assertEqual([self.ran(), self.ran()], [1, 0], name)
        self.assertEqual(self.why(), ["python: folder other/alone: other content"])

    def mapped(self, mapping, name="mine"):
        """An editable install with setuptools' finder."""
        self.install(name, "1", extra=f"__editable__.{name}-1.pth,sha256=a,1\n__editable___{name}_1_finder.py,sha256=b,1\n")
        (self.site / f"__editable___{name}_1_finder.py").write_text(f"MAPPING: dict[str, str] = {mapping!r}\n")

    def edits(self, *files):
        """Each makes a new key."""
        for name in files:
            self.write(name, f"edited {name}\n")
            self.assertEqual([self.ran(), self.ran()], [1, 0], name)

    def test_editable_modules(self):
        """py_modules = ["train"], beside a folder of that name; a module that is compiled; one without its source."""
        python = self.venv()
        self.mapped({name: f"{self.folder}/a project/{name}" for name in ("train", "fast", "bare", "later", "a space")})
        self.write("a project/train.py", "x = 1\n")
        self.write("a project/train/data.csv", "1\n")
        self.write("a project/fast.cpython-311-x86_64-linux-gnu.so", "1")
        self.write("a project/bare.pyc", "1")
        self.write("a project/a space/__init__.py", "")
        self.write("a project/trainer.py", "another module\n")
        self.recipe(step(python))
        time.sleep(0.05)
        self.assertEqual([self.ran(), self.ran(), self.ran()], [1, 0, 0])
        self.edits("a project/train.py", "a project/fast.cpython-311-x86_64-linux-gnu.so", "a project/bare.pyc", "a project/a space/__init__.py",
                   "a project/later.abi3.so", "a project/later/__init__.py", "a project/train/__init__.py", "a project/train/data.csv")
        self.assertEqual(self.why(), ["python: folder mine/train: other content"])
        self.write("a project/trainer.py", "still another\n")
        self.write("a project/train.pyc", "not read, for its source is there")
        self.assertEqual(self.ran(), 0)

    def test_folders_that_are_made_later(self):
        """Those that a .pth file, PYTHONPATH and an editable install name."""
        python = self.venv()
        (self.site / "some.pth").write_text(f"{self.folder}/not/yet\n../beside\n")
        self.mapped({"mine": f"{self.folder}/project/mine"})
        info = self.install("other", "1")
        (info / "direct_url.json").write_text('{"dir_info": {"editable": true}, "url": "file://%s/other"}' % self.folder)
        self.install("third", "1", extra="third.pth,sha256=a,1\n")
        (self.site / "third.pth").write_text(f"{self.folder}/third\n")
        self.recipe(step(python, fields=f'env = {{ PYTHONPATH = "{self.folder}/lib" }}'))
        time.sleep(0.05)
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        beside = (self.site.parent / "beside/m.py").relative_to(self.folder)
        self.edits("not/yet/m.py", beside, "project/mine/__init__.py", "other/m.py", "third/m.py", "lib/m.py")

    def test_modules_without_their_source(self):
        python = self.venv()
        self.write("lib/foo.pyc", "1")
        self.write("lib/package/__init__.pyc", "1")
        self.write("lib/package/data", "1")
        self.write("lib/with.py", "x = 1\n")
        self.write("lib/with.pyc", "1")
        self.recipe(step(python, fields=f'env = {{ PYTHONPATH = "{self.folder}/lib" }}'))
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.edits("lib/foo.pyc", "lib/package/__init__.pyc", "lib/package/data")
        self.write("lib/with.pyc", "2")
        self.write("lib/__pycache__/foo.cpython-311.pyc", "2")
        self.assertEqual(self.ran(), 0)

    def test_archives(self):
        """And folders in them."""
        python = self.venv()
        for inner in ("", "/deep/er"):
            self.recipe(step(python, fields=f'env = {{ PYTHONPATH = "{self.folder}/a.zip{inner}" }}'))
            for text in ("x = 1\n", "x = 2\n"):
                with zipfile.ZipFile(self.folder / "a.zip", "w") as archive:
                    archive.writestr("deep/er/m.py", text)
                    archive.writestr("deep/er/sitecustomize.py", text)
                self.assertEqual([self.ran(), self.ran()], [1, 0])

    def test_a_package_has_all_its_data(self):
        """Also what has a dot at its beginning, and what links in it lead to; not so a folder that is no package."""
        python = self.venv()
        self.write("lib/pk/__init__.py", "")
        self.write("lib/pk/.v", "1")
        self.write("lib/pk/.deep/x-1/data", "1")
        self.write("else/data", "1")
        (self.folder / "lib/pk/linked").symlink_to(self.folder / "else")
        self.write("lib/compiled/__init__.abi3.so", "1")
        self.write("lib/compiled/data", "1")
        self.write("lib/space/m.py", "")
        self.recipe(step(python, fields=f'env = {{ PYTHONPATH = "{self.folder}/lib" }}'))
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.edits("lib/pk/.v", "lib/pk/.deep/x-1/data", "else/data", "lib/compiled/data", "lib/space/m.py")
        for name in ("lib/pk/.git/HEAD", "lib/pk/.m.py.swp", "lib/pk/__pycache__/m.pyc", "lib/space/data", "lib/.hidden.py"):
            self.write(name, "1")
            self.assertEqual(self.ran(), 0, name)

    def test_links_that_lead_to_links(self):
        """Each from inside what the one before leads to; circles end, and too long a chain is told."""
        python = self.venv()
        last = 30
        for i in range(last):
            self.write(f"chain/{i}/m{i}.py", "x = 1\n")
            (self.folder / f"chain/{i}/next").symlink_to(self.folder / f"chain/{i + 1}")
            (self.folder / f"chain/{i}/first").symlink_to(self.folder / "chain/0")
            (self.folder / f"chain/{i}/all").symlink_to(self.folder / "chain")
        self.write("s/c.py", "x = 1\n")
        (self.folder / f"chain/{last}").mkdir()
        (self.folder / f"chain/{last}/c.py").symlink_to(self.folder / "s/c.py")
        self.recipe(step(python, fields=f'env = {{ PYTHONPATH = "{self.folder}/chain/0" }}'))
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.edits("s/c.py", "chain/7/m7.py")
        for i in range(110):
            (self.folder / f"long/{i}").mkdir(parents=True)
            (self.folder / f"long/{i}/next").symlink_to(self.folder / f"long/{i + 1}")
        self.write("long/110/c.py", "")
        self.recipe(step(python, fields=f'env = {{ PYTHONPATH = "{self.folder}/long/0" }}'))
        err = self.hpo("build", "r.lua", status=1)[1]
        self.assertIn(f"{self.folder}/long/100: Python can import what lies behind more than 100 symbolic links", err)
        self.assertIn("identity = { ... }", err)

    def test_editable_with_another_hook(self):
        """Known by what pip notes of where it came from."""
        python = self.venv()
        self.write("project/mine.py", "x = 1\n")
        info = self.install("mine", "1")
        (info / "direct_url.json").write_text('{"dir_info": {"editable": true}, "url": "file://%s/project"}' % self.folder)
        self.recipe(step(python))
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.write("project/mine.py", "x = 2\n")
        self.assertEqual([self.ran(), self.ran()], [1, 0])

    def test_a_project_around_the_experiment(self):
        """Its root is on the path: store, out/, environments and data that lie there change nothing."""
        python = self.venv(".venv")
        (self.site / "all.pth").write_text(f"{self.folder}\n")
        self.write("data/train.csv", "1\n")
        self.write("mine.py", "x = 1\n")
        self.recipe(step(python))
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.write("data/train.csv", "2\n")
        self.write("out/notes.py", "")
        self.venv("env")
        self.write("env/lib/x.py", "")
        self.assertEqual(self.ran(), 0)
        self.write("mine.py", "x = 2\n")
        self.assertEqual(self.ran(), 1)

    def test_sitecustomize(self):
        """As of pip install --target: a folder of distributions, in which it is a module like any other."""
        python = self.venv()
        self.install("thing", "1", site=self.folder / "target")
        self.write("target/sitecustomize.py", "x = 1\n")
        self.recipe(step(python, fields=f'env = {{ PYTHONPATH = "{self.folder}/target" }}'))
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.write("target/thing.py", "not seen, for RECORD says what it is\n")
        self.assertEqual(self.ran(), 0)
        self.write("target/sitecustomize.py", "x = 2\n")
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.assertEqual(self.why(), ["python: folder sitecustomize.py: other content"])

    def test_a_package_that_customizes(self):
        site = f"user/lib/python{VERSION}/site-packages"
        self.write(f"{site}/usercustomize/__init__.py", "from . import more\n")
        self.write(f"{site}/usercustomize/more.py", "x = 1\n")
        self.write(f"{site}/sitecustomize/more.py", "no package yet\n")
        self.recipe(step(PYTHON, fields=f'env = {{ PYTHONUSERBASE = "{self.folder}/user", PYTHONPATH = "{self.folder}/{site}" }}'))
        time.sleep(0.05)
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.write(f"{site}/usercustomize/more.py", "x = 2\n")
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.assertEqual(self.why(), ["python: folder usercustomize: other content"])
        self.write(f"{site}/sitecustomize/__init__.py", "x = 1\n")
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.assertIn("python: folder sitecustomize ", self.why()[0])

    def test_pth_code(self):
        python = self.venv()
        (self.site / "hook.pth").write_text("import sys; sys.hooked = 1\n")
        self.recipe(step(python))
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        (self.site / "hook.pth").write_text("# a comment\nimport sys; sys.hooked = 1\n")
        self.assertEqual(self.ran(), 0)
        (self.site / "hook.pth").write_text("import sys; sys.hooked = 2\n")
        self.assertEqual(self.ran(), 1)
        self.assertEqual(self.why(), ["python: pth hook.pth: other content"])

    def test_conda(self):
        python = self.venv()
        self.write("venv/conda-meta/mkl-2023.1.0-h213fc3f_46344.json", '{"link": {"source": "/somewhere"}}')
        self.write("venv/conda-meta/history", "today\n")
        self.recipe(step(python))
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.write("venv/conda-meta/history", "tomorrow\n")
        self.assertEqual(self.ran(), 0)
        (self.folder / "venv/conda-meta/mkl-2023.1.0-h213fc3f_46344.json").unlink()
        self.write("venv/conda-meta/mkl-2024.0.0-ha957f24_49657.json", "{}")
        self.assertEqual(self.ran(), 1)
        self.assertEqual(self.why(), ["python: conda mkl 2023.1.0 → 2024.0.0"])

    def test_without_a_record(self):
        """Debian's: a name and a version, in a folder or a file."""
        python = self.venv()
        (self.site / "PyYAML-6.0.egg-info").mkdir()
        (self.site / "old-1.0-py3.11.egg-info").write_text("Name: old\n")
        (self.site / "numpy-1.24.2.dist-info").mkdir()
        self.recipe(step(python))
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        (self.site / "PyYAML-6.0.egg-info").rename(self.site / "PyYAML-6.1.egg-info")
        (self.site / "numpy-1.24.2.dist-info").rename(self.site / "numpy-1.26.0.dist-info")
        (self.site / "old-1.0-py3.11.egg-info").rename(self.site / "old-1.1-py3.11.egg-info")
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.assertEqual(self.why(), ["python: numpy 1.24.2 → 1.26.0", "python: old 1.0 → 1.1", "python: pyyaml 6.0 → 6.1"])

    def test_pip(self):
        if importlib.util.find_spec("ensurepip") is None:
            print("SKIP: this Python has no ensurepip", file=sys.stderr)
            return
        subprocess.run([PYTHON, "-m", "venv", self.folder / "venv"], check=True, capture_output=True)
        python = self.folder / "venv/bin/python"
        old, new = (wheel(self.folder / f"thing-{v}-py3-none-any.whl", "thing", v, f"v = {v}\n") for v in ("1.0", "1.1"))
        self.recipe(step(python))

        def pip(path):
            subprocess.run([python, "-m", "pip", "install", "--no-index", "--no-deps", "-U", path], check=True, capture_output=True)

        pip(old)
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        pip(new)
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.assertEqual(self.why(), ["python: thing 1.0 → 1.1"])
        pip(old)
        self.assertEqual(self.ran(), 0)

    def test_what_cannot_be_asked(self):
        broken = self.write("bin/python3", "#!/bin/sh\necho no such library >&2; exit 127\n", 0o755)
        other = self.write("bin/python", "#!/bin/sh\necho hello\n", 0o755)
        for program, sentence in ((broken, "it ended with status 127: no such library"), (other, "called like a Python and answers like none")):
            self.recipe(step(program))
            err = self.hpo("build", "r.lua", status=1)[1]
            self.assertIn(f"r.lua:2: {program}: ", err)
            self.assertIn(sentence, err)
        self.recipe(f'default = hpo.command {{ run = {{ "{other}" }}, identity = {{ "echo", "1" }} }}')
        self.build("r.lua")

    def test_a_program_with_a_mark_is_said_once(self):
        for name in ("one", "two"):
            self.write(name, f"#!/usr/bin/env python3\nopen('y', 'w').write('{name}')\n", 0o755)
        self.recipe('a = hpo.command { run = { hpo.source "one", hpo.output "y" } }', 'b = hpo.command { run = { hpo.source "two", hpo.output "y" } }')
        messages = self.build("r.lua", "a", "b", "-j1")["messages"]
        self.assertEqual(messages.count("warning:"), 1)
        self.assertIn('is a "#!" program: /usr/bin/env python3 and what that imports are in no key', messages)
        self.recipe('a = hpo.command { run = { "python3", hpo.source "one", hpo.output "y" } }')
        self.assertNotIn("warning:", self.build("r.lua", "a")["messages"])


if __name__ == "__main__":
    unittest.main()
