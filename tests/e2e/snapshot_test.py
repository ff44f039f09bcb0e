"""A build that begins where the last one ended gives what one that begins anew gives.

Most tests run each step twice: in a folder that has its snapshots, and in a twin that has lost them before every
build. Answers, messages, out/, `why` and `runs` must be the same; whether a snapshot was used shows in its file,
which a build that recalls everything leaves alone.
"""
import os
import pathlib
import random
import re
import shutil
import stat
import subprocess
import tempfile
import threading
import unittest

from case import BIN, Case

CHAIN = '''
local hpo = require "hpo"
local upper = hpo.command { name = "upper", run = { "sh", "-c", "tr a-z A-Z < in.txt | tr -d '#' > up.txt" },
  inputs = { ["in.txt"] = hpo.source "in.txt" }, outputs = { "up.txt" } }
local size = hpo.command { name = "size", run = { "sh", "-c", "wc -c < up.txt > n" },
  inputs = { ["up.txt"] = upper }, outputs = { "n" } }
local both = hpo.command { run = { "sh", "-c", "cat t > a; cat side.txt > b" },
  inputs = { t = hpo.text("some text\\n", "t"), ["side.txt"] = hpo.source "side.txt" }, outputs = { "a", "b" } }
return { size = size, upper = upper, both = both, text = hpo.text("kept\\n", "t"), folder = hpo.source "folder" }
'''


def listing(folder):
    """Everything below a folder: name → mode and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        found[str(path.relative_to(folder))] = (
            "link" if path.is_symlink() else "folder" if path.is_dir() else (mode, path.read_bytes()))
    return found


class Snapshot(Case):
    """One folder, where the file of a snapshot tells whether it was used."""

    def chain(self):
        self.write("in.txt", "hello#\n")
        self.write("side.txt", "side\n")
        self.write("folder/x/y", "y\n")
        self.write("r.lua", CHAIN)
        self.age()

    def age(self):
        """Files that were written before now are old enough to be believed."""
        for path in self.folder.rglob("*"):
            if ".hpo" not in path.parts and not path.is_symlink():
                os.utime(path, (1000000000, 1000000000))
        threading.Event().wait(0.05)

    def snapshots(self):
        return {p.name: p.stat().st_ino for p in (self.folder / ".hpo/graphs").glob("*")}

    def recalls(self, *arguments, recipe="r.lua"):
        """A build that has nothing to do and knows it: its snapshot stays."""
        before = self.snapshots()
        answer = self.build(recipe, *arguments)
        self.assertEqual(answer["ran"], 0)
        self.assertEqual(self.snapshots(), before)
        self.assertTrue(before)
        return answer

    def settle(self, *arguments, recipe="r.lua"):
        """Builds until nothing is new; the files that the build itself has put into out/ are read once more."""
        self.build(recipe, *arguments)
        threading.Event().wait(0.05)
        self.build(recipe, *arguments)

    def test_a_build_with_nothing_to_do_leaves_its_snapshot(self):
        self.chain()
        first = self.build("r.lua")
        self.assertEqual((first["ran"], first["cached"]), (3, 0))
        self.settle()
        answer = self.recalls()
        self.assertEqual((answer["actions"], answer["cached"], answer["failed"]), (3, 3, 0))
        self.assertEqual(self.read("out/r/size").strip(), "6")

    def test_the_recipes_own_words_are_repeated(self):
        self.write("r.lua", 'print("made of", 2)\nreturn { default = require("hpo").text "x" }\n')
        self.settle()
        self.assertIn("made of\t2", self.recalls()["messages"])

    def test_each_way_of_asking_has_its_own(self):
        self.chain()
        self.settle()
        self.settle("upper")
        self.settle("--out", "elsewhere")
        self.settle(recipe="./r.lua")
        self.assertEqual(len(self.snapshots()), 4)
        self.recalls()
        self.assertEqual(self.recalls("upper")["cached"], 1)
        self.recalls("--out", "elsewhere")
        self.recalls(recipe="./r.lua")

    def test_what_is_asked_of_lua_is_answered_by_lua(self):
        self.chain()
        self.settle()
        self.assertEqual(self.build("r.lua", "--rerun", "size")["ran"], 1)
        self.assertIn("nothing to do", self.hpo("build", "r.lua", "--dry-run")[0])
        self.assertIn('"nope"', self.hpo("build", "r.lua", "nope", status=2)[1])
        self.assertIn("lr", self.hpo("build", "r.lua", "--set", "lr=1", status=2)[1])

    def test_a_damaged_snapshot_is_as_good_as_none(self):
        self.chain()
        self.settle()
        (path,) = (self.folder / ".hpo/graphs").glob("*")
        good = path.read_bytes()
        for bad in (b"", good[:-1], good + b"\0", good[:100] + b"x" + good[101:], b"hpo snapshot 2\n" + good[15:]):
            path.write_bytes(bad)
            answer = self.build("r.lua")
            self.assertEqual((answer["ran"], answer["cached"], answer["messages"]), (0, 3, ""))
            self.assertEqual(path.read_bytes(), good)
        path.unlink()
        path.mkdir()
        self.assertEqual(self.build("r.lua")["cached"], 3)
        path.rmdir()
        self.build("r.lua")
        self.recalls()

    def test_a_foreign_index_does_not_know_the_snapshot(self):
        self.chain()
        self.settle()
        for path in self.folder.glob(".hpo/index.db*"):
            path.unlink()
        self.assertEqual(self.build("r.lua")["ran"], 3)

    def large_blobs(self):
        """Outputs; trees and logs may be files as well, small ones."""
        return [p for p in (self.folder / ".hpo/blobs").rglob("*") if p.is_file() and p.stat().st_size > 10000]

    def test_gc_and_found_damage_remove_snapshots(self):
        self.chain()
        self.settle()
        self.hpo("cache", "gc", "--dry-run")
        self.recalls()
        self.hpo("cache", "gc", "--max-gb", "0")
        self.assertEqual(self.snapshots(), {})
        self.settle()
        self.recalls()
        self.write("big.lua", '''return { default = require("hpo").command { run = { "sh", "-c", "seq 1 5000 > big" }, outputs = { "big" } } }''')
        self.settle(recipe="big.lua")
        self.hpo("cache", "verify")
        self.assertEqual(len(self.snapshots()), 2)
        (blob,) = self.large_blobs()
        blob.chmod(0o644)
        blob.write_bytes(b"x" * blob.stat().st_size)
        self.hpo("cache", "verify", status=4)
        self.assertEqual(self.snapshots(), {})

    def test_what_the_store_has_lost_is_made_again(self):
        self.write("r.lua", '''return { default = require("hpo").command { run = { "sh", "-c", "seq 1 5000 > big" }, outputs = { "big" } } }''')
        self.settle()
        for blob in self.large_blobs():
            blob.unlink()
        self.assertEqual(self.build("r.lua")["ran"], 0)  # nothing needs it
        os.remove(self.folder / "out/r/default")
        answer = self.build("r.lua")
        self.assertEqual((answer["ran"], answer["cached"]), (1, 0))
        self.assertIn("made again", answer["messages"])
        self.assertEqual(len(self.read("out/r/default").split()), 5000)
        self.settle()
        self.recalls()

    def test_a_write_in_the_same_tick_is_seen(self):
        self.chain()
        for k in range(8):
            self.write("in.txt", f"one {k}\n")
            self.build("r.lua", "upper")
            self.write("in.txt", f"two {k}\n")
            self.build("r.lua", "upper")
            self.assertEqual(self.read("out/r/upper.txt"), f"TWO {k}\n")
            self.write("out/r/upper.txt", f"SIX {k}\n")
            self.build("r.lua", "upper")
            self.assertEqual(self.read("out/r/upper.txt"), f"TWO {k}\n")

    def test_two_builds_at_once(self):
        self.chain()
        self.settle()
        for k in range(5):
            self.write("in.txt", f"round {k}\n")
            builds = [self.start("build", "r.lua", "--json") for _ in range(3)]
            for build in builds:
                out, err = build.communicate(timeout=60)
                self.assertEqual(build.returncode, 0, err)
            self.assertEqual(self.read("out/r/upper.txt"), f"ROUND {k}\n")
        self.settle()
        self.recalls()

    def test_a_study_keeps_the_ordinary_path(self):
        self.write("t.sh", 'echo "{\\"t\\": 1, \\"loss\\": 1}"\n')
        self.write("r.lua", '''
local hpo = require "hpo"
return { default = hpo.study { name = "s", space = { lr = hpo.uniform(0, 1) }, samples = 2, metric = "loss", mode = "min",
  seed = 1, scheduler = hpo.scheduler.fifo { max_t = 1 },
  trial = function(p) return hpo.command { run = { "sh", hpo.source "t.sh" } } end } }
''')
        self.settle()
        self.assertEqual(self.snapshots(), {})


class Twins(Case):
    """Each step in two folders: with snapshots, and without."""

    def setUp(self):
        super().setUp()
        self.program = BIN / "hpo"
        self.twin = pathlib.Path(tempfile.mkdtemp(prefix="hpo-test-"))
        self.addCleanup(shutil.rmtree, self.twin, ignore_errors=True)
        self.outside = pathlib.Path(tempfile.mkdtemp(prefix="hpo-test-"))  # tools: the same for both
        self.addCleanup(shutil.rmtree, self.outside, ignore_errors=True)

    def both(self, change):
        for folder in (self.folder, self.twin):
            change(folder)

    def put(self, name, text, mode=0o644):
        def change(folder):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(mode)
        self.both(change)

    def remove(self, name):
        self.both(lambda folder: shutil.rmtree(folder / name) if (folder / name).is_dir() and not (folder / name).is_symlink()
                  else (folder / name).unlink())

    def answer(self, folder, arguments):
        done = subprocess.run([str(self.program), *arguments], cwd=folder, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)
        text = f"{done.returncode}\n{done.stdout}\n{done.stderr}".replace(str(folder), "FOLDER")
        text = re.sub(r'\d+\.\d+ s\b', "SECONDS", text)
        text = re.sub(r"(/\.hpo/work/\w+-)\w+", r"\1DRAWN", text)
        return re.sub(r'"seconds": [^,}]*', '"seconds": 0', text)

    def ask(self, *arguments):
        """The same command in both; the twin's builds have no snapshot."""
        shutil.rmtree(self.twin / ".hpo/graphs", ignore_errors=True)
        with_snapshots, without = (self.answer(folder, arguments) for folder in (self.folder, self.twin))
        self.assertEqual(with_snapshots, without)
        return with_snapshots

    def step(self, *arguments, nodes=(), recipe="r.lua"):
        """A build, and all that can be seen of it. The answer says counts: "ran", "cached"."""
        answer = self.ask("build", recipe, "--json", "-j1", *arguments)
        self.assertEqual(listing(self.folder / "out"), listing(self.twin / "out"))
        for node in nodes:
            self.ask("why", recipe, node)
        runs = [re.sub(r"20\d\d-\S+( \S+)?", "TIME", self.answer(folder, ("runs",))) for folder in (self.folder, self.twin)]
        self.assertEqual(*runs)
        return answer

    def counts(self, answer, ran, cached):
        self.assertIn(f'"ran": {ran}, "cached": {cached}', answer)

    def chain(self):
        self.put("in.txt", "hello#\n")
        self.put("side.txt", "side\n")
        self.put("folder/x/y", "y\n")
        self.put("r.lua", CHAIN)

    def settle(self, *arguments, **keywords):
        for _ in range(2):
            self.step(*arguments, **keywords)
            threading.Event().wait(0.03)

    nodes = ("upper", "size", "both")

    def test_sources(self):
        self.chain()
        self.settle(nodes=self.nodes)
        self.put("in.txt", "other\n")
        self.counts(self.step(nodes=self.nodes), 2, 1)
        self.put("in.txt", "hello#\n")
        self.counts(self.step(nodes=self.nodes), 0, 3)  # back: known, and a change for `why`
        self.put("in.txt", "he#llo\n")
        self.counts(self.step(nodes=self.nodes), 1, 2)  # cut off
        self.counts(self.step(nodes=self.nodes), 0, 3)
        self.both(lambda folder: os.utime(folder / "side.txt"))
        self.counts(self.step(nodes=self.nodes), 0, 3)
        self.put("side.txt", "side\n", 0o755)
        self.counts(self.step(nodes=self.nodes), 1, 2)
        self.put("folder/x/z", "new\n")
        self.counts(self.step(), 0, 3)
        self.both(lambda folder: ((folder / "in.txt").rename(folder / "moved"), (folder / "in.txt").symlink_to("moved")))
        self.counts(self.step(nodes=self.nodes), 0, 3)
        self.put("moved", "through a link\n")
        self.counts(self.step(nodes=self.nodes), 2, 1)

    def test_a_source_that_goes(self):
        self.chain()
        self.settle()
        self.remove("side.txt")
        self.assertTrue(self.step().startswith("2\n"))
        self.assertIn("side.txt", self.step("upper"))  # though upper does not need it
        self.put("side.txt", "again\n")
        self.counts(self.step(), 1, 2)
        self.both(lambda folder: ((folder / "in.txt").unlink(), (folder / "in.txt").mkdir()))
        self.step()
        self.both(lambda folder: ((folder / "in.txt").rmdir(), os.mkfifo(folder / "in.txt")))
        self.assertTrue(self.step().startswith("2\n"))

    def test_out_is_put_right(self):
        self.chain()
        self.settle()
        out = "out/r/upper.txt"
        for damage in (lambda f: (f / out).write_text("edited"), lambda f: (f / out).unlink(), lambda f: (f / out).chmod(0o755),
                       lambda f: ((f / out).unlink(), (f / out).mkdir()),
                       lambda f: ((f / out).rename(f / "out/r/there"), (f / out).symlink_to("there")),
                       lambda f: (f / "out/r/both/a").write_text("edited"), lambda f: (f / "out/r/both/c").write_text("more"),
                       lambda f: (f / "out/r/text").write_text("tpek\n"), lambda f: shutil.rmtree(f / "out"),
                       lambda f: ((f / out).rename(f / "x"), (f / "out/r/size").rename(f / out), (f / "x").rename(f / "out/r/size"))):
            self.both(damage)
            self.counts(self.step(), 0, 3)
            self.assertEqual((self.folder / out).read_text(), "HELLO\n")
            self.counts(self.step(), 0, 3)

    def test_recipes_change(self):
        self.chain()
        self.settle(nodes=self.nodes)
        self.put("r.lua", CHAIN.replace("some text", "another text"))
        self.counts(self.step(nodes=self.nodes), 1, 2)
        self.put("r.lua", "-- moved down\n" + CHAIN)
        self.counts(self.step(nodes=self.nodes), 0, 3)
        self.put("r.lua", CHAIN + "}")
        self.step()
        self.put("r.lua", CHAIN)
        self.counts(self.step(nodes=self.nodes), 0, 3)
        self.remove("r.lua")
        self.step()

    def test_modules_and_parameters(self):
        self.put("lib/words.lua", 'return { word = "one" }')
        self.put("r.lua", '''
local hpo = require "hpo"
local word = require("lib.words").word .. hpo.param("tail", "x")
return { default = hpo.command { name = "w", run = { "sh", "-c", "cat t > o" }, inputs = { t = hpo.text(word, "t") }, outputs = { "o" } } }
''')
        self.settle(nodes=("w",))
        self.counts(self.step("--set", "tail=y", nodes=("w",)), 1, 0)
        self.counts(self.step("--set", "tail=y", nodes=("w",)), 0, 1)
        self.counts(self.step(nodes=("w",)), 0, 1)  # a change for `why`
        self.put("lib/words.lua", 'return { word = "two" }')
        self.counts(self.step(nodes=("w",)), 1, 0)
        self.counts(self.step("--set", "tail=y", nodes=("w",)), 1, 0)
        self.remove("lib/words.lua")
        self.assertTrue(self.step().startswith("2\n"))

    def test_what_was_absent_comes(self):
        self.put("r.lua", '''
local hpo = require "hpo"
local ok, local_words = pcall(require, "words")
local found, file = pcall(hpo.source, "maybe")
return { words = hpo.text(ok and local_words or "no module", "t"), file = found and file or hpo.text("no file", "t") }
''')
        self.settle()
        self.put("words.lua", 'return "a module"')
        self.step()
        self.assertEqual((self.folder / "out/r/words").read_text(), "a module")
        self.put("maybe", "a file")
        self.step()
        self.assertEqual((self.folder / "out/r/file").read_text(), "a file")

    def test_tools(self):
        bins = [self.outside / "a", self.outside / "b"]
        for folder in bins:
            folder.mkdir()

        def tool(folder, word):
            path = bins[folder] / "mytool"
            path.write_text(f"#!/bin/sh\ncat in > out; echo {word} >> out\n")
            path.chmod(0o755)
        self.environment["PATH"] = f"{bins[0]}:{bins[1]}:{self.environment['PATH']}"
        tool(1, "first")
        self.put("in", "in\n")
        self.put("r.lua", '''
local hpo = require "hpo"
return { default = hpo.command { name = "n", run = { "mytool" }, inputs = { ["in"] = hpo.source "in" }, outputs = { "out" } } }
''')
        self.settle(nodes=("n",))
        tool(1, "other")
        self.counts(self.step(nodes=("n",)), 1, 0)
        tool(0, "nearer")
        self.counts(self.step(nodes=("n",)), 1, 0)
        self.assertEqual((self.folder / "out/r/default").read_text(), "in\nnearer\n")
        self.counts(self.step(nodes=("n",)), 0, 1)
        (bins[0] / "mytool").chmod(0o644)  # no program any more
        self.counts(self.step(nodes=("n",)), 0, 1)
        (bins[0] / "mytool").unlink()
        self.counts(self.step(nodes=("n",)), 0, 1)
        (bins[1] / "mytool").unlink()
        self.assertTrue(self.step().startswith("2\n"))

    def test_identities(self):
        tool = self.outside / "tool"
        version = self.outside / "version"
        version.write_text("1\n")

        def write(comment):
            tool.write_text(f"#!/bin/sh\n# {comment}\n[ \"$1\" = --version ] && cat {version} || cat in > out\n")
            tool.chmod(0o755)
        write("a")
        self.put("in", "in\n")
        self.put("r.lua", f'''
local hpo = require "hpo"
return {{ default = hpo.command {{ name = "n", run = {{ "{tool}" }}, identity = {{ "{tool}", "--version" }}, inputs = {{ ["in"] = hpo.source "in" }}, outputs = {{ "out" }} }} }}
''')
        self.settle(nodes=("n",))
        write("b")
        self.counts(self.step(nodes=("n",)), 0, 1)
        version.write_text("2\n")
        write("c")
        self.counts(self.step(nodes=("n",)), 1, 0)
        self.counts(self.step(nodes=("n",)), 0, 1)

    def test_failures_between(self):
        self.put("in.txt", "good\n")
        self.put("r.lua", '''
local hpo = require "hpo"
local a = hpo.command { name = "a", run = { "sh", "-c", "grep -q good in && cat in > a" }, inputs = { ["in"] = hpo.source "in.txt" }, outputs = { "a" } }
return { default = hpo.command { name = "b", run = { "cp", a, hpo.output "b" } }, other = hpo.text("x", "x") }
''')
        nodes = ("a", "b")
        self.settle("default", "other", nodes=nodes)
        self.put("in.txt", "bad\n")
        self.assertTrue(self.step("default", "other", nodes=nodes).startswith("1\n"))
        self.assertTrue(self.step("default", "other", "--keep-going", nodes=nodes).startswith("1\n"))
        self.put("in.txt", "good\n")
        self.counts(self.step("default", "other", nodes=nodes), 0, 2)
        self.put("in.txt", "good again\n")
        self.assertTrue(self.step("default", "other", "--cached-only", nodes=nodes).startswith("1\n"))
        self.counts(self.step("default", "other", nodes=nodes), 2, 0)
        self.counts(self.step("default", "other", "--cached-only", nodes=nodes), 0, 2)

    def test_results_that_differ(self):
        self.put("r.lua", '''
local hpo = require "hpo"
local a = hpo.command { name = "a", run = { "sh", "-c", "date +%s%N > a" }, outputs = { "a" } }
return { default = hpo.command { name = "b", run = { "sh", "-c", "echo same > b" }, inputs = { a = a }, outputs = { "b" } } }
''')
        self.ask("build", "r.lua", "--json", "-j1")
        for arguments in ((), ("--rerun", "a"), (), ("--rerun", "b"), (), ()):
            self.step(*arguments)

    def commit(self, repository, text):
        def git(*words):
            return subprocess.run(["git", "-C", str(repository), "-c", "user.name=n", "-c", "user.email=e", *words],
                                  check=True, capture_output=True, text=True).stdout.strip()
        if not repository.exists():
            repository.mkdir(parents=True)
            git("init", "-q", "-b", "main")
        (repository / "file").write_text(text)
        git("add", "file")
        git("commit", "-q", "-m", "m")
        return git("rev-parse", "HEAD")

    def test_clones(self):
        repository = self.outside / "repository"
        commits = [self.commit(repository, f"{k}\n") for k in range(2)]
        self.put("r.lua", f'''
local hpo = require "hpo"
return {{ default = hpo.clone {{ name = "c", url = "{repository}", rev = "main" }} }}
''')
        self.settle(nodes=("c",))
        self.counts(self.step(nodes=("c",)), 0, 1)
        self.both(lambda f: (f / "hpo.lock").write_text((f / "hpo.lock").read_text().replace(commits[1], commits[0])))
        self.counts(self.step(nodes=("c",)), 1, 0)
        self.assertEqual((self.folder / "out/r/default/file").read_text(), "0\n")
        self.counts(self.step("--update", nodes=("c",)), 0, 1)
        self.assertEqual((self.folder / "out/r/default/file").read_text(), "1\n")
        self.remove("hpo.lock")
        self.counts(self.step(nodes=("c",)), 0, 1)

    def test_what_ships_with_the_program(self):
        repository = self.outside / "share/hpo/shipped"
        self.program = self.outside / "bin/hpo"
        self.program.parent.mkdir()
        shutil.copy2(BIN / "hpo", self.program)
        self.commit(repository, "old\n")
        self.put("r.lua", 'return { default = require("hpo").clone { name = "c", url = "hpo:shipped", rev = "main" } }')
        self.settle(nodes=("c",))
        self.counts(self.step(nodes=("c",)), 0, 1)
        self.commit(repository, "new\n")
        self.counts(self.step(nodes=("c",)), 1, 0)
        self.assertEqual((self.folder / "out/r/default/file").read_text(), "new\n")
        self.counts(self.step(nodes=("c",)), 0, 1)

    def test_anything_in_any_order(self):
        draw = random.Random(1)
        self.chain()
        steps = [lambda: self.put("in.txt", draw.choice(("hello#\n", "he#llo\n", "other\n"))),
                 lambda: self.put("side.txt", draw.choice(("1\n", "2\n")), draw.choice((0o644, 0o755))),
                 lambda: self.put("folder/x/y", draw.choice(("1\n", "2\n"))),
                 lambda: self.put("r.lua", CHAIN.replace("some", draw.choice(("some", "more")))),
                 lambda: self.put("out/r/upper.txt", "edited\n"),
                 lambda: self.both(lambda folder: shutil.rmtree(folder / "out", ignore_errors=True)),
                 lambda: None, lambda: None]
        for _ in range(40):
            draw.choice(steps)()
            if draw.random() < 0.5:
                threading.Event().wait(0.02)
            words = draw.choice(((), (), (), ("upper",), ("both", "folder"), ("--cached-only", "--keep-going"), ("--rerun", "size")))
            self.step(*words, nodes=("upper", "size") if draw.random() < 0.3 else ())


if __name__ == "__main__":
    unittest.main()
