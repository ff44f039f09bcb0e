"""The two commands of the README are the two doors: they stand there word for word, the check calls
the second, and every script is one that Debian's sh can read."""

import os
import subprocess
import unittest

from tree import ROOT, House, paths, read

SCRIPTS = ["run", ".ci/run", ".ci/full", ".ci/steps"]


class Doors(House):
    def test_the_readme_shows_both(self):
        lines = [line.strip("` $") for line in read("README.md").splitlines()]
        self.assertIn("./run build recipes/asha.lua", lines)
        self.assertIn("./run test", lines)

    def test_the_check_calls_the_second(self):
        self.assertIn("step tests ./run test", read(".ci/run").splitlines())

    def test_scripts_are_read_by_sh(self):
        tools = [p for p in paths("") if p.startswith("tools/") and "." not in p]
        offences = []
        for path in SCRIPTS + tools:
            done = subprocess.run(["sh", "-n", os.path.join(ROOT, path)], capture_output=True)
            offences += done.stderr.decode().splitlines()
            if path != ".ci/steps" and not os.access(os.path.join(ROOT, path), os.X_OK):
                offences.append(f"{path}: cannot be run")
        self.none(offences)


if __name__ == "__main__":
    unittest.main()
