"""The four searches and their comparison: one set of tables for any -j, with random delays, after twenty kills, warm,
with half of the store gone; and what one build trained no other trains again. On a small part of the mini profile."""
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import time
import unittest

from case import BIN, LONG, ROOT, Case, without_measured

SMALL = ["--set", "train_size=24", "--set", "validation_size=8", "--set", "final_epochs=6"]
SINGLE = ("manual", "asha", "pbt", "bohb")
MEASURED = ("runtime_s", "minutes", "ratio")


class Compare(Case):
    def setUp(self):
        super().setUp()
        for recipe in (ROOT / "recipes").glob("*.lua"):
            shutil.copy(recipe, self.folder / recipe.name)

    def forget(self):
        for name in (".hpo", "out"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def answers(self):
        """All tables, and the comparison, without what was measured."""
        tables = without_measured(json.loads(self.hpo("table", "compare.lua", "--json", *SMALL)[0]))
        rows = json.loads(self.read("out/compare/default/table.json"))["rows"]
        return tables, [{k: v for k, v in row.items() if k not in MEASURED} for row in rows]

    def slow_trainer(self):
        """A folder of programs whose hpo-trainer waits before it trains or evaluates."""
        programs = self.folder / "programs"
        shutil.copytree(BIN.parent / "share", self.folder / "share", symlinks=True)
        programs.mkdir()
        shutil.copy(BIN / "hpo", programs / "hpo")
        wrapper = programs / "hpo-trainer"
        wrapper.write_text(f'#!/bin/sh\ncase $1 in train|evaluate) sleep 0.$(($$ % 4));; esac\nexec {BIN}/hpo-trainer "$@"\n')
        wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
        self.program = programs / "hpo"

    def test_one_set_of_tables(self):
        first = self.build("compare.lua", "-j3", *SMALL)
        self.assertEqual(first["failed"], 0, first)
        expected = self.answers()
        self.assertEqual([row["run"] for row in expected[1]], [*SINGLE, *(f"{name}, as found" for name in SINGLE)])
        self.assertTrue(all(row["t"] == 6 for row in expected[1][:4]), expected[1])

        with self.subTest("warm, and each search by itself"):
            self.assertEqual(self.build("compare.lua", "-j8", *SMALL)["ran"], 0)
            self.assertEqual(self.answers(), expected)
            for recipe in SINGLE:
                self.assertEqual(self.build(recipe + ".lua", *SMALL[:4])["ran"], 0, recipe)
        with self.subTest("half of the store gone"):
            draw = random.Random(1)
            blobs = sorted(self.folder.glob(".hpo/blobs/*/*"))
            for blob in draw.sample(blobs, len(blobs) // 2):
                blob.unlink()
            shutil.rmtree(self.folder / "out")
            self.build("compare.lua", "-j2", *SMALL)
            self.assertEqual(self.answers(), expected)
        for jobs in (1, 8) if LONG else (8,):
            with self.subTest(jobs=jobs):
                self.forget()
                self.build("compare.lua", f"-j{jobs}", *SMALL)
                self.assertEqual(self.answers(), expected)
        with self.subTest("delays"):
            self.forget()
            self.slow_trainer()
            self.build("compare.lua", "-j5", "--system", BIN.parent, *SMALL)
            self.assertEqual(self.answers(), expected)
        with self.subTest("kills"):
            self.forget()
            self.kill_until_done()
            self.assertEqual(self.answers(), expected)

    def kill_until_done(self):
        """Kills at random instants, then in peace."""
        draw = random.Random(2)
        for _ in range(20 if LONG else 8):
            process = self.start("build", "compare.lua", "-j4", "--system", BIN.parent, *SMALL, start_new_session=True)
            try:
                process.communicate(timeout=draw.uniform(0.05, 0.8))
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.communicate()
            time.sleep(0.05)
        self.build("compare.lua", "-j4", "--system", BIN.parent, *SMALL)


if __name__ == "__main__":
    unittest.main()
