"""hpo-trainer train: reports, checkpoints, resuming, signals, bits; and the golden digest of the numbers."""
import hashlib
import itertools
import json
import math
import os
import random
import resource
import signal
import subprocess
import time
import unittest

from case import BIN
from trainer_case import TrainerCase

CONFIG = {"hidden_size": 48, "n_layer": 2, "n_head": 3, "vocab_size": 70, "initializer_range": 0.1}
GPT2 = {"model_type": "gpt2", "n_embd": 48, "n_layer": 2, "n_head": 3, "n_positions": 24, "vocab_size": 70, "initializer_range": 0.1,
        "resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0}
NUMBERS = {"fp32": {"precision": "fp32"}, "dot": {"precision": "bf16"}, "tile": {"precision": "bf16", "bf16": "tile"}}  # each an identity
BASE = {"--model": "model", "--data": "data", "--lr": "0.01", "--batch-size": 3, "--weight-decay": "0.1", "--epochs": 3}


def flags(changes):
    """BASE with other values; None takes a flag away, True makes a switch."""
    chosen = {**BASE, **changes}
    return [word for name, value in chosen.items() if value is not None
            for word in ([name] if value is True else [name, value])]


class Small(TrainerCase):
    """A small model and some examples of different lengths."""

    def setUp(self):
        super().setUp()
        self.make_model(CONFIG)
        self.make_data(14, 5)

    def make_model(self, config, folder="model"):
        self.write("config.json", json.dumps(config))
        self.run_trainer("init", "--config", "config.json", "--seed", 7, "--out", folder)

    def make_data(self, train, validation):
        draw = random.Random(3)
        for part, n in (("train", train), ("validation", validation)):
            rows = []
            for _ in range(n):
                ids = [draw.randrange(70) for _ in range(draw.randrange(4, 20))]
                answer = draw.randrange(1, 4)
                labels = [-100] * (len(ids) - answer) + ids[-answer:]
                rows.append(json.dumps({"input_ids": ids, "labels": labels}) + "\n")
            self.write(f"data/{part}.jsonl", "".join(rows))

    def train(self, out, **changes):
        """changes: batch_size=7 for --batch-size 7."""
        changes = {"--" + name.strip("_").replace("_", "-"): value for name, value in changes.items()}
        return self.answers("train", *flags({"--out": out, **changes}))

    def tree(self, folder):
        """{name: digest} of a folder's files."""
        root = self.folder / folder
        return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()
                for p in sorted(root.rglob("*")) if p.is_file()}

    def protocol(self, out, start, until, checkpoint=None, changes=None):
        """A run as the engine starts one."""
        for name in ("HPO_FROM", "HPO_UNTIL", "HPO_CHECKPOINT_IN", "HPO_CHECKPOINT_OUT", "HPO_CPUS"):
            self.environment.pop(name, None)
        self.environment.update(HPO_FROM=str(start), HPO_UNTIL=str(until), HPO_CHECKPOINT_OUT=str(self.folder / out),
                                HPO_CPUS="1")
        if checkpoint:
            self.environment["HPO_CHECKPOINT_IN"] = str(self.folder / checkpoint)
        (self.folder / out).mkdir()
        return self.answers("train", *flags(changes or {}))


    def start_long_run(self, **options):
        """A run of the engine's without an end, which keeps a checkpoint after every epoch: (folder, process)"""
        out = self.folder / "long"
        out.mkdir()
        for name in ("HPO_FROM", "HPO_UNTIL", "HPO_CHECKPOINT_IN"):
            self.environment.pop(name, None)
        self.environment["HPO_CHECKPOINT_OUT"] = str(out)
        command = [str(BIN / "hpo-trainer"), "train", *map(str, flags({"--epochs": 1000, "--checkpoint-seconds": 0}))]
        return out, subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, **options)


class Training(Small):
    def test_alone(self):
        lines = self.train("out/whole")
        self.assertEqual([line["t"] for line in lines], [1, 2, 3])
        self.assertTrue(all(math.isfinite(line["eval_loss"]) and "checkpoint" not in line for line in lines))
        self.assertEqual(set(self.tree("out/whole")),
                         {"config.json", "model.safetensors", "optimizer.safetensors", "trainer_state.json"})
        self.assertEqual(json.loads(self.read("out/whole/trainer_state.json")), {"epoch": 3, "updates": 15})
        self.assertEqual(os.listdir(self.folder / "out"), ["whole"])

    def test_cut_anywhere(self):
        """A run cut and resumed gives the same reports and the same bytes."""
        self.make_model(GPT2, "gpt2")
        for model in ("model", "gpt2"):
            whole = self.train(f"{model}-whole", model=model)
            first = self.train(f"{model}-first", model=model, until=1)
            second = self.train(f"{model}-second", model=model, from_=f"{model}-first", until=2)
            third = self.train(f"{model}-third", model=model, from_=f"{model}-second")
            self.assertEqual(self.tree(f"{model}-third"), self.tree(f"{model}-whole"))
            for got, want in zip(first + second + third, whole, strict=True):
                self.assertEqual((got["t"], got["eval_loss"]), (want["t"], want["eval_loss"]))

    def test_protocol(self):
        whole = self.train("whole")
        one, = self.protocol("out1", 0, 1)
        self.assertEqual(one["checkpoint"], "t1")
        lines = self.protocol("out2", 1, 3, "out1/t1")
        self.assertEqual([line.get("checkpoint") for line in lines], [None, "t3"])
        self.assertEqual([line["eval_loss"] for line in [one, *lines]], [line["eval_loss"] for line in whole])
        self.assertEqual(self.tree("out2/t3"), self.tree("whole"))
        self.assertEqual(os.listdir(self.folder / "out2"), ["t3"])

    def test_checkpoints_in_the_middle(self):
        """Written while training goes on, each is what a run that ends there leaves."""
        lines = self.protocol("out", 0, 3, changes={"--checkpoint-seconds": 0})
        self.assertEqual([(line["t"], line["checkpoint"]) for line in lines], [(1, "t1"), (2, "t2"), (3, "t3")])
        self.assertTrue(all(line["info"]["checkpoint_stall_s"] >= 0 for line in lines))
        self.assertEqual(os.listdir(self.folder / "out"), ["t3"])
        self.make_data(3000, 5)
        out, process = self.start_long_run()
        for _ in range(3):
            process.stdout.readline()
        process.kill()
        process.communicate()
        t = max(int(name[1:]) for name in os.listdir(out) if name[1:].isdigit())
        self.assertGreaterEqual(t, 3)
        self.protocol("short", 0, t, changes={"--epochs": 1000})
        self.assertEqual(self.tree(f"long/t{t}"), self.tree(f"short/t{t}"))

    def test_a_disk_that_fills(self):
        """The checkpoint before still stands, and the epoch whose own cannot be written is reported."""
        self.make_data(3000, 5)
        out, process = self.start_long_run(preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
        first = json.loads(process.stdout.readline())
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (10_000, 10_000))
        rest, message = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 1, message)
        self.assertIn(b"cannot write", message)
        lines = [first, *map(json.loads, rest.decode().splitlines())]
        self.assertEqual([line["t"] for line in lines], list(range(1, len(lines) + 1)))
        self.assertNotIn("checkpoint", lines[-1])
        self.assertEqual(os.listdir(out), [lines[-2]["checkpoint"]])
        self.protocol("on", len(lines) - 1, len(lines), f"long/{lines[-2]['checkpoint']}", {"--epochs": 1000})

    def test_protocol_is_checked(self):
        self.protocol("out1", 0, 1)
        self.environment.update(HPO_FROM="2", HPO_UNTIL="3")
        for extra, message in (({}, "HPO_CHECKPOINT_IN"),
                               ({"HPO_CHECKPOINT_IN": str(self.folder / "out1/t1")}, "stands after epoch 1"),
                               ({"HPO_FROM": "x"}, "HPO_FROM"), ({"HPO_CPUS": "0", "HPO_FROM": "0"}, "HPO_CPUS")):
            self.environment.update(extra)
            self.refuses(message, "train", *flags({"--out": "out3"}))

    def test_threads_and_instructions(self):
        self.make_model(GPT2, "gpt2")
        trees = []
        for instructions in self.instruction_sets():
            self.environment["HPO_CPU"] = instructions
            for model, numbers in itertools.product(("model", "gpt2"), NUMBERS):
                for threads in (1, 3):
                    out = f"{instructions}-{model}-{numbers}-{threads}"
                    self.train(out, model=model, threads=threads, **NUMBERS[numbers])
                    trees.append((model, numbers, json.dumps(self.tree(out))))
        self.assertEqual(len(set(trees)), 2 * len(NUMBERS))
        self.environment["HPO_CPU"] = "vax"
        self.refuses("HPO_CPU", "train", *flags({"--out": "x"}))

    def test_golden(self):
        """The numbers of version 3. When this fails, a bit changed: see trainer/numerics.h."""
        self.make_model({**CONFIG, "apply_residual_connection_post_layernorm": True}, "other")
        self.make_model({**CONFIG, "tie_word_embeddings": False, "n_head": 4}, "untied")
        self.make_model(GPT2, "gpt2")
        for numbers, fields in NUMBERS.items():
            digests = []
            for model in ("model", "other", "untied", "gpt2"):
                out = f"{model}-{numbers}"
                self.train(out, model=model, accumulate=2, **fields)
                tree = self.tree(out)
                digests.append(hashlib.sha256((tree["model.safetensors"] + tree["optimizer.safetensors"]).encode()).hexdigest()[:16])
            version, = self.answers("fingerprint", *(word for name, value in fields.items() for word in (f"--{name}", value)))
            order = {"order": numbers} if numbers != "fp32" else {}
            self.assertEqual(version, {"numerics": 3, "precision": fields["precision"], **order})
            self.assertEqual(digests, GOLDEN[version["numerics"]][numbers])

    def test_a_checkpoint_of_another_model_is_refused(self):
        """It may fit in all its shapes."""
        self.train("a", until=1)
        for field, change in (("number of heads", {"n_head": 4}), ("number of layers", {"n_layer": 1}), ("layer_norm_epsilon", {"layer_norm_epsilon": 0.01}),
                              ("apply_residual_connection_post_layernorm", {"apply_residual_connection_post_layernorm": True})):
            self.make_model({**CONFIG, **change}, field)
            self.refuses(f"a: is a checkpoint of another model: its config.json has another {field} than that of --model {field}",
                         "train", *flags({"--model": field, "--from": "a", "--out": "b"}))
        self.make_model(GPT2, "gpt2")
        self.refuses("another model_type", "train", *flags({"--model": "gpt2", "--from": "a", "--out": "b"}))

    def test_a_folder_that_cannot_become_a_checkpoint(self):
        """Better known before the training."""
        (self.folder / "empty").mkdir()
        (self.folder / "link").symlink_to("empty")
        for out in ("link", "empty/."):
            self.refuses("cannot be replaced by a checkpoint", "train", *flags({"--out": out}))
            self.refuses("cannot be replaced by a checkpoint", "init", "--config", "config.json", "--out", out)
        self.train("empty")
        self.assertEqual([p.name for p in self.folder.iterdir() if ".part" in p.name], [])

    def test_accumulation_is_a_larger_batch(self):
        small = self.train("a", accumulate=2, log_steps=True)
        large = self.train("b", batch_size=6, log_steps=True)
        for a, b in zip(small, large, strict=True):
            self.assertAlmostEqual(a.get("loss", 0), b.get("loss", 0), places=4)

    def test_batch_size_may_change(self):
        """PBT: the place in the schedule is that of the epoch, AdamW's step counts updates."""
        self.train("one", until=1)
        lines = self.train("two", batch_size=7, from_="one", log_steps=True)
        self.assertEqual([line["step"] for line in lines if "step" in line], [3, 4, 5, 6])
        self.assertAlmostEqual(lines[0]["learning_rate"], 0.01 * 2 / 3)
        self.assertEqual(json.loads(self.read("two/trainer_state.json")), {"epoch": 3, "updates": 5 + 4})

    def test_examples_without_labels(self):
        """A step without a label has no loss; its update goes on with the moments, as in the Trainer."""
        self.write("data/train.jsonl", '{"input_ids": [5, 6, 7], "labels": [5, -100, -100]}\n' * 4 +
                   '{"input_ids": [5, 6, 7], "labels": [-100, 6, 7]}\n')
        lines = self.train("o", batch_size=1, epochs=1, log_steps=True)
        losses = [line["loss"] for line in lines if "step" in line]
        self.assertEqual(sum(math.isnan(x) for x in losses), 4)
        self.assertTrue(math.isfinite(lines[-1]["eval_loss"]))

    def test_a_loss_that_is_no_number(self):
        lines = self.train("o", lr="1e38")
        self.assertTrue(math.isnan(lines[-1]["eval_loss"]))

    def test_signal(self):
        """SIGTERM: between two steps, with what was reported, and nothing half-written."""
        self.make_data(3000, 5)
        out, process = self.start_long_run()
        first = json.loads(process.stdout.readline())
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        rest, message = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130, message)
        self.assertIn(b"interrupted by SIGTERM", message)
        lines = [first, *map(json.loads, rest.decode().splitlines())]
        self.assertEqual([line["t"] for line in lines], list(range(1, len(lines) + 1)))
        self.assertEqual(os.listdir(out), [lines[-1]["checkpoint"]])

    def test_flags(self):
        for message, changes in (
                ("--until: expected at most --epochs 3", {"--until": 4}),
                ("--out: train needs this flag", {"--out": None}),
                ("--lr: train needs this flag", {"--lr": None}),
                ("--lr: expected a number > 0", {"--lr": 0}),
                ("--weight-decay: expected a number ≥ 0", {"--weight-decay": "nan"}),
                ("--seed: expected a whole number from 0", {"--seed": -1}),
                ("--speed: train has no such flag", {"--speed": 3}),
                ("--batch-size: expected a whole number", {"--batch-size": None, "--batch-size=1.5": True}),
                ("--log-steps: expected no value", {"--log-steps=1": True}),
                ('--backend: expected cpu or cuda, found "abacus"', {"--backend": "abacus"}),
                ('--preset: expected default or seed, found "tree"', {"--preset": "tree"}),
                ("--precision: expected fp32", {"--precision": "fp8"}),
                ("--out: expected a value", {"--out": True}),
                ("trainer_state.json", {"--from": "model"})):
            with self.subTest(message):
                changes = {"--out": "o", **changes}
                if changes["--out"] is True:
                    changes["--out"] = changes.pop("--out")  # the last word
                self.refuses(message, "train", *flags(changes))
        self.assertFalse((self.folder / "o/model.safetensors").exists())
        self.refuses("--seed: expected once, found twice", "train", *flags({"--seed": 1}), "--seed", 2)
        self.write("full/file", "")
        self.refuses("expected an empty folder", "train", *flags({"--out": "full"}))


class Evaluation(Small):
    def test_evaluate(self):
        last = self.train("out")[-1]
        answer, = self.answers("evaluate", "--model", "out", "--data", "data", "--out", "scores.json")
        self.assertEqual(answer, {"eval_loss": last["eval_loss"], "n": 5})
        self.assertEqual(json.loads(self.read("scores.json")), answer)
        other, = self.answers("evaluate", "--model", "out", "--data", "data/validation.jsonl", "--eval-batch-size", 1)
        self.assertNotEqual(other["eval_loss"], answer["eval_loss"])

    def test_company_changes_no_token(self):
        """Texts made together and alone are the same: no result depends on the rest of a batch."""
        draw = random.Random(5)
        prompts = [{"input_ids": [draw.randrange(70) for _ in range(draw.randrange(1, 40))]} for _ in range(11)]
        tokenizer = self.shared("data/tokenizer.json")
        (self.folder / "model/tokenizer.json").write_bytes(tokenizer.read_bytes())
        self.write("all.jsonl", "".join(json.dumps(p) + "\n" for p in prompts))
        together = self.answers("generate", "--model", "model", "--prompts", "all.jsonl", "--max-new-tokens", 9)
        for prompt, want in zip(prompts, together, strict=True):
            self.write("one.jsonl", json.dumps(prompt))
            self.assertEqual(self.answers("generate", "--model", "model", "--prompts", "one.jsonl", "--max-new-tokens", 9), [want])

    def test_initial_weights(self):
        self.run_trainer("init", "--config", "config.json", "--seed", 7, "--out", "again")
        self.run_trainer("init", "--config", "config.json", "--seed", 8, "--out", "other")
        self.assertEqual(self.tree("again"), self.tree("model"))
        self.assertNotEqual(self.tree("other")["model.safetensors"], self.tree("model")["model.safetensors"])
        import tensors
        weights = tensors.load(self.folder / "model/model.safetensors")
        values = weights["transformer.h.0.mlp.dense_h_to_4h.weight"][1]
        mean = sum(values) / len(values)
        deviation = math.sqrt(sum((x - mean) ** 2 for x in values) / len(values))
        self.assertLess(abs(mean), 0.005)
        self.assertLess(abs(deviation - 0.1), 0.005)
        self.assertEqual(set(weights["transformer.ln_f.weight"][1]), {1.0})
        self.assertEqual(set(weights["transformer.h.1.mlp.dense_4h_to_h.bias"][1]), {0.0})


GOLDEN = {3: {"fp32": ["f3dacb651281501a", "531b08b830e3a3f2", "6c6d29ab74ce8886", "9054569d521f1129"],
              "dot": ["edf61f0cedd886b5", "6be7edcc499f5c6c", "21f36b65e8bfa3f7", "0074d88ff3414e39"],
              "tile": ["4e3eec60f46d0304", "dc5c2d074a2f408a", "b2c0e15776d7a832", "70743ff6939a7ab5"]}}

if __name__ == "__main__":
    unittest.main()
