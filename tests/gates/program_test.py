"""hpo-trainer as it is shipped: machine code and no PTX; no library but those of C."""

import os
import re
import subprocess
import unittest

import machine_code

PROGRAM = os.path.join(os.environ["HPO_BIN"], "hpo-trainer")


class Program(unittest.TestCase):
    def test_it_needs_libraries_of_c_alone(self):
        said = subprocess.run(["ldd", PROGRAM], capture_output=True, check=True, text=True).stdout
        names = {re.match(r"\s*(?:\S*/)?([\w-]+)", line).group(1) for line in said.splitlines()}
        self.assertEqual(names - {"linux-vdso", "ld-linux-x86-64", "ld-linux-aarch64"},
                         {"libc", "libm"}, said)

    def test_its_machine_code(self):
        if not machine_code.disassembler():
            print("SKIP: no cuobjdump: hpo-trainer's machine code is not examined")
            raise unittest.SkipTest("a tool is not here")
        self.assertEqual(machine_code.of_object(PROGRAM), [])


if __name__ == "__main__":
    unittest.main()
