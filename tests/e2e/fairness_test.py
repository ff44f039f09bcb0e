"""Many short actions: none waits for the end of the others to be noticed."""
import re
import unittest

from case import Case

N = 400


class Fairness(Case):
    def test_who_ends_first_is_noticed_first(self):
        self.write("r.lua", f'''local hpo = require "hpo"
local all = {{}}
for i = 1, {N} do all["t" .. i] = hpo.command {{ name = "n" .. i, run = {{ "/bin/sh", "-c", "echo " .. i .. " > o" }}, outputs = {{ "o" }} }} end
return all''')
        messages = self.build("r.lua", "-v", "-j3")["messages"]
        events = re.findall(r"^(start )?(n\d+)\b", messages, re.M)
        self.assertEqual(len(events), 2 * N)
        started, longest = {}, 0
        for begins, name in events:
            if begins:
                started[name] = len(started)
            else:
                longest = max(longest, len(started) - started[name])
        self.assertLess(longest, N // 2, "so many others were started before the end of one was noticed")


if __name__ == "__main__":
    unittest.main()
