"""What the end-to-end tests of hpo share: a folder of one's own, the program, its answers."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("HPO_BIN", ROOT / "build" / "bin")).resolve()
SHARED = ROOT.parent / "shared"
LONG = "HPO_LONG" in os.environ  # every case of it; else those that are done in seconds


def uuid(i):
    """Of the i-th card that is made up."""
    return f"GPU-{i:x}0000000-0000-0000-0000-{i:012x}"


class Case(unittest.TestCase):
    """A test in an empty folder, with the store in it."""

    program = BIN / "hpo"
    sandbox = None  # "off" where what a test's actions do is seen in files that they do not declare

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hpo-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.environment = {k: v for k, v in os.environ.items() if k not in ("HPO_CACHE", "HPO_KEY_FILE", "NO_COLOR", "CUDA_VISIBLE_DEVICES")}
        self.environment["XDG_CONFIG_HOME"] = str(self.folder / "config")  # not the key of who runs the tests
        self.environment["HPO_NVIDIA"] = str(self.folder / "nvidia")  # in test builds: a machine without GPUs

    def write(self, name, text, mode=0o644):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def make_cards(self, *models):
        """GPUs that are not there: GPU-0000…, GPU-1111… on buses in that order. Needs a build for tests."""
        for i, model in enumerate(models):
            self.write(f"nvidia/gpus/0000:{i:02x}:00.0/information",
                       f"Model: \t\t {model}\nIRQ:   \t\t 16\nGPU UUID: \t {uuid(i)}\nBus Location: \t 0000:{i:02x}:00.0\nDevice Minor: \t {i}\n")
            self.write(f"nvidia/dev/nvidia{i}", "")
        self.write("nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue Sep 23 10:11:16 UTC 2025\n")
        if "580.95.05" not in self.hpo("doctor", "--json")[0]:
            self.skipTest("built without HPO_FAULTS: cards cannot be made up")

    def read(self, name):
        return (self.folder / name).read_text()

    def hpo_words(self, *arguments):
        """The words of hpo with these arguments, in the test's sandbox."""
        words = [str(self.program), *map(str, arguments)]
        hides = self.sandbox and words[1:2] in (["build"], ["audit"]) and "--sandbox" not in words
        return words[:2] + ["--sandbox", self.sandbox] + words[2:] if hides else words

    def start(self, *arguments, **keywords):
        return subprocess.Popen(self.hpo_words(*arguments), cwd=self.folder, env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **keywords)

    def hpo(self, *arguments, status=0, timeout=300):
        """Runs hpo and returns (standard output, standard error); the status is checked."""
        done = subprocess.run(self.hpo_words(*arguments), cwd=self.folder, env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout)
        self.assertEqual(done.returncode, status, f"hpo {' '.join(map(str, arguments))}\n{done.stdout}\n{done.stderr}")
        return done.stdout, done.stderr

    def build(self, recipe, *arguments, status=0, **keywords):
        """hpo build --json → its answer, with the messages under "messages"."""
        out, err = self.hpo("build", recipe, "--json", *arguments, status=status, **keywords)
        answer = json.loads(out.strip().splitlines()[-1])
        answer["messages"] = err
        return answer

    def table(self, recipe, *arguments):
        return json.loads(self.hpo("table", recipe, "--json", *arguments)[0])


def without_measured(table):
    """A table without what may differ from build to build."""
    if isinstance(table, dict):
        return {k: without_measured(v) for k, v in table.items() if k not in ("seconds", "cached", "run", "started", "info")}
    return [without_measured(v) for v in table] if isinstance(table, list) else table
