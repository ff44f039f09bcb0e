"""The examples that come with hpo, from a copy, and the searcher and scheduler of the manual."""
import json
import random
import re
import shutil
import subprocess
import sys
import time
import unittest

from case import LONG, ROOT, Case, without_measured


class Examples(Case):
    def copy(self, name):
        shutil.copytree(ROOT / "recipes" / name, self.folder, dirs_exist_ok=True)

    def outcome(self, recipe, *arguments, out="out"):
        """Everything a build leaves, without what is measured."""
        targets = () if recipe == "r.lua" else ("default", "best")
        answer = self.build(recipe, *targets, *arguments, "--out", out)
        table = without_measured(self.table(recipe, *[a for a in arguments if not a.startswith("-j")]))
        files = {}
        for path in sorted((self.folder / out / recipe[:-4] / "best").rglob("*")):
            files[path.name] = path.read_bytes()
        return table, files, answer["ran"]

    def check(self, recipe, samples, *sets, start_up=0.5, thorough=True):
        """start_up: seconds within which a build is killed first."""
        table, files, ran = self.outcome(recipe, "-j1", *sets)
        self.assertGreater(ran, 0)
        self.assertEqual(len(table["trials"]), samples)
        self.assertTrue(all(t["metrics"] for t in table["trials"]))
        self.assertEqual(self.outcome(recipe, *sets), (table, files, 0))
        if thorough:
            other, other_files, _ = self.outcome(recipe, "-j8", *sets, "--cache", "other", out="other-out")
            self.assertEqual((other, other_files), (table, files))
            self.killed(recipe, sets, start_up, (table, files))
        return table

    def killed(self, recipe, sets, start_up, calm):
        """Killed in the middle, and gone on with: nothing that was stored is trained again."""
        draw = random.Random(1)
        for attempt in range(20):
            child = self.start("build", recipe, "-j2", *sets, "--cache", "killed", "--out", "killed-out", start_new_session=True)
            time.sleep(draw.uniform(0.04, 1) * start_up / (attempt + 1))
            ended = child.poll() is not None
            child.kill()
            child.communicate(timeout=60)
            if not ended:
                break
            shutil.rmtree(self.folder / "killed", ignore_errors=True)
        self.assertFalse(ended, "no build was slow enough to be killed")
        table, files, _ = self.outcome(recipe, *sets, "--cache", "killed", out="killed-out")
        self.assertEqual((table, files), calm)
        self.assertIn("all right", self.hpo("cache", "verify", "--cache", "killed")[0])

    def library(self, recipe, samples, imports):
        """An example with a library, under the Python that runs this test."""
        if subprocess.run([sys.executable, "-c", imports], capture_output=True).returncode != 0:
            print(f"SKIP: this Python cannot do: {imports}", file=sys.stderr)
            return None
        self.copy("python")
        return self.check(recipe, samples, "--set", f"python={sys.executable}", start_up=6, thorough=LONG)

    @unittest.skipUnless(LONG, "e2e.same_tables has it too")
    def test_sklearn(self):
        table = self.library("sklearn.lua", 4, "import sklearn")
        if table:
            self.assertIn("exploit", {d["decision"] for d in table["decisions"]})

    def test_torch(self):
        self.library("torch.lua", 4, "import torch")

    def test_trainer(self):
        if self.library("trainer.lua", 3, "from transformers import Trainer; import accelerate"):
            text = self.read("train_trainer.py").replace('eval_strategy="epoch"', 'eval_strategy="no"')
            done = subprocess.run([sys.executable, "-c", text], cwd=self.folder, capture_output=True, text=True)
            self.assertIn('hpo: eval_strategy: expected "epoch", found "no"', done.stderr)

    def test_python_module(self):
        """By hand, and what is wrong in the words of the module."""
        self.copy("python")
        run = [sys.executable, "train.py"]
        done = subprocess.run(run, cwd=self.folder, capture_output=True, text=True)
        self.assertEqual([json.loads(line)["t"] for line in done.stdout.splitlines()], list(range(1, 9)), done.stderr)
        for text, message in (
                ("hpo.report(loss=1)", "no unit is under way"),
                ("for t in hpo.steps(2): pass", "t = 1 was not reported"),
                ("for t in hpo.steps(): hpo.report(loss='x')", "loss: expected a number, found 'x'"),
                ("for t in hpo.steps(): hpo.report(loss=1); hpo.report(loss=1)", "no unit is under way"),
                ("hpo.param('lr')", "the trial has no parameter 'lr'")):
            with self.subTest(text=text):
                done = subprocess.run([sys.executable, "-c", "import hpo\n" + text], cwd=self.folder, capture_output=True, text=True)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(message, done.stderr)

    def test_python_module_asked_to_end(self):
        """SIGTERM: the unit under way is reported with its checkpoint."""
        self.copy("python")
        self.write("params.json", "{}")
        (self.folder / "ckpt").mkdir()
        text = ("import hpo, os, signal\nfor t in hpo.steps():\n os.kill(os.getpid(), signal.SIGTERM)\n"
                " hpo.report(loss=float('nan'), checkpoint=lambda f: open(f + '/x', 'w').close())")
        environment = dict(self.environment, HPO_PARAMS="params.json", HPO_FROM="2", HPO_UNTIL="9", HPO_CHECKPOINT_OUT="ckpt",
                           HPO_CHECKPOINT_IN="ckpt")
        done = subprocess.run([sys.executable, "-c", text], cwd=self.folder, env=environment, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (143, '{"t": 3, "loss": NaN, "checkpoint": "t3"}\n'), done.stderr)
        self.assertTrue((self.folder / "ckpt/t3/x").exists())

    def test_python(self):
        self.copy("python")
        table = self.check("search.lua", 9)
        self.assertIn("stopped", [t["status"] for t in table["trials"]])
        best = table["trials"][table["best"]]
        self.assertEqual(best["reached"], 8)
        self.assertLess(best["metrics"][-1]["loss"], 0.1)  # it has learnt xor

    def test_shell(self):
        self.copy("shell")
        table = self.check("search.lua", 8)
        self.assertIn("stopped", [t["status"] for t in table["trials"]])
        self.assertLess(table["trials"][table["best"]]["metrics"][-1]["loss"], 0.01)

    def test_another_interpreter_or_trainer_is_another_experiment(self):
        self.copy("shell")
        self.build("search.lua")
        self.write("train.sh", self.read("train.sh") + "# a comment\n")
        self.assertGreater(self.build("search.lua")["ran"], 0)  # the whole content of the script is in the keys

    def manual(self, word):
        """The recipe of docs/recipes.md in which `word` stands."""
        text = (ROOT / "docs" / "recipes.md").read_text()
        recipe, = [r for r in re.findall(r"```lua\n(.*?)```", text, re.S) if word in r]
        self.write("r.lua", recipe)
        self.write("train.sh", '''
lr=$(sed 's/.*: *//; s/}//' "$HPO_PARAMS")
t=$HPO_FROM
while [ "$t" -lt "$HPO_UNTIL" ]; do
  t=$((t + 1))
  awk -v t="$t" -v lr="$lr" 'BEGIN { d = log(lr) + 3; printf "{\\"t\\": %d, \\"loss\\": %.17g}\\n", t, d * d + (t < 4 ? 1 / t : 0.25 + t / 1000) }'
done
''')

    def test_a_searcher_of_ones_own(self):
        self.manual("local function nearby(study)")
        table = self.check("r.lua", 8)
        losses = [t["metrics"][-1]["loss"] for t in table["trials"]]
        self.assertLess(sum(losses[4:]), sum(losses[:4]))  # it draws nearer
        self.write("r.lua", self.read("r.lua").replace("samples = 8", "samples = 11"))
        self.assertEqual(self.build("r.lua")["ran"], 3)
        self.assertEqual(self.table("r.lua")["trials"][7]["params"], table["trials"][7]["params"])

    def test_a_scheduler_of_ones_own(self):
        self.manual("local patience = {")
        table = self.check("r.lua", 8)
        for trial in table["trials"]:
            self.assertEqual((trial["status"], trial["reached"]), ("stopped", 6))  # 4 is the last that improved
        self.assertEqual({d["decision"] for d in table["decisions"]}, {"continue", "stop"})


if __name__ == "__main__":
    unittest.main()
