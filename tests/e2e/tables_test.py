"""What people and programs read of several studies: headings, one CSV, all metrics, order; trials of a build that did not come
to its end; which build it is; comparisons; `hpo cache stat`."""
import csv
import io
import re
import signal
import time
import unittest

from case import Case

STUDIES = '''
local hpo = require "hpo"
local rate = hpo.param("rate", "1")
local function study(name, metric, mode, samples)
  return hpo.study { name = name, metric = metric, mode = mode, space = { x = hpo.randint(1, 9) }, concurrency = 2,
    search = hpo.search.points { { x = 5 }, { x = 2 }, { x = 7 }, { x = 1 } }, scheduler = hpo.scheduler.fifo { max_t = 2 }, samples = samples,
    trial = function(p)
      return hpo.command { run = { "sh", "-c", [[for t in 1 2; do echo "{\\"t\\": $t, \\"loss\\": 0.$1$t, \\"acc\\": $((10 - $1))}"; done]],
        "sh", p.x }, env = { RATE = rate } }
    end }
end
local a, b = study("a", "loss", "min", 3), study("b", "acc", "max", 4)
return { a = a, b = b, RETURNED }
'''
# Each trial reports t = 1 and leaves a mark; what it does then its number says.
ENDED = '''
local hpo = require "hpo"
return { default = hpo.study { name = "s", metric = "loss", space = { x = hpo.randint(0, 9) }, concurrency = 3,
  search = hpo.search.points { { x = 0 }, { x = 1 }, { x = 2 } }, scheduler = hpo.scheduler.fifo { max_t = 2 }, on_failure = "stop",
  trial = function(p)
    return hpo.command { run = { "sh", "-c", [[echo "{\\"t\\": 1, \\"loss\\": $((9 - $1))}"; echo > FOLDER/mark$1
      case $1 in DOES esac; echo "{\\"t\\": 2, \\"loss\\": 5}"]], "sh", p.x } }
  end } }
'''


class Tables(Case):
    def setUp(self):
        super().setUp()
        self.recipe()

    def recipe(self, returned=""):
        self.write("r.lua", STUDIES.replace("RETURNED", returned))

    def rows(self, *arguments):
        """The CSV, as a reader of CSV has it."""
        reader = csv.DictReader(io.StringIO(self.hpo("table", "r.lua", "--csv", *arguments)[0]), strict=True)
        rows = list(reader)
        self.assertEqual({len(row) for row in rows}, {len(reader.fieldnames)})
        self.assertNotIn(None, [value for row in rows for value in row.values()])
        return rows

    def test_several_studies_have_headings(self):
        """The tables of a build have some, too, as two of them look alike."""
        self.recipe("c = hpo.compare { a, b }")
        a, b = "study a: best trial 1, t = 2, loss 0.22 (min)\n", "study b: best trial 3, t = 2, acc 9 (max)\n"
        built = self.hpo("build", "r.lua")[0]
        self.assertRegex(built, f"^{re.escape(a)}trial  (.|\n)*\n\n{re.escape(b)}trial  (.|\n)*\n\ncomparison c\nrun type ")
        self.assertTrue(self.read("out/r/a/table.txt").startswith(a + "trial"))
        self.assertTrue(self.read("out/r/c/table.txt").startswith("run type"))
        both = self.hpo("table", "r.lua")[0]
        self.assertRegex(both, f"^{re.escape(a)}trial  (.|\n)*\n\n{re.escape(b)}trial  ")
        self.assertTrue(self.hpo("table", "r.lua", "a")[0].startswith("trial"))
        self.assertTrue(self.hpo("build", "r.lua", "c", "--out", "other")[0].startswith("run type"))

    def test_the_csv_of_several_studies_can_be_read(self):
        self.hpo("build", "r.lua")
        rows = self.rows()
        self.assertEqual([(row["study"], row["trial"], row["x"]) for row in rows],
                         [("a", "0", "5"), ("a", "1", "2"), ("a", "2", "7"), ("b", "0", "5"), ("b", "1", "2"), ("b", "2", "7"), ("b", "3", "1")])
        self.assertNotIn("study", self.rows("a")[0])

    def test_metrics_are_not_missing(self):
        """Those beside the study's own are of the report by which a trial is judged."""
        self.hpo("build", "r.lua")
        self.assertEqual([(row["loss"], row["acc"]) for row in self.rows("a")], [("0.52", "5"), ("0.22", "8"), ("0.72", "3")])
        self.assertEqual([(row["loss"], row["acc"]) for row in self.rows()][-1], ("0.12", "9"))
        self.assertRegex(self.hpo("table", "r.lua", "a")[0], r"^trial  x  loss  acc  wall time .*\n    0  5  0\.52    5 ")

    def test_sort_and_top(self):
        self.hpo("build", "r.lua")
        order = lambda *arguments: [row["trial"] for row in self.rows(*arguments)]
        self.assertEqual(order("a", "--sort", "loss"), ["1", "0", "2"])
        self.assertEqual(order("a", "--sort=-x"), ["2", "0", "1"])
        self.assertEqual(order("b", "--top", "2"), ["3", "1"])
        self.assertEqual(order("--sort", "-trial", "--top", "1"), ["2", "3"])
        self.assertRegex(self.hpo("table", "r.lua", "b", "--top", "1")[0], r"^trial .*\n    3  1 .*\n\nbest trial +3\n")
        self.assertIn('hpo: --sort: there is no column "acx"\n  did you mean "acc"?', self.hpo("table", "r.lua", "--sort", "acx", status=2)[1])
        self.assertIn("--top: expected a whole number from 1", self.hpo("table", "r.lua", "--top", "0", status=2)[1])
        for flag in (["--sort", "loss"], ["--top", "1"]):
            self.assertIn(f"{flag[0]}: --json has all trials", self.hpo("table", "r.lua", "--json", *flag, status=2)[1])
            self.assertIn("it is a flag of hpo table", self.hpo("why", "r.lua", "a", *flag, status=2)[1])

    def ended(self, does, signal_to=None):
        """The table of a build that something ends, and its text."""
        self.write("r.lua", ENDED.replace("DOES", does).replace("FOLDER", str(self.folder)))
        build = self.start("build", "r.lua", "-j3", "--sandbox", "off")
        while signal_to and build.poll() is None and not all((self.folder / f"mark{i}").exists() for i in range(3)):
            time.sleep(0.05)
        if signal_to:
            time.sleep(0.5)  # what was reported is read
            build.send_signal(signal_to)
        build.communicate(timeout=60)
        table, text = self.table("r.lua"), self.hpo("table", "r.lua")[0]
        self.assertNotIn("running", text)
        self.assertIs(table["decided"], False)
        self.assertNotIn("best trial", text)
        return [trial["status"] for trial in table["trials"]], re.search(r"\nbest so far +(\d)", text).group(1)

    def test_a_failed_trial_does_not_run(self):
        """Nor do those that the build was over for, of which one has failed before the study came to it; what is best is
        so only so far."""
        status, best = self.ended("0) sleep 1; exit 3;; 1) ;; 2) exit 3;;")
        self.assertEqual(status, ["failed", "interrupted", "failed"])
        self.assertEqual(best, "2")

    def test_an_interrupted_trial_does_not_run(self):
        status, best = self.ended("*) sleep 60;;", signal.SIGINT)
        self.assertEqual(status, 3 * ["interrupted"])
        self.assertEqual(best, "2")

    def test_a_study_that_came_to_its_end_has_a_best(self):
        self.hpo("build", "r.lua")
        self.assertNotIn("decided", self.table("r.lua", "a"))
        self.assertIn("\nbest trial ", self.hpo("table", "r.lua", "a")[0])

    def test_em_and_f1_only_where_somebody_answers(self):
        self.recipe("c = hpo.compare { a, b }")
        self.hpo("build", "r.lua")
        self.assertNotRegex(self.read("out/r/c/table.txt"), "EM|F1")
        self.assertEqual(self.read("out/r/c/table.csv").split("\n")[0], "run,acc,loss,params,t,runtime_s,slots,minutes,ratio")
        self.recipe('c = hpo.compare { a, b, { run = "paper", f1 = 80 } }')
        self.hpo("build", "r.lua")
        self.assertRegex(self.read("out/r/c/table.txt"), r" EM +F1 (.|\n)*\npaper .* – +80\.00 ")

    def test_one_row_name_twice(self):
        """By hand it is refused, else made two; who names rows has them as named."""
        scores = 'hpo.command { run = { "sh", "-c", "echo \'{}\' > s" }, inputs = { c = a.best.checkpoint }, outputs = { "s" }, env = { N = "%d" } }'
        for rows in ('{ run = "p" }, { run = "p" }', '{ run = "a" }, a', 'a, { run = "a" }'):
            self.recipe(f"c = hpo.compare {{ {rows} }}")
            self.assertRegex(self.hpo("build", "r.lua", status=2)[1], r'hpo\.compare\[2\]: row 1 is called "[ap]", too\n')
        self.write("r.lua", STUDIES.replace("RETURNED", "c = hpo.compare { a, %s, %s, %s }" % (
            "hpo.command { run = { 'true' }, inputs = { c = a.best.checkpoint } }", scores % 1, scores % 2)).replace(
            "hpo.command { run = { 'true' }, inputs = { c = a.best.checkpoint } }", scores % 0))
        self.write("train.sh", "")
        self.write("r.lua", self.read("r.lua").replace("for t in 1 2; do", "echo 1 > $HPO_CHECKPOINT_OUT/c; for t in 1 2; do"))
        err = self.hpo("build", "r.lua")[1]
        names = lambda: [row["run"] for row in csv.DictReader(io.StringIO(self.read("out/r/c/table.csv")))]
        self.assertEqual(names(), ["a", "a (2)", "a (3)"])
        self.assertIn('hpo.compare: two rows are called "a", one of them is shown as "a (2)"', err)
        self.write("r.lua", self.read("r.lua").replace(scores % 1, '{ run = "again", of = %s }' % (scores % 1)).replace(
            scores % 2, '{ run = "and again", of = %s }' % (scores % 2)))
        self.assertNotIn("hpo.compare", self.hpo("build", "r.lua")[1])
        self.assertEqual(names(), ["a", "again", "and again"])
        for row, words in (('{ run = "x", of = 3 }', r"hpo\.compare\[1\]\.of: expected a study, or scores"), ("{ of = a }", r"hpo\.compare\[1\]\.run: expected"),
                           ('{ run = "x", of = { run = "y" } }', r"hpo\.compare\[1\]\.of: expected a study or scores"),
                           ('{ run = "x", of = a, loss = 3 }', r"hpo\.compare\[1\]\.loss: no such field")):
            self.recipe(f"c = hpo.compare {{ {row} }}")
            self.assertRegex(self.hpo("build", "r.lua", status=2)[1], words)

    def test_who_uses_the_set_of_another_build_says_which_it_is(self):
        commands = (["table", "r.lua"], ["table", "r.lua", "--csv"], ["table", "r.lua", "--json"], ["why", "r.lua", "a/1"], ["why", "r.lua", "a/1/1"],
                    ["check", "r.lua", "a"], ["simulate", "r.lua", "a", "--scheduler", "fifo { max_t = 1 }"])
        self.build("r.lua")
        for command in commands:
            self.assertEqual(self.hpo(*command)[1], "", command)
        self.build("r.lua", "--set", "rate=it's 2")
        for command in commands:
            out, err = self.hpo(*command)
            self.assertEqual(err, "without --set, this is of run 2: --set 'rate=it'\\''s 2'\n", command)
            self.assertEqual(self.hpo(*command, "--set", "rate=it's 2"), (out, ""), command)
        self.assertIn("no build of it here", self.hpo("table", "r.lua", "--set", "rate=3", status=2)[1])

    def test_why_speaks_of_the_build_with_these_set(self):
        for rate in (1, 2, 1, 3):
            self.build("r.lua", "--set", f"rate={rate}")
        first, second, last = (self.hpo("why", "r.lua", "a/1/1", "--set", f"rate={rate}")[0] for rate in (1, 2, 3))
        self.assertIn("  since run 3 its key differs from that of run 2 in:\n", first)
        self.assertIn('env.RATE: "2" → "1"\n', first)
        self.assertIn("  since run 2 its key differs from that of run 1 in:\n", second)
        self.assertIn("  since run 4 its key differs from that of run 3 in:\n", last)
        self.assertIn("a/1/1: no build of it here had these --set", self.hpo("why", "r.lua", "a/1/1", "--set", "rate=4", status=2)[1])

    def test_a_study_without_a_trial_is_not_unknown(self):
        self.write("none.lua", '''local hpo = require "hpo"
return { none = hpo.study { name = "none", metric = "v", samples = 2, space = { x = 1 }, scheduler = hpo.scheduler.fifo { max_t = 1 },
  search = { name = "nothing", suggest = function() return nil end }, trial = function() return hpo.command { run = { "true" } } end } }
''')
        self.hpo("build", "none.lua")
        for words, said in ((["none"], 'no build of it here has a trial of study "none"'), ([], "no build of it here has a study with a trial"),
                            (["other"], 'no build of it here has a study "other"')):
            self.assertIn(f"none.lua: {said}\n", self.hpo("table", "none.lua", *words, status=2)[1])

    def test_cache_stat_is_aligned(self):
        self.write("r.lua", self.read("r.lua").replace("return {", '''
local long = hpo.command { name = "l", run = { "sh", "-c", "head -c 12345678 /dev/zero > y" }, outputs = { "y" } }
return { long = long,'''))
        self.hpo("build", "r.lua")
        lines = self.hpo("cache", "stat")[0].splitlines()[1:]
        self.assertEqual(len(lines), 2)
        for word in (" results  ", " kept  ", " MB"):
            self.assertEqual(len({line.index(word) for line in lines}), 1, lines)


if __name__ == "__main__":
    unittest.main()
