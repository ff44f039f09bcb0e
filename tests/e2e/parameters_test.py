"""--set: who reads it, when, and that a value equal to the default is no --set at all."""
import unittest

from case import Case, without_measured

STUDY = '''
local hpo = require "hpo"
local rate = hpo.param("rate", 2.0)
return { s = hpo.study { space = { x = hpo.randint(1, 9) }, samples = 2, metric = "loss", scheduler = hpo.scheduler.fifo { max_t = 1 },
  trial = function(p)
    local inner = %s
    return hpo.command { run = { "sh", "-c", "echo '{\\"t\\": 1, \\"loss\\": 1}'" }, params = { x = p.x, rate = rate, inner = inner } }
  end } }
'''


class Parameters(Case):
    def study(self, inner):
        self.write("r.lua", STUDY % inner)

    def test_one_that_only_a_trial_reads(self):
        self.study('hpo.param("inner", 1)')
        self.build("r.lua")
        self.assertEqual(self.build("r.lua", "--set", "inner=1")["ran"], 0)
        self.assertEqual(self.build("r.lua", "--set", "inner=5")["units_trained"], 2)
        self.assertEqual(len(self.table("r.lua", "--set", "inner=5")["trials"]), 2)

    def test_the_default_of_one_that_only_a_trial_reads(self):
        """It is no --set either, for whoever asks about a build."""
        self.study('hpo.param("inner", 1)')
        self.build("r.lua")
        for command in (["table", "r.lua", "--json"], ["why", "r.lua", "s/0"], ["check", "r.lua"], ["simulate", "r.lua", "--scheduler", "fifo { max_t = 1 }"]):
            self.assertEqual(self.hpo(*command, "--set", "inner=1"), self.hpo(*command), command)
        self.build("r.lua", "--set", "inner=1")
        self.assertNotIn("without --set", self.hpo("table", "r.lua")[1])
        self.assertIn('has no parameter "typo"', self.hpo("build", "r.lua", "--set", "typo=1", status=2)[1])

    def test_one_whose_name_a_trial_makes(self):
        self.study('hpo.param("inner_" .. "a", 1)')
        self.assertEqual(self.build("r.lua", "--set", "inner_a=5")["units_trained"], 2)

    def test_one_that_an_after_reads(self):
        self.write("r.lua", STUDY.replace("return { s =", "local s =").replace("end } }", "end }") % "1" +
                   'return { x = hpo.after(s, function() return hpo.text(hpo.param("inner", "a"), "n") end) }')
        self.build("r.lua", "--set", "inner=b")
        self.assertEqual(self.read("out/r/x"), "b")

    def test_one_that_nothing_reads(self):
        """It is said before the first trial runs; of a name that the recipe has elsewhere, at the end."""
        self.study("1")
        self.assertIn('--set: r.lua has no parameter "inne"', self.hpo("build", "r.lua", "--set", "inne=1", status=2)[1])
        self.write("p.lua", 'local hpo = require "hpo"\nreturn { x = hpo.text(hpo.param("samples", "3")) }')
        self.assertIn("did you mean samples=12?", self.hpo("build", "p.lua", "--set", "smaples=12", status=2)[1])
        self.assertEqual(self.build("r.lua")["units_trained"], 2)
        self.assertIn('has no parameter "inner"', self.hpo("build", "r.lua", "--set", "inner=1", status=2)[1])
        self.write("r.lua", 'local hpo = require "hpo"\nreturn { x = hpo.text "inner" }')
        self.assertIn('has no parameter "inner"', self.hpo("build", "r.lua", "--set", "inner=1", status=2)[1])

    def test_refused_ones_are_nobodys_last(self):
        """Commands that take the parameters of the last build take those of the last one that had its parameters."""
        self.study("1")
        self.build("r.lua", "--set", "rate=3")
        self.hpo("build", "r.lua", "--set", "rate=3", "--set", "inner=1", status=2)
        self.hpo("build", "r.lua", "--set", "rate=3", "--set", "typo=1", status=2)
        self.assertIn("asked again", self.hpo("check", "r.lua")[0])
        self.assertEqual(len(self.table("r.lua")["trials"]), 2)

    def test_the_default_is_no_set(self):
        self.study("1")
        self.build("r.lua", "--set", "rate=2.0")
        plain = without_measured(self.table("r.lua"))
        for text in ("2", "2.0", "0.2e1"):
            self.assertEqual(without_measured(self.table("r.lua", "--set", f"rate={text}")), plain)
            answer = self.build("r.lua", "--set", f"rate={text}")
            self.assertEqual((answer["units_trained"], answer["ran"]), (0, 0))
        self.assertIn("no build of it here", self.hpo("table", "r.lua", "--set", "rate=3", status=2)[1])

    def test_a_default_that_is_a_list(self):
        self.write("r.lua", STUDY.replace("2.0)", '{ "a", "b" })') % "1")
        self.build("r.lua")
        self.assertEqual(len(self.table("r.lua", "--set", "rate=a,b")["trials"]), 2)
        for other in ("a", "a,b,c", "b,a"):
            self.hpo("table", "r.lua", "--set", f"rate={other}", status=2)

    def test_a_searcher_of_the_recipe_that_reads_one_late(self):
        """What it suggests is another study's: the parameter is in the journal's root before it is read."""
        self.write("r.lua", STUDY.replace('samples = 2,', '''samples = 2,
  search = { suggest = function() return { x = hpo.param("first", 1) } end },''') % "1")
        for first in (1, 4, 2):
            self.build("r.lua", "--set", f"first={first}")
            self.assertEqual(self.table("r.lua")["trials"][0]["params"], {"x": first})


if __name__ == "__main__":
    unittest.main()
