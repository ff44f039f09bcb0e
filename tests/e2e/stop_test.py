"""A build that is stopped and goes on: time limits do not count that, and no other build waits for it."""
import signal
import subprocess
import time
import unittest

from case import Case

HEAD = 'local hpo = require "hpo"\n'
STUDY = '''
return { default = hpo.study { name = "s", space = { x = 1 }, samples = 1, metric = "loss", scheduler = hpo.scheduler.fifo { max_t = 12 },
  trial = function() return hpo.command { timeout = 3, run = { "sh", hpo.source "train.sh" } } end } }
'''
TRAINER = '''
t=$HPO_FROM
while [ $t -lt $HPO_UNTIL ]; do
  t=$((t + 1)); sleep 0.4; echo "{\\"t\\": $t, \\"loss\\": 1}"
done
'''
MANY = '''
local all = {}
for i = 1, hpo.param("n", 1) do
  all[i] = hpo.command { name = "a" .. i, run = { "sh", "-c", "sleep 0.01; echo " .. i .. " > y" }, outputs = { "y" }, env = { WHO = hpo.param("who", "nobody") } }
end
local inputs = {}
for i, a in ipairs(all) do inputs["in" .. i] = a end
return { default = hpo.command { run = { "sh", "-c", "cat in* > z" }, inputs = inputs, outputs = { "z" } } }
'''


class Stop(Case):
    def launch(self, *arguments):
        """In a group of its own, as a shell starts a job."""
        return subprocess.Popen([str(self.program), "build", *arguments], cwd=self.folder, env=self.environment, process_group=0,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def state(self, process):
        with open(f"/proc/{process.pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]

    def wait_until_stopped(self, process):
        for _ in range(1200):
            if process.poll() is not None:
                break
            if self.state(process) == "T":
                return
            time.sleep(0.05)
        process.kill()
        self.fail(f"it did not stop: {process.communicate()}")

    def ends_well(self, process, said=""):
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, err)
        self.assertIn(said, err)

    def stopped_for(self, process, seconds, after):
        time.sleep(after)
        process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        process.send_signal(signal.SIGCONT)

    def test_reports_that_came_meanwhile_are_taken(self):
        """The trial ended while nobody read."""
        self.write("train.sh", TRAINER)
        self.write("r.lua", HEAD + STUDY)
        build = self.launch("r.lua")
        self.stopped_for(build, 6, after=0.8)
        self.ends_well(build, "1 ran, 0 cached, 0 failed")
        self.assertEqual(self.table("r.lua")["trials"][0]["segments"][-1]["t"], 12)

    def test_a_command_that_ended_meanwhile_has_ended_well(self):
        self.write("r.lua", HEAD + 'return { x = hpo.command { timeout = 3, run = { "sh", "-c", "sleep 1; echo x > y" }, outputs = { "y" } } }')
        build = self.launch("r.lua")
        self.stopped_for(build, 5, after=0.5)
        self.ends_well(build, "1 ran, 0 cached, 0 failed")

    def test_a_limit_still_counts_what_was_seen(self):
        self.write("r.lua", HEAD + 'return { x = hpo.command { timeout = 3, run = { "sh", "-c", "sleep 600" }, outputs = { "y" } } }')
        build = self.launch("r.lua")
        self.stopped_for(build, 1, after=0.5)
        _, err = build.communicate(timeout=60)
        self.assertEqual(build.returncode, 1, err)
        self.assertIn("3 s", err)

    def test_an_identity_that_came_meanwhile_is_taken(self):
        self.write("r.lua", HEAD + 'return { x = hpo.command { identity = { "sh", "-c", "sleep 1; echo v1" }, '
                   'run = { "sh", "-c", "echo x > y" }, outputs = { "y" } } }')
        build = self.launch("r.lua")
        self.stopped_for(build, 3, after=0.5)
        self.ends_well(build, "1 ran, 0 cached, 0 failed")

    def test_others_go_on_while_a_build_stands_still(self):
        """However busy it was, it holds nothing that they need; then it ends as if nothing had been."""
        self.write("r.lua", HEAD + MANY)
        busy = self.launch("r.lua", "-j2", "--set", "n=400")
        for i in range(5):
            time.sleep(0.15)
            busy.send_signal(signal.SIGTSTP)
            self.wait_until_stopped(busy)
            self.assertEqual(self.build("r.lua", "--set", "n=2", "--set", f"who={i}", "--out", "other", timeout=30)["ran"], 2 + (i == 0))
            self.assertEqual(self.state(busy), "T")
            busy.send_signal(signal.SIGCONT)
        self.ends_well(busy, "401 ran, 0 cached, 0 failed")
        self.assertEqual(sorted(map(int, self.read("out/r/default").split())), list(range(1, 401)))
        self.assertIn("all right", self.hpo("cache", "verify")[0])

    def test_an_idle_build_stops_at_once_and_can_be_interrupted_behind(self):
        self.write("r.lua", HEAD + 'return { x = hpo.command { run = { "sh", "-c", "sleep 600" }, outputs = { "y" } } }')
        build = self.launch("r.lua")
        time.sleep(1)
        build.send_signal(signal.SIGTSTP)
        self.wait_until_stopped(build)
        build.send_signal(signal.SIGINT)
        time.sleep(0.2)
        self.assertEqual(self.state(build), "T")
        build.send_signal(signal.SIGCONT)
        _, err = build.communicate(timeout=60)
        self.assertEqual(build.returncode, 130, err)


if __name__ == "__main__":
    unittest.main()
