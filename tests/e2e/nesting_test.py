"""What a recipe may nest: however deep, it is built or refused in a sentence, on a small stack too."""
import subprocess
import unittest

from case import BIN, Case

STUDY = '''
local hpo = require "hpo"
local function study(name)
  return hpo.study { name = name, space = { x = hpo.choice { 1 } }, search = hpo.search.grid {}, metric = "loss", scheduler = hpo.scheduler.fifo { max_t = 1 },
    trial = function(p) return hpo.command { run = { "sh", "-c", "echo '{\\"t\\": 1, \\"loss\\": 0.5}'" } } end }
end
'''


class Nesting(Case):
    def on_a_small_stack(self, body, status):
        self.write("r.lua", body)
        done = subprocess.run(["sh", "-c", f'ulimit -s 512; exec "{BIN / "hpo"}" build r.lua'], cwd=self.folder,
                              env=self.environment, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr

    def test_after_that_returns_itself(self):
        messages = self.on_a_small_stack(STUDY + '''
local s = study "s"
local function f() return hpo.after(s, f) end
return { x = hpo.after(s, f) }
''', 2)
        self.assertIn("r.lua:10: hpo.after: it returns another hpo.after, and that another, more than 1000", messages)

    def test_a_chain_of_afters(self):
        self.on_a_small_stack(STUDY + '''
local s, last = study "s", hpo.text("end", "e")
for i = 1, 900 do
  local inner = last
  last = hpo.after(s, function() return inner end)
end
return { x = last }
''', 0)
        self.assertEqual(self.read("out/r/x"), "end")

    def test_a_study_after_another(self):
        """Each is made when the one before it is decided."""
        self.on_a_small_stack(STUDY + '''
local function round(n)
  return hpo.after(study("s" .. n), function(best)
    if n == 30 then return hpo.text(tostring(best.metric), "e") end
    return round(n + 1)
  end)
end
return { x = round(1) }
''', 0)
        self.assertEqual(self.read("out/r/x"), "0.5")

    def test_a_value_nested_deeper_than_json_may_be(self):
        for value in ("hpo.text(hpo.json(t), 'e')", 'hpo.command { run = { "true" }, params = { t = t }, outputs = { "y" } }'):
            messages = self.on_a_small_stack(f'''
local hpo = require "hpo"
local t = {{}}
for i = 1, 100000 do t = {{ t }} end
return {{ x = {value} }}
''', 2)
            self.assertIn("r.lua:5: hpo.", messages)
            self.assertIn("nested deeper than 60 levels", messages)

    def test_branches_of_branches(self):
        messages = self.on_a_small_stack('''
local hpo = require "hpo"
local space = { p0 = hpo.uniform(0, 1) }
for i = 1, 1000 do space = { ["p" .. i] = hpo.choice { { "a", p = space["p" .. i - 1] } } } end
return { s = hpo.study { space = space, samples = 1, metric = "loss", scheduler = hpo.scheduler.fifo { max_t = 1 }, trial = print } }
''', 2)
        self.assertIn("r.lua:4: hpo.choice", messages)
        self.assertIn("branches nested deeper than", messages)


if __name__ == "__main__":
    unittest.main()
