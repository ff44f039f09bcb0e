"""The worker of a clone: servers that fall silent, killed programs, repositories that lie."""
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import zlib

from clone_case import HPO, Backend, CloneTest, serving


class Dribble(Backend):
    """Answers as Backend does, the pack in small pieces over some seconds."""

    class Slow:
        def __init__(self, file, started):
            self.file, self.started = file, started

        def write(self, data):
            step = len(data) // 20 + 1
            for at in range(0, len(data), step):
                self.file.write(data[at:at + step])
                self.file.flush()
                self.started.set()
                time.sleep(0.2)

        def __getattr__(self, name):
            return getattr(self.file, name)

    def do_POST(self):
        self.wfile = self.Slow(self.wfile, self.server.stalled)
        self.answer()


class Silence(CloneTest):
    def expect_silence(self, message, url):
        self.assertIn(f"hpo: {url}: nothing came from the server for 1 s\n", message)
        self.assertIn("--mirror", message)
        self.assertEqual(list((self.folder / "out").iterdir()), [])

    def test_a_server_that_accepts_and_says_nothing_is_left_after_the_limit(self):
        with socket.create_server(("127.0.0.1", 0)) as server:  # the kernel accepts
            port = server.getsockname()[1]
            for scheme in ("http", "https", "git", "ssh"):
                url = f"{scheme}://127.0.0.1:{port}/r"
                with self.subTest(scheme):
                    self.expect_silence(self.hpo("clone-resolve", "--silence", 1, url, "master",
                                                 status=1), url)
                    self.expect_silence(self.hpo("clone-tree", "--silence", 1, url, self.new,
                                                 "out", status=1), url)

    def test_silence_in_the_middle_of_a_pack(self):
        with serving(Backend, self.repo.parent, stall=threading.Event()) as server:
            url = server.url + "/r.git"
            self.expect_silence(self.hpo("clone-tree", "--silence", 1, url, self.new, "out",
                                         status=1), url)

    def test_no_password_is_shown(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            message = self.hpo("clone-resolve", "--silence", 1,
                               f"http://me:pa55word@127.0.0.1:{port}/r", "master", status=1)
            self.expect_silence(message, f"http://127.0.0.1:{port}/r")
            self.assertNotIn("pa55word", message)

    def test_a_slow_server_is_waited_for(self):
        with serving(Dribble, self.repo.parent) as server:
            self.hpo("clone-tree", "--silence", 2, server.url + "/r.git", self.new, "out", "a")
        self.assertEqual(self.out(), {"a/one": b"two\r\n"})

    def test_time_in_which_the_program_stood_still_is_not_silence(self):
        with serving(Dribble, self.repo.parent) as server:
            process = subprocess.Popen(
                [str(HPO), "clone-tree", "--silence", "2", server.url + "/r.git", self.new, "out",
                 "a"], env=self.env, cwd=self.folder, stderr=subprocess.PIPE, text=True,
                start_new_session=True)
            self.assertTrue(server.stalled.wait(30))
            os.killpg(process.pid, signal.SIGSTOP)
            time.sleep(3)
            os.killpg(process.pid, signal.SIGCONT)
            _, message = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, message)
        self.assertEqual(self.out(), {"a/one": b"two\r\n"})

    def test_the_limit_is_a_whole_number(self):
        for text in ("0", "-1", "x", "86401"):
            self.assertIn("--silence", self.hpo("clone-resolve", "--silence", text, "u", "master",
                                                status=2))


class Scratch(CloneTest):
    def start(self, server):
        process = subprocess.Popen(
            [str(HPO), "clone-tree", server.url + "/r.git", self.new, "out"], env=self.env,
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertTrue(server.stalled.wait(30))
        (folder,) = (self.folder / "tmp").iterdir()
        return process, folder

    def resolve(self):
        subprocess.run([str(HPO), "clone-resolve", str(self.repo), "master"], env=self.env,
                       cwd=self.folder, check=True, capture_output=True, timeout=60)

    def test_what_a_killed_program_left_is_removed_by_the_next(self):
        with serving(Backend, self.repo.parent, stall=threading.Event()) as server:
            process, folder = self.start(server)
            process.kill()
            process.wait()
            for _ in range(200):  # the kernel ends the worker, too, and with it the lock
                self.resolve()
                if not folder.exists():
                    break
                time.sleep(0.05)
        self.assertEqual(list((self.folder / "tmp").iterdir()), [])

    def test_the_folder_of_a_living_one_stays(self):
        with serving(Backend, self.repo.parent, stall=threading.Event()) as server:
            _, folder = self.start(server)
            self.resolve()
            self.assertEqual(list((self.folder / "tmp").iterdir()), [folder])

    def test_what_others_made_stays(self):
        names = ["hpo-clone-", "hpo-clone-mine", "hpo-clone-a_bc12", "hpo-clone-sevenxx", "clone"]
        (self.folder / "elsewhere").mkdir()
        for name in names:
            (self.folder / "tmp" / name).mkdir()
        (self.folder / "tmp/hpo-clone-link12").symlink_to(self.folder / "elsewhere")
        (self.folder / "tmp/hpo-clone-file12").write_text("mine")
        self.resolve()
        self.assertTrue((self.folder / "elsewhere").is_dir())
        self.assertEqual({p.name for p in (self.folder / "tmp").iterdir()},
                         {*names, "hpo-clone-link12", "hpo-clone-file12"})


class Lies(CloneTest):
    def loose(self, size, data):
        """An object whose header says another size than it has; its id is that of all its bytes."""
        data = b"blob %d\0" % size + data
        name = hashlib.sha1(data).hexdigest()
        path = self.repo / "objects" / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(data))
        return name

    def test_an_object_that_lies_about_its_size_fails_with_a_sentence(self):
        """Some versions of libgit2 overrun a buffer and die: that costs the worker alone."""
        for size, length in ((5, 100000), (5, 3000000), (100000, 5)):
            with self.subTest(size=size, length=length):
                blob = self.loose(size, b"x" * length)
                commit = self.commit(self.raw_tree(("100644", b"f", blob)))
                done = subprocess.run([str(HPO), "clone-tree", str(self.repo), commit, "out"],
                                      env=self.env, cwd=self.folder, capture_output=True,
                                      text=True, timeout=60)
                self.assertIn(done.returncode, (1, 4), done.stderr)
                # A sanitizer prints its report before, and ends the worker without a signal.
                self.assertRegex(done.stderr, r"(?m)^hpo: .*(ended by signal|without a word|object)")
                self.assertEqual(list((self.folder / "out").iterdir()), [])
                self.assertEqual(list((self.folder / "tmp").iterdir()), [])


if __name__ == "__main__":
    if not shutil.which("git"):
        print("SKIP: git is not here", file=sys.stderr)
        sys.exit(77)
    if not HPO.exists():
        sys.exit(f"{HPO} is not there: build it first, or set HPO_BIN")
    unittest.main()
