"""The whole trainer on a backend whose memory nobody else can touch, and whose operations are as late as they may be
(tests/locked/locked.c): the fixtures of both architectures, and every run, resume and checkpoint, to the golden bits."""
import os
import pathlib
import unittest

os.environ["HPO_BIN"] = str(pathlib.Path(os.environ["HPO_BIN"]).parent / "tests" / "locked")

import trainer_fixtures_test  # noqa: E402: after HPO_BIN is set
from trainer_fixtures_test import Bloom  # noqa: E402, F401
from trainer_protocol_test import Training  # noqa: E402, F401


class Gpt2(trainer_fixtures_test.Gpt2):
    names = ["gpt2"]
    made = {"gpt2": []}


if __name__ == "__main__":
    unittest.main()
