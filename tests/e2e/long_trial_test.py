"""A trial of many units: what its commands ask of memory grows with them, and no faster."""
import json
import unittest

from case import Case

RECIPE = '''
local hpo = require "hpo"
return { default = hpo.study { name = "s", space = { x = 1 }, samples = 1, metric = "loss", scheduler = hpo.scheduler.fifo { max_t = 300 },
  trial = function() return hpo.command { run = { "sh", "-c",
    [[for t in $(seq $((HPO_FROM + 1)) $HPO_UNTIL); do echo "{\\"t\\": $t, \\"loss\\": $t}"; done]] } } end } }
'''


class LongTrial(Case):
    def test_its_log_and_its_last_unit(self):
        self.write("r.lua", RECIPE)
        self.build("r.lua")
        lines = [line for line in self.hpo("log", "r.lua", "s/0")[0].splitlines() if line.startswith("{")]
        self.assertEqual([json.loads(line)["t"] for line in lines], list(range(1, 301)))
        self.assertIn("t 300", self.hpo("why", "r.lua", "s/0")[0])


if __name__ == "__main__":
    unittest.main()
