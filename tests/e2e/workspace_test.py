"""Working folders: an action's own, never one's twice; what is put there belongs to nobody else."""
import os
import pathlib
import subprocess
import time
import unittest

from case import Case

LARGE = 70_000_000

HEAD = 'local hpo = require "hpo"\n'


def command(script, more=""):
    """A command with the output y."""
    return f'hpo.command {{ run = {{ "sh", "-c", [=[{script}]=] }}, outputs = {{ "y" }}{more} }}'


class Workspace(Case):
    def large(self, name):
        (self.folder / name).parent.mkdir(exist_ok=True)
        with open(self.folder / name, "wb") as file:
            file.truncate(LARGE)

    def test_a_large_source_is_the_actions_own(self):
        """A file, and one of a folder: written to in place, the user's stays what it was."""
        self.large("data")
        self.large("folder/data")
        write = "[ ! -L $1 ]; printf x | dd of=data conv=notrunc; head -c 2 data | tr '\\0' 0 > y"
        self.write("r.lua", HEAD + "return {"
                   + f'file = {command(write, ", inputs = { data = hpo.source [[data]] }")},'
                   + f'part = {command(write + "; true", ", inputs = { data = hpo.source [[folder]] / [[data]] }")} }}')
        self.assertEqual(self.build("r.lua")["ran"], 2)
        for target in ("file", "part"):
            self.assertEqual(self.read(f"out/r/{target}"), "x0")
        for name in ("data", "folder/data"):
            self.assertEqual((self.folder / name).read_bytes(), bytes(LARGE))

    def test_a_large_output_is_each_users_own(self):
        """Two actions and out/ have the same output: whoever writes to it writes to his own."""
        write = "printf x | dd of=big conv=notrunc; head -c 2 big | tr '\\0' 0 > y"
        self.write("r.lua", HEAD + f'local big = hpo.command {{ run = {{ "sh", "-c", "head -c {LARGE} /dev/zero > big" }}, outputs = {{ "big" }} }}\n'
                   + f'return {{ a = {command(write, ", inputs = { big = big }")},'
                   + f'b = {command(write + "; echo", ", inputs = { big = big }")}, big = big }}')
        self.build("r.lua", "a", "big")
        with open(self.folder / "out/r/big", "r+b") as file:
            file.write(b"edited")
        self.build("r.lua", "b", "big")
        self.assertEqual([self.read("out/r/a"), self.read("out/r/b")], ["x0", "x0"])
        self.assertEqual((self.folder / "out/r/big").read_bytes(), bytes(LARGE))
        self.hpo("cache", "verify")

    def test_an_output_that_is_still_written_is_a_copy(self):
        """A process with a session of its own lives on, and goes on writing to what it has open."""
        self.write("r.lua", HEAD + "return { default = "
                   + command("head -c 10000 /dev/zero > y; setsid sh -c 'sleep 1; printf late' 1<> y 2> /dev/null &") + "}")
        self.build("r.lua", "--sandbox", "off")
        time.sleep(1.5)
        self.hpo("cache", "verify")
        self.assertEqual((self.folder / "out/r/default").read_bytes(), bytes(10000))

    def test_no_folder_is_used_twice(self):
        """What a killed build left running writes to a folder that the next build does not use."""
        self.write("r.lua", HEAD + "return { default = "
                   + command('setsid sh -c "sleep 2; echo orphan > $HOME/y" & echo good > y; pwd > $LOG; sleep 1.2', ", env = { LOG = hpo.param('log', '') }") + "}")
        killed = self.start("build", "r.lua", "--sandbox", "off", "--set", f"log={self.folder}/log")
        while not (self.folder / "log").exists():
            time.sleep(0.05)
        killed.kill()
        killed.communicate()
        first = self.read("log")
        self.build("r.lua", "--sandbox", "off", "--set", f"log={self.folder}/log")
        time.sleep(1)
        self.assertEqual(self.read("out/r/default"), "good\n")
        self.assertNotEqual(self.read("log"), first)
        self.assertEqual(len(self.read("log")), len(first))
        self.hpo("cache", "verify")

    def test_of_failures_the_last_is_kept(self):
        self.write("r.lua", HEAD + "return { default = " + command("pwd > here; exit 1") + "}")
        for _ in range(2):
            answer = self.build("r.lua", status=1)
            kept = answer["messages"].split("its folder is kept: ")[1].split("\n")[0]
            self.assertEqual(pathlib.Path(kept, "dir/here").read_text(), f"{kept}/dir\n")
        self.assertEqual(len(list((self.folder / ".hpo/work").iterdir())), 1)
        self.build("r.lua", "--sandbox", "off", "--keep-failed", status=1)
        self.assertEqual(len(list((self.folder / ".hpo/work").iterdir())), 2)
        self.write("r.lua", HEAD + "return { default = " + command("echo > y") + "}")
        self.build("r.lua", "--keep-failed")
        self.assertEqual(len(list((self.folder / ".hpo/work").iterdir())), 2)
        old = time.time() - 3 * 86400
        for path in (self.folder / ".hpo/work").iterdir():
            os.utime(path, (old, old))
        self.hpo("cache", "gc", "--max-gb", "1")
        self.assertTrue(os.path.isdir(kept))  # of a failure that is remembered
        self.assertEqual(len(list((self.folder / ".hpo/work").iterdir())), 2)

    def test_nothing_is_left_of_what_succeeds(self):
        self.write("r.lua", HEAD + "return { default = " + command("echo > y; mkdir shut; echo > shut/x; chmod 0 shut") + "}")
        self.build("r.lua")
        self.assertEqual(os.listdir(self.folder / ".hpo/work"), [])

    def test_what_is_mounted_there_is_not_emptied(self):
        self.write("data/file", "precious")
        if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
            self.skipTest("SKIP: it takes root to mount")
        self.write("r.lua", HEAD + "return { default = "
                   + command(f"mkdir m; mount --bind {self.folder}/data m && cp m/file y") + "}")
        done = subprocess.run(["unshare", "-m", str(self.program), "build", "r.lua", "--sandbox", "off"], cwd=self.folder, env=self.environment,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("/dir/m: it is not removed: something is mounted there", done.stderr)
        self.assertEqual(self.read("data/file"), "precious")
        self.assertEqual(self.read("out/r/default"), "precious")


if __name__ == "__main__":
    unittest.main()
