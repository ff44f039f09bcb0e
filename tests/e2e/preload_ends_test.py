"""Preloaded interpreters: how they end, and that nothing is left of them and of their runs."""
import ctypes
import os
import shutil
import signal
import time
import unittest

from case import BIN
from preload_case import FORKED, HEAD, PreloadCase


PR_SET_CHILD_SUBREAPER = 36


class PreloadEnds(PreloadCase):
    def waiting_build(self, ends="", samples=4, **options):
        """A build whose two runs wait; their numbers, and that of the interpreter."""
        self.write("train.py", HEAD + f'''
import signal, subprocess, time
{ends}
stray = subprocess.Popen(["sleep", "600"], start_new_session=True)
if not os.fork():
    os.setsid()
    time.sleep(600)
pid = os.getpid()
open(f"{{os.environ['PLACE']}}/pid.{{pid}}.new", "w").write(f"{{pid}} {{stray.pid}} {{{FORKED}}}")
os.rename(f"{{os.environ['PLACE']}}/pid.{{pid}}.new", f"{{os.environ['PLACE']}}/pid.{{pid}}")
while not os.path.exists(os.environ["PLACE"] + "/go"):
    time.sleep(0.02)
report()
''')
        self.recipe(samples=samples, **options)
        build = self.start("build", "r.lua", "-j2")
        while len(list(self.folder.glob("pid.*[0-9]"))) < 2:
            self.assertIsNone(build.poll(), build.stderr.read() if build.poll() is not None else "")
            time.sleep(0.02)
        self.assertEqual({path.read_text().split()[2] for path in self.folder.glob("pid.*[0-9]")}, {"True"})
        return build

    def processes(self):
        """All that has to do with this test's folder."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    environment = file.read()
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    command = file.read().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if f"HOME={self.folder}/".encode() in environment:
                found[int(pid)] = command
        return found

    def assert_all_gone(self):
        for _ in range(200):
            if not self.processes():
                return
            time.sleep(0.05)
        self.fail(self.processes())

    def test_nothing_is_left_when_hpo_is_killed(self):
        build = self.waiting_build()
        self.assertGreaterEqual(len(self.processes()), 8)  # two runs with two strays each, an interpreter, and its next child
        build.kill()
        build.communicate()
        self.assert_all_gone()

    def test_nothing_is_left_after_an_interrupt(self):
        build = self.waiting_build()
        build.send_signal(signal.SIGINT)
        _, err = build.communicate(timeout=60)
        self.assertEqual(build.returncode, 130, err)
        self.assert_all_gone()

    def test_strays_end_with_their_run(self):
        build = self.waiting_build()
        self.write("go", "")
        _, err = build.communicate(timeout=60)
        self.assertEqual(build.returncode, 0, err)
        self.assert_all_gone()

    def test_no_zombie_is_left(self):
        """Of children that hpo does not wait for we would be the parent."""
        self.write("train.py", HEAD + "report()\n")
        self.recipe(samples=2)
        prctl = ctypes.CDLL(None).prctl
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        try:
            self.hpo("build", "r.lua", "-j2")
            with self.assertRaises(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)
        finally:
            prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)

    def test_an_interpreter_that_is_killed(self):
        """Its children live on; what follows is run fresh, but for the child that waited if that has begun by then."""
        build = self.waiting_build()
        runs = [int(path.name.split(".")[1]) for path in self.folder.glob("pid.*[0-9]")]
        for pid, command in self.processes().items():
            if "preload.py" in command and os.getpgid(pid) == pid and pid not in runs:
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
        self.write("go", "")
        _, err = build.communicate(timeout=60)
        self.assertEqual(build.returncode, 0, err)
        self.assertEqual(self.notes(err), ["the interpreter that was loaded for it has ended"])
        forked = sorted(path.read_text().split()[2] for path in self.folder.glob("pid.*[0-9]"))
        self.assertIn(forked, (["False", "False", "True", "True"], ["False", "True", "True", "True"]))
        self.assertEqual(sum(trial["status"] == "completed" for trial in self.table("r.lua")["trials"]), 4)

    def test_a_child_that_hangs_is_ended(self):
        build = self.waiting_build("signal.signal(signal.SIGTERM, signal.SIG_IGN)", samples=2, more="timeout = 0.5")
        _, err = build.communicate(timeout=60)
        self.assertEqual(build.returncode, 0, err)
        self.assertIn("0.5 s", err)
        self.assert_all_gone()

    def test_an_interrupt_while_it_is_loaded(self):
        self.write("slow.py", "import os, time\nopen(os.environ['PLACE'] + '/loads', 'a').write('load\\n')\ntime.sleep(600)\n")
        self.write("train.py", HEAD + "import slow\nreport()\n")
        self.recipe('{ "slow" }', inputs='hpo.source "slow.py"')
        build = self.start("build", "r.lua", "-j2")
        while not self.lines_of("loads"):
            time.sleep(0.02)
        build.send_signal(signal.SIGINT)
        _, err = build.communicate(timeout=60)
        self.assertEqual(build.returncode, 130, err)
        self.assertEqual(self.lines_of("loads"), ["load"])  # for both runs
        self.assert_all_gone()

    def test_an_interpreter_that_misbehaves(self):
        """Whatever it says, its runs are begun fresh."""
        (self.folder / "bin").mkdir()
        self.program = self.folder / "bin/hpo"
        shutil.copy(BIN / "hpo", self.program)
        self.write("train.py", HEAD + f'open(os.environ["PLACE"] + "/forked", "a").write(f"{{{FORKED}}}\\n")\nreport()\n')
        start = "import os, signal, socket\ncontrol = socket.socket(fileno=os.dup(0))\n"
        number = start + "control.send(b'ready')\ncontrol.send(%s)\nsignal.pause()"
        reply = start + "control.send(b'ready')\nif os.fork() == 0:\n" \
            "    parent = os.getpid()\n    if os.fork(): os._exit(0)\n    while os.getppid() == parent: pass\n" \
            "    control.send(b'child %%d' %% os.getpid())\n" \
            "    fds = socket.recv_fds(control, 1, 5)[1]\n" \
            "    socket.socket(fileno=fds[4]).send(%s)\n    for fd in fds[:4]: os.close(fd)\n    os._exit(0)\nsignal.pause()"
        ended = ["the interpreter that loads what it imports has ended"]
        other = ["the interpreter that was loaded for it speaks another language"]
        childless = ["the interpreter that was loaded for it gives no child"]
        numbers = ("b'child'", "b'child '", "b'child 1'", "b'child %d' % os.getppid()", "b'child ' + b'9' * 30",
                   "b'child -1'", "b'child x'", "b'ready'", "b'fresh x'")
        for program, notes in ((None, ended), (start, ended), (start + "control.send(b'hello')", other),
                               (start + "control.send(b'ready' * 1000)", other), (start + "control.send(b'')", ended),
                               (start + "control.send(b'fresh x\\x1b[1m\\xff')\nsignal.pause()", ["x\\u001B[1m\\xFF"]),
                               (start + "control.send(b'ready')\nsignal.pause()", childless),
                               *((number % text, other) for text in numbers),
                               *((reply % text, childless) for text in ("b''", "b'1'", "b'begun!'", "b'begun' * 10"))):
            if program:
                self.write("share/hpo/preload.py", program)
            messages = self.run_it(samples=2)[2]
            self.assertEqual(self.notes(messages), notes, program)
            self.assert_forked(False)
        self.assert_all_gone()

    def test_many_kinds_of_runs(self):
        """Each has an interpreter of its own; few are kept."""
        self.write("common.py", 'import os\nopen(os.environ["PLACE"] + "/loads", "a").write(os.environ["KIND"] + "\\n")\n')
        self.write("train.py", HEAD + f'import common\nopen(os.environ["PLACE"] + "/forked", "a").write(f"{{{FORKED}}}\\n")\nreport()\n')
        self.run_it('{ "common" }', inputs='hpo.source "common.py"', env='KIND = tostring(p.x):sub(1, 4)', samples=9)
        self.assertEqual(len(self.lines_of("loads")), 9)
        self.assert_forked(True)
        self.assert_all_gone()


if __name__ == "__main__":
    unittest.main()
