"""A store for a group, as two users with their own umask use it."""
import os
import sqlite3
import subprocess
import sys
import time
import unittest

from case import Case

GROUP, ONE, TWO, OTHER = 64100, 64001, 64002, 64003
RECIPE = '''
local hpo = require "hpo"
local big = hpo.command { name = "big", run = { "sh", "-c", "mkdir d; head -c 300000 /dev/zero > d/z; chmod 500 d" }, outputs = { "d" } }
local bad = hpo.command { name = "bad", run = { "sh", "-c", "mkdir sub; echo x > sub/y; MODE; exit 3" } }
local s = hpo.study { name = "s", metric = "loss", space = { x = hpo.randint(1, 9) }, concurrency = 2, samples = hpo.param("n", 2),
  search = hpo.search.points { { x = 5 }, { x = 2 }, { x = 7 } }, scheduler = hpo.scheduler.asha { max_t = 4 },
  trial = function(p) return hpo.command { run = { "sh", hpo.source "train.sh", p.x }, inputs = { big } } end }
return { default = s, big = big, bad = bad }
'''
# It names a checkpoint after each t, and waits before the third for a file.
TRAIN = '''n=$(cat $HPO_CHECKPOINT_IN/c 2>/dev/null || echo 0)
for t in $(seq $((HPO_FROM + 1)) $HPO_UNTIL); do
  while [ $t = 3 ] && [ ! -e GO ]; do touch HERE; sleep 0.05; done
  n=$((n+1)); mkdir $HPO_CHECKPOINT_OUT/t$t; echo $n > $HPO_CHECKPOINT_OUT/t$t/c; head -c 20000 /dev/zero > $HPO_CHECKPOINT_OUT/t$t/z
  echo "{\\"t\\": $t, \\"loss\\": $1, \\"n\\": $n, \\"checkpoint\\": \\"t$t\\"}"
done
'''


def why_not():
    """Why this cannot be tested here, or None."""
    if os.geteuid() != 0:
        return "only root can be two users"
    try:
        subprocess.run([str(Case.program), "--version"], user=ONE, group=ONE, extra_groups=[], capture_output=True, check=True, cwd="/")
    except (OSError, subprocess.CalledProcessError):
        return "other users cannot run the program where it lies"
    return None


@unittest.skipIf(why_not(), "SKIP")
class Shared(Case):
    def setUp(self):
        super().setUp()
        self.folder.chmod(0o755)
        self.store = self.folder / "store"
        self.store.mkdir()
        os.chown(self.store, 0, GROUP)
        self.store.chmod(0o2770)
        self.mode = "true"
        (self.folder / "marks").mkdir()
        (self.folder / "marks").chmod(0o777)

    def home(self, user):
        home = self.folder / str(user)
        home.mkdir(exist_ok=True)
        train = TRAIN.replace("GO", f"{self.folder}/marks/go").replace("HERE", f"{self.folder}/marks/here")
        for name, text in (("r.lua", RECIPE.replace("MODE", self.mode)), ("train.sh", train)):
            (home / name).write_text(text)
        for path in (home, *home.iterdir()):
            os.chown(path, user, user)
        return home

    def begin(self, user, *arguments):
        sees = ["--system", self.folder / "marks"] if arguments[0] == "build" else []
        return subprocess.Popen([str(self.program), *map(str, arguments), *sees, "--cache", self.store], cwd=self.home(user), user=user, group=user,
                                extra_groups=[] if user == OTHER else [GROUP], umask=0o077, env={"PATH": os.environ["PATH"]},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run_as(self, user, *arguments, status=0):
        child = self.begin(user, *arguments)
        out, err = child.communicate(timeout=120)
        self.assertEqual(child.returncode, status, f"{user} {arguments}\n{out}\n{err}")
        return out, err

    def units(self):
        index = sqlite3.connect(f"file:{self.store}/index.db?mode=ro", uri=True)
        n, = index.execute("SELECT count(*) FROM result WHERE kind = 'unit'").fetchone()
        index.close()
        return n

    def go(self):
        (self.folder / "marks/go").touch()

    def test_each_takes_what_the_other_made(self):
        self.go()
        self.run_as(ONE, "build", "r.lua", "default", "big")
        self.assertIn("\n0 ran, ", self.run_as(TWO, "build", "r.lua", "default", "big")[1])
        self.assertIn("8 reused", self.run_as(TWO, "build", "r.lua", "--set", "n=3")[1])
        self.assertIn("\n0 ran, ", self.run_as(ONE, "build", "r.lua", "--set", "n=3")[1])
        self.run_as(TWO, "table", "r.lua")
        self.assertIn('"loss": 5', self.run_as(TWO, "log", "r.lua", "s/0")[0])
        self.run_as(TWO, "cache", "gc", "--max-gb", "0")
        self.assertIn("all right", self.run_as(ONE, "cache", "verify")[0])
        self.run_as(ONE, "build", "r.lua", "big")

    def test_at_the_same_time(self):
        """Both build the same: each unit is trained by one of them."""
        builds = [self.begin(user, "build", "r.lua", "--sandbox", "off", "--json") for user in (ONE, TWO)]
        while not (self.folder / "marks/here").exists():
            self.assertIsNone(builds[0].poll() if builds[1].poll() is not None else None)
            time.sleep(0.05)
        self.go()
        answers = [build.communicate(timeout=120) for build in builds]
        self.assertEqual([build.returncode for build in builds], [0, 0], answers)

    def test_many_first_builds(self):
        """Two make the store at the same time: neither finds what it may not open yet."""
        for i in range(20):
            self.store = self.folder / f"store{i}"
            self.store.mkdir()
            os.chown(self.store, 0, GROUP)
            self.store.chmod(0o2770)
            builds = [self.begin(user, "build", "r.lua", "big") for user in (ONE, TWO)]
            said = [build.communicate(timeout=120) for build in builds]
            self.assertEqual([build.returncode for build in builds], [0, 0], said)

    def test_every_file_is_the_groups(self):
        self.go()
        self.run_as(ONE, "build", "r.lua")
        self.run_as(ONE, "build", "r.lua", "bad", status=1)
        for path in self.store.rglob("*"):
            st = path.lstat()
            self.assertEqual(st.st_gid, GROUP, path)
            self.assertEqual(st.st_mode & 0o070, 0o070 if path.is_dir() or path.name == "run.sh" else 0o040 if "blobs" in str(path) else 0o060, path)

    def test_a_failure_is_tried_by_the_other(self):
        """What the first has left goes, or where it may not, stays and is in nobody's way."""
        self.run_as(ONE, "build", "r.lua", "bad", status=1)
        left, = self.store.glob("work/*/dir")
        self.assertIn("ended with status 3", self.run_as(TWO, "build", "r.lua", "bad", status=1)[1])
        self.assertFalse(left.exists())
        self.mode = "chmod 700 sub"
        self.run_as(ONE, "build", "r.lua", "bad", status=1)
        self.assertIn("ended with status 3", self.run_as(TWO, "build", "r.lua", "bad", status=1)[1])

    def test_one_goes_on_where_the_other_was_killed(self):
        build = self.begin(ONE, "build", "r.lua", "--sandbox", "off", "--set", "n=1")
        while not (self.folder / "marks/here").exists() or self.units() < 2:  # that are durable
            self.assertIsNone(build.poll())
            time.sleep(0.05)
        build.kill()
        build.communicate()
        self.go()
        out, err = self.run_as(TWO, "build", "r.lua", "--set", "n=1")
        self.assertIn("units: 2 reused (0.0 min), 2 trained", err)
        self.assertIn('"n": 4', self.run_as(TWO, "table", "r.lua", "--json")[0])

    def test_gc_leaves_what_only_another_may_remove(self):
        self.go()
        self.run_as(ONE, "build", "r.lua")
        for name in ("old", "older"):
            left = self.store / "work" / name / "dir"
            left.mkdir(parents=True)
            (left / "x").touch()
            for path in (left, left / "x", left.parent):
                os.chown(path, ONE if name == "old" else TWO, GROUP)
                path.chmod(0o700)
            os.utime(left.parent, (0, 0))
        out = self.run_as(TWO, "cache", "gc")[0]
        self.assertIn(", 1 working folders; ", out)
        self.assertIn("1 working folders stay: only who made them may remove them\n", out)
        self.assertEqual([path.name for path in self.store.glob("work/old*")], ["old"])

    def test_who_is_not_in_the_group(self):
        self.store.chmod(0o2775)
        self.go()
        self.run_as(ONE, "build", "r.lua")
        self.assertIn("r.lua", self.run_as(OTHER, "runs")[0])
        self.assertIn("Permission denied\n  the store must be writable", self.run_as(OTHER, "build", "r.lua", status=1)[1])
        self.assertEqual(self.run_as(TWO, "table", "r.lua", "--run", "1", status=2)[0], "")  # his recipe is another


if __name__ == "__main__":
    if why_not():
        print("SKIP:", why_not(), file=sys.stderr)
    unittest.main()
