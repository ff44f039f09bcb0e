"""The examples of recipes/script, from a copy, with the real libraries: not a line of a script knows of hpo."""
import re
import shutil
import subprocess
import sys
import unittest

from case import ROOT, Case, without_measured

EXAMPLES = ROOT / "recipes" / "script"


class ScriptExamples(Case):
    def check(self, name, imports, samples):
        """Its table; a build after it runs nothing."""
        if imports and subprocess.run([sys.executable, "-c", imports], capture_output=True).returncode != 0:
            self.skipTest(f"SKIP: this Python cannot do: {imports}")
        shutil.copytree(EXAMPLES, self.folder, dirs_exist_ok=True)
        python = ["--set", f"python={sys.executable}"] if imports else []
        self.build(f"{name}.lua", "default", "best", *python)
        table = without_measured(self.table(f"{name}.lua", *python))
        self.assertEqual(self.build(f"{name}.lua", "default", "best", *python)["ran"], 0)
        self.assertEqual(len(table["trials"]), samples)
        self.assertTrue(all(t["metrics"] for t in table["trials"]))
        return table

    def best_of(self, name):
        return sorted(p for p in (self.folder / "out" / name).iterdir() if p.name.startswith("best"))[0]

    def test_no_script_knows_of_hpo(self):
        for path in EXAMPLES.iterdir():
            if path.suffix != ".lua":
                self.assertEqual(re.findall(r"(?i)\bhpo\b", path.read_text()), ["hpo"], path) # "Nothing in here knows of hpo."

    def test_a_trainer_of_hugging_face(self):
        table = self.check("bert", "import transformers, accelerate, torch", 3)
        self.assertEqual(set(table["trials"][0]["metrics"][0]), {"t", "eval_loss", "eval_accuracy"})
        self.assertIn("stopped", {t["status"] for t in table["trials"]})
        self.assertTrue((self.best_of("bert") / "model.safetensors").exists())

    def test_a_progress_bar(self):
        table = self.check("bar", "import torch, tqdm", 4)
        self.assertEqual(max(t["reached"] for t in table["trials"]), 4)
        self.assertEqual(set(table["trials"][0]["metrics"][0]), {"t", "val_loss", "val_acc"})

    def test_xgboost(self):
        table = self.check("xgboost", "import xgboost", 5)
        ended = [t for t in table["trials"] if t["status"] == "completed" and t["reached"] < 30]
        self.assertTrue(ended) # it stops by itself where it gets no better
        self.assertIn("learner", self.best_of("xgboost").read_text())

    def test_one_number_of_scikit_learn(self):
        table = self.check("forest", "import sklearn", 4)
        self.assertEqual({t["reached"] for t in table["trials"]}, {1})
        self.assertIn("accuracy", self.best_of("forest").read_text())

    def test_a_program_in_c(self):
        table = self.check("c", "", 9)
        self.build("c.lua", "-j1", "--cache", "other")
        self.assertEqual(without_measured(self.table("c.lua", "--cache", "other")), table)
        self.assertIn("stopped", {t["status"] for t in table["trials"]})
        self.assertEqual(len(self.best_of("c").read_text().split()), 2)


if __name__ == "__main__":
    unittest.main()
