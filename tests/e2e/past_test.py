"""--run N: what an older build left is shown as it was, whatever newer builds did since."""
import unittest

from case import Case

RECIPE = '''
local hpo = require "hpo"
local points = {}
for i = 1, hpo.param("n", 3) do points[i] = { x = i } end
local function study(name)
  return hpo.study { name = name, metric = "loss", space = { x = hpo.randint(1, 9) }, search = hpo.search.points(points),
    concurrency = 2, scheduler = hpo.scheduler.fifo { max_t = 2 }, samples = hpo.param("n", 3),
    trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh", p.x } } end }
end
local step = hpo.command { name = "step", run = { "sh", "-c", "echo " .. hpo.param("word", "one") } }
return { a = study "a", b = study "b", step = step }
'''
TRAIN = 'for t in 1 2; do echo "{\\"t\\": $t, \\"loss\\": $(($1 * 10 - t))}"; done\n'


class Past(Case):
    def setUp(self):
        super().setUp()
        self.write("r.lua", RECIPE)
        self.write("train.sh", TRAIN)

    def test_the_table_of_each_build(self):
        """As hpo table printed it right after the build: text, CSV and JSON."""
        said = []
        for change, sets in ((None, []), (None, ["--set", "n=5"]), (TRAIN.replace("* 10", "* 20"), []), (TRAIN, ["--set", "n=5"]), (None, [])):
            if change:
                self.write("train.sh", change)
            self.build("r.lua", *sets)
            said.append([self.hpo("table", "r.lua", *how, *sets)[0] for how in ([], ["a"], ["--csv"], ["--json"])])
        for run, (both, a, as_csv, as_json) in enumerate(said, 1):
            of = ["--run", run]
            out, err = self.hpo("table", "r.lua", *of)
            self.assertEqual(out, both, run)
            self.assertEqual(err, "this is of run %d: --set n=5\n" % run if run in (2, 4) else "")
            self.assertEqual(self.hpo("table", "r.lua", "a", *of)[0], a)
            self.assertEqual(self.hpo("table", "r.lua", "--csv", *of)[0], as_csv)
            self.assertEqual(self.hpo("table", "r.lua", "--json", *of)[0], as_json)
        self.assertNotEqual(said[0][0], said[2][0])
        self.assertTrue(self.hpo("table", "r.lua", "a", "--run", "1", "--top", "1")[0].startswith("trial"))

    def test_no_such_build(self):
        self.build("r.lua")
        self.write("other.lua", RECIPE)
        self.build("other.lua", "step")
        self.assertIn("there is no run 7 here\n  hpo runs lists", self.hpo("table", "r.lua", "--run", "7", status=2)[1])
        for command in (["table", "r.lua"], ["why", "r.lua", "step"], ["log", "r.lua", "step"]):
            self.assertIn("--run: run 2 is of another recipe, ", self.hpo(*command, "--run", "2", status=2)[1])
            self.assertIn("--run: a build had its own --set", self.hpo(*command, "--run", "1", "--set", "n=1", status=2)[1])
        self.assertIn("run 2 has no study with a trial", self.hpo("table", "other.lua", "--run", "2", status=2)[1])
        self.assertIn('run 1 has no study "c"', self.hpo("table", "r.lua", "c", "--run", "1", status=2)[1])
        self.assertIn("--run: expected a whole number from 1", self.hpo("table", "r.lua", "--run", "0", status=2)[1])

    def test_what_gc_removed_is_said(self):
        self.build("r.lua")
        self.build("r.lua", "--set", "n=2")
        self.hpo("cache", "gc", "--max-gb", "0")  # only files go
        self.assertEqual(len(self.table("r.lua", "a", "--run", "1")["trials"]), 3)
        self.hpo("cache", "gc", "--max-days", "0")  # all of today stays
        self.assertEqual(len(self.table("r.lua", "a", "--run", "1")["trials"]), 3)
        import sqlite3  # as if it were next year
        index = sqlite3.connect(self.folder / ".hpo/index.db")
        index.execute("DELETE FROM journal")
        index.commit()
        index.close()
        out, err = self.hpo("table", "r.lua", "--run", "1")  # the newest table with these --set is kept by its own name
        self.assertIn("study a: ", out)
        self.write("train.sh", TRAIN + "#")
        self.build("r.lua")
        self.assertIn("what run 1 left is not in the store any more\n  hpo cache gc --max-days", self.hpo("table", "r.lua", "--run", "1", status=2)[1])

    def test_why_and_log(self):
        for word in ("one", "two", "three"):
            self.build("r.lua", "--set", f"word={word}")
        self.assertEqual(self.hpo("log", "r.lua", "step", "--run", "2")[0], "two\n")
        self.assertEqual(self.hpo("log", "r.lua", "step")[0], "three\n")
        out, err = self.hpo("why", "r.lua", "step", "--run", "2")
        self.assertIn("since run 2 its key differs from that of run 1", out)
        self.assertIn("this is of run 2: --set word=two", err)
        self.assertIn("its first key, since run 1", self.hpo("why", "r.lua", "step", "--run", "1")[0])

    def test_the_story_of_a_trial(self):
        """It is told where the recipe and what it reads are what they were."""
        self.build("r.lua", "--set", "n=2")
        self.build("r.lua")
        out = self.hpo("why", "r.lua", "a/1", "--run", "1")[0]
        self.assertIn("completed at t = 2, the scheduler's max_t\n", out)
        self.assertIn("no build of this recipe up to run 1 has a node", self.hpo("why", "r.lua", "a/2", "--run", "1", status=2)[1])
        self.write("train.sh", "# other\n" + TRAIN)
        self.build("r.lua")
        self.assertIn("cannot be told: what it is trained from is not what it was in run 1", self.hpo("why", "r.lua", "a/1", "--run", "1")[0])
        self.assertEqual(self.hpo("log", "r.lua", "a/1", "--run", "1")[0], '{"t": 1, "loss": 19}\n{"t": 2, "loss": 18}\n')
        self.write("r.lua", RECIPE + "\n")
        self.assertIn("cannot be told: r.lua: it is not what it was in run 1", self.hpo("why", "r.lua", "a/1", "--run", "1")[0])


if __name__ == "__main__":
    unittest.main()
