"""clang-format is the judge of form."""

import os
import shutil
import subprocess
import unittest

from tree import ROOT, House, paths

TOOL = "clang-format-14"


class Format(House):
    def test_every_c_file_is_formatted(self):
        if not shutil.which(TOOL):
            self.skip(f"{TOOL} is absent")
        files = paths(".c", ".h", ".cu", ".cuh")
        done = subprocess.run(
            [TOOL, "--dry-run", "--Werror"] + files, cwd=ROOT, capture_output=True
        )
        said = [line for line in done.stderr.decode().splitlines() if "error:" in line]
        first = {line.split(":")[0]: line for line in reversed(said)}  # of each file
        self.none(sorted(first.values()) if done.returncode else [])


if __name__ == "__main__":
    unittest.main()
