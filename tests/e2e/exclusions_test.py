"""What of a folder is no part of a source: not in a key, and not in the folder of the step that reads it."""
import os
import shutil
import unittest

from case import Case

LIST = 'hpo.command { run = { "sh", "-c", "find in | LC_ALL=C sort > y; cat in/a >> y || true" }, inputs = { ["in"] = %s }, outputs = { "y" } }'
USUAL = (".git/HEAD", "s/.git", ".hpo/x", "__pycache__/a.pyc", "s/__pycache__/x", "b.pyc", ".ipynb_checkpoints/n", ".a.swp", "s/.a.swo",
         ".a.swn", "a~", "#a#", "s/.#a")


class Exclusions(Case):
    def setUp(self):
        super().setUp()
        self.write("src/a", "1\n")
        self.write("src/s/b", "2\n")

    def recipe(self, source='hpo.source "src"', name="r.lua"):
        self.write(name, f'local hpo = require "hpo"\nreturn {{ y = {LIST % source} }}\n')

    def ran(self, *arguments, recipe="r.lua"):
        return self.build(recipe, *arguments)["ran"]

    def seen(self, path="out/r/y"):
        """The names that the step saw."""
        return [line[3:] for line in self.read(path).splitlines() if line.startswith("in/")]

    def refused(self, *parts, recipe="r.lua", arguments=()):
        err = self.hpo("build", recipe, *arguments, status=2)[1]
        for part in parts:
            self.assertIn(part, err)

    # ---- the usual ----

    def test_what_versions_editors_and_python_leave(self):
        self.recipe()
        self.assertEqual(self.ran(), 1)
        self.assertEqual(self.seen(), ["a", "s", "s/b"])
        for name in USUAL:
            self.write("src/" + name, "x")
            self.assertEqual(self.ran(), 0, name)
        os.symlink("user@host.1:2", self.folder / "src/.#lock")  # as emacs does it
        os.mkfifo(self.folder / "src/.git/fifo")
        self.assertEqual(self.ran(), 0)
        self.assertEqual(self.ran("--rerun", "y"), 1)
        self.assertEqual(self.seen(), ["a", "s", "s/b"])
        self.write("src/.gitignore", "x")  # files like any other
        self.write("src/x.swp", "x")
        self.assertEqual(self.ran(), 1)
        self.assertEqual(self.seen(), [".gitignore", "a", "s", "s/b", "x.swp"])

    def test_they_may_come_while_a_step_reads(self):
        self.write("r.lua", 'local hpo = require "hpo"\nreturn { y = hpo.command { run = { "sh", "-c", "mkdir %s/src/__pycache__; '
                   'touch %s/src/__pycache__/a.pyc y" }, inputs = { ["in"] = hpo.source "src" }, outputs = { "y" } } }\n' % ((self.folder,) * 2))
        self.assertEqual([self.ran("--sandbox", "off"), self.ran("--sandbox", "off")], [1, 0])
        self.assertTrue((self.folder / "src/__pycache__/a.pyc").exists())

    def test_a_folder_in_which_nothing_is_left_is_empty(self):
        self.recipe()
        (self.folder / "src/e").mkdir()
        self.assertEqual(self.ran(), 1)
        self.write("src/e/__pycache__/a.pyc", "x")
        self.assertEqual(self.ran(), 0)

    # ---- what the user says ----

    def test_hpoignore(self):
        self.recipe()
        for name in ("x.log", "keep.log", "data/raw/1", "s/data/raw", "b.pyc"):
            self.write("src/" + name, name)
        everything = ["a", "data", "data/raw", "data/raw/1", "keep.log", "s", "s/b", "s/data", "s/data/raw", "x.log"]
        self.assertEqual(self.ran(), 1)
        self.assertEqual(self.seen(), everything)
        self.write("src/.hpoignore", "# nothing yet\n")
        self.assertEqual(self.ran(), 0)
        self.write("src/.hpoignore", "\ufeff*.log\r\n!keep.log\ndata/raw\n!*.pyc\n")
        self.assertEqual(self.ran(), 1)
        self.assertEqual(self.seen(), ["a", "b.pyc", "data", "keep.log", "s", "s/b", "s/data", "s/data/raw"])
        self.write("src/y.log", "x")
        self.write("src/data/raw/2", "x")
        self.assertEqual(self.ran(), 0)
        self.write("src/s/.hpoignore", "*\n")  # only the one at the root says anything
        self.assertEqual(self.ran(), 1)
        self.assertIn("s/b", self.seen())
        for name in ("src/.hpoignore", "src/s/.hpoignore", "src/y.log", "src/data/raw/2"):
            os.remove(self.folder / name)
        self.assertEqual(self.ran(), 0)  # as at first

    def test_exclude(self):
        self.write("src/x.log", "x")
        self.write("src/.hpoignore", "a\n")
        self.recipe('hpo.source { "src", exclude = { "*.log", "s/b", "!a" } }')
        self.assertEqual(self.ran(), 1)
        self.assertEqual(self.seen(), ["a", "s"])
        self.write("src/s/b", "changed")
        self.assertEqual([self.ran(), self.ran()], [0, 0])
        self.recipe('hpo.source { "src", exclude = { "*.log" } }')
        self.assertEqual(self.ran(), 1)
        self.assertEqual(self.seen(), ["s", "s/b"])
        self.recipe('hpo.source { "src", exclude = {} }')
        self.assertEqual(self.ran(), 1)
        self.assertEqual(self.seen(), ["s", "s/b", "x.log"])

    def test_a_part_of_a_source(self):
        self.write("src/s/x.log", "x")
        self.recipe('hpo.source { "src", exclude = { "*.log" } } / "s"')
        self.assertEqual(self.ran(), 1)
        self.assertEqual(self.seen(), ["b"])
        self.write("src/s/x.log", "y")
        self.assertEqual(self.ran(), 0)
        self.recipe('hpo.source { "src", exclude = { "*.log" } } / "s/x.log"')
        self.refused("s/x.log", "found a, s/b")

    def test_a_source_that_is_a_target(self):
        self.write("src/b.pyc", "x")
        self.write("r.lua", 'local hpo = require "hpo"\nreturn { src = hpo.source { "src", exclude = { "s" } } }\n')
        self.build("r.lua")
        self.assertEqual(os.listdir(self.folder / "out/r/src"), ["a"])

    def test_nothing_else_plays_a_part(self):
        """No .gitignore, no info/exclude, nobody's settings."""
        self.recipe()
        for name in ("src/.gitignore", "src/s/.gitignore", ".gitignore", ".git/info/exclude", "src/.git/info/exclude", "person/.config/git/ignore", "person/mine"):
            self.write(name, "*\n")
        self.write("src/.git/HEAD", "ref: refs/heads/main\n")
        self.write("person/.gitconfig", f"[core]\n\texcludesFile = {self.folder}/person/mine\n\tignoreCase = true\n")
        self.assertEqual(self.ran(), 1)
        self.environment["HOME"] = str(self.folder / "person")
        self.environment["LC_ALL"] = "C.UTF-8"
        self.assertEqual(self.ran(), 0)
        self.assertEqual(self.seen(), [".gitignore", "a", "s", "s/.gitignore", "s/b"])

    # ---- what is hpo's own ----

    def test_the_store_and_out_in_a_source(self):
        self.recipe('hpo.source "."')
        for arguments in ((), ("--cache", "s1"), ("--cache", "q/w/s2"), ("--out", "o"), ("--out", "./n/m/k"), ("--out", "."), ("--cache", ".c", "--out", "src")):
            with self.subTest(arguments=arguments):
                for name in set(os.listdir(self.folder)) - {"r.lua", "src"}:
                    shutil.rmtree(self.folder / name)
                shutil.rmtree(self.folder / "src/r", ignore_errors=True)
                self.assertEqual([self.ran(*arguments) for _ in range(3)], [1, 0, 0])
        self.assertEqual(self.seen("src/r/y"), ["r.lua"])

    def test_behind_links(self):
        """The way to the source is another one than that to the store and out/."""
        self.write("p/real/a", "1\n")
        os.symlink("real", self.folder / "p/link")
        os.symlink("p", self.folder / "q")
        self.recipe('hpo.source "q"')
        for cache, out in (("p/link/s1", "out"), ("s2", "p/link/o/o"), ("q/s3", "q/real/o"), ("p/s4", "p/o")):
            with self.subTest(cache=cache, out=out):
                self.assertEqual([self.ran("--cache", cache, "--out", out) for _ in range(2)], [1, 0])
                self.assertEqual(self.seen(out + "/r/y"), ["link", "real", "real/a"])
                for name in set(os.listdir(self.folder / "p")) - {"link", "real"}:
                    shutil.rmtree(self.folder / "p" / name)
                for name in set(os.listdir(self.folder / "p/real")) - {"a"}:
                    shutil.rmtree(self.folder / "p/real" / name)

    def test_no_pattern_takes_them_back(self):
        self.recipe('hpo.source { ".", exclude = { "!*", "!.hpo", "!out" } }')
        self.write(".hpoignore", "!.hpo\n!.hpoignore\n")
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        self.assertEqual(self.seen(), ["r.lua", "src", "src/a", "src/s", "src/s/b"])

    def test_hpos_own_folder_as_a_source(self):
        self.recipe()
        self.ran()
        self.recipe('hpo.source ".hpo"')
        self.refused("r.lua:2: ", "/.hpo: this is the store")
        self.recipe('hpo.source "out/r"')
        self.refused("r.lua:2: ", "/out/r: this is the folder where the targets go")

    # ---- refusals ----

    def test_what_is_refused(self):
        self.recipe('hpo.source { "src", exclude = "a" }')
        self.refused("r.lua:2: hpo.source.exclude: expected a list")
        self.recipe('hpo.source { "src", exclude = { "a\\0b" } }')
        self.refused("r.lua:2: hpo.source.exclude[1]: ", "NUL")
        self.recipe('hpo.source { "src", exclude = { "a", "b\\nc" } }')
        self.refused("r.lua:2: hpo.source.exclude[2]: expected one pattern")
        self.recipe('hpo.source { "src", exclude = { "#a" } }')
        self.refused("r.lua:2: hpo.source.exclude[1]: ", "is a comment")
        self.recipe('hpo.source { "src", omit = {} }')
        self.refused("r.lua:2: hpo.source.omit: no such field")
        self.recipe("hpo.source { exclude = {} }")
        self.refused("r.lua:2: hpo.source: expected a text, found nothing")
        self.recipe('hpo.source { "src/a", exclude = { "b" } }')
        self.refused("r.lua:2: hpo.source.exclude: ", "src/a is one", 'hpo.source "PATH"')
        self.recipe('hpo.source { "src", exclude = { "*" } }')
        self.refused("r.lua:2: ", "/src: all that is in this folder is left out", "!NAME")

    def test_a_hpoignore_that_cannot_be_read(self):
        self.recipe()
        os.symlink(".hpoignore", self.folder / "src/.hpoignore")
        self.refused("r.lua:2: ", "src/.hpoignore: cannot open", ".gitignore")
        os.remove(self.folder / "src/.hpoignore")
        (self.folder / "src/.hpoignore").mkdir()
        self.refused("r.lua:2: ", "src/.hpoignore: ", ".gitignore")
        os.rmdir(self.folder / "src/.hpoignore")
        self.write("src/.hpoignore", "a\0b")
        self.refused("r.lua:2: ", "src/.hpoignore: ", "NUL")

    def test_a_folder_that_becomes_a_file(self):
        """Also where the recipe is not read again."""
        self.recipe('hpo.source { "src", exclude = { "b" } }')
        self.assertEqual([self.ran(), self.ran()], [1, 0])
        shutil.rmtree(self.folder / "src")
        self.write("src", "x")
        self.refused("r.lua:2: hpo.source.exclude: ")


if __name__ == "__main__":
    unittest.main()
