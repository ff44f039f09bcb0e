"""study.table: a step reads what a study came to; an equal table runs nothing."""
import json
import unittest

from case import Case, without_measured

RECIPE = '''
local hpo = require "hpo"
local s = hpo.study { name = "s", metric = "loss", space = { x = hpo.randint(1, 9) }, concurrency = 2,
  search = hpo.search.points { { x = 5 }, { x = 2 }, { x = 7 } }, scheduler = hpo.scheduler.fifo { max_t = 2 },
  trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh", p.x } } end }
local plot = hpo.command { name = "plot", run = { "sh", "-c", "cp $0 $1; echo >> MARK", s.table, hpo.output "plot.json" } }
return { default = plot, table = s.table, s = s }
'''
TRAIN = 'for t in 1 2; do echo "{\\"t\\": $t, \\"loss\\": $(($1 * 10 - t)), \\"info\\": {\\"at\\": 1$(date +%N)}}"; done\n'


class StudyTable(Case):
    def setUp(self):
        super().setUp()
        self.write("r.lua", RECIPE.replace("MARK", str(self.folder / "mark")))
        self.write("train.sh", TRAIN)

    def plots(self):
        return len(self.read("mark").splitlines())

    def test_a_step_reads_it(self):
        """It is the table as hpo table --json has it, but for what may differ between equal ones, and keys."""
        self.assertEqual(self.build("r.lua", "default", "table")["failed"], 0)
        text = self.read("out/r/default.json")
        self.assertEqual(self.read("out/r/table.json"), text)
        self.assertTrue(text.endswith("}\n"))
        table = without_measured(self.table("r.lua", "s"))
        for trial in table["trials"]:
            for segment in trial["segments"]:
                del segment["key"]
        self.assertEqual(json.loads(text), table)
        self.assertEqual(json.loads(text)["trials"][1]["metrics"], [{"t": 1, "loss": 19}, {"t": 2, "loss": 18}])
        self.assertNotRegex(text, "seconds|cached|run|started|info")

    def test_an_equal_table_runs_nothing(self):
        build = lambda: self.build("r.lua", "--sandbox", "off")
        build()
        self.assertEqual(build()["ran"], 0)
        self.write("train.sh", "# a comment\n" + TRAIN)
        self.assertEqual(build()["ran"], 3)  # the trials; what they report is the same
        self.assertEqual(self.plots(), 1)
        self.write("train.sh", TRAIN.replace("* 10", "* 11"))
        self.assertEqual(build()["ran"], 4)
        self.assertEqual(self.plots(), 2)
        self.assertRegex(self.hpo("why", "r.lua", "plot")[0], r"\n *input\.table\.json: .* → ")

    def test_graph_and_dry_run_know_it(self):
        self.assertIn("table (table) ← s\n", self.hpo("graph", "r.lua")[0])
        self.assertIn("then perhaps plot\n", self.hpo("build", "r.lua", "--dry-run")[0])
        nodes = json.loads(self.hpo("graph", "r.lua", "--json")[0])["nodes"]
        self.assertIn("table", [node["kind"] for node in nodes])

    def test_what_it_is_not(self):
        for word, message in (('s.table / "x"', "it is one file: it has no parts"), ("s.tabel", "no such field")):
            self.write("bad.lua", self.read("r.lua").replace("return {", f"local x = {word}\nreturn {{ x = x,"))
            self.assertIn(message, self.hpo("graph", "bad.lua", status=2)[1])

    def test_its_own_trials_cannot_read_it(self):
        self.write("bad.lua", self.read("r.lua").replace("local s =", "local s\ns =").replace("p.x }", "p.x, s.table }"))
        self.assertIn("nodes need each other in a circle: s ← ", self.hpo("build", "bad.lua", status=2)[1])

    def test_those_of_two_studies_are_named_apart(self):
        self.write("two.lua", self.read("r.lua").replace("s.table, hpo.output", "s.table, q.table, hpo.output").replace("cp $0 $1", "cp $0 $2").replace(
            "local plot", 'local q = hpo.study { name = "q", metric = "v", search = hpo.search.points { {} }, scheduler = hpo.scheduler.fifo'
            ' { max_t = 1 }, trial = function() return hpo.command { run = { "echo", [[{"t": 1, "v": 2}]] } } end }\nlocal plot'))
        self.assertIn('two inputs are called "table.json"', self.hpo("build", "two.lua", status=2)[1])
        self.write("two.lua", self.read("two.lua").replace('name = "plot",', 'name = "plot", inputs = { ["q.json"] = q.table },'))
        self.build("two.lua")


if __name__ == "__main__":
    unittest.main()
