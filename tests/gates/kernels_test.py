"""The machine code of every kernel for one card ($HPO_CARD): compiled without a warning, spilled
registers or local memory, without PTX, and with the arithmetic that the source says, whose bits
another card and the processor have too. Needs nvcc and no card."""

import glob
import os
import unittest

import machine_code


class Kernels(unittest.TestCase):
    def test_each_source(self):
        card, compiler = os.environ["HPO_CARD"], machine_code.nvcc()
        if not compiler:
            print("SKIP: no nvcc: the GPU's machine code is not examined (tools/install-tests cuda)")
            raise unittest.SkipTest("a tool is not here")
        if not machine_code.knows(compiler, card):
            print(f"SKIP: {compiler} is too old for {card}: its machine code is not examined")
            raise unittest.SkipTest("a tool is not here")
        if not machine_code.disassembler():
            print("SKIP: no cuobjdump: instructions of the GPU's machine code are not examined")
        folder = os.path.join(os.environ["HPO_GATES"], card)
        sources = sorted(glob.glob(os.path.join(machine_code.ROOT, "kernels/cuda/*.cu")))
        self.assertGreaterEqual(len(sources), 10)
        offences = []
        for name, said in machine_code.make(compiler, card, sources, folder).items():
            found = [said] if said else machine_code.of_source(folder, name)
            offences += [f"{name}.cu: {line}" for line in found]
        if offences:
            self.fail("\n" + "\n".join(offences))


if __name__ == "__main__":
    unittest.main()
