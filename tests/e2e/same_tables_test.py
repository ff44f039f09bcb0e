"""Every shipped recipe and example gives one table: where runs go on, where each is a process of its own, and where those that
wait are killed."""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import unittest

from case import BIN, LONG, ROOT, Case, without_measured

SMALL = ["--set", "train_size=24", "--set", "validation_size=8", "--set", "final_epochs=6"]
LIBRARIES = [("python", "sklearn.lua", "sklearn")] + LONG * [("python", "torch.lua", "torch"), ("python", "trainer.lua", "accelerate")]
MEASURED = ("runtime_s", "minutes", "ratio")


class Killer(threading.Thread):
    """Kills tasks of the builds in a folder that have waited: whether they wait still or have gone on, they have failed nobody."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.work, self.done, self.killed, self.draw = folder / ".hpo/work", threading.Event(), 0, random.Random(3)

    def waited(self):
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                place = pathlib.Path(os.readlink(process / "cwd"))
                if self.work in place.parents and '"more"' in (place.parent / "log").read_text(errors="replace"):
                    yield int(process.name)
            except OSError:
                pass  # it has ended meanwhile

    def run(self):
        while not self.done.wait(0.02):
            for pid in self.waited():
                if self.draw.random() < 0.3:
                    try:
                        os.kill(pid, signal.SIGKILL)
                        self.killed += 1
                    except ProcessLookupError:
                        pass


class SameTables(Case):
    def forget(self):
        for name in (".hpo", "out"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def with_kills(self, build):
        killer = Killer(self.folder)
        killer.start()
        build()
        killer.done.set()
        killer.join()
        return killer.killed

    def check(self, recipe, *arguments):
        """An example in Python or sh."""
        def outcome():
            self.build(recipe, "-j3", "default", "best", *arguments)
            return without_measured(self.table(recipe, *arguments)), self.best(recipe)

        expected = outcome()
        self.forget()
        kills = self.with_kills(lambda: self.assertEqual(outcome(), expected))
        self.forget()
        text = self.read(recipe)
        self.assertIn("hpo.command {", text)
        self.write(recipe, text.replace("hpo.command {", "hpo.command { live = false, preload = false,"))
        self.assertEqual(outcome(), expected)
        return kills

    def best(self, recipe):
        return {str(p.relative_to(self.folder)): p.read_bytes() for p in (self.folder / "out" / recipe[:-4] / "best").rglob("*")}

    def test_examples(self):
        for name, recipe, module in (("shell", "search.lua", None), ("python", "search.lua", None), *LIBRARIES):
            with self.subTest(name=name, recipe=recipe):
                if module and subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True).returncode != 0:
                    print(f"SKIP: this Python cannot do: import {module}", file=sys.stderr)
                    continue
                self.forget()
                shutil.copytree(ROOT / "recipes" / name, self.folder, dirs_exist_ok=True)
                self.check(recipe, *(["--set", f"python={sys.executable}"] if module else []))

    def test_recipes(self):
        for recipe in (ROOT / "recipes").glob("*.lua"):
            shutil.copy(recipe, self.folder / recipe.name)

        def outcome(*arguments):
            self.build("compare.lua", "-j3", *SMALL, *arguments)
            rows = json.loads(self.read("out/compare/default/table.json"))["rows"]
            return (without_measured(json.loads(self.hpo("table", "compare.lua", "--json", *SMALL)[0])),
                    [{k: v for k, v in row.items() if k not in MEASURED} for row in rows])

        expected = outcome()
        self.forget()
        self.assertGreater(self.with_kills(lambda: self.assertEqual(outcome(), expected)), 0)
        self.forget()
        self.never_asked_to_go_on()
        self.assertEqual(outcome("--system", BIN.parent), expected)

    def never_asked_to_go_on(self):
        programs = self.folder / "programs"
        shutil.copytree(BIN.parent / "share", self.folder / "share", symlinks=True)
        programs.mkdir()
        shutil.copy(BIN / "hpo", programs / "hpo")
        (programs / "hpo-trainer").write_text(f'#!/bin/sh\nunset HPO_MORE\nexec {BIN}/hpo-trainer "$@"\n')
        (programs / "hpo-trainer").chmod(0o755)
        self.program = programs / "hpo"


if __name__ == "__main__":
    unittest.main()
