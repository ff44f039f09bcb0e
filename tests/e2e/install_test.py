"""cmake --install: the two programs and what recipes read work from any prefix, the build folder gone."""
import os
import shutil
import subprocess
import unittest

from case import BIN, Case

RECIPE = '''local hpo = require "hpo"
local repo = hpo.clone { url = "hpo:mini.git", rev = "master", paths = { "dataset" } }
local train = repo / "dataset/train-v1.1.json"
return { default = hpo.tokenizer { data = train, vocab_size = 300 } }
'''


class Install(Case):
    def setUp(self):
        super().setUp()
        self.prefix = self.folder / "prefix"
        subprocess.run(["cmake", "--install", BIN.parent, "--prefix", self.prefix], capture_output=True, check=True, timeout=60)

    def test_the_installed_programs_build_a_recipe(self):
        moved = self.folder / "elsewhere"
        self.prefix.rename(moved)  # nothing in it knows where it was
        self.program = "hpo"
        self.environment["PATH"] = f"{moved}/bin:{os.environ['PATH']}"
        self.write("r.lua", RECIPE)
        self.assertEqual(self.build("r.lua", "-j1")["ran"], 2)
        self.assertIn('"merges"', self.read("out/r/default.json"))
        self.assertEqual(self.build("r.lua")["ran"], 0)

    def test_through_a_link(self):
        (self.folder / "bin").mkdir()
        self.program = self.folder / "bin/hpo"
        self.program.symlink_to(self.prefix / "bin/hpo")
        self.write("r.lua", RECIPE)
        self.assertEqual(self.build("r.lua")["ran"], 2)

    def test_what_is_installed(self):
        found = {str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*") if path.is_file()}
        for name in ("bin/hpo", "bin/hpo-trainer", "share/hpo/mini.git/HEAD", "share/hpo/python/hpo.py", "share/hpo/preload.py",
                     "share/doc/hpo/LICENSE", "share/doc/hpo/README.md",
                     "share/doc/hpo/docs/recipes.md", "share/doc/hpo/recipes/asha.lua", "share/doc/hpo/recipes/python/hpo.py"):
            self.assertIn(name, found)
        self.assertEqual({name for name in found if name.split("/")[0] not in ("bin", "share")}, set())
        self.assertEqual({name for name in found if name.endswith((".a", "CMakeLists.txt", "hpo.lock"))}, set())

    def test_shipped_recipes_run_from_a_copy(self):
        shutil.copytree(self.prefix / "share/doc/hpo/recipes", self.folder / "recipes")
        self.program = self.prefix / "bin/hpo"
        self.hpo("build", "recipes/asha.lua", "--dry-run")


if __name__ == "__main__":
    unittest.main()
