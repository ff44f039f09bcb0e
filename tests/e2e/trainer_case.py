"""What the end-to-end tests of hpo-trainer share: the program, its lines, the reference files."""
import importlib
import json
import subprocess
import unittest

from case import BIN, SHARED, Case


class TrainerCase(Case):
    def run_trainer(self, *arguments, lines=None, text=None, status=0, warning=""):
        """Runs hpo-trainer, with JSON lines or a text as its input, and returns (standard output, standard error)."""
        if lines is not None:
            text = "".join(json.dumps(line) + "\n" for line in lines)
        done = subprocess.run([str(BIN / "hpo-trainer"), *map(str, arguments)], cwd=self.folder, env=self.environment,
                              input=(text or "").encode(), capture_output=True, timeout=600)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, status, f"hpo-trainer {' '.join(map(str, arguments))}\n{out[-2000:]}\n{err}")
        if status == 0 and warning:
            self.assertRegex(err, f"^hpo-trainer: warning: .*{warning}.*\n$")
        elif status == 0:
            self.assertEqual(err, "")
        return out, err

    def answers(self, *arguments, **keywords):
        """The program's JSON lines."""
        return [json.loads(line) for line in self.run_trainer(*arguments, **keywords)[0].splitlines()]

    def refuses(self, message, *arguments, **keywords):
        """Exit 2, nothing on standard output that matters, and this in the message."""
        out, err = self.run_trainer(*arguments, status=2, **keywords)
        self.assertIn(message, err)
        self.assertTrue(err.startswith("hpo-trainer: "), err)
        return err

    def shared(self, name):
        path = SHARED / name
        if not path.exists():
            self.skip(f"{path} is absent")
        return path

    def fixture(self, name):
        return json.loads(self.shared(f"fixtures/{name}").read_text())

    def library(self, name):
        """A Python package to compare with, where this Python has it."""
        try:
            return importlib.import_module(name)
        except ImportError:
            self.skip(f"this Python has no {name}")

    def devices(self):
        return self.answers("devices", "--json")[0]

    def instruction_sets(self):
        """What HPO_CPU may say on this processor, the best last."""
        best = self.devices()["cpu"]["instructions"]
        order = ["portable", "avx2", "avx512", "avx512bf16", "amx"]
        return order[:order.index(best) + 1]

    def skip(self, why):
        print(f"SKIP {self.id()}: {why}")
        raise unittest.SkipTest(why)
