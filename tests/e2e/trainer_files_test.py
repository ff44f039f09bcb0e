"""Files that are not what they should be: one message that names the file, exit 2, nothing written."""
import array
import json
import os
import resource
import signal
import struct
import subprocess
import unittest

import tensors
from case import BIN
from trainer_protocol_test import Small, flags


def file_of(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


class Files(Small):
    def config(self):
        return json.loads(self.read("config.json"))

    def refuses_model(self, message, *extra):
        self.write("batch.json", json.dumps({"input_ids": [[1, 2, 3]], "labels": [[1, 2, 3]]}))
        return self.refuses(message, "forward", "--model", "model", "--batch", "batch.json", *extra)

    def test_weights(self):
        path = self.folder / "model/model.safetensors"
        good = path.read_bytes()
        header_end = 8 + struct.unpack("<Q", good[:8])[0]
        cases = [(good[:n], "model.safetensors") for n in (0, 7, 8, 9, 100, header_end - 1, header_end, len(good) - 1)]
        cases += [
            (good + b"\0", "bytes of data"),
            (struct.pack("<Q", 1 << 63) + good[8:], "header's length"),
            (file_of(b"[]"), "begins with '{'"), (file_of(b" {}"), "begins with '{'"), (file_of(b""), "begins with '{'"),
            (file_of(b"{]"), "expected"), (file_of({}, b"1234"), "expected 0 bytes of data"),
            (file_of(b'{"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}, "a": 1}', b"1234"), "twice"),
            (file_of({"a": entry([1], 0, 8)}, b"12345678"), "not what shape and dtype say"),
            (file_of({"a": entry([1], 4, 8)}, b"12345678"), "expected a tensor at byte 0"),
            (file_of({"a": entry([1], 0, 4), "b": entry([2], 0, 8)}, b"12345678"), "expected a tensor at byte 4"),
            (file_of({"a": entry([1], 0, 400)}, b"1234"), "within the 4 bytes"),
            (file_of({"a": entry([1], 4, 0)}, b"1234"), "data_offsets"),
            (file_of({"a": entry([1], -4, 0)}, b"1234"), "data_offsets"),
            (file_of({"a": entry([1 << 40, 1 << 40], 0, 4)}, b"1234"), "too many elements"),
            (file_of({"a": entry([1 << 61], 0, 4)}, b"1234"), "not what shape and dtype say"),
            (file_of({"a": entry([-1], 0, 4)}, b"1234"), "whole numbers"),
            (file_of({"a": entry([1.5], 0, 4)}, b"1234"), "whole numbers"),
            (file_of({"a": entry([1] * 9, 0, 4)}, b"1234"), "at most 8 sides"),
            (file_of({"a": entry([1], 0, 4, "F33")}, b"1234"), "not one of the format"),
            (file_of({"a": entry([1], 0, 1, "F4")}, b"1"), "not what shape and dtype say"),
            (file_of({"a": {"dtype": "F32"}}), "shape"), (file_of({"a": 3}), "dtype"),
            (file_of({"__metadata__": {"a": 1}}), "__metadata__"),
            (file_of({}), "lack the tensor"),
        ]
        weights = tensors.parse(good)
        for change in ({"transformer.ln_f.weight": ([49], [0.0] * 49)}, {"transformer.ln_f.weight": ([48, 1], [0.0] * 48)},
                       {"transformer.word_embeddings.weight": ([48, 70], [0.0] * 3360)}):
            cases.append((tensors.pack({**weights, **change}), "config.json asks for shape"))
        cases.append((tensors.pack({**weights, "lm_head.weight": ([70, 48], [0.5] * 3360)}), "differs from the embedding"))
        cases.append((good.replace(b'"dtype":"F32"', b'"dtype":"I32"', 1), "expected F32, F16 or BF16"))
        for number, (content, message) in enumerate(cases):
            with self.subTest(number=number, message=message):
                path.write_bytes(content)
                self.refuses_model(message)
        path.unlink()
        self.refuses_model("cannot open")
        for content, message in (("{}", "weight_map"), ('{"weight_map": {"a": "../model.safetensors"}}', "name of a file"),
                                 ('{"weight_map": {"a": "/etc/passwd"}}', "name of a file"),
                                 ('{"weight_map": {"a": "none.safetensors"}}', "none.safetensors"), ("{", "index.json")):
            self.write("model/model.safetensors.index.json", content)
            self.refuses_model(message)

    def test_config(self):
        for change, message in (
                ({"hidden_size": 50}, "n_head"), ({"n_layer": 0}, "n_layer"), ({"n_layer": "2"}, "n_layer"),
                ({"n_head": None}, "n_head"), ({"vocab_size": 1 << 40}, "vocab_size"), ({"vocab_size": 1.5}, "vocab_size"),
                ({"model_type": "llama"}, "\"llama\"\n  a model is one of: bloom, gpt2"), ({"model_type": 3}, "model_type"), ({"hidden_dropout": 2}, "dropout"),
                ({"model_type": "gpt2"}, "n_positions"), ({"model_type": "gpt2", "n_positions": 64}, "lack the tensor transformer.wte.weight"),
                ({"layer_norm_epsilon": "small"}, "layer_norm_epsilon"), ({"layer_norm_epsilon": -1}, "layer_norm_epsilon"),
                ({"eos_token_id": [2] * 9}, "eos_token_id"), ({"eos_token_id": "x"}, "eos_token_id"),
                ({"tie_word_embeddings": 1}, "tie_word_embeddings"), ({"hidden_size": 1 << 20, "n_head": 1}, "hidden_size")):
            with self.subTest(change):
                self.write("model/config.json", json.dumps({**self.config(), **change}))
                self.assertIn("config.json", self.refuses_model(message))
                self.write("model/config.json", json.dumps(self.config()))
        for text in ("", "[]", "{", '{"n_head": 1, "n_head": 2}', "\0", "[" * 10000):
            self.write("model/config.json", text)
            self.refuses_model("config.json")
        os.unlink(self.folder / "model/config.json")
        self.refuses_model("cannot open")

    def test_more_than_memory(self):
        self.write("model/config.json", json.dumps({"hidden_size": 16384, "n_layer": 1000, "n_head": 128, "vocab_size": 250880}))
        self.assertRegex(self.refuses_model("bytes of memory"), r"needs [0-9]{13,} bytes")

    def test_examples(self):
        path = "data/train.jsonl"
        for line, message in (
                ("", "at least one example"), ("{}", "input_ids and labels"), ("[1]", "input_ids and labels"),
                ('{"input_ids": [1, 2], "labels": [1]}', "as long as"), ('{"input_ids": 3, "labels": [1]}', "a list"),
                ('{"input_ids": [1, 70], "labels": [1, 2]}', "input_ids[1]: expected a whole number from 0 to 69"),
                ('{"input_ids": [1, -1], "labels": [1, 2]}', "input_ids[1]"), ('{"input_ids": [1, 1.5], "labels": [1, 2]}', "input_ids[1]"),
                ('{"input_ids": [1, 2], "labels": [1, 70]}', "labels[1]"), ('{"input_ids": [1, 2], "labels": [1, -5]}', "labels[1]"),
                ('{"input_ids": [1, 2], "labels": [1, "a"]}', "labels[1]"),
                ('{"input_ids": [1, 2], "labels": [1, 2], "attention_mask": [1, 2]}', "attention_mask[1]"),
                ('{"input_ids": [1, 2], "labels": [1, 2], "attention_mask": [0, 1]}', "predicted from a masked one"),
                ('{"input_ids": [1, 2], "labels": [1, 2]', "train.jsonl:3")):
            with self.subTest(line):
                good = '{"input_ids": [1, 2], "labels": [1, 2]}\n\n'
                self.write(path, (good if line else "") + line + "\n")
                error = self.refuses(message, "train", *flags({"--out": "o"}))
                self.assertIn("train.jsonl:3" if line else "train.jsonl: ", error)
        os.unlink(self.folder / path)
        self.refuses("cannot open", "train", *flags({"--out": "o"}))

    def test_checkpoint(self):
        self.train("one", until=1)
        state, moments = self.folder / "one/trainer_state.json", self.folder / "one/optimizer.safetensors"
        good_state, good_moments = state.read_bytes(), moments.read_bytes()
        for text, message in (("", "trainer_state.json"), ("{}", "epoch"), ('{"epoch": -1, "updates": 1}', "epoch"),
                              ('{"epoch": 1, "updates": 1.5}', "updates"), ('{"epoch": 9, "updates": 1}', "--until")):
            state.write_text(text)
            self.refuses(message, "train", *flags({"--from": "one", "--out": "two"}))
        state.write_bytes(good_state)
        for content, message in ((good_moments[:-1], "optimizer.safetensors"), (file_of({}), "lacks the tensor exp_avg"), (b"", "optimizer")):
            moments.write_bytes(content)
            self.refuses(message, "train", *flags({"--from": "one", "--out": "two"}))
        moments.unlink()
        self.refuses("cannot open", "train", *flags({"--from": "one", "--out": "two"}))
        moments.write_bytes(good_moments)
        self.train("two", from_="one")

    def test_prompts(self):
        self.make_tokenizer()
        for line, message in (("{}", "prompt"), ('{"prompt": 3}', "a string"), ('{"prompt": ""}', "at least one token"),
                              ('{"input_ids": []}', "at least one token"), ('{"input_ids": [99]}', "input_ids[0]"),
                              ('{"prompt": "a", "input_ids": [1]}', "prompt"), ("nonsense", "p.jsonl:1")):
            self.write("p.jsonl", line)
            self.refuses(message, "generate", "--model", "model", "--prompts", "p.jsonl", "--max-new-tokens", 3)

    def make_tokenizer(self):
        self.run_trainer("train-tokenizer", "--vocab-size", 300, "--out", "tokenizer.json", lines=["a b c a b c"])
        os.replace(self.folder / "tokenizer.json", self.folder / "model/tokenizer.json")

    def test_questions(self):
        self.make_tokenizer()
        for line, message in (('{"id": "a", "answers": ["b"]}', "prompt_ids"), ('{"prompt_ids": [1], "answers": ["b"]}', "id"),
                              ('{"id": "a", "prompt_ids": [1], "answers": []}', "at least one"),
                              ('{"id": "a", "prompt_ids": [1], "answers": [1]}', "answers[0]"),
                              ('{"id": "a", "prompt_ids": [], "answers": ["b"]}', "at least one token"), ("x", "jsonl:1")):
            self.write("data/validation.questions.jsonl", line)
            self.refuses(message, "evaluate", "--model", "model", "--data", "data", "--out", "s.json")
        self.assertFalse((self.folder / "s.json").exists())
        self.write("data/validation.questions.jsonl", '{"id": "a", "prompt_ids": [1], "answers": ["b"]}')
        answer, = self.answers("evaluate", "--model", "model", "--data", "data", "--predictions", "p.jsonl")
        self.assertEqual((answer["n"], set(answer)), (1, {"eval_loss", "exact_match", "f1", "n"}))
        self.assertEqual(json.loads(self.read("p.jsonl"))["id"], "a")

    def test_what_would_be_ignored_is_refused(self):
        self.write("batch.json", json.dumps({"input_ids": [[1, 2, 3]], "position_ids": [[0, 1, 2]]}))
        self.refuses("position_ids: is not read", "forward", "--model", "model", "--batch", "batch.json")
        self.make_tokenizer()
        (self.folder / "data/validation.questions.jsonl").symlink_to("validation.questions.jsonl")
        self.assertIn("symbolic links", self.run_trainer("evaluate", "--model", "model", "--data", "data", status=1)[1])

    def test_all_nans_in_files_are_one(self):
        """Processors and devices make different ones."""
        path = self.folder / "model/model.safetensors"
        weights = tensors.load(path)
        weights["transformer.ln_f.weight"][1][3:5] = array.array("f", struct.pack("<2I", 0xffc00000, 0x7f800001))
        path.write_bytes(tensors.pack(weights))
        self.answers("train", *flags({"--out": "o", "--epochs": 1}))
        for name in ("model", "optimizer"):
            words = array.array("I", b"".join(v.tobytes() for _, v in tensors.load(self.folder / f"o/{name}.safetensors").values()))
            self.assertEqual({w for w in words if w & 0x7fffffff > 0x7f800000}, {0x7fc00000})

    def test_a_full_disk(self):
        """A checkpoint that cannot be written leaves nothing."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        done = subprocess.run([str(BIN / "hpo-trainer"), "train", *map(str, flags({"--out": "o/p"}))], cwd=self.folder,
                              env=self.environment, capture_output=True, preexec_fn=limit, timeout=60)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(b"cannot write", done.stderr)
        self.assertEqual((os.listdir(self.folder / "o"), os.listdir(self.folder / "o/p")), (["p"], []))


if __name__ == "__main__":
    unittest.main()
