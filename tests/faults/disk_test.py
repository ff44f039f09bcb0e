"""Disks that are full, read-only or damaged: a clear message, its status, and nothing lost.

A full disk is a small tmpfs, which only root can mount; elsewhere those tests are skipped.
"""
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from case import BIN, LONG, Case  # noqa: E402

HPO = str(BIN / "hpo")

# Twenty actions of 300 kB, and a study whose checkpoints are 100 kB each.
RECIPE = '''
local hpo = require "hpo"
local t = {}
for i = 1, 20 do
  t[("f%02d"):format(i)] = hpo.command { run = { "sh", "-c", [[head -c 300000 /dev/zero | tr '\\0' "$1" > y]], "sh", string.char(96 + i) },
    outputs = { "y" } }
end
t.study = hpo.study { name = "s", space = { x = hpo.choice { 1, 2, 3 } }, search = hpo.search.grid {}, metric = "loss", keep = "all",
  scheduler = hpo.scheduler.fifo { max_t = 3 }, trial = function() return hpo.command { run = { "sh", hpo.source "trainer.sh" } } end }
return t
'''
TRAINER = '''
set -e
x=$(sed 's/[^0-9]//g' "$HPO_PARAMS")
t=$((HPO_FROM + 1))
while [ $t -le $HPO_UNTIL ]; do
  mkdir "$HPO_CHECKPOINT_OUT/t$t"
  head -c 100000 /dev/zero | tr '\\0' "$x" > "$HPO_CHECKPOINT_OUT/t$t/state"
  echo $x.$t >> "$HPO_CHECKPOINT_OUT/t$t/state"
  echo "{\\"t\\": $t, \\"loss\\": $x.$t, \\"checkpoint\\": \\"t$t\\"}"
  t=$((t + 1))
done
'''
ACTIONS = 20
RUNS = 3


class Disk(Case):
    def setUp(self):
        super().setUp()
        self.write("r.lua", RECIPE)
        self.write("trainer.sh", TRAINER)

    def run_hpo(self, *arguments):
        done = subprocess.run([HPO, *map(str, arguments)], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", timeout=120)
        self.assertGreaterEqual(done.returncode, 0, f"{arguments} was ended by a signal\n{done.stderr}")
        return done

    def right(self, out="out"):
        for i in range(1, ACTIONS + 1):
            self.assertEqual((self.folder / out / f"r/f{i:02}").read_bytes(), bytes([96 + i]) * 300000)
        table = json.loads((self.folder / out / "r/study/table.json").read_text())
        self.assertEqual([[m["loss"] for m in t["metrics"]] for t in table["trials"]],
                         [[float(f"{x}.{t}") for t in (1, 2, 3)] for x in (1, 2, 3)])

    def clean(self, store=".hpo"):
        self.assertIn("all right", self.hpo("cache", "verify", "--cache", store)[0])


@unittest.skipUnless(os.geteuid() == 0, "only root can mount a small disk")
class Small(Disk):
    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()

    def mount(self, size):
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", self.disk], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"cannot mount a small disk: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], stderr=subprocess.DEVNULL)

    def remount(self, options):
        subprocess.run(["mount", "-o", f"remount,{options}", self.disk], check=True)

    def is_clear(self, done):
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, "(?i)no space left|full")

    def test_full(self):
        """The store and out fill it; then there is room."""
        sizes = range(64, 14000, 333) if LONG else (64, 900, 7000)
        for size in sizes:
            with self.subTest(size=size):
                self.mount(size)
                kept = 0
                for _ in range(2):  # to try once more changes nothing
                    done = self.run_hpo("build", "r.lua", "-j2", "--cache", "disk/store", "--out", "disk/out", "--json")
                    if done.returncode == 0:
                        break
                    self.is_clear(done)
                self.remount("size=40000k")
                if (self.disk / "store/version").exists():
                    verify = self.hpo("cache", "verify", "--cache", "disk/store")[0]
                    self.assertIn("all right", verify)
                    kept = int(verify.split(" results")[0].split()[-1])
                answer = self.build("r.lua", "-j2", "--cache", "disk/store", "--out", "disk/out")
                if kept:
                    self.assertLess(answer["ran"], ACTIONS + RUNS)
                self.right("disk/out")
                self.clean("disk/store")
                self.assertEqual(os.listdir(self.disk / "store/tmp"), [])
                self.assertEqual(self.build("r.lua", "--cache", "disk/store", "--out", "disk/out")["ran"], 0)
                subprocess.run(["umount", self.disk], check=True)

    def test_what_was_said_is_kept(self):
        """An action that a line called done before the disk was full is not run again."""
        for size in (1000, 2000, 3000, 4000) if LONG else (1500, 3500):
            with self.subTest(size=size):
                self.mount(size)
                done = self.run_hpo("build", "r.lua", "-j1", "--cache", "disk/store")
                self.is_clear(done)
                said = len(re.findall(r"^(?:f\d\d|s/\d t = 3) \(", done.stderr, re.M))
                self.remount("size=40000k")
                self.assertLessEqual(self.build("r.lua", "--cache", "disk/store")["ran"], ACTIONS + RUNS - said)
                self.right()
                subprocess.run(["umount", self.disk], check=True)

    def test_full_out(self):
        self.mount(3000)
        done = self.run_hpo("build", "r.lua", "--out", "disk/out")
        self.is_clear(done)
        self.assertIn("disk/out/r/", done.stderr)
        self.remount("size=40000k")
        self.assertEqual(self.build("r.lua", "--out", "disk/out")["ran"], 0)
        self.right("disk/out")

    def test_read_only(self):
        self.mount(40000)
        self.build("r.lua", "--cache", "disk/store", "--out", "disk/out")
        self.remount("ro")
        for arguments in (["build", "r.lua"], ["build", "r.lua", "--dry-run"], ["cache", "gc"]):
            done = self.run_hpo(*arguments, "--cache", "disk/store")
            self.assertEqual(done.returncode, 1)
            self.assertIn("Read-only file system", done.stderr)
            self.assertIn("the store must be writable", done.stderr)
        for arguments in (["runs"], ["why", "r.lua", "f01"], ["log", "r.lua", "f01"], ["table", "r.lua"], ["cache", "stat"], ["cache", "verify"]):
            self.hpo(*arguments, "--cache", "disk/store")
        done = self.run_hpo("build", "r.lua", "--cache", "other", "--out", "disk/out2")
        self.assertEqual(done.returncode, 1)
        self.assertIn("disk/out2", done.stderr)
        self.assertEqual(self.build("r.lua", "--cache", "other")["ran"], 0)  # only out/ was missing
        self.right()

    def test_pins_that_cannot_be_written(self):
        self.mount(1000)
        origin = self.folder / "origin"
        (origin / "dataset").mkdir(parents=True)
        (origin / "dataset" / "file").write_text("x")
        for command in ("init -q -b master", "add .", "-c user.name=a -c user.email=a commit -q -m first"):
            subprocess.run(["git", *command.split()], cwd=origin, check=True)
        (self.disk / "c.lua").write_text(
            f'local hpo = require "hpo"\nreturn {{ x = hpo.clone {{ url = "{origin}", rev = "master", paths = {{ "dataset" }} }} }}')
        self.remount("ro")
        done = self.run_hpo("build", "disk/c.lua")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("hpo.lock", done.stderr)
        self.remount("rw")
        self.assertEqual(self.build("disk/c.lua")["ran"], 1)
        self.remount("ro")
        self.assertEqual(self.build("disk/c.lua")["ran"], 0)


class Places(Disk):
    def test_things_in_the_way(self):
        self.write("file", "x")
        for arguments, text in [(["--cache", "file"], "file"), (["--cache", "file/store"], "file"), (["--out", "file"], "file")]:
            done = self.run_hpo("build", "r.lua", "f01", *arguments)
            self.assertIn(done.returncode, (1, 2), done.stderr)
            self.assertIn(text, done.stderr)
        self.assertEqual(self.read("file"), "x")
        self.write("thesis/chapter.tex", "x")
        done = self.run_hpo("build", "r.lua", "f01", "--cache", "thesis")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("chapter.tex", done.stderr)
        self.assertEqual(os.listdir(self.folder / "thesis"), ["chapter.tex"])

    def test_a_store_of_a_newer_version(self):
        self.hpo("build", "r.lua", "f01")
        self.write(".hpo/version", "hpo store 4\n")
        before = sorted(p for p in (self.folder / ".hpo").rglob("*"))
        for arguments in (["build", "r.lua", "f01"], ["runs"], ["cache", "gc"], ["cache", "verify"]):
            done = self.run_hpo(*arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("newer version", done.stderr)
        self.assertEqual(before, sorted(p for p in (self.folder / ".hpo").rglob("*")))
        for text in ("", "x", "hpo store 0\n", "hpo store 99999999999999999999\n", "hpo store one\n", "\0" * 64, "y" * 5000):
            self.write(".hpo/version", text)
            self.assertEqual(self.run_hpo("build", "r.lua", "f01").returncode, 2, text)
        self.write(".hpo/version", "hpo store 3\n")
        self.assertEqual(self.build("r.lua", "f01")["ran"], 0)

    def test_a_store_that_lost_a_part(self):
        for part in ("index.db", "version", "blobs", "tmp", "work", "claims", "lock", "graphs", "live"):
            with self.subTest(part=part):
                shutil.rmtree(self.folder / ".hpo", ignore_errors=True)
                self.build("r.lua")
                path = self.folder / ".hpo" / part
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.exists():
                    path.unlink()
                for name in ("index.db-wal", "index.db-shm"):
                    (self.folder / ".hpo" / name).unlink(missing_ok=True)
                done = self.run_hpo("build", "r.lua")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.right()
                if part != "blobs":  # what nobody needs now stays missing
                    self.clean()


class Damage(Disk):
    def damaged(self, how):
        """Builds after the index was damaged: right results, or status 4 (1) and a message. Never a signal."""
        shutil.rmtree(self.folder / ".hpo", ignore_errors=True)
        shutil.copytree(self.folder / "good", self.folder / ".hpo")
        with open(self.folder / ".hpo/index.db", "r+b") as file:
            how(file)
        for arguments in (["runs"], ["cache", "stat"], ["cache", "verify"], ["table", "r.lua"], ["build", "r.lua"], ["build", "r.lua", "--rerun", "f03"],
                          ["cache", "gc", "--max-gb", "0"]):
            shutil.rmtree(self.folder / "out", ignore_errors=True)
            done = self.run_hpo(*arguments)
            self.assertIn(done.returncode, (0, 1, 2, 4), f"{arguments}\n{done.stderr}")
            if done.returncode != 0:
                self.assertTrue(done.stderr.startswith("hpo: ") or "\nhpo: " in done.stderr, f"{arguments}\n{done.stderr}")
            if done.returncode == 0 and arguments == ["build", "r.lua"]:
                self.right()
            self.codes[done.returncode] = self.codes.get(done.returncode, 0) + 1

    def prepare(self):
        self.codes = {}
        self.hpo("build", "r.lua")
        shutil.move(self.folder / ".hpo", self.folder / "good")
        for name in ("index.db-wal", "index.db-shm"):
            (self.folder / "good" / name).unlink(missing_ok=True)
        return (self.folder / "good/index.db").stat().st_size

    def test_index_overwritten(self):
        size = self.prepare()
        draw = random.Random(5)
        for _ in range(200 if LONG else 12):
            n = draw.choice((1, 1, 4, 100, 4096))
            at = draw.choice((draw.randrange(100), draw.randrange(size), draw.randrange(size)))
            noise = draw.randbytes(n)
            with self.subTest(at=at, n=n):
                def how(file):
                    file.seek(at)
                    file.write(noise)
                self.damaged(how)

    def test_index_cut_off(self):
        size = self.prepare()
        for length in (0, 1, 16, 99, 100, 4095, 4096, size // 2, size - 4096, size - 1):
            with self.subTest(length=length):
                self.damaged(lambda file: file.truncate(length))

    def test_index_that_is_something_else(self):
        self.prepare()
        self.damaged(lambda file: (file.truncate(0), file.write(b"This is no database.\n" * 1000)))
        self.assertIn(4, self.codes)
        for kind in ("folder", "pipe", "link"):
            shutil.rmtree(self.folder / ".hpo", ignore_errors=True)
            shutil.copytree(self.folder / "good", self.folder / ".hpo")
            path = self.folder / ".hpo/index.db"
            path.unlink()
            {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "link": lambda: path.symlink_to("/dev/zero")}[kind]()
            done = self.run_hpo("build", "r.lua")
            self.assertIn(done.returncode, (1, 2, 4), kind)
            self.assertIn("index.db", done.stderr)

    def test_blobs(self):
        """A blob overwritten, cut off, missing: a miss that says so, and is made again."""
        self.build("r.lua")
        blobs = sorted(p for p in (self.folder / ".hpo/blobs").rglob("*") if p.is_file() and p.stat().st_size == 300000)
        self.assertEqual(len(blobs), ACTIONS)
        draw = random.Random(3)
        for blob in blobs if LONG else draw.sample(blobs, 4):
            for kind in ("overwritten", "cut off", "missing", "a folder", "a folder with something in it"):
                with self.subTest(kind=kind):
                    shutil.rmtree(self.folder / "out", ignore_errors=True)
                    blob.chmod(0o644)
                    if kind == "overwritten":
                        with open(blob, "r+b") as file:
                            file.seek(draw.randrange(300000))
                            file.write(b"\0")
                    elif kind == "cut off":
                        os.truncate(blob, 1000)
                    else:
                        blob.unlink()
                        if kind != "missing":
                            blob.mkdir()
                        if kind == "a folder with something in it":
                            (blob / "mine").write_text("x")
                    done = self.run_hpo("build", "r.lua", "--json")
                    if kind == "a folder with something in it":
                        self.assertEqual(done.returncode, 1)
                        self.assertIn("has the name of a blob", done.stderr)
                        self.assertIn("hpo cache gc", done.stderr)
                        self.hpo("cache", "gc")
                        done = self.run_hpo("build", "r.lua", "--json")
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual(json.loads(done.stdout.splitlines()[-1])["ran"], 1)
                    self.assertIn("is made again", done.stderr)
                    self.right()
        self.clean()

    def test_verify_finds_and_mends(self):
        self.build("r.lua")
        blobs = sorted(p for p in (self.folder / ".hpo/blobs").rglob("*") if p.is_file())
        blobs[0].chmod(0o644)
        blobs[0].write_bytes(b"x" * blobs[0].stat().st_size)
        blobs[1].unlink()
        done = self.run_hpo("cache", "verify")
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.build("r.lua", "--json")
        self.right()


if __name__ == "__main__":
    unittest.main()
