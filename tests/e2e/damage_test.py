"""A flipped bit anywhere in a store is found, or changes no answer; what it held is made again, or the message
says what to type. (The long form flips 1,000 bits; this one some dozens.)"""
import itertools
import os
import random
import shutil
import sqlite3
import unittest

from case import LONG, Case, without_measured

FLIPS = int(os.environ.get("FLIPS", "1000" if LONG else "40"))

TRAINER = '''x=$(sed 's/[^0-9]//g' "$HPO_PARAMS"); t=$((HPO_FROM + 1))
while [ $t -le $HPO_UNTIL ]; do echo "{\\"t\\": $t, \\"loss\\": 0.$((x * 10 + 9 - t))}"; t=$((t + 1)); done
head -c 5000 /dev/zero | tr '\\0' $x > "$HPO_CHECKPOINT_OUT/state"
'''
RECIPE = '''local hpo = require "hpo"
local study = hpo.study { name = "s", space = { x = hpo.choice { 1, 2, 3, 4 } }, search = hpo.search.grid {}, metric = "loss",
  scheduler = hpo.scheduler.asha { max_t = 3, grace_period = 1, reduction_factor = 2 },
  trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh" } } end }
local big = hpo.command { name = "big", run = { "sh", "-c", "head -c 20000 in/a | tr a b > big; echo small > tiny; mkdir d; echo x > d/f" },
  inputs = { ["in"] = hpo.source "data" }, outputs = { "big", "tiny", "d" } }
return { study = study, best = study.best.checkpoint, big = big, note = hpo.command { run = { "sh", "-c", "wc -c < big > n" },
  inputs = { big = big / "big" }, outputs = { "n" } } }
'''


class Damage(Case):
    def setUp(self):
        super().setUp()
        self.write("train.sh", TRAINER)
        self.write("r.lua", RECIPE)
        self.write("data/a", "a" * 30000)
        self.write("data/b", "b")
        for name in ("data/a", "data/b", "train.sh"):
            os.utime(self.folder / name, (1000000000, 1000000000))
        self.hpo("build", "r.lua")
        self.hpo("build", "r.lua")
        self.golden = self.answers()
        shutil.copytree(self.folder / ".hpo", self.folder / "good", symlinks=True)

    def answers(self):
        """All that a build says: files of out/ but for what is measured, and the table."""
        files = [p for p in sorted((self.folder / "out").rglob("*")) if p.is_file() and "table" not in p.name]
        return [(str(p.relative_to(self.folder)), p.read_bytes()) for p in files], without_measured(self.table("r.lua"))

    def run_hpo(self, *arguments):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def restore(self):
        shutil.rmtree(self.folder / ".hpo", ignore_errors=True)
        shutil.copytree(self.folder / "good", self.folder / ".hpo", symlinks=True)
        shutil.rmtree(self.folder / "out", ignore_errors=True)

    def flip(self, path, bit):
        mode = path.stat().st_mode
        path.chmod(0o644)
        data = bytearray(path.read_bytes())
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        path.chmod(mode)

    def rebuild(self, what):
        """Builds; where that ends with a message, does what it says, and builds again. False: only another program can go on."""
        status, out, err = self.run_hpo("build", "r.lua")
        if status == 0:
            return True
        self.assertIn(status, (2, 4), f"{what}: {err}")
        self.assertIn("store", err, what)
        if status == 2:
            self.assertRegex(err, "newer version|expected \"hpo store 3\"", what)
            return False
        self.assertIn("hpo cache gc", err, what)
        self.hpo("cache", "gc")
        self.hpo("build", "r.lua")
        return True

    def verify_but_for_blobs(self, what):
        """A blob that no build needs to read stays damaged, and verify says so."""
        status, out, err = self.run_hpo("cache", "verify")
        lines = out.splitlines()[:-1]
        self.assertTrue(all(line.startswith("blob ") for line in lines), f"{what}: {out}{err}")
        self.assertEqual(status, 4 if lines else 0, what)

    def check(self, what):
        found, out, err = self.run_hpo("cache", "verify")
        self.assertIn(found, (0, 2, 4), f"{what}: {err}")
        if not self.rebuild(what):
            self.assertEqual(found, 2, what)
            return
        status, out, err = self.run_hpo("table", "r.lua", "--json")
        if status != 0:  # a row that no build needs: said, with the way out
            self.assertEqual(status, 4, f"{what}: {err}")
            self.assertIn("hpo cache gc", err, what)
            self.hpo("cache", "gc")
            self.assertTrue(self.rebuild(what), what)
        self.assertEqual(self.answers(), self.golden, f"{what}: verify said {found}")
        left, out, err = self.run_hpo("cache", "verify")
        if left != 0:
            self.assertEqual(left, 4, f"{what}: {err}")
            self.hpo("cache", "gc")
            self.hpo("build", "r.lua")
            self.verify_but_for_blobs(what)
            self.assertEqual(self.answers(), self.golden, what)

    def test_a_flipped_bit_is_found_or_changes_no_answer(self):
        rng = random.Random(int(os.environ.get("SEED", "20")))
        files = [p for p in sorted((self.folder / "good").rglob("*")) if p.is_file() and p.stat().st_size > 0]
        for n in range(FLIPS):
            # Half of them anywhere by size, the others spread over the files.
            path = rng.choice(files) if n % 2 else rng.choices(files, [p.stat().st_size for p in files])[0]
            name = path.relative_to(self.folder / "good")
            bit = rng.randrange(path.stat().st_size * 8)
            self.restore()
            self.flip(self.folder / ".hpo" / name, bit)
            with self.subTest(n=n, file=str(name), bit=bit):
                self.check(f"{name}, bit {bit}")

    def test_each_kind_of_row_is_guarded(self):
        index = sqlite3.connect(self.folder / "good/index.db")
        tables = [name for name, in index.execute("SELECT name FROM table_sum WHERE rows > 0 ORDER BY name")]
        index.close()
        self.assertLessEqual({"detail", "journal", "needs", "node", "result", "root", "run", "stat", "study_table"}, set(tables))
        harms = {"missing": "DELETE FROM {}", "damaged": "UPDATE {} SET digest = digest + 1"}
        for table, (what, harm) in itertools.product(tables, harms.items()):
            self.restore()
            index = sqlite3.connect(self.folder / ".hpo/index.db")
            index.execute(f"{harm.format(table)} WHERE digest = (SELECT min(digest) FROM {table})")
            index.commit()
            index.close()
            with self.subTest(table=table, what=what):
                out, err = self.hpo("cache", "verify", status=4)
                self.assertIn(f'{what} rows in "{table}"', out)
                self.check(table)

    def test_an_index_that_sqlite_cannot_read_is_made_anew_of_what_is_whole(self):
        self.restore()
        path = self.folder / ".hpo/index.db"
        data = bytearray(path.read_bytes())
        at = data.index(b"CREATE TABLE needs(")
        data[at + 13] ^= 8
        path.write_bytes(data)
        out, err = self.hpo("build", "r.lua", status=4)
        self.assertIn("hpo cache gc", err)
        out, err = self.hpo("cache", "gc")
        self.assertIn("has been made anew", out)
        self.hpo("cache", "verify")
        answer = self.build("r.lua")
        self.assertEqual(answer["ran"], 0)
        self.assertEqual(self.answers(), self.golden)

    def test_the_build_says_what_it_dropped(self):
        self.restore()
        index = sqlite3.connect(self.folder / ".hpo/index.db")
        index.execute("UPDATE result SET digest = digest + 1 WHERE kind <> 'unit'")
        index.commit()
        index.close()
        shutil.rmtree(self.folder / ".hpo/graphs")
        out, err = self.hpo("build", "r.lua")
        self.assertIn('damaged rows in the store\'s table "result"', err)
        self.hpo("cache", "verify")


if __name__ == "__main__":
    unittest.main()
