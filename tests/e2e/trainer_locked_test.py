"""The whole trainer on a backend whose memory nobody else can touch, and whose operations are as late as they may be
(tests/locked/locked.c): the fixtures of both architectures, and every run, resume and checkpoint, to the golden bits."""
import os
import pathlib
import unittest

os.environ["HPO_BIN"] = str(pathlib.Path(os.environ["HPO_BIN"]).parent / "tests" / "locked")

import trainer_fixtures_test  # noqa: E402: after HPO_BIN is set
import trainer_protocol_test  # noqa: E402
from case import LONG  # noqa: E402


class Bloom(trainer_fixtures_test.Bloom):
    if not LONG:
        names = trainer_fixtures_test.Bloom.names[:1]
        test_same_bits = None  # of any number of threads: the trainer's own tests have it


class Gpt2(trainer_fixtures_test.Gpt2):
    names = ["gpt2"]
    made = {"gpt2": []}
    if not LONG:
        test_same_bits = None


class Training(trainer_protocol_test.Training):
    if not LONG:
        test_threads_and_instructions = None


if __name__ == "__main__":
    unittest.main()
