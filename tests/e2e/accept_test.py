"""hpo accept: results stand under the keys of edited sources, until they are revoked or replaced."""
import json
import os
import pty
import sqlite3
import subprocess
import unittest

from case import Case, without_measured

PREP = "echo 7 > data.txt\n"
# Its numbers depend on CODE, and on how many units led here.
TRAIN = '''CODE=0
i=$(sed 's/[^0-9]//g' "$HPO_PARAMS")
state=; [ $HPO_FROM = 0 ] || state=$(cat "$HPO_CHECKPOINT_IN/c")
t=$HPO_FROM
while [ $t -lt $HPO_UNTIL ]; do
  t=$((t + 1)); state=x$state
  echo "{\\"t\\": $t, \\"loss\\": $((CODE + i * 37 % 11 * 100 / ${#state}))}"
done
echo $state > "$HPO_CHECKPOINT_OUT/c"
'''
PYTHON_PREP = "open('data.txt', 'w').write('7')\n"
PYTHON_TRAIN = '''import json, os
CODE = 0
p = json.load(open(os.environ["HPO_PARAMS"]))
for t in range(int(os.environ["HPO_FROM"]) + 1, int(os.environ["HPO_UNTIL"]) + 1):
    print(json.dumps({"t": t, "loss": CODE + (p["i"] * 37 % 11) / t}), flush=True)
open(os.path.join(os.environ["HPO_CHECKPOINT_OUT"], "c"), "w").write("x")
'''
RECIPE = '''
local hpo = require "hpo"
local points = {}
for i = 0, hpo.param("n", 4) - 1 do points[#points + 1] = { i = i } end
local prep = hpo.command { name = "prep", run = { "sh", hpo.source "prep.sh" }, outputs = { "data.txt" } }
local max_t = hpo.param("max_t", 4)
local schedulers = {
  asha = hpo.scheduler.asha { max_t = max_t, reduction_factor = 2 }, fifo = hpo.scheduler.fifo { max_t = max_t },
  pbt = hpo.scheduler.pbt { max_t = max_t, perturbation_interval = 1, mutations = { i = hpo.randint(0, 9) } },
}
local s = hpo.study {
  name = "s", space = { i = hpo.randint(0, 9) }, search = hpo.search.points(points), concurrency = 2, metric = "loss",
  scheduler = schedulers[hpo.param("scheduler", "asha")], keep = hpo.param("keep", "last"),
  trial = function(p)
    return hpo.command { run = { "sh", hpo.source "train.sh" }, inputs = { prep }, env = { LEVEL = hpo.param("level", "1") } }
  end,
}
local report = hpo.command { name = "report", run = { "sh", "-c", "cat ckpt/c > report.txt; echo " .. hpo.param("word", "a") .. " >> report.txt" },
  inputs = { ckpt = s.best.checkpoint }, outputs = { "report.txt" } }
return { s = s, report = report }
'''


class Accept(Case):
    recipe = "r.lua"

    def setUp(self):
        super().setUp()
        self.write("prep.sh", PREP)
        self.write("train.sh", TRAIN)
        self.write("r.lua", RECIPE)

    def edit(self, name="train.sh", line="# a comment\n"):
        self.write(name, line + self.read(name))

    def accept(self, *arguments, **keywords):
        return json.loads(self.hpo("accept", "r.lua", "--json", "--yes", *arguments, **keywords)[0])

    def names(self, answer, field="accepted"):
        return sorted(node["name"] for node in answer[field])

    def trained(self, *arguments):
        answer = self.build("r.lua", *arguments)
        return answer["ran"], answer["units_trained"]

    def bare(self, *arguments):
        """The table without what an acceptance may change."""
        def strip(value):
            if isinstance(value, dict):
                return {k: strip(v) for k, v in value.items() if k not in ("key", "accepted")}
            return [strip(v) for v in value] if isinstance(value, list) else value
        return strip(without_measured(self.table("r.lua", *arguments)))

    def accepted(self, *arguments):
        """(trial, t) of the units that carry the word."""
        return [(trial["trial"], segment["t"]) for trial in self.table("r.lua", *arguments)["trials"]
                for segment in trial["segments"] if segment.get("accepted")]

    def rows(self, sql, *arguments):
        index = sqlite3.connect(self.folder / ".hpo/index.db")
        rows = index.execute(sql, arguments).fetchall()
        index.close()
        return rows


class Flow(Accept):
    def test_a_comment(self):
        self.assertEqual(self.trained()[1], 8)
        before = self.bare()
        out = self.read("out/r/report.txt")
        self.assertEqual(self.accepted(), [])
        self.edit("prep.sh")
        self.edit()
        text = self.hpo("accept", "r.lua", "--dry-run")[0]
        self.assertRegex(text, r'\Aprep\n  input.prep.sh: "file [0-9a-f]{64}" → "file [0-9a-f]{64}"\n')
        self.assertRegex(text, r'\ns: 8 units of 4 trials\n  input.train.sh: "file [0-9a-f]{64}" → "file [0-9a-f]{64}"')
        self.assertEqual(self.rows("SELECT count(*) FROM acceptance"), [(0,)])
        answer = self.accept()
        self.assertEqual(self.names(answer)[0], "prep")
        self.assertEqual(len(answer["accepted"]), 9)
        self.assertEqual(self.trained(), (0, 0))
        self.assertEqual(self.bare(), before)
        self.assertEqual(len(self.accepted()), 8)
        self.assertEqual(self.read("out/r/report.txt"), out)
        for node in ("prep", "s/0", "s/0/2"):
            self.assertRegex(self.hpo("why", "r.lua", node)[0], r"\n  accepted by \S+ on \d{4}-\d\d-\d\d: the result is that of the key [0-9a-f]{64}\n")
        self.assertIn("  input.prep.sh: ", self.hpo("why", "r.lua", "prep")[0])
        self.hpo("log", "r.lua", "prep")
        self.hpo("cache", "verify")
        self.assertIn("nothing to accept", self.hpo("accept", "r.lua")[0])
        key = answer["accepted"][0]["key"]
        self.assertIn("accepted by", self.hpo("why", "r.lua", key[:16])[0])

    def test_only_who_asks(self):
        """An edit of code is trained anew unless somebody says otherwise."""
        self.trained()
        self.write("train.sh", TRAIN.replace("CODE=0", "CODE=1000"))
        self.assertEqual(len(self.accept("--dry-run")["accepted"]), 8)
        self.assertIn("--yes", self.hpo("accept", "r.lua", status=2)[1])
        self.assertEqual(self.trained()[1], 8)
        self.assertEqual(self.accepted(), [])

    def test_on_a_terminal(self):
        self.trained()
        for answer, rows in (("n\n", 0), ("y\n", 8)):
            self.write("train.sh", "# as said\n" + TRAIN)
            ours, theirs = pty.openpty()
            process = subprocess.Popen([str(self.program), "accept", "r.lua"], cwd=self.folder, env=self.environment,
                                       stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True)
            os.close(theirs)
            said = b""
            while b"[y/N]" not in said:
                said += os.read(ours, 4096)
            os.write(ours, answer.encode())
            self.assertEqual(process.wait(timeout=60), 0 if rows else 1)
            process.stdout.close()
            os.close(ours)
            self.assertIn(b"let 8 results stand under new keys?", said)
            self.assertEqual(self.rows("SELECT count(*) FROM acceptance"), [(rows,)])

    def test_refused(self):
        self.trained()
        out, err = self.hpo("accept", "r.lua", "--set", "word=b", "--dry-run", status=2)
        self.assertIn('cannot be accepted: report\n  run[3]: ', out)
        self.assertIn("  not the content of a source, the tool or env: run\n", out)
        self.assertIn("only contents of sources, the tool and env may differ", err)
        self.edit("prep.sh", "true\n")
        out, _ = self.hpo("accept", "r.lua", "--set", "word=b", "--yes")
        self.assertIn("prep\n", out)
        self.assertIn("cannot be accepted: report\n", out)
        self.assertEqual(self.rows("SELECT name FROM acceptance"), [("prep",)])

    def test_parameters_are_others(self):
        """A trial of that number was another one."""
        self.trained()
        self.write("r.lua", RECIPE.replace("{ i = i }", "{ i = i + 5 }"))
        self.edit()
        out, _ = self.hpo("accept", "r.lua", "--dry-run", status=2)
        self.assertIn("cannot be accepted: s: 1 trial\n", out)
        self.assertIn("not the content of a source, the tool or env: params\n", out)

    def test_what_another_node_made(self):
        self.trained()
        self.write("prep.sh", PREP.replace("7", "8"))
        self.hpo("build", "r.lua", "s", "--set", "n=1", "--set", "max_t=1")
        out, _ = self.hpo("accept", "r.lua", "--dry-run", status=2)
        self.assertIn("not the content of a source, the tool or env: input.prep\n", out)

    def test_env_and_nodes(self):
        self.trained()
        answer = self.accept("--dry-run", "--set", "level=2", "s/1")
        self.assertEqual(self.names(answer), ["s/1/1"])
        self.assertEqual([f["field"] for f in answer["accepted"][0]["differs"]], ["env.LEVEL"])
        self.assertEqual(answer["accepted"][0]["differs"][0]["was"], "1")
        self.assertEqual(len(self.accept("--dry-run", "--set", "level=2", "s")["accepted"]), 8)
        self.assertIn("nothing of this name", self.hpo("accept", "r.lua", "prep", "--dry-run", "--set", "level=2", status=2)[1])

    def test_a_trial_that_shares_its_units(self):
        self.write("r.lua", RECIPE.replace("{ i = i }", "{ i = i % 2 }"))
        self.trained()
        self.edit()
        self.assertEqual(self.names(self.accept("--dry-run", "s/3/1")), ["s/1/1"])
        self.assertEqual(self.names(self.accept("--dry-run", "s/1")), self.names(self.accept("--dry-run", "s/3")))

    def test_nothing_to_accept(self):
        for flags in ((), ("--revoke",)):
            self.assertIn("nothing was built here yet", self.hpo("accept", "r.lua", *flags, status=2)[1])
        self.assertFalse((self.folder / ".hpo").exists())
        self.trained()
        self.assertIn("nothing to accept", self.hpo("accept", "r.lua")[0])
        self.assertEqual(self.accept(), {"dry_run": False, "accepted": [], "refused": []})

    def test_damage(self):
        self.trained()
        self.edit("prep.sh")
        self.accept()
        index = sqlite3.connect(self.folder / ".hpo/index.db")
        index.execute("UPDATE acceptance SET who = 'nobody'")
        index.commit()
        index.close()
        answer = self.build("r.lua")
        self.assertEqual(answer["ran"], 1)
        self.assertIn('damaged rows in the store\'s table "acceptance"', answer["messages"])
        self.hpo("cache", "verify")


class Suggestion(Accept):
    def setUp(self):
        super().setUp()
        self.write("prep.py", PYTHON_PREP)
        self.write("train.py", PYTHON_TRAIN)
        self.write("r.lua", RECIPE.replace('"sh", hpo.source', '"python3", hpo.source').replace('prep.sh', 'prep.py').replace('train.sh', 'train.py'))

    WORDS = "differs only in comments and white space: `hpo accept r.lua` keeps %s\n"

    def test_comments(self):
        answer = self.build("r.lua")
        self.assertNotIn("hpo accept", answer["messages"])
        self.edit("prep.py")
        self.edit("train.py")
        answer = self.build("r.lua", "--cached-only", status=1)
        self.assertIn("prep.py " + self.WORDS % "1 result", answer["messages"])
        self.assertEqual(answer["messages"].count("hpo accept"), 1)
        text = self.hpo("accept", "r.lua", "--dry-run")[0]
        self.assertIn("  input.prep.py: only comments and white space differ\n", text)
        self.assertIn("  input.train.py: only comments and white space differ\n", text)
        self.assertTrue(all(node["differs"][0]["only_comments"] for node in self.accept("prep")["accepted"]))
        answer = self.build("r.lua")
        self.assertIn("train.py " + self.WORDS % "8 results", answer["messages"])
        self.assertEqual(answer["units_trained"], 8)

    def test_with_set(self):
        self.trained("--set", "n=2")
        self.edit("train.py")
        self.assertIn("`hpo accept r.lua --set n=2` keeps 5 results", self.build("r.lua", "--set", "n=2", "--cached-only", status=1)["messages"])

    def test_code(self):
        self.trained()
        self.write("train.py", PYTHON_TRAIN.replace("CODE = 0", "CODE = 1"))
        self.assertNotIn("hpo accept", self.build("r.lua", "--cached-only", status=1)["messages"])
        self.assertNotIn("only comments", self.hpo("accept", "r.lua", "--dry-run")[0])
        self.write("train.py", '"""A docstring is code."""\n' + PYTHON_TRAIN)
        self.assertNotIn("hpo accept", self.build("r.lua", "--cached-only", status=1)["messages"])

    def test_a_python_that_is_known_in_another_way(self):
        """By its packages, and no more by its file."""
        self.write("r.lua", self.read("r.lua").replace("outputs =", 'identity = { "echo", "digest abc" }, outputs =', 1))
        self.trained()
        self.write("r.lua", self.read("r.lua").replace('"digest abc"', '"python 3.11.2 abc"'))
        answer = self.build("r.lua", "--cached-only", status=1)
        self.assertIn("a Python in a key is its packages now: `hpo accept r.lua` keeps 1 result\n", answer["messages"])
        self.assertEqual(self.names(self.accept()), ["prep"])
        self.assertEqual(self.trained(), (0, 0))
        self.write("r.lua", self.read("r.lua").replace("3.11.2", "3.11.3"))
        self.assertNotIn("hpo accept", self.build("r.lua", "--cached-only", status=1)["messages"])

    def test_a_folder(self):
        self.write("r.lua", """local hpo = require "hpo"
return { a = hpo.command { run = { "python3", "-c", "import src.m; open('x', 'w').write(str(src.m.X))" },
  inputs = { src = hpo.source "src" }, outputs = { "x" } } }""")
        self.write("src/m.py", "from .n import Y\nX = Y\n")
        self.write("src/n.py", "Y = 1\n")
        self.write("src/data.txt", "1\n")
        self.build("r.lua")
        self.edit("src/n.py")
        self.assertIn("src " + self.WORDS % "1 result", self.build("r.lua", "--cached-only", status=1)["messages"])
        self.write("src/data.txt", "2\n")
        self.assertNotIn("hpo accept", self.build("r.lua", "--cached-only", status=1)["messages"])
        self.write("src/data.txt", "1\n")
        self.accept()
        self.assertEqual(self.build("r.lua")["ran"], 0)


class Later(Accept):
    def test_trained_on(self):
        """What goes on from accepted units carries the word, and goes with them."""
        self.trained("--set", "scheduler=fifo", "--set", "max_t=2", "--set", "n=2")
        self.edit()
        self.assertEqual(self.names(self.accept("--set", "scheduler=fifo", "--set", "max_t=2", "--set", "n=2")),
                         ["s/0/1", "s/0/2", "s/1/1", "s/1/2"])
        longer = ("--set", "scheduler=fifo", "--set", "max_t=3", "--set", "n=2")
        self.assertEqual(self.trained(*longer)[1], 2)
        self.assertEqual(self.accepted(*longer), [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)])
        self.assertRegex(self.hpo("why", "r.lua", "s/0/3")[0], r"\n  trained on from s/0/2, which \S+ accepted on ")
        before = self.bare(*longer)
        self.assertEqual(json.loads(self.hpo("accept", "r.lua", "--revoke", "--dry-run", "--json", "s/1")[0])["forgotten"], 1)
        out, _ = self.hpo("accept", "r.lua", "--revoke", "--yes")
        self.assertRegex(out, r"\As: 4 units, accepted by \S+, \S+ \S+Z\nand 2 units that were trained on from these\n\Z")
        self.assertEqual(self.trained(*longer)[1], 6)
        self.assertEqual(self.accepted(*longer), [])
        self.assertEqual(self.bare(*longer), before)
        self.assertIn("nothing of this recipe was accepted", self.hpo("accept", "r.lua", "--revoke")[0])

    def test_revoked_actions_run_again(self):
        """Also where the build before had nothing to do, and is remembered."""
        self.write("r.lua", 'local hpo = require "hpo"\nreturn { prep = hpo.command { run = { "sh", hpo.source "prep.sh" }, outputs = { "data.txt" } } }\n')
        self.hpo("build", "r.lua")
        self.edit("prep.sh")
        self.accept()
        for _ in range(3):
            self.assertEqual(self.build("r.lua")["ran"], 0)
        self.hpo("accept", "r.lua", "--revoke", "--yes", "prep")
        self.assertEqual(self.build("r.lua")["ran"], 1)
        self.assertEqual(self.build("r.lua")["ran"], 0)

    def test_accepted_twice(self):
        """The second points at what the first points at: nothing is between them."""
        self.trained()
        first = self.rows("SELECT key FROM result WHERE kind = 'unit' ORDER BY key")
        self.edit()
        self.accept()
        self.assertEqual(self.trained(), (0, 0))
        self.edit(line="# another\n")
        self.accept()
        self.assertEqual(self.rows("SELECT count(*), count(DISTINCT stands_for) FROM acceptance"), [(16, 8)])
        self.assertEqual(self.rows("SELECT DISTINCT stands_for FROM acceptance ORDER BY 1"), first)
        self.assertEqual(self.trained(), (0, 0))
        self.edit(line="# a third, without a build between\n")
        self.accept()
        self.edit(line="# a fourth\n")
        self.assertEqual(len(self.accept()["accepted"]), 8)
        self.assertEqual(self.trained(), (0, 0))

    def test_after_a_build_that_was_broken_off(self):
        """A build begun by mistake hides nothing: the newest older key that has a result counts."""
        self.trained()
        self.edit("prep.sh", "exit 1\n")
        self.assertEqual(self.build("r.lua", status=1)["failed"], 1)
        self.write("prep.sh", "# better\n" + PREP)
        self.assertEqual(self.names(self.accept()), ["prep"])
        self.assertEqual(self.trained(), (0, 0))

    def test_collected(self):
        """gc leaves what is pointed at."""
        self.trained()
        self.edit("prep.sh")
        self.edit()
        self.accept()
        self.trained()
        index = sqlite3.connect(self.folder / ".hpo/index.db")
        kept = index.execute("SELECT count(*) FROM result WHERE kept").fetchone()
        index.close()
        self.hpo("cache", "gc", "--max-gb", "0")
        self.assertEqual(self.rows("SELECT count(*) FROM result WHERE kept AND key IN (SELECT stands_for FROM acceptance)"),
                         [(kept[0] - 1,)])  # the report's went
        self.assertEqual(self.trained(), (1, 0))
        self.hpo("accept", "r.lua", "--revoke", "--yes")
        self.hpo("cache", "gc", "--max-gb", "0")
        self.assertEqual(self.rows("SELECT count(*) FROM result WHERE kept"), [(0,)])

    def test_checkpoints_are_kept(self):
        """The end of a build drops what no study wants: what is accepted is wanted by its key."""
        self.trained()
        self.edit()
        self.accept()
        for _ in range(2):
            self.trained()
        self.assertEqual(self.rows("SELECT count(*) FROM result WHERE kept AND kind = 'unit'"), [(4,)])
        self.write("r.lua", RECIPE.replace('"max_t", 4', '"max_t", 8'))
        self.assertEqual(self.trained()[1], 4)
        self.assertEqual(self.rows("SELECT count(*) FROM result WHERE kept AND kind = 'unit' AND key IN (SELECT stands_for FROM acceptance)"), [(3,)])

    def test_a_run_of_its_own(self):
        """What is run under the new key takes the place of what was accepted."""
        self.trained()
        self.edit()
        self.accept()
        self.trained()
        answer = self.build("r.lua", "--rerun", "s/1/1")
        self.assertEqual(answer["ran"], 1)
        self.assertNotIn("not reproducible", answer["messages"])
        self.trained()
        self.assertNotIn((1, 1), self.accepted())
        self.assertEqual(len(self.accepted()), 7)
        self.build("r.lua", "--rerun", "s/0/1")
        self.trained()
        self.assertEqual([unit for unit in self.accepted() if unit[0] == 0], [(0, 2), (0, 3), (0, 4)])

    def test_a_run_that_differs(self):
        self.trained("--set", "scheduler=fifo", "--set", "max_t=1")
        self.write("train.sh", TRAIN.replace("CODE=0", "CODE=1000"))
        key = {node["name"]: node["key"] for node in self.accept("--set", "scheduler=fifo", "--set", "max_t=1")["accepted"]}["s/1/1"]
        self.assertEqual(self.trained("--set", "scheduler=fifo", "--set", "max_t=2")[1], 4)
        answer = self.build("r.lua", "--set", "scheduler=fifo", "--set", "max_t=2", "--rerun", "s/1/1")
        self.assertIn("is not reproducible: t = 1 was ", answer["messages"])
        marked = self.rows("SELECT hex(key) FROM result WHERE marked")
        self.assertEqual(len(marked), 2)
        self.assertIn((key.upper(),), marked)
        self.assertEqual(self.rows("SELECT count(*) FROM acceptance"), [(3,)])
        answer = self.build("r.lua", "--set", "scheduler=fifo", "--set", "max_t=2")
        self.assertEqual(answer["units_trained"], 1)  # what was trained on from it
        self.assertEqual(self.table("r.lua")["trials"][1]["metrics"][0]["loss"], 1400)

    def test_an_action_that_differs(self):
        self.write("r.lua", RECIPE.replace("return { s = s,", "return { s = s, prep = prep,"))
        self.trained()
        self.write("prep.sh", PREP.replace("7", "8"))
        self.accept("prep")
        self.assertEqual(self.trained(), (0, 0))
        answer = self.build("r.lua", "--rerun", "prep")
        self.assertIn("prep is not reproducible", answer["messages"])
        self.assertEqual(answer["units_trained"], 8)
        self.assertEqual(self.rows("SELECT count(*) FROM result WHERE marked"), [(2,)])

    def test_further_than_it_goes_now(self):
        """Each unit that is known is accepted, also those that the recipe does not ask for today."""
        self.trained("--set", "scheduler=fifo", "--set", "max_t=3")
        self.edit()
        self.assertEqual(len(self.accept("--set", "scheduler=fifo", "--set", "max_t=1")["accepted"]), 12)
        self.assertEqual(self.trained("--set", "scheduler=fifo", "--set", "max_t=3"), (0, 0))


class Population(Accept):
    def test_pbt(self):
        sets = ("--set", "scheduler=pbt", "--set", "max_t=5", "--set", "n=4")
        n = self.trained(*sets)[1]
        before = self.bare(*sets)
        self.assertIn("exploit", [d["decision"] for d in before["decisions"]])
        self.edit()
        self.assertEqual(len(self.accept(*sets)["accepted"]), n)
        self.assertEqual(self.trained(*sets), (0, 0))
        self.assertEqual(self.bare(*sets), before)

    def test_a_trial_that_failed(self):
        """It is no result, and is tried again; what comes behind it in the study is accepted all the same."""
        self.write("r.lua", RECIPE.replace('metric = "loss",', 'metric = "loss", on_failure = "prune",'))
        self.write("train.sh", TRAIN.replace("t=$HPO_FROM", "[ $i != 1 ] || exit 1; t=$HPO_FROM"))
        self.trained()
        before = self.bare()
        self.assertEqual(before["trials"][1]["status"], "failed")
        self.edit()
        accepted = self.accept()["accepted"]
        self.assertEqual(len(accepted), sum(trial["reached"] for trial in before["trials"]))
        answer = self.build("r.lua", "--sandbox", "off")
        self.assertEqual((answer["ran"], answer["units_trained"], answer["failed"]), (1, 0, 1))
        self.assertEqual(self.bare(), before)
        self.assertEqual(self.trained(), (0, 0))

    def test_two_recipes(self):
        """What is accepted for one is known to both; each takes back its own."""
        self.write("q.lua", RECIPE)
        self.trained()
        self.edit()
        self.assertEqual(len(self.accept()["accepted"]), 8)
        self.assertEqual(self.build("q.lua")["units_trained"], 0)
        self.assertIn("nothing to accept", self.hpo("accept", "q.lua")[0])
        self.assertIn("nothing of this recipe was accepted", self.hpo("accept", "q.lua", "--revoke")[0])
        self.hpo("accept", "r.lua", "--revoke", "--yes")
        self.assertEqual(self.build("q.lua")["units_trained"], 8)


if __name__ == "__main__":
    unittest.main()
