"""Signals come at any time: while a recipe is read, inside one call of Lua's library, while a study decides."""
import signal
import subprocess
import time
import unittest

from case import Case


class Interrupt(Case):
    def interrupted(self, body, *signals, said="interrupted"):
        """A build of the recipe is sent these, one a moment; it ends by itself, with status 130."""
        self.write("r.lua", 'local hpo = require "hpo"\n' + body)
        process = self.start("build", "r.lua")
        try:
            time.sleep(1)
            for number in signals:
                process.send_signal(number)
                time.sleep(0.2)
            _, messages = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.fail("it runs on")
        self.assertEqual(process.returncode, 130, messages)
        self.assertIn(said, messages)
        return messages

    def test_a_recipe_that_never_returns(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.interrupted("while true do pcall(function() while true do end end) end", number)

    def test_a_call_that_never_returns(self):
        """Without a signal the watchdog ends it, with status 2."""
        self.interrupted('local s = ("a"):rep(100000)\ns:find(("a*"):rep(30) .. "b")', signal.SIGINT)

    def test_a_function_of_a_study(self):
        """What ran is told to end, what was done is known to the next build."""
        study = '''
local function slow() for i = 1, 3000000 do end end
return { s = hpo.study { space = { x = hpo.uniform(0, 1) }, samples = 500, metric = "loss", concurrency = 2,
  scheduler = { max_t = 1, report = function() slow() return "stop" end },
  trial = function(p) return hpo.command { run = { "sh", "-c", "echo '{\\"t\\": 1, \\"loss\\": 1}'" }, params = p } end } }
'''
        messages = self.interrupted(study, signal.SIGINT)
        self.assertIn("interrupted: what is finished is kept", messages)
        self.assertIn("interrupted", self.hpo("runs")[0])
        self.assertIn("all right", self.hpo("cache", "verify")[0])

    def test_a_study_whose_units_are_all_known(self):
        study = '''
local slow = hpo.param("slow", 0)
return { s = hpo.study { space = { x = hpo.randint(1, 9) }, samples = 300, metric = "loss",
  scheduler = { max_t = 1, report = function() for i = 1, slow do end return "stop" end },
  trial = function(p) return hpo.command { run = { "sh", "-c", "echo '{\\"t\\": 1, \\"loss\\": 1}'" }, params = p } end } }
'''
        self.write("r.lua", 'local hpo = require "hpo"\n' + study)
        self.build("r.lua")
        messages = self.interrupted(study.replace('"slow", 0', '"slow", 30000000'), signal.SIGTERM)
        self.assertIn(" 0 failed", messages)

    def test_two_signals_wait_for_nobody(self):
        self.interrupted('return { x = hpo.command { run = { "sh", "-c", "trap \'\' TERM; sleep 100" } } }', signal.SIGINT, signal.SIGINT)

    def test_a_hangup_that_is_ignored_stays_so(self):
        self.write("r.lua", 'local hpo = require "hpo"\nreturn { x = hpo.command { run = { "sh", "-c", "sleep 2; echo done > y" }, outputs = { "y" } } }')
        process = subprocess.Popen(["nohup", str(self.program), "build", "r.lua"], cwd=self.folder, env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1)
        process.send_signal(signal.SIGHUP)
        self.assertEqual(process.wait(timeout=60), 0)
        self.assertEqual(self.read("out/r/x"), "done\n")


if __name__ == "__main__":
    unittest.main()
