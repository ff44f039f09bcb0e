"""out/RECIPE/TARGET: what is hpo's there is put right, what is not is neither changed nor removed."""
import os
import shutil
import unittest

from case import Case

HEAD = 'local hpo = require "hpo"\n'


def folder(script):
    return f'hpo.command {{ run = {{ "sh", "-c", [=[mkdir m; {script}]=] }}, outputs = {{ "m" }} }}'


class Out(Case):
    def recipe(self, targets, name="r.lua"):
        self.write(name, HEAD + f"return {{ {targets} }}\n")

    def refused(self, *parts, recipe="r.lua", arguments=()):
        err = self.hpo("build", recipe, *arguments, status=2)[1]
        for part in parts:
            self.assertIn(part, err)
        return err

    def listing(self, path="out/r"):
        """What lies there, without what is hpo's own: files and links with their content."""
        found = {}
        for above, folders, files in os.walk(self.folder / path):
            if ".hpo-out" in folders:
                folders.remove(".hpo-out")
            for name in files + [f for f in folders if os.path.islink(os.path.join(above, f))]:
                full = os.path.join(above, name)
                found[os.path.relpath(full, self.folder / path)] = os.readlink(full) if os.path.islink(full) else open(full).read()
            if not files and not folders:
                found[os.path.relpath(above, self.folder / path) + "/"] = ""
        return found

    # ---- whose folder it is ----

    def test_two_recipes_of_one_name(self):
        self.recipe('a = hpo.text "of a"', "a/r.lua")
        self.recipe('a = hpo.command { run = { "sh", "-c", "touch %s/ran; echo b > y" }, outputs = { "y" } }' % self.folder, "b/r.lua")
        self.build("a/r.lua")
        self.refused(str(self.folder / "a/r.lua"), str(self.folder / "b/r.lua"), "out/r", "--out DIR", recipe="b/r.lua", arguments=("--sandbox", "off"))
        self.assertFalse((self.folder / "ran").exists())  # said before anything runs
        self.assertEqual(self.listing(), {"a": "of a"})
        self.build("b/r.lua", "--out", "other")
        self.build("a/r.lua")
        os.remove(self.folder / "a/r.lua")  # nobody's any more
        self.build("b/r.lua")
        self.assertEqual(self.listing(), {"a": "b\n"})

    def test_a_project_may_be_moved_and_copied(self):
        self.recipe('a = hpo.text "1"', "p/r.lua")
        self.build("p/r.lua", "--out", "p/out")
        os.rename(self.folder / "p", self.folder / "moved")
        self.recipe('a = hpo.text "2"', "moved/r.lua")
        self.build("moved/r.lua", "--out", "moved/out")
        shutil.copytree(self.folder / "moved", self.folder / "copy")
        self.recipe('a = hpo.text "3"', "copy/r.lua")
        self.build("copy/r.lua", "--out", "copy/out")
        self.assertEqual(self.listing("copy/out/r"), {"a": "3"})
        self.assertEqual(self.listing("moved/out/r"), {"a": "2"})
        os.rename(self.folder / "moved/r.lua", self.folder / "moved/s.lua")
        shutil.move(self.folder / "moved/out", self.folder / "copy/elsewhere")
        self.build("copy/r.lua", "--out", "copy/elsewhere")
        self.assertEqual(self.listing("copy/elsewhere/r"), {"a": "3"})

    def test_names_that_are_no_folders_name(self):
        self.write("src/file", "precious")
        for name in ("...lua", "..lua"):
            self.recipe('src = hpo.text "x"', name)
            self.refused(name, recipe=name)
        self.assertEqual(self.read("src/file"), "precious")
        self.recipe('[".hpo-out"] = hpo.text "x"')
        self.refused('".hpo-out" cannot be a target\'s name')

    # ---- what is in the way ----

    def test_what_stands_there_already_stays(self):
        """With --out at a folder of sources, RECIPE/TARGET may be one of them."""
        self.write("r/data/file", "precious")
        self.write("r/one", "mine")
        self.recipe('data = hpo.text "x", one = hpo.text "y", two = hpo.text "z"')
        err = self.refused("r/data", "hpo did not make", arguments=("--out", "."))
        self.assertEqual(self.listing("r"), {"data/file": "precious", "one": "mine", "two": "z"})
        shutil.move(self.folder / "r/data", self.folder / "data")
        self.refused("r/one", arguments=("--out", "."))
        os.remove(self.folder / "r/one")
        self.build("r.lua", "--out", ".")
        self.assertEqual(self.listing("r"), {"data": "x", "one": "y", "two": "z"})

    def test_what_is_right_already_is_taken_for_hpos(self):
        self.recipe('a = hpo.text "1"')
        self.write("out/r/a", "1")
        self.build("r.lua")
        self.recipe('a = hpo.text "2"')
        self.build("r.lua")
        self.assertEqual(self.listing(), {"a": "2"})

    def test_a_users_file_in_a_targets_folder(self):
        """It stays, with nothing to do, with other content, and when the folder becomes a file."""
        self.recipe("best = " + folder("mkdir m/s m/old; echo 1 > m/a; echo 1 > m/s/b; echo 1 > m/old/c"))
        self.build("r.lua")
        self.write("out/r/best/notes.txt", "mine")
        self.write("out/r/best/s/notes.txt", "mine too")
        (self.folder / "out/r/best/empty").mkdir()
        before = {**self.listing()}
        self.build("r.lua")
        self.assertEqual(self.listing(), before)
        self.recipe("best = " + folder("mkdir m/s; echo 2 > m/a; echo 2 > m/s/b; echo 2 > m/d"))
        self.build("r.lua")
        mine = {"best/notes.txt": "mine", "best/s/notes.txt": "mine too", "best/empty/": ""}
        self.assertEqual(self.listing(), {**mine, "best/a": "2\n", "best/s/b": "2\n", "best/d": "2\n"})
        self.recipe("best = " + folder("echo 3 > m/notes.txt"))
        self.refused("out/r/best/notes.txt")
        self.assertEqual(self.listing(), {**mine, "best/a": "2\n", "best/s/b": "2\n", "best/d": "2\n"})
        self.recipe('best = hpo.text "a file"')
        self.refused("out/r/best", "hpo did not make")
        self.assertEqual(self.listing(), mine)
        shutil.rmtree(self.folder / "out/r/best")
        self.build("r.lua")
        self.assertEqual(self.listing(), {"best": "a file"})

    def test_a_folder_where_a_table_belongs(self):
        self.write("train.sh", 'echo "{\\"t\\": 1, \\"loss\\": 1}"; touch "$HPO_CHECKPOINT_OUT/x"\n')
        self.recipe('s = hpo.study { name = "s", space = { x = hpo.uniform(0, 1) }, samples = 1, concurrency = 1, metric = "loss", mode = "min", seed = 1,'
                    ' scheduler = hpo.scheduler.fifo { max_t = 1 }, trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh" } } end }')
        self.write("out/r/s/table.json/file", "precious")
        self.refused("out/r/s/table.json")
        self.assertEqual(self.read("out/r/s/table.json/file"), "precious")
        shutil.rmtree(self.folder / "out")
        self.build("r.lua")
        tables = self.listing()
        self.assertEqual(sorted(tables), ["s/table.csv", "s/table.json", "s/table.txt"])
        os.remove(self.folder / "out/r/s/table.json")
        (self.folder / "out/r/s/table.json").mkdir()
        self.write("out/r/s/table.csv", "edited")
        self.build("r.lua")
        self.assertEqual(self.listing(), tables)

    def test_update_writes_over_no_other_file(self):
        """Past trials are gathered anew into the file that has them, and into no other."""
        self.write("train.sh", 'echo "{\\"t\\": 1, \\"loss\\": 1}"; touch "$HPO_CHECKPOINT_OUT/x"\n')
        text = HEAD + ('return { s = hpo.study { name = "s", space = { x = hpo.uniform(0, 1) }, samples = 1, concurrency = 1, metric = "loss",'
                       ' mode = "min", seed = 1, search = hpo.search.tpe {}, warm = hpo.history { file = "FILE" },'
                       ' scheduler = hpo.scheduler.fifo { max_t = 1 }, trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh" } } end } }\n')
        self.write("notes.json", '{"trials": "mine"}')
        (self.folder / "folder").mkdir()
        for name in ("r.lua", "train.sh", "notes.json", "folder"):
            self.write("r.lua", text.replace("FILE", name))
            before = {path: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}
            self.refused(f"{self.folder}/{name}", arguments=("--update",))
            self.assertEqual({path: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}, before)
        self.write("r.lua", text.replace("FILE", "past.json"))
        self.build("r.lua", "--update")
        self.build("r.lua", "--update")
        self.assertIn('"trials"', self.read("past.json"))

    # ---- links ----

    def test_links_are_not_followed(self):
        self.recipe("best = " + folder("echo 1 > m/a"))
        self.write("precious/a", "mine")
        self.build("r.lua")
        shutil.rmtree(self.folder / "out/r/best")
        (self.folder / "out/r/best").symlink_to("../../precious")
        self.build("r.lua")
        self.assertEqual(self.listing(), {"best/a": "1\n"})
        os.remove(self.folder / "out/r/best/a")
        (self.folder / "out/r/best/a").symlink_to("../../../precious/a")
        self.recipe("best = " + folder("echo 2 > m/b"))
        self.build("r.lua")
        self.assertEqual(self.listing(), {"best/b": "2\n"})
        shutil.rmtree(self.folder / "out/r/best")
        (self.folder / "out/r/best").symlink_to("../../precious")
        self.recipe("best = " + folder("echo 3 > m/a"))
        self.build("r.lua")
        self.assertEqual(self.listing(), {"best/a": "3\n"})
        self.assertEqual(self.read("precious/a"), "mine")

    def test_a_link_in_place_of_the_recipes_folder(self):
        """Somebody keeps results on another disk: they land there, and what is there stays."""
        self.write("disk/data/file", "precious")
        (self.folder / "out").mkdir()
        (self.folder / "out/r").symlink_to("../disk")
        self.recipe('data = hpo.text "x", one = hpo.text "y"')
        self.refused("out/r/data")
        self.assertEqual(self.listing("disk"), {"data/file": "precious", "one": "y"})

    # ---- put right ----

    def test_targets_change_their_kind(self):
        one, empty, deep = folder("echo 1 > m/a"), folder(":"), folder("mkdir -p m/a/b; echo 1 > m/a/b/c; ln -s a/b m/link; chmod +x m/a/b/c")
        shapes = {'hpo.text "x"': {"t": "x"}, one: {"t/a": "1\n"}, empty: {"t/": ""}, deep: {"t/a/b/c": "1\n", "t/link": "a/b"},
                  'hpo.text ""': {"t": ""}}
        for first in shapes:
            for second in shapes:
                for target in (first, second):
                    self.recipe("t = " + target)
                    self.build("r.lua")
                    self.assertEqual(self.listing(), shapes[target])
        self.recipe("t = " + deep)
        self.build("r.lua")
        self.assertTrue(os.access(self.folder / "out/r/t/a/b/c", os.X_OK))
        for damage in (lambda t: os.remove(t / "link"), lambda t: (t / "a/b/c").chmod(0o644), lambda t: shutil.rmtree(t / "a"),
                       lambda t: (shutil.rmtree(t / "a"), (t / "a").write_text("edited")), lambda t: (os.remove(t / "link"), (t / "link").symlink_to("a"))):
            damage(self.folder / "out/r/t")
            self.build("r.lua")
            self.assertEqual(self.listing(), shapes[deep])
            self.assertTrue(os.access(self.folder / "out/r/t/a/b/c", os.X_OK))

    def test_a_build_was_killed_between_two_changes(self):
        self.recipe("t = " + folder("echo 1 > m/a; echo 1 > m/b"))
        self.build("r.lua")
        own = self.folder / "out/r/.hpo-out"
        (own / "coming").write_bytes(b"t/c\0t/hal")  # a build put c there, and had not removed b
        self.write("out/r/t/c", "1\n")
        self.write("out/r/.hpo-out/new/t/c", "half")
        self.build("r.lua")
        self.assertEqual(self.listing(), {"t/a": "1\n", "t/b": "1\n"})
        self.assertEqual(sorted(os.listdir(own)), ["names", "recipe"])
        self.assertEqual((own / "names").read_bytes(), b"t/a\0t/b\0")

    def test_a_damaged_record_reaches_nothing_else(self):
        self.write("precious", "mine")
        self.recipe("t = " + folder("echo 1 > m/a"))
        self.build("r.lua")
        (self.folder / "out/r/.hpo-out/names").write_bytes(b"../../precious\0t/../../../precious\0/" + bytes(self.folder / "precious") + b"\0\0/\0t/a\0")
        self.recipe("t = " + folder("echo 1 > m/b"))
        self.build("r.lua")
        self.assertEqual(self.read("precious"), "mine")
        self.assertEqual(self.listing(), {"t/b": "1\n"})

    def test_what_is_right_is_not_touched(self):
        self.recipe("t = " + folder("echo 1 > m/a; echo 1 > m/b") + ', u = hpo.text "x"')
        self.build("r.lua")
        paths = [self.folder / "out/r" / name for name in ("t/a", "u", ".hpo-out/recipe", ".hpo-out/names")]
        before = [os.stat(path).st_ino for path in paths]
        self.write("out/r/t/b", "edited")
        self.build("r.lua")
        self.assertEqual([os.stat(path).st_ino for path in paths[:3]], before[:3])
        before = [os.stat(path).st_ino for path in paths]
        self.build("r.lua")
        self.assertEqual([os.stat(path).st_ino for path in paths], before)
        self.assertEqual(self.listing(), {"t/a": "1\n", "t/b": "1\n", "u": "x"})

    # ---- extensions ----

    def test_one_file_keeps_its_extension(self):
        self.write("words.txt", "w")
        self.write("data/a.csv", "a")
        self.write("data/LICENSE", "l")
        self.recipe("""plot = hpo.command { run = { "sh", "-c", "mkdir fig; echo p > fig/plot.png" }, outputs = { "fig/plot.png" } },
            ["same.json"] = hpo.text("1", "x.json"), note = hpo.text "2", words = hpo.source "words.txt",
            data = hpo.source "data", part = hpo.source "data" / "a.csv", plain = hpo.source "data" / "LICENSE",
            packed = hpo.text("3", "x.tar.gz"), other = hpo.text("4", "x.c++"),
            folder = hpo.command { run = { "sh", "-c", "mkdir m.v1; echo f > m.v1/f.txt" }, outputs = { "m.v1" } },
            empty = hpo.command { run = { "mkdir", hpo.output "e.v1" } },
            both = hpo.command { run = { "touch", hpo.output "a.txt", hpo.output "b.txt" } }""")
        expected = {"plot.png": "p\n", "same.json": "1", "note": "2", "words.txt": "w", "data/a.csv": "a", "data/LICENSE": "l",
                    "part.csv": "a", "plain": "l", "packed.tar.gz": "3", "other": "4", "folder/f.txt": "f\n", "empty/": "",
                    "both/a.txt": "", "both/b.txt": ""}
        self.build("r.lua")
        self.assertEqual(self.listing(), expected)
        own = self.folder / "out/r/.hpo-out"
        self.assertIn("plot//plot.png", (own / "names").read_text().split("\0"))
        before = (own / "names").stat().st_ino
        for name in ("plot.png", "words.txt"):  # put right, like any other
            self.write("out/r/" + name, "edited")
        self.build("r.lua")
        self.assertEqual(self.listing(), expected)
        self.assertEqual((own / "names").stat().st_ino, before)

    def test_another_extension(self):
        """The old file goes, by whatever the target changes its name, and nothing else goes."""
        shapes = {'hpo.text("x", "x.png")': {"t.png": "x"}, 'hpo.text("x", "x.csv")': {"t.csv": "x"}, 'hpo.text("x", "x")': {"t": "x"},
                  'hpo.text("y", "x.tar.gz")': {"t.tar.gz": "y"}, folder("echo 1 > m/t.png"): {"t/t.png": "1\n"}, folder(":"): {"t/": ""}}
        neighbours = 'u = hpo.text("u", "u.png"), ["t-t"] = hpo.text "t", ["t.t"] = hpo.text "t"'
        for first in shapes:
            for second in shapes:
                for target in (first, second):
                    self.recipe(f"t = {target}, {neighbours}")
                    self.build("r.lua")
                    self.assertEqual(self.listing(), {**shapes[target], "u.png": "u", "t-t": "t", "t.t": "t"}, (first, second))

    def test_the_name_goes_to_another_target(self):
        """plot.png was of `plot` and is of `plot.png` now, in one build or in two, in each order."""
        before = 'plot = hpo.text("1", "x.png")'
        after = 'plot = hpo.text("2", "x.csv"), ["plot.png"] = hpo.text(%s, "y.png")'
        for content in ('"1"', '"3"'):
            for builds in ((), ("plot",), ("plot.png",)):
                shutil.rmtree(self.folder / "out", ignore_errors=True)
                self.recipe(before)
                self.build("r.lua")
                self.recipe(after % content)
                for target in builds:
                    self.build("r.lua", target)
                self.build("r.lua")
                expected = {"plot.csv": "2", "plot.png": content.strip('"')}
                self.assertEqual(self.listing(), expected, (content, builds))
                self.recipe('plot = hpo.text("4", "x.txt"), ["plot.png"] = hpo.text(%s, "y.png")' % content)
                self.build("r.lua", "plot")
                del expected["plot.csv"]
                self.assertEqual(self.listing(), {**expected, "plot.txt": "4"}, (content, builds))
                self.recipe(before)  # and back, from a target that the recipe has no more
                self.build("r.lua")
                self.assertEqual(self.listing(), {"plot.png": "1"})
        self.recipe('["plot.png"] = ' + folder("echo 1 > m/a; mkdir m/b"))
        self.build("r.lua")
        self.assertEqual(self.listing(), {"plot.png/a": "1\n", "plot.png/b/": ""})
        self.recipe(before)
        self.build("r.lua")
        self.assertEqual(self.listing(), {"plot.png": "1"})

    def test_a_build_was_killed_while_a_name_went_to_another(self):
        """Both have put it there, by what the record says: neither takes it from the other."""
        self.recipe('plot = hpo.text("1", "x.png")')
        self.build("r.lua")
        (self.folder / "out/r/.hpo-out/coming").write_bytes(b"plot.png\0")
        self.recipe('plot = hpo.text("2", "x.csv"), ["plot.png"] = hpo.text("1", "y.png")')
        self.build("r.lua", "plot")
        self.assertEqual(self.listing(), {"plot.csv": "2", "plot.png": "1"})
        self.build("r.lua")
        self.assertEqual(self.listing(), {"plot.csv": "2", "plot.png": "1"})

    def test_what_the_user_has_under_such_a_name_stays(self):
        self.recipe('plot = hpo.text("1", "x.png")')
        self.write("out/r/plot.png", "mine")
        self.refused("out/r/plot.png: target plot belongs there", "hpo did not make")
        self.assertEqual(self.listing(), {"plot.png": "mine"})
        os.remove(self.folder / "out/r/plot.png")
        self.build("r.lua")
        self.write("out/r/plot", "mine")  # the target's own name, which it does not use
        self.write("out/r/plot.csv", "mine")
        self.recipe('plot = hpo.text "2"')
        self.refused("out/r/plot: target plot belongs there")
        self.assertEqual(self.listing(), {"plot.png": "1", "plot": "mine", "plot.csv": "mine"})
        self.recipe('plot = hpo.text("2", "x.txt")')
        self.build("r.lua")
        self.assertEqual(self.listing(), {"plot.txt": "2", "plot": "mine", "plot.csv": "mine"})

    def test_what_an_older_hpo_left(self):
        self.recipe('plot = hpo.text("1", "x.png")')
        self.write("out/r/plot", "1")
        self.write("out/r/.hpo-out/recipe", "../../r.lua")
        (self.folder / "out/r/.hpo-out/names").write_bytes(b"plot\0")
        self.build("r.lua")
        self.assertEqual(self.listing(), {"plot.png": "1"})

    def test_two_targets_of_one_name(self):
        """Said before anything runs; of an hpo.after as soon as it is known."""
        ran = 'hpo.command { run = { "sh", "-c", "touch %s/ran; touch y.png" }, outputs = { "y.png" } }' % self.folder
        self.recipe(f'plot = {ran}, ["plot.png"] = hpo.text "x"')
        for command in (("build", "r.lua"), ("build", "r.lua", "plot"), ("graph", "r.lua")):
            err = self.hpo(*command, "--sandbox", "off", status=2)[1]
            self.assertIn('r.lua:2: targets "plot" and "plot.png" would both be "plot.png" in out/', err)
            self.assertIn("another name", err)
        self.assertFalse((self.folder / "ran").exists())
        self.write("train.sh", 'echo "{\\"t\\": 1, \\"loss\\": 1}"; touch "$HPO_CHECKPOINT_OUT/x"\n')
        study = ('hpo.study { name = "s", samples = 1, metric = "loss", space = { x = hpo.uniform(0, 1) }, scheduler = hpo.scheduler.fifo { max_t = 1 },'
                 ' trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh" } } end }')
        self.recipe(f'told = hpo.after({study}, function(best) return hpo.text("y", "best.json") end), ["told.json"] = hpo.text "x"')
        self.refused('targets "told" and "told.json" would both be "told.json"')
        self.assertEqual(self.listing(), {})

    def test_a_remembered_build_knows_the_name(self):
        self.write("in.txt", "1\n")
        self.recipe('plot = hpo.command { run = { "cp", hpo.source "in.txt", hpo.output "plot.png" } }')
        for _ in range(3):
            self.build("r.lua")
        self.assertEqual(self.listing(), {"plot.png": "1\n"})
        self.write("out/r/plot.png", "edited")
        self.build("r.lua")
        self.assertEqual(self.listing(), {"plot.png": "1\n"})
        self.write("in.txt", "2\n")
        self.build("r.lua")
        self.assertEqual(self.listing(), {"plot.png": "2\n"})

    def test_names_in_a_damaged_record(self):
        self.write("precious", "mine")
        self.recipe('t = hpo.text("1", "x.png")')
        self.build("r.lua")
        names = b"\0".join([b"t//../../precious", b"t//t.x/../../../precious", b"t//u", b"//t", b"a/t//a/t.x", b"t//t.png//x", b"t//t.png", b""])
        (self.folder / "out/r/.hpo-out/names").write_bytes(names)
        self.write("out/r/u", "mine")
        self.recipe('t = hpo.text("2", "x.csv")')
        self.build("r.lua")
        self.assertEqual(self.read("precious"), "mine")
        self.assertEqual(self.listing(), {"t.csv": "2", "u": "mine"})


if __name__ == "__main__":
    unittest.main()
