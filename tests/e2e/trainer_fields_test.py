"""Every field of every file that hpo-trainer reads: absent, null, or of another kind, it is read or refused by name."""
import copy
import json
import struct
import subprocess
import unittest

from case import BIN
from trainer_protocol_test import Small, flags

OTHERS = (None, 3, "text", [], {})


def places(tree, path=()):
    """Every place in a tree, the first two of each list and of each large object."""
    if isinstance(tree, dict):
        steps = list(tree)[:2] if len(tree) > 20 else list(tree)
    else:
        steps = range(min(2, len(tree))) if isinstance(tree, list) else ()
    for step in steps:
        yield (*path, step)
        yield from places(tree[step], (*path, step))


def changed(tree, path, change):
    """A copy of the tree; change(holder, step) is done at the place."""
    tree = copy.deepcopy(tree)
    holder = tree
    for step in path[:-1]:
        holder = holder[step]
    change(holder, path[-1])
    return tree


def variants(tree):
    for path in places(tree):
        yield f"{path} is absent", changed(tree, path, lambda holder, step: holder.pop(step))
        for other in OTHERS:
            yield f"{path} is {other!r}", changed(tree, path, lambda holder, step, other=other: holder.__setitem__(step, other))
    yield from ((f"the whole is {other!r}", other) for other in OTHERS)


class Fields(Small):
    def setUp(self):
        super().setUp()
        self.run_trainer("train-tokenizer", "--vocab-size", 262, "--out", "tokenizer.json", lines=["a b c a b c"])
        self.write("config.json", json.dumps({"hidden_size": 8, "n_layer": 1, "n_head": 2}))
        self.run_trainer("init", "--config", "config.json", "--tokenizer", "tokenizer.json", "--out", "tiny")

    def check(self, name, tree, *arguments, write=json.dumps, text="", names=()):
        """Runs the program once for each variant of the file: 0, or 2 and a message that names it, or one of `names`."""
        path, refused, names = self.folder / name, 0, (name.rsplit("/", 1)[-1], *names)
        for what, variant in variants(tree):
            content = write(variant)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            done = subprocess.run([BIN / "hpo-trainer", *map(str, arguments)], cwd=self.folder, env=self.environment,
                                  input=text.encode(), capture_output=True, timeout=60)
            error = done.stderr.decode()
            self.assertIn(done.returncode, (0, 2), f"{name}: {what}: {error}")
            if done.returncode == 2:
                refused += 1
                self.assertTrue(error.startswith("hpo-trainer: ") and any(n in error for n in names), f"{name}: {what}: {error}")
        content = write(tree)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.assertGreater(refused, 0)

    def test_tokenizer(self):
        self.check("tokenizer.json", json.loads(self.read("tokenizer.json")), "tokenize", "--tokenizer", "tokenizer.json", text='"a b"\n')

    def test_config(self):
        config = {**json.loads(self.read("tiny/config.json")), "eos_token_id": [2, 3], "tie_word_embeddings": True, "hidden_dropout": 0.0}
        self.write("p.jsonl", '{"input_ids": [1, 2]}\n')
        self.check("tiny/config.json", config, "generate", "--model", "tiny", "--prompts", "p.jsonl", "--max-new-tokens", 1,
                   names=("the weights lack", ))

    def test_weights(self):
        good = (self.folder / "tiny/model.safetensors").read_bytes()
        n, = struct.unpack("<Q", good[:8])

        def write(tree):
            header = json.dumps(tree).encode()
            return struct.pack("<Q", len(header)) + header + good[8 + n:]
        header = json.loads(good[8:8 + n])
        self.write("p.jsonl", '{"input_ids": [1, 2]}\n')
        self.check("tiny/model.safetensors", header, "generate", "--model", "tiny", "--prompts", "p.jsonl", "--max-new-tokens", 1,
                   write=write, names=("tiny: the weights lack", *header))

    def test_index(self):
        (self.folder / "tiny/model.safetensors").rename(self.folder / "tiny/one.safetensors")
        self.write("p.jsonl", '{"input_ids": [1, 2]}\n')
        index = {"metadata": {"total_size": 1}, "weight_map": {"a": "one.safetensors", "b": "one.safetensors"}}
        self.check("tiny/model.safetensors.index.json", index, "generate", "--model", "tiny", "--prompts", "p.jsonl", "--max-new-tokens", 1,
                   names=("the weights lack", ))

    def test_position(self):
        self.train("one", until=1, precision="fp16")
        state = json.loads(self.read("one/trainer_state.json"))
        self.assertIn("loss_scale", state)
        self.check("one/trainer_state.json", {**state, "skipped": 0.5}, "train", *flags({"--from": "one", "--until": 1, "--out": "two", "--precision": "fp16"}),
                   names=("--until: expected more than", ))

    def test_examples(self):
        row = {"input_ids": [1, 2, 3], "attention_mask": [1, 1, 1], "labels": [-100, 2, 3]}
        self.check("data/validation.jsonl", row, "evaluate", "--model", "model", "--data", "data")
        self.write("b.json", "")
        self.check("b.json", {name: [row[name], row[name]] for name in row}, "forward", "--model", "model", "--batch", "b.json")

    def test_questions(self):
        self.make_data(3, 3)
        self.write("data/validation.questions.jsonl", "")
        self.check("data/validation.questions.jsonl", {"id": "a", "prompt_ids": [1, 2], "answers": ["b", "c"]},
                   "evaluate", "--model", "tiny", "--data", "data", "--max-new-tokens", 1)

    def test_prompts(self):
        self.write("p.jsonl", "")
        for row in ({"prompt": "a b"}, {"input_ids": [1, 2]}):
            self.check("p.jsonl", row, "generate", "--model", "tiny", "--prompts", "p.jsonl", "--max-new-tokens", 1)

    def test_squad(self):
        answers = [{"text": "c", "answer_start": 4}, {"text": "a b", "answer_start": 0}]
        data = {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": "a b c d", "qas": [
            {"id": "1", "question": "q", "answers": answers, "is_impossible": False}]}]}]}
        for length in (512, 24):
            self.check("s.json", data, "squad", "--train", "s.json", "--validation", "s.json", "--tokenizer", "tokenizer.json",
                       "--max-length", length, "--out", "prepared")

    def test_scores(self):
        for what, variant in variants({"prediction": "a", "answers": ["a", "b"]}):
            done = subprocess.run([BIN / "hpo-trainer", "score"], cwd=self.folder, env=self.environment,
                                  input=json.dumps(variant).encode(), capture_output=True, timeout=60)
            self.assertIn(done.returncode, (0, 2), f"{what}: {done.stderr}")
            self.assertIn(b"line 1" if done.returncode else b"f1", done.stderr if done.returncode else done.stdout)


if __name__ == "__main__":
    unittest.main()
