"""tools/install and the Debian packages it installs: nothing without a word where a person sits, everything without a
question where none does. sudo and the package manager are scripts of the test's own."""
import os
import pty
import shutil
import subprocess
import unittest

from case import ROOT, Case

TYPED = "apt-get install -y --no-install-recommends gcc libc6-dev"


class Packages(Case):
    def setUp(self):
        super().setUp()
        for name in ("sh", "sed", "mktemp", "rm", "cat", "env", "true"):
            (self.folder / "bin").mkdir(exist_ok=True)
            (self.folder / "bin" / name).symlink_to(shutil.which(name))
        self.tool("dpkg-query", "exit 1")  # knows no package
        self.tool("apt-get", 'echo "$*" >> did')
        self.tool("id", "echo 1000")

    def tool(self, name, script):
        self.write(f"bin/{name}", f"#!/bin/sh\n{script}\n", mode=0o755)

    def sudo(self, password):
        self.tool("sudo", ('[ "$1" = -n ] && exit 1\n' if password else '[ "$1" = -n ] && shift\n') + 'exec "$@"')

    def install(self, status, answer=None):
        """What it says; with an answer, on a terminal on which that is typed."""
        keywords = {"cwd": self.folder, "env": {"PATH": str(self.folder / "bin")}}
        command = ["sh", str(ROOT / "tools/install"), "extra"]
        if answer is None:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, **keywords)
            self.assertEqual(done.returncode, status, done.stderr)
            return done.stderr
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, **keywords)
        os.close(slave)
        os.write(master, answer.encode())
        seen = ""
        while True:
            try:
                some = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            seen += some.decode()
            if not some:
                break
        self.assertEqual(child.wait(timeout=60), status, seen)
        return seen

    def installed(self):
        return (self.folder / "did").exists() and "install --no-install-recommends gcc" in self.read("did")

    def test_on_a_terminal_it_asks_and_shows_the_command(self):
        self.sudo(password=True)
        for answer in ("n\n", "\n", "\x04"):
            seen = self.install(1, answer)
            self.assertIn("packages are missing: gcc libc6-dev", seen)
            self.assertIn(f"sudo apt-get update && sudo {TYPED}", seen)
            self.assertIn("extra", seen)
            self.assertIn("[y/N]", seen)
            self.assertFalse(self.installed())
        self.install(0, "y\n")
        self.assertTrue(self.installed())

    def test_without_a_terminal_it_goes_on_where_sudo_needs_no_password(self):
        self.sudo(password=False)
        self.assertNotIn("[y/N]", self.install(0))
        self.assertTrue(self.installed())

    def test_without_a_terminal_it_says_the_command_where_sudo_needs_one(self):
        self.sudo(password=True)
        said = self.install(1)
        self.assertIn("needs a password", said)
        self.assertIn(f"    sudo apt-get update && sudo {TYPED}", said)
        self.assertFalse(self.installed())

    def test_without_sudo_it_says_the_command_of_root(self):
        self.assertIn(f"    apt-get update && {TYPED}", self.install(1))
        self.assertFalse(self.installed())

    def test_root_is_not_asked(self):
        self.tool("id", "echo 0")
        self.assertNotIn("[y/N]", self.install(0, "n\n"))
        self.assertTrue(self.installed())

    def test_nothing_is_said_where_nothing_is_missing(self):
        self.tool("dpkg-query", 'shift 2; for package; do echo "ii :$package"; done')
        self.assertEqual(self.install(0), "")
        self.assertFalse((self.folder / "did").exists())


if __name__ == "__main__":
    unittest.main()
