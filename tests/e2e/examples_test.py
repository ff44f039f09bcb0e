"""The examples that come with hpo, from a copy, and the searcher and scheduler of the manual."""
import random
import re
import shutil
import time
import unittest

from case import ROOT, Case, without_measured


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

    def check(self, recipe, samples):
        table, files, ran = self.outcome(recipe, "-j1")
        self.assertGreater(ran, 0)
        self.assertEqual(len(table["trials"]), samples)
        self.assertTrue(all(t["metrics"] for t in table["trials"]))
        self.assertEqual(self.outcome(recipe), (table, files, 0))
        other, other_files, _ = self.outcome(recipe, "-j8", "--cache", "other", out="other-out")
        self.assertEqual((other, other_files), (table, files))
        self.killed(recipe, (table, files))
        return table

    def killed(self, recipe, calm):
        """Killed in the middle, and gone on with: nothing that was stored is trained again."""
        draw = random.Random(1)
        for attempt in range(20):
            child = self.start("build", recipe, "-j2", "--cache", "killed", "--out", "killed-out", start_new_session=True)
            time.sleep(draw.uniform(0.02, 0.5) / (attempt + 1))
            ended = child.poll() is not None
            child.kill()
            child.communicate(timeout=60)
            if not ended:
                break
            shutil.rmtree(self.folder / "killed", ignore_errors=True)
        self.assertFalse(ended, "no build was slow enough to be killed")
        table, files, _ = self.outcome(recipe, "--cache", "killed", out="killed-out")
        self.assertEqual((table, files), calm)
        self.assertIn("all right", self.hpo("cache", "verify", "--cache", "killed")[0])

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
