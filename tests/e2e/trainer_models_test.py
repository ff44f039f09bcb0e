"""Folders of models that lack something, or have it in another form: said truly, with what to do, by the first command that sees it."""
import json
import os
import subprocess
import unittest

from case import BIN
from trainer_protocol_test import Small, flags

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 1117\n"


class Models(Small):
    def setUp(self):
        super().setUp()
        self.run_trainer("train-tokenizer", "--vocab-size", 262, "--out", "tokenizer.json", lines=["a b c a b c"])

    def train_fails(self, message, **changes):
        """Before the first step: nothing on standard output, nothing in the folder."""
        out, err = self.run_trainer("train", *flags({"--out": "out", "--log-steps": True, **changes}), status=2)
        self.assertEqual(out, "")
        self.assertIn(message, err)
        self.assertEqual(os.listdir(self.folder / "out"), [])
        return err

    def ask_questions(self):
        self.write("data/validation.questions.jsonl", '{"id": "a", "prompt_ids": [1], "answers": ["b"]}')

    def give_tokenizer(self, change=None):
        tokenizer = json.loads(self.read("tokenizer.json"))
        if change:
            change(tokenizer)
        self.write("model/tokenizer.json", json.dumps(tokenizer))

    def test_pointers_of_git_lfs(self):
        sentence = "this is a Git LFS pointer to 1117 bytes, not the file\n  git lfs pull"
        self.give_tokenizer()
        for name in ("model/config.json", "model/model.safetensors", "model/tokenizer.json", "model/generation_config.json", "data/train.jsonl"):
            with self.subTest(name):
                path = self.folder / name
                good = path.read_bytes() if path.exists() else None
                self.write(name, POINTER)
                self.train_fails(f"{name}: {sentence}")
                path.unlink()
                if good is not None:
                    path.write_bytes(good)
        (self.folder / "model/model.safetensors").unlink()
        self.write("model/model.safetensors.index.json", POINTER)
        self.train_fails(f"model.safetensors.index.json: {sentence}")
        self.write("p.json", POINTER)
        self.refuses(f"p.json: {sentence}", "tokenize", "--tokenizer", "p.json")
        self.refuses(f"p.json: {sentence}", "init", "--config", "p.json", "--out", "x")
        self.refuses(f"p.json: {sentence}", "init", "--config", "config.json", "--tokenizer", "p.json", "--out", "x")
        self.refuses(f"p.json: {sentence}", "squad", "--train", "p.json", "--validation", "p.json", "--tokenizer", "tokenizer.json", "--out", "x")

    def test_weights_in_another_form(self):
        weights = self.folder / "model/model.safetensors"
        good = weights.read_bytes()
        weights.unlink()
        self.assertIn("or model.safetensors.index.json: there is none", self.train_fails("model: cannot open model.safetensors"))
        self.write("model/pytorch_model.bin", "PK")
        self.assertIn("\n  transformers writes it: AutoModelForCausalLM",
                      self.train_fails("model: expected model.safetensors, found pytorch_model.bin, which is not read"))
        self.write("model/model.safetensors.index.json", '{"weight_map": {"a": "part.safetensors"}}')
        self.train_fails("model.safetensors.index.json: weight_map: names part.safetensors, which is not here")
        os.unlink(self.folder / "model/model.safetensors.index.json")
        weights.write_bytes(b"PK\x03\x04 what torch.save writes")
        self.train_fails("this is no safetensors file, or only the beginning of one")
        weights.write_bytes(good[:-4])
        self.assertIn("\n  is the file whole?", self.train_fails("model.safetensors"))

    def test_an_adapter(self):
        os.unlink(self.folder / "model/config.json")
        self.assertIn("\n  a model is a Hugging Face folder", self.train_fails("model/config.json: cannot open"))
        self.write("model/adapter_config.json", "{}")
        self.assertIn("\n  model is an adapter: merge_and_unload()", self.train_fails("model/config.json: cannot open"))

    def test_shapes_are_shown(self):
        self.write("model/config.json", json.dumps({**json.loads(self.read("config.json")), "vocab_size": 71}))
        self.train_fails("config.json asks for shape [71, 48], the weights have [70, 48]")

    def test_a_tokenizer_that_evaluate_will_need(self):
        self.ask_questions()
        self.assertIn("into the model's folder", self.train_fails("model/tokenizer.json: there is none, but the data has questions to answer"))
        self.give_tokenizer(lambda t: t["model"].pop("vocab"))
        self.train_fails("model/tokenizer.json: model.vocab: expected a value, found nothing")
        self.give_tokenizer(lambda t: t.update(post_processor={"type": "TemplateProcessing"}))
        self.train_fails("model/tokenizer.json: post_processor.type")
        os.replace(self.folder / "data/validation.questions.jsonl", self.folder / "questions")
        done = subprocess.run([BIN / "hpo-trainer", "train", *map(str, flags({"--out": "out", "--epochs": 1}))], cwd=self.folder,
                              env=self.environment, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"warning: model/tokenizer.json: post_processor.type", done.stderr)

    def test_what_goes_with_the_weights_is_read_first(self):
        self.give_tokenizer()
        (self.folder / "model/special_tokens_map.json").mkdir()
        self.train_fails("model/special_tokens_map.json")
        os.rmdir(self.folder / "model/special_tokens_map.json")
        self.write("model/special_tokens_map.json", "{}")
        self.train("out", epochs=1)
        for name in ("tokenizer.json", "special_tokens_map.json"):
            self.assertEqual(self.read(f"out/{name}"), self.read(f"model/{name}"))
        self.assertFalse((self.folder / "out/generation_config.json").exists())

    def test_as_transformers_saves_it(self):
        """Truncation, padding and a token added without care change nothing, from train to evaluate."""
        self.ask_questions()

        def last_call(tokenizer):
            tokenizer["truncation"] = {"direction": "Right", "max_length": 512, "strategy": "LongestFirst", "stride": 0}
            tokenizer["padding"] = {"strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": None, "pad_id": 3,
                                    "pad_type_id": 0, "pad_token": "<pad>"}
            tokenizer["added_tokens"][-1].update(special=False, normalized=True)
        self.give_tokenizer(last_call)
        self.train("out", epochs=1)
        answer, = self.answers("evaluate", "--model", "out", "--data", "data")
        self.assertEqual(answer["n"], 1)


if __name__ == "__main__":
    unittest.main()
