"""A build that waits for another one says for what, once, and can be interrupted."""
import fcntl
import os
import signal
import time
import unittest

from case import Case

HEAD = 'local hpo = require "hpo"\n'
SLOW = 'return { slow = hpo.command { name = "slow", run = { "sh", "-c", "echo > $STARTED; while [ ! -e $GO ]; do sleep 0.05; done; echo x > y" }, outputs = { "y" }, env = { STARTED = hpo.param("place", "") .. "/started", GO = hpo.param("place", "") .. "/go" } } }'
STUDY = '''
return { s = hpo.study { name = "s", space = { x = 1 }, samples = 1, metric = "loss", scheduler = hpo.scheduler.fifo { max_t = 2 },
  trial = function() return hpo.command { run = { "sh", "-c", "echo > $PLACE/started; while [ ! -e $PLACE/go ]; do sleep 0.05; done; echo '{\\"t\\": 1, \\"loss\\": 1}'; echo '{\\"t\\": 2, \\"loss\\": 1}'" },
    env = { PLACE = hpo.param("place", "") } } end } }
'''


class Waiting(Case):
    def both(self, recipe):
        """One build that makes something, and one that waits for it, and says so."""
        self.write("r.lua", HEAD + recipe)
        arguments = ("build", "r.lua", "--sandbox", "off", "--set", f"place={self.folder}")
        first = self.start(*arguments)
        while not (self.folder / "started").exists():
            self.assertIsNone(first.poll())
            time.sleep(0.05)
        return first, self.start(*arguments, "--out", "other")

    def line(self, build):
        return build.stderr.readline()

    def ends(self, build, status):
        _, err = build.communicate(timeout=60)
        self.assertEqual(build.returncode, status, err)
        return err

    def test_for_an_action(self):
        first, second = self.both(SLOW)
        self.assertEqual(self.line(second), "waiting for another build, which makes slow\n")
        time.sleep(2.5)
        self.write("go", "")
        self.ends(first, 0)
        self.assertNotIn("waiting", self.ends(second, 0))
        self.assertEqual(self.read("other/r/slow"), "x\n")

    def test_for_a_trial(self):
        first, second = self.both(STUDY)
        self.assertEqual(self.line(second), "waiting for another build, which makes s/0\n")
        self.write("go", "")
        self.ends(first, 0)
        self.assertNotIn("waiting", self.ends(second, 0))

    def test_and_can_be_interrupted(self):
        for recipe in (SLOW, STUDY):
            first, second = self.both(recipe)
            self.assertIn("waiting for another build", self.line(second))
            second.send_signal(signal.SIGINT)
            self.ends(second, 130)
            self.assertIsNone(first.poll())
            self.write("go", "")
            self.ends(first, 0)
            (self.folder / "go").unlink()
            (self.folder / "started").unlink()

    def test_for_the_folder_of_the_targets(self):
        self.write("r.lua", HEAD + 'return { x = hpo.command { run = { "sh", "-c", "echo x > y" }, outputs = { "y" } } }')
        self.build("r.lua")
        (self.folder / "out/r/x").unlink()
        folder = os.open(self.folder / "out/r", os.O_RDONLY)
        self.addCleanup(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX)
        expected = f"waiting for another build, which holds {self.folder}/out/r\n"
        build = self.start("build", "r.lua")
        self.assertEqual(self.line(build), expected)
        build.send_signal(signal.SIGTERM)
        self.ends(build, 130)
        build = self.start("build", "r.lua")
        self.assertEqual(self.line(build), expected)
        fcntl.flock(folder, fcntl.LOCK_UN)
        self.ends(build, 0)
        self.assertEqual(self.read("out/r/x"), "x\n")


if __name__ == "__main__":
    unittest.main()
