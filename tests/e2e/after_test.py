"""hpo.after: what a recipe builds on the outcome of a study, once that is decided."""
import json
import unittest

from case import Case

# A trial whose checkpoint counts its units; x and t make its loss.
HEAD = '''local hpo = require "hpo"
local function trial(p)
  return hpo.command { run = { "sh", "-c", [[
    n=$(cat "$HPO_CHECKPOINT_IN/n" 2>/dev/null || echo 0)
    for t in $(seq $((HPO_FROM + 1)) $HPO_UNTIL); do n=$((n + 1)); echo "{\\"t\\": $t, \\"loss\\": $((X * X * 100 - t))}"; done
    echo $n > "$HPO_CHECKPOINT_OUT/n"
  ]] }, env = { X = p.x } }
end
local function study(name, values, epochs)
  return hpo.study { name = name, space = { x = hpo.choice(values) }, search = hpo.search.grid {}, metric = "loss",
    scheduler = hpo.scheduler.fifo { max_t = epochs }, trial = trial }
end
local a = study("a", { 3, 1, 2 }, 2)
'''
FINAL = '''local final = hpo.after(a, function(best) return study("longer", { best.params.x }, 5).best.checkpoint end)
'''
SCORES = '''local scores = hpo.command { run = { "sh", "-c", [[printf '{"exact_match": %s, "f1": 50}' "$(cat c/n)" > s.json]] },
  inputs = { c = final }, outputs = { "s.json" } }
'''
ONE = '''local s = hpo.study { name = "s", search = hpo.search.points { {} }, scheduler = hpo.scheduler.fifo { max_t = 1 },
  metric = "v", trial = function() return hpo.command { run = { "sh", "-c", [[echo '{"t": 1, "v": 2}']] } } end }
local a = '''


class After(Case):
    def test_the_best_is_trained_on(self):
        self.write("r.lua", HEAD + FINAL + SCORES + 'return { default = hpo.compare { a, scores }, final = final }')
        self.assertIn("final (undecided) ← a\n", self.hpo("graph", "r.lua")[0])
        self.assertIn("then perhaps final\n", self.hpo("build", "r.lua", "--dry-run")[0])
        self.assertIn("undecided until a is decided", self.hpo("why", "r.lua", "final")[0])
        first = self.build("r.lua", "default", "final", "-j2")
        self.assertEqual((first["ran"], first["failed"]), (5, 0), first)  # 3 trials, 3 more epochs, the scores
        self.assertEqual(self.read("out/r/final/n"), "5\n")
        row = json.loads(self.read("out/r/default/table.json"))["rows"]
        self.assertEqual([(r["run"], r["loss"], r["exact_match"], r["f1"], r["params"], r["t"]) for r in row],
                         [("a", 95, 5, 50, {"x": 1}, 5)])
        self.assertEqual(self.build("r.lua", "default", "final")["ran"], 0)
        graph = self.hpo("graph", "r.lua")[0]
        for line in ("final (decided) ← a, longer.best\n", "longer.best (best) ← longer\n", "longer (study)\n"):
            self.assertIn(line, graph)
        undecided, warnings = self.hpo("graph", "r.lua", "--cache", "none")
        self.assertIn("final (undecided) ← a\n", undecided)
        self.assertEqual(warnings, "")
        self.assertFalse((self.folder / "none").exists())

    def test_what_trials_read_is_drawn_once_a_study(self):
        self.write("t.sh", 'echo "{\\"t\\": 1, \\"loss\\": 1}"\n')
        self.write("r.lua", '''local hpo = require "hpo"
local function study(n)
  return hpo.study { space = { x = hpo.randint(1, 9) }, search = hpo.search.random {}, samples = n, metric = "loss",
    scheduler = hpo.scheduler.fifo { max_t = 1 }, trial = function() return hpo.command { run = { "sh", hpo.source "t.sh" } } end }
end
return { a = hpo.after(study(3), function() return study(2).table end) }
''')
        self.assertEqual(self.hpo("graph", "r.lua")[0].count("(source)"), 1)
        self.build("r.lua")
        self.assertEqual(self.hpo("graph", "r.lua")[0].count("(source)"), 2)

    def test_graph_says_when_it_cannot_tell_what_was_made(self):
        self.write("r.lua", HEAD + FINAL + "return { final = final }")
        self.write("broken/version", "x")
        graph, warnings = self.hpo("graph", "r.lua", "--cache", "broken")
        self.assertIn("final (undecided) ← a\n", graph)
        self.assertIn("what hpo.after has made is not shown: ", warnings)

    def test_a_study_that_it_makes_is_told_of_like_any_other(self):
        self.write("r.lua", HEAD + FINAL + 'return { default = final }')
        self.build("r.lua")
        self.assertEqual([t["reached"] for t in self.table("r.lua", "longer")["trials"]], [5])
        self.assertIn("completed at t = 5, the scheduler's max_t", self.hpo("why", "r.lua", "longer/0")[0])
        self.assertIn("longer: ", self.hpo("check", "r.lua", "longer")[0])
        instead = self.hpo("simulate", "r.lua", "longer", "--scheduler", "fifo { max_t = 3 }")[0].splitlines()[2]
        self.assertRegex(instead, r"^instead +fifo max_t=3 +1 +3 ")
        self.assertIn('it has no study "other"', self.hpo("check", "r.lua", "other", status=2)[1])

    def test_what_the_store_lost_is_made_again(self):
        self.write("r.lua", HEAD + FINAL + SCORES + 'return { default = scores }')
        self.build("r.lua")
        self.write("r.lua", HEAD + FINAL + SCORES.replace("50}", "60}") + 'return { default = scores }')
        for blob in self.folder.glob(".hpo/blobs/*/*"):
            blob.unlink()
        again = self.build("r.lua")
        self.assertEqual(json.loads(self.read("out/r/default.json")), {"exact_match": 5, "f1": 60}, again)

    def test_it_knows_the_best_and_how_it_came_about(self):
        self.write("r.lua", HEAD + '''
local moves = { [2] = { x = 4 }, [3] = { x = 0 } }
local b = hpo.study { space = { x = hpo.choice { 7, 0, 4 } }, search = hpo.search.points { { x = 7 } }, metric = "loss",
  trial = trial, scheduler = { max_t = 4, report = function(_, trial, t)
    return moves[t] and { { trial = trial, decision = "exploit", parent = trial, params = moves[t] } } or "continue"
  end } }
local told = hpo.after(b, function(best)
  best.checkpoint = nil
  return hpo.text(hpo.json(best), "best.json")
end)
return { default = told, count = hpo.after(b, function(best) return best.checkpoint end) / "n" }''')
        self.build("r.lua", "default", "count")
        self.assertEqual(json.loads(self.read("out/r/default.json")), {
            "trial": 0, "t": 4, "metric": -4, "params": {"x": 0},
            "schedule": [{"t": 2, "params": {"x": 7}}, {"t": 3, "params": {"x": 4}}, {"t": 4, "params": {"x": 0}}]})
        self.assertEqual(self.read("out/r/count"), "4\n")

    def test_any_artifact_and_parts_of_one(self):
        self.write("r.lua", 'local hpo = require "hpo"\n' + ONE + '''hpo.after(s, function()
  return hpo.after(s, function() return hpo.command { run = { "sh", "-c", "mkdir d; echo hi > d/x" }, outputs = { "d" } } / "d" end)
end)
return { folder = a, file = a / "x", both = hpo.command { run = { "cp", "in/x", "y" }, inputs = { ["in"] = a }, outputs = { "y" } } }''')
        self.build("r.lua", "folder", "file", "both")
        for name in ("folder/x", "file", "both"):
            self.assertEqual(self.read("out/r/" + name), "hi\n")

    def test_mistakes(self):
        for text, place, part in (
                ("hpo.after(s, function() return hpo.command { run = { 'true' }, inputs = { x = A } } end)\nA = a",
                 "r.lua:4: ", "nodes need each other in a circle"),
                ("hpo.after(s, function() return 3 end)", 'r.lua:4: hpo.after(study "s"): ', "expected an artifact"),
                ("hpo.after(s, function(best) return best.x.y end)", "r.lua:4: ", "attempt to index"),
                ("hpo.after(3, print)", "r.lua:4: hpo.after: ", "expected a study, found 3"),
                ("hpo.after(s)", 'r.lua:4: hpo.after(study "s"): ', "expected a function"),
                ("hpo.after(s, function() return hpo.source 'none' end)", "r.lua:4: hpo.source: ", "none"),
                ("hpo.after(s, function() while true do end end)", "r.lua:4: ", "instructions"),
                ("hpo.command { run = { 'cat', hpo.after(s, print) } }", "r.lua:4: hpo.command.run[2]: ", "has no name before"),
                ("hpo.compare { s, { run = 3 } }", "r.lua:4: hpo.compare[2].run: ", "expected a text, found 3"),
                ("hpo.compare { s, { run = 'x', v = 'y' } }", "r.lua:4: hpo.compare[2].v: ", 'found "y"')):
            with self.subTest(recipe=text):
                self.write("r.lua", 'local hpo = require "hpo"\n' + ONE + text + "\nreturn { default = a }")
                err = self.hpo("build", "r.lua", status=2, timeout=120)[1]
                self.assertIn("hpo: " + place, err)
                self.assertIn(part, err)

    def test_a_study_without_a_best(self):
        self.write("r.lua", 'local hpo = require "hpo"\n' + ONE.replace('"v": 2', '"v": null')
                   + "hpo.after(s, function() return hpo.text 'x' end)\nreturn { default = a }")
        self.assertIn('study "s" has no finite v, so it has no best trial', self.hpo("build", "r.lua", status=1)[1])

    def test_scores_of_the_best_and_of_what_came_of_it(self):
        best = SCORES.replace("local scores", "local own").replace("final", "a.best.checkpoint")
        self.write("r.lua", HEAD + FINAL + SCORES + best + 'return { default = hpo.compare { own, scores, a } }')
        self.build("r.lua")
        rows = json.loads(self.read("out/r/default/table.json"))["rows"]
        self.assertEqual([(r["run"], r["loss"], r["exact_match"], r["t"]) for r in rows], [("a", 95, 5, 5), ("a (2)", 98, 2, 2)])

    def test_a_row_of_a_paper(self):
        self.write("r.lua", HEAD + 'return { default = hpo.compare { a, { run = "paper", loss = 0.5, minutes = 354, ratio = 1 } } }')
        self.build("r.lua")
        self.assertEqual(json.loads(self.read("out/r/default/table.json"))["rows"][1],
                         {"run": "paper", "loss": 0.5, "minutes": 354, "ratio": 1})
        self.assertRegex(self.read("out/r/default/table.txt"), r"paper +0\.5 ")


if __name__ == "__main__":
    unittest.main()
