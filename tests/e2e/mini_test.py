"""The mini corpus: what the generator writes is what is committed, what is committed is good SQuAD,
the build makes of it the same repository on every machine, and a search on it has something to find."""
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest

from case import BIN, ROOT, Case, without_measured

MINI = ROOT / "recipes" / "mini"
DATASET = MINI / "dataset"
FILES = ["dev-v1.1.json", "train-v1.1.json"]
REPOSITORY = BIN.parent / "share" / "hpo" / "mini.git"
COMMIT = "f5c1d3019f1ca756d01a3df275f102e32ade8787"

# One trial of the search, as far as it went there, and its answers.
ONE = """local hpo = require "hpo"
local profile = require "profiles"
local one = hpo.study {
  search = hpo.search.points { { lr = %(lr)r, bs = %(bs)d, wd = %(wd)r } },
  scheduler = hpo.scheduler.fifo { max_t = %(reached)d }, metric = "eval_loss", trial = profile.train,
}
return { default = hpo.evaluate { checkpoint = one.best.checkpoint, data = profile.data } }
"""


def questions(file):
    for article in json.loads((DATASET / file).read_text())["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                yield paragraph["context"], question


def git(repository, *arguments):
    command = ["git", f"--git-dir={repository}", "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


def last_loss(trial):
    return trial["metrics"][-1]["eval_loss"]


def sanitized():
    """Whether the programs are ten times slower for a reason."""
    cache = BIN.parent / "CMakeCache.txt"
    return cache.exists() and not re.search(r"^HPO_SANITIZE:\w+=$", cache.read_text(), re.MULTILINE)


class Corpus(unittest.TestCase):
    def test_the_generator_writes_what_is_committed(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, MINI / "generate.py", folder], check=True)
            self.assertEqual(sorted(os.listdir(folder)), FILES)
            for file in FILES:
                self.assertEqual(pathlib.Path(folder, file).read_bytes(), (DATASET / file).read_bytes(), file)

    def test_every_answer_stands_in_its_context(self):
        for file, count in zip(FILES, [500, 3000]):
            ids = set()
            for context, question in questions(file):
                ids.add(question["id"])
                self.assertTrue(question["answers"])
                for answer in question["answers"]:
                    start, text = answer["answer_start"], answer["text"]
                    self.assertEqual(context[start:start + len(text)], text)
                    self.assertEqual(len(re.findall(rf"\b{text}\b", context)), 1)
            self.assertEqual(len(ids), count, file)

    def test_no_sale_is_both_learnt_and_asked(self):
        dev, train = ({context for context, _ in questions(file)} for file in FILES)
        self.assertFalse(dev & train)


class Repository(unittest.TestCase):
    def check(self, repository):
        self.assertEqual(git(repository, "rev-parse", "master").decode().strip(), COMMIT)
        self.assertEqual(git(repository, "symbolic-ref", "HEAD").decode().strip(), "refs/heads/master")
        self.assertEqual(git(repository, "ls-tree", "-r", "--name-only", "master").decode().split(),
                         [f"dataset/{file}" for file in FILES])
        for file in FILES:
            self.assertEqual(git(repository, "show", f"master:dataset/{file}"), (DATASET / file).read_bytes())
        git(repository, "fsck", "--full", "--strict")

    def test_the_build_has_made_it(self):
        if not REPOSITORY.exists():
            self.fail(f"{REPOSITORY} is not there: build the target mini_corpus")
        self.check(REPOSITORY)

    def test_no_setting_of_the_machine_reaches_the_commit(self):
        with tempfile.TemporaryDirectory() as folder:
            home, out = pathlib.Path(folder), pathlib.Path(folder, "a folder", "mini.git")
            (home / ".gitconfig").write_text(
                "[user]\nname = x\nemail = x@x\n[core]\nautocrlf = true\n[commit]\ngpgsign = true\n"
                "[init]\ndefaultBranch = x\ndefaultObjectFormat = sha256\n[i18n]\ncommitEncoding = latin1\n")
            hostile = dict(os.environ, HOME=folder, TZ="Asia/Kolkata", GIT_DIR=folder, GIT_INDEX_FILE="x",
                           GIT_AUTHOR_NAME="x", GIT_DEFAULT_HASH="sha256", GIT_OBJECT_DIRECTORY=folder)
            for _ in range(2):  # the second replaces the first
                made = subprocess.run([MINI / "make-repository", DATASET, out], env=hostile, check=True,
                                      capture_output=True, text=True, umask=0o077)
                self.assertEqual(made.stdout.strip(), COMMIT)
                self.check(out)
            self.assertEqual(os.listdir(out.parent), ["mini.git"])

    def test_what_cannot_be_made_leaves_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            made = subprocess.run([MINI / "make-repository", folder, f"{folder}/out/mini.git"], capture_output=True)
            self.assertNotEqual(made.returncode, 0)
            self.assertEqual(os.listdir(f"{folder}/out"), [])


class Search(Case):
    """recipes/asha.lua as it is, of which design and README promise something."""

    UNIT_SECONDS = 2  # of a core, for an epoch and its evaluation

    def setUp(self):
        super().setUp()
        for file in ("asha.lua", "profiles.lua"):  # hpo.lock is written beside them
            shutil.copy(ROOT / "recipes" / file, self.folder)

    def exact_match_of(self, trial):
        """Of a trial that need not be the best: a study of it alone, whose units are known."""
        self.write("one.lua", ONE % {**trial["params"], "reached": trial["reached"]})
        self.build("one.lua")
        again = self.table("one.lua")["trials"][0]
        self.assertEqual(again["metrics"], trial["metrics"])
        self.assertTrue(all(segment["cached"] for segment in again["segments"]))
        return json.loads(self.read("out/one/default.json"))["exact_match"]

    def test_a_gpt2_answers_too(self):
        """Its tokenizer, its model, its search, by one --set."""
        gpt2 = ("asha.lua", "default", "best", "--set", "family=gpt2", "--set", "samples=3")
        self.assertGreater(self.build(*gpt2)["ran"], 0)
        row, = json.loads(self.read("out/asha/default/table.json"))["rows"]
        self.assertGreaterEqual(row["exact_match"], 50)
        config = json.loads(self.read("out/asha/best/config.json"))
        self.assertEqual((config["model_type"], config["eos_token_id"]), ("gpt2", 0))
        self.assertEqual(self.build(*gpt2)["ran"], 0)
        self.assertIn('family: expected "bloom" or "gpt2", found "llama"', self.hpo("build", "asha.lua", "--set", "family=llama", status=2)[1])

    def test_the_search_finds_a_model_that_answers(self):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        cold = self.build("asha.lua")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        table = self.table("asha.lua")
        self.assertEqual(self.build("asha.lua")["ran"], 0)
        self.assertEqual(without_measured(self.table("asha.lua")), without_measured(table))

        trials = table["trials"]
        self.assertEqual(len(trials), 12)
        self.assertIn("stopped", {trial["status"] for trial in trials})
        best = trials[table["best"]]
        worst = max(trials, key=last_loss)
        self.assertLess(last_loss(best), last_loss(worst) / 2)

        row, = json.loads(self.read("out/asha/default/table.json"))["rows"]
        self.assertEqual(row["eval_loss"], last_loss(best))
        self.assertGreaterEqual(row["exact_match"], 50)
        self.assertLess(self.exact_match_of(worst), row["exact_match"] / 2)

        units = sum(trial["reached"] for trial in trials)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{cold['ran']} commands, {units} units, {seconds / units:.2f} core-seconds a unit", file=sys.stderr)
        if not sanitized():
            self.assertLess(seconds / units, self.UNIT_SECONDS)


if __name__ == "__main__":
    unittest.main()
