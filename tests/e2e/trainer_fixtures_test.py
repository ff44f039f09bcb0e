"""forward, train and generate against what transformers gave: BLOOM's fixtures, and GPT-2's, which are made here."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import tensors
from case import LONG, ROOT, SHARED
from trainer_case import TrainerCase

ORACLE = ROOT / "tests" / "oracle" / "gpt2.py"

class Fixtures:
    """What is asked of every architecture; names: its folders of fixtures, as the script of its oracle makes them."""
    def each(self):
        for name in self.names:
            with self.subTest(name):
                yield name, self.shared(f"fixtures/{name}/model")

    def near(self, got, want, limit, what):
        self.assertLessEqual(abs(got - want), limit * abs(want), what)

    def test_forward(self):
        for name, model in self.each():
            for number, case in enumerate(self.fixture(f"{name}/forward.json")):
                what = f"{name} {case['labels_mode']} {case['padding_side']}"
                batch = {k: case[k] for k in ("input_ids", "attention_mask", "labels")}
                self.write("batch.json", json.dumps(batch))
                flags = ["--gradients", "gradients.safetensors"] if number == 0 else []
                answer, = self.answers("forward", "--model", model, "--batch", "batch.json", *flags)
                self.near(answer["loss"], case["loss"], 1e-5, what)
                for got, want in zip(answer["last_logits"], case["last_logits"], strict=True):
                    self.assertLess(tensors.distance(got, want), 1e-5, what)
            got = tensors.load(self.folder / "gradients.safetensors")
            self.assertLess(tensors.furthest(got, tensors.load(model.parent / "gradients.safetensors")), 1e-5, name)

    def train(self, name, model, out, *flags):
        """The run of train.json, with its examples in files: (its settings, our lines)."""
        reference = self.fixture(f"{name}/train.json")
        settings = reference["settings"]
        examples = [e[settings["labels"] + "_mode"] for e in self.fixture(f"{name}/examples.json")]
        for part, rows in (("train", examples[:settings["train"]]), ("validation", examples[settings["train"]:])):
            self.write(f"{name}-data/{part}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        return reference, self.answers(
            "train", "--model", model, "--data", f"{name}-data", "--out", out, "--lr", settings["lr"],
            "--batch-size", settings["batch"], "--weight-decay", settings["wd"], "--epochs", settings["epochs"],
            "--accumulate", settings["accum"], "--max-grad-norm", settings.get("clip", 1), "--log-steps", *flags)

    def test_train(self):
        for name, model in self.each():
            reference, lines = self.train(name, model, f"{name}-out")
            steps = [line for line in lines if "step" in line]
            evals = [line for line in lines if "t" in line]
            for got, want in zip(steps, reference["steps"], strict=True):
                self.assertEqual(got["step"], want["step"])
                for field in ("loss", "grad_norm"):
                    self.near(got[field], want[field], 1e-4, f"{name} step {got['step']} {field}")
                self.near(got["learning_rate"], want["learning_rate"], 1e-12, name)
            for got, want in zip(evals, reference["evals"], strict=True):
                self.near(got["eval_loss"], want["eval_loss"], 1e-4, f"{name} epoch {got['t']}")
            trained = model.parent / "trained.safetensors"
            if trained.exists():
                # Gradients that are zero but for rounding (keys' biases) move by lr all the same: so 1e-3.
                got = tensors.load(self.folder / f"{name}-out/model.safetensors")
                self.assertLess(tensors.furthest(got, tensors.load(trained)), 1e-3, name)
            self.generates(f"{name}-out", self.fixture(f"{name}/generate.json")["after"])

    def test_train_in_bf16(self):
        """Other numbers, the same story: bf16 has 8 bits."""
        for name, model in self.each():
            reference, lines = self.train(name, model, f"{name}-out", "--precision", "bf16")
            evals = [line["eval_loss"] for line in lines if "t" in line]
            for got, want in zip(evals, reference["evals"], strict=True):
                self.near(got, want["eval_loss"], 1e-2, f"{name}: {got}")
                self.assertNotEqual(got, want["eval_loss"])

    def generates(self, model, cases):
        self.write("prompts.jsonl", "".join(json.dumps({"input_ids": c["prompt_ids"]}) + "\n" for c in cases))
        got = self.answers("generate", "--model", model, "--prompts", "prompts.jsonl", "--max-new-tokens", 20)
        self.assertEqual(got, [{"new_ids": c["new_ids"], "text": c["text"]} for c in cases])

    def test_generate(self):
        for name, model in self.each():
            self.generates(model, self.fixture(f"{name}/generate.json")["before"])

    def test_order_of_the_data(self):
        reference = self.fixture(f"{self.names[0]}/train.json")
        n, epochs = reference["settings"]["train"], reference["settings"]["epochs"]
        order = []
        for epoch in range(epochs):
            order += self.answers("permutation", "--seed", 42 + epoch, "--size", n, "--method", "torch")[0]
        self.assertEqual(order, reference["order"])

    def test_same_bits(self):
        """Instruction sets and numbers of threads: the same gradients, to the bit."""
        model = self.shared(f"fixtures/{self.names[-1]}/model")
        case = self.fixture(f"{self.names[-1]}/forward.json")[0]
        self.write("batch.json", json.dumps({k: case[k] for k in ("input_ids", "attention_mask", "labels")}))
        seen = set()
        for instructions in self.instruction_sets():
            self.environment["HPO_CPU"] = instructions
            for threads in (1, 2, 3, 16) if LONG else (1, 3):
                answer = self.answers("forward", "--model", model, "--batch", "batch.json", "--threads", threads,
                                      "--gradients", "g.safetensors")[0]
                seen.add((answer["loss"], (self.folder / "g.safetensors").read_bytes()))
        self.assertEqual(len(seen), 1)


class Bloom(Fixtures, TrainerCase):
    names = ["bloom-answer", "bloom-seed-labels", "bloom-16-heads"]


class Gpt2(Fixtures, TrainerCase):
    """Its fixtures are made by the real library, once for all tests."""
    made = {"gpt2": []}
    if LONG:
        made["gpt2-wide"] = ["--hidden", 96, "--heads", 12, "--layers", 3, "--batch", 1, "--accum", 2, "--epochs", 2, "--clip", 0.5, "--seed", 2]
    names = list(made)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.fixtures = tempfile.TemporaryDirectory(prefix="hpo-gpt2-")
        cls.addClassCleanup(cls.fixtures.cleanup)
        cls.failed = None
        for name, flags in cls.made.items():
            done = subprocess.run([sys.executable, ORACLE, "--data", SHARED / "data/squad/dataset/dev-v1.1.json",
                                   "--out", f"{cls.fixtures.name}/{name}", *map(str, flags)], capture_output=True, text=True)
            cls.failed = cls.failed or (done.stderr if done.returncode else None)

    def shared(self, name):
        if not (SHARED / "data").exists():
            self.skip(f"{SHARED}/data is absent")
        self.library("transformers")
        self.assertIsNone(self.failed)
        return pathlib.Path(self.fixtures.name) / name.removeprefix("fixtures/")


if __name__ == "__main__":
    unittest.main()
