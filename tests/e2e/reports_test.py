"""Lines that a trainer prints: which are reports, which are log, and what is said of those that may have been meant as one."""
import unittest

from case import ROOT, Case

RECIPE = '''
local hpo = require "hpo"
return { default = hpo.study {
  name = "s", space = { x = hpo.choice { 1 } }, samples = 1, metric = "loss", scheduler = hpo.scheduler.fifo { max_t = %d },
  trial = function() return hpo.command { run = { "python3", hpo.source "train.py" }, inputs = { %s } } end } }
'''

TRAINER = '''
import json, os, sys
for t in range(int(os.environ["HPO_FROM"]) + 1, int(os.environ["HPO_UNTIL"]) + 1):
    report = json.dumps({"t": t, "loss": 1 / t})
    sys.stdout.write(%s)
    sys.stdout.flush()
'''

IN_PYTHON = '''
import sys
import hpo
for t in hpo.steps(3):
    sys.stdout.write("\\r 99% |####" if t > 1 else "begun")
    hpo.report(loss=1 / t)
'''

BAR = '"\\r 10%|#   | 1/10\\r 100%|####| 10/10"'


class Reports(Case):
    def printing(self, expression, max_t=3):
        """A trainer that writes this for each unit."""
        self.write("train.py", TRAINER % expression)
        self.write("r.lua", RECIPE % (max_t, ""))

    def losses(self):
        return [m["loss"] for m in self.table("r.lua")["trials"][0]["metrics"]]

    def assert_taken(self, expression):
        self.printing(expression)
        self.build("r.lua")
        self.assertEqual(self.losses(), [1, 0.5, 1 / 3], expression)

    def refused(self, expression, *sentences):
        self.printing(expression)
        messages = self.build("r.lua", status=1)["messages"]
        for sentence in sentences:
            self.assertIn(sentence, messages)
        return messages

    def test_what_terminals_are_told_does_no_harm(self):
        self.assert_taken('"\\r" + report + "\\n"')
        self.assert_taken('report + "\\r\\n"')
        self.assert_taken('" 10%|#   | 1/10\\r" + report + "\\r"')
        self.assert_taken('"\\x1b[32m" + report + "\\x1b[0m\\n"')
        self.assert_taken('"\\x1b]0;a title\\a" + report + "\\n"')
        self.assert_taken('"\\ufeff" + report + "\\n"')
        self.assert_taken('"   " + report + "   \\n"')

    def test_the_last_line_needs_no_end(self):
        self.assert_taken('report + ("\\n" if t < 3 else "")')

    def test_a_whole_number_may_be_written_as_a_float(self):
        self.assert_taken('json.dumps({"t": float(t), "loss": 1 / t}) + "\\n"')
        self.assert_taken('report.replace("\\"t\\": ", "\\"t\\": 0.").replace(",", "e1,") + "\\n"')

    def test_other_json_is_log(self):
        other = '{"t": 1700000000.5, "level": "info"}'
        self.assert_taken(f"'{other}\\n' + report + '\\n'")
        self.assertIn(other, self.hpo("log", "r.lua", "s/0")[0])
        self.assert_taken('\'{"t": "2024-01-01T00:00:00"}\\n{"level": "info"}\\n[1]\\n\' + report + "\\n"')

    def test_behind_other_text_there_is_no_report(self):
        for before in (BAR, '"INFO:root:"'):
            self.refused(before + ' + report + "\\n"', "it ended with status 0 without the report of t = 1",
                         '{"t": 1, "loss": 1.0}`: a report begins its line')

    def test_what_was_almost_a_report_is_shown_with_the_reason(self):
        self.refused('json.dumps({"t": t, "loss": 1}, indent=1) + "\\n"', 'of the line ` "t": 1,`: a report begins its line')
        self.refused('report + report + "\\n"', "a report is one object on one line")
        self.refused('report.replace("1,", "1.5,", 1) + "\\n"', '`{"t": 1.5, "loss": 1.0}`: t is a whole number')

    def test_what_would_be_a_report_but_for_its_form_is_shown_where_none_comes(self):
        self.refused("str({'t': t, 'loss': 1}) + '\\n'", "`{'t': 1, 'loss': 1}`: a report is JSON: its names stand in double quotes")
        self.refused('json.dumps({"epoch": t, "loss": 1}) + "\\n"', 'the line `{"epoch": 1, "loss": 1}`: a report has "t": 1, 2, ..., too')
        other = '{"level": "info", "pid": 7}\\n'
        self.assertNotIn('of the line `{"level"', self.refused(f"'{other}' + (report + '\\n' if t < 3 else '')", "without the report of t = 3"))
        self.assertNotIn('of the line `{"level"', self.refused(f"'{other}' + json.dumps({{'t': t + 1}}) + '\\n'", "expected the report of t = 1, found t = 2"))
        self.assertNotIn('of the line `{"level"', self.refused(f"'{other}' + 'x' + report + '\\n'", "a report begins its line"))

    def test_a_line_of_more_than_a_megabyte_is_log_and_whole(self):
        """Its end would be a report if the line were cut anywhere before it."""
        self.printing('"x" * (3 << 20) + report + "\\n" + "y" * ((1 << 20) + 1) + "\\n" + report + "\\n"')
        messages = self.build("r.lua")["messages"]
        self.assertEqual(messages.count("a line of more than 1048576 bytes is log, never a report"), 1)
        self.assertEqual(self.losses(), [1, 0.5, 1 / 3])
        lines = self.hpo("log", "r.lua", "s/0")[0].splitlines()
        self.assertEqual([len(line) for line in lines[:2]], [(3 << 20) + len('{"t": 1, "loss": 1.0}'), (1 << 20) + 1])
        self.printing('"x" * (3 << 20) + "\\r" + report + "\\n"', max_t=1)
        self.build("r.lua")

    def test_a_trial_of_many_units_is_told_in_full(self):
        self.printing('report + "\\n"', max_t=60)
        self.build("r.lua")
        self.assertEqual(self.hpo("log", "r.lua", "s/0")[0].count('"loss"'), 60)
        said = self.hpo("why", "r.lua", "s/0")[0]
        self.assertIn("completed at t = 60", said)
        self.assertIn("known: made in run 1", self.hpo("why", "r.lua", "s/0/60")[0])

    def test_hpo_py_begins_on_a_line_of_its_own(self):
        self.write("hpo.py", (ROOT / "recipes/python/hpo.py").read_text())
        self.write("train.py", IN_PYTHON)
        self.write("r.lua", RECIPE % (3, '["hpo.py"] = hpo.source "hpo.py"'))
        self.build("r.lua")
        self.assertEqual(self.losses(), [1, 0.5, 1 / 3])
        self.assertEqual(self.hpo("log", "r.lua", "s/0")[0].split("\n")[:2], ["begun", '{"t": 1, "loss": 1.0}'])


if __name__ == "__main__":
    unittest.main()
