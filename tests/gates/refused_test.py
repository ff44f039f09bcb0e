"""The gates can close: each source in refused/ is refused for exactly what its first line says."""

import glob
import os
import re
import unittest

import machine_code

CARD = "sm_90"
REFUSED = os.path.join(machine_code.ROOT, "tests/gates/refused/*.cu")


class Refused(unittest.TestCase):
    def setUp(self):
        self.compiler = machine_code.nvcc()
        if not self.compiler or not machine_code.disassembler():
            print("SKIP: no nvcc, or no cuobjdump: the gates of machine code are not tried")
            raise unittest.SkipTest("a tool is not here")

    def make(self, sources, folder, **options):
        """(name, what is wrong) of each source."""
        folder = os.path.join(os.environ["HPO_GATES"], folder)
        said = machine_code.make(self.compiler, CARD, sources, folder, **options)
        for name, refusal in said.items():
            yield name, refusal or "\n".join(machine_code.of_source(folder, name))

    def test_each_is(self):
        rules = {**machine_code.PTX, **machine_code.FUSED, **machine_code.SASS}
        sources = {os.path.basename(path)[: -len(".cu")]: path for path in glob.glob(REFUSED)}
        self.assertGreaterEqual(len(sources), 9)
        for name, found in self.make(sources.values(), "refused"):
            with self.subTest(name), open(sources[name]) as file:
                kinds = re.match(r"/\* refused: (.*) \*/", file.readline()).group(1).split(", ")
                for kind in kinds:
                    self.assertIn(kind, found)
                for kind in rules.keys() - kinds:
                    self.assertNotIn(f": {kind}: ", found)

    def test_what_the_compiler_lets_pass_is(self):
        """Local memory that it does not warn of, a contraction, PTX beside the machine code."""
        options = machine_code.OPTIONS.replace("-fmad=false", "-gencode=arch=compute_90,code=compute_90")
        for _, found in self.make([REFUSED.replace("*", "local")], "passed", options=options):
            self.assertIn(": LDL or STL: ", found)
            self.assertIn(": an fma that the source lacks: ", found)
            self.assertIn("PTX is shipped: ", found)


if __name__ == "__main__":
    unittest.main()
