"""hpo-trainer and transformers itself: each reads what the other writes, and both compute the same."""
import json
import os
import random
import unittest

import tensors
from trainer_case import TrainerCase

os.environ["HF_HUB_OFFLINE"] = "1"

class Library:
    """What is asked of every architecture."""
    settings = {}  # of its config
    variants = {}
    spellings = {}  # a field of config.json, and what else it may be called

    def setUp(self):
        super().setUp()
        self.torch = self.library("torch")
        self.transformers = self.library("transformers")
        self.torch.set_num_threads(1)

    def model(self, seed=1, **changes):
        """A model with random weights, its layer norms and biases away from where they start."""
        self.torch.manual_seed(seed)
        config = getattr(self.transformers, self.config_class)(
            **{**dict(vocab_size=90, bos_token_id=1, eos_token_id=2, pad_token_id=3, initializer_range=0.1), **self.settings, **changes})
        model = self.model_class()(config).float()
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.data += 0.1 * self.torch.randn_like(parameter)
        return model.eval()

    def model_class(self):
        return getattr(self.transformers, self.class_name)

    def batch(self, rows=3):
        draw = random.Random(2)
        lengths = [draw.randrange(3, 30) for _ in range(rows)]
        ids = [[draw.randrange(90) for _ in range(n)] + [3] * (max(lengths) - n) for n in lengths]
        mask = [[1] * n + [0] * (max(lengths) - n) for n in lengths]
        labels = [[t if m and draw.random() < 0.4 else -100 for t, m in zip(*row)] for row in zip(ids, mask)]
        labels[0][1] = ids[0][1]
        return dict(input_ids=ids, attention_mask=mask, labels=labels)

    def compare(self, model, folder, limit=1e-5):
        """The program's loss and gradients on that folder against torch's on that model."""
        batch = self.batch()
        self.write("batch.json", json.dumps(batch))
        model.zero_grad()
        loss = model(**{k: self.torch.tensor(v) for k, v in batch.items()}).loss
        loss.backward()
        answer, = self.answers("forward", "--model", folder, "--batch", "batch.json", "--gradients", "g.safetensors")
        self.assertLess(abs(answer["loss"] - loss.item()), limit * loss.item())
        want = {name: (list(p.grad.shape), p.grad.flatten().tolist()) for name, p in model.named_parameters()}
        self.assertLess(tensors.furthest(tensors.load(self.folder / "g.safetensors"), want), limit)

    def test_variants(self):
        for name, changes in self.variants.items():
            with self.subTest(name):
                model = self.model(**changes)
                model.save_pretrained(self.folder / name, safe_serialization=True)
                self.compare(model, name)

    def test_forms_of_weights(self):
        """Shards, 16-bit floats, names without prefix: the forms that weights on the Hub come in."""
        model = self.model()
        model.save_pretrained(self.folder / "shards", safe_serialization=True, max_shard_size="40KB")
        self.assertGreater(len(list((self.folder / "shards").glob("*.safetensors"))), 2)
        self.compare(model, "shards")
        model.transformer.save_pretrained(self.folder / "bare", safe_serialization=True)
        names = set(tensors.load(self.folder / "bare/model.safetensors"))
        self.assertIn(f"h.0.{self.first_norm}.weight", names)
        self.compare(model, "bare")
        for dtype in (self.torch.float16, self.torch.bfloat16):
            half = self.model().to(dtype)
            folder = str(dtype).split(".")[1]
            half.save_pretrained(self.folder / folder, safe_serialization=True)
            self.compare(half.float(), folder)

    def test_spellings_of_the_config(self):
        model = self.model()
        model.save_pretrained(self.folder / "m", safe_serialization=True)
        config = json.loads(self.read("m/config.json"))
        for old, new in self.spellings.items():
            config[new] = config.pop(old)
        config["offset_alibi"] = 100  # of some BLOOMs on the Hub: it means nothing
        self.write("m/config.json", json.dumps(config))
        self.compare(model, "m")

    def test_they_read_what_we_write(self):
        batch = self.batch()
        rows = "".join(json.dumps({"input_ids": i, "attention_mask": m, "labels": l}) + "\n" for i, m, l in zip(*batch.values()))
        self.write("rows.jsonl", rows)
        for name, changes in self.variants.items():
            with self.subTest(name):
                model = self.model(**changes).half()
                model.save_pretrained(self.folder / name, safe_serialization=True)
                self.run_trainer("train", "--model", name, "--data", "rows.jsonl", "--lr", "0.01", "--batch-size", 2,
                                 "--epochs", 2, "--out", f"{name}-out")
                read = self.model_class().from_pretrained(self.folder / f"{name}-out")
                self.assertEqual(read.dtype, self.torch.float32)
                self.compare(read.eval(), f"{name}-out")
                self.assertGreater(tensors.furthest(
                    tensors.load(self.folder / f"{name}-out/model.safetensors"),
                    {k: (list(p.shape), p.flatten().tolist()) for k, p in self.model(**changes).named_parameters()}), 1e-3)

    def test_blocks_beyond_the_config_are_another_model(self):
        self.model().save_pretrained(self.folder / "m", safe_serialization=True)
        self.write("m/config.json", json.dumps({**json.loads(self.read("m/config.json")), "n_layer": 1}))
        self.write("batch.json", json.dumps(self.batch()))
        self.refuses("config.json has 1 layers", "forward", "--model", "m", "--batch", "batch.json")

    def test_generation_ends_as_theirs(self):
        """generation_config.json wins over config.json; masked tokens are no prompt."""
        model = self.model()
        model.save_pretrained(self.folder / "m", safe_serialization=True)
        self.run_trainer("train-tokenizer", "--vocab-size", 300, "--out", "m/tokenizer.json", lines=["a b c a b c"])
        ids = [5, 6, 7, 8]

        def generate(line):
            self.write("p.jsonl", json.dumps(line) + "\n")
            return self.answers("generate", "--model", "m", "--prompts", "p.jsonl", "--max-new-tokens", 6)
        free, = generate({"input_ids": ids})
        self.assertEqual(generate({"input_ids": [9, 9, *ids], "attention_mask": [0, 0, 1, 1, 1, 1]}), [free])
        self.write("m/generation_config.json", json.dumps({"eos_token_id": free["new_ids"][1]}))
        first = free["new_ids"].index(free["new_ids"][1])
        self.assertEqual(generate({"input_ids": ids})[0]["new_ids"], free["new_ids"][:first + 1])

    def test_they_read_a_fresh_model(self):
        self.write("config.json", json.dumps(self.fresh))
        self.run_trainer("init", "--config", "config.json", "--out", "fresh")
        read = self.model_class().from_pretrained(self.folder / "fresh")
        self.assertEqual((read.config.eos_token_id, read.config.pad_token_id), self.end_and_padding)
        self.compare(read.eval(), "fresh")


class Bloom(Library, TrainerCase):
    config_class, class_name, first_norm = "BloomConfig", "BloomForCausalLM", "input_layernorm"
    settings = dict(hidden_size=48, n_layer=2, n_head=4, hidden_dropout=0.0, attention_dropout=0.0)
    variants = {
        "plain": {},
        "post-norm": dict(apply_residual_connection_post_layernorm=True),
        "untied": dict(tie_word_embeddings=False),
        "three heads": dict(n_head=3),  # slopes beyond a power of two
        "twelve heads": dict(n_head=12, n_layer=1),
        "odd width": dict(n_head=5, hidden_size=35),
    }
    spellings = {"hidden_size": "n_embed", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads"}
    fresh = {"hidden_size": 32, "n_layer": 1, "n_head": 2, "vocab_size": 90}
    end_and_padding = (2, 3)


class Gpt2(Library, TrainerCase):
    config_class, class_name, first_norm = "GPT2Config", "GPT2LMHeadModel", "ln_1"
    settings = dict(n_embd=48, n_layer=2, n_head=4, n_positions=40, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    variants = {
        "plain": {},
        "untied": dict(tie_word_embeddings=False),
        "narrow": dict(n_inner=40),
        "by layer": dict(scale_attn_by_inverse_layer_idx=True),
        "one head": dict(n_head=1, n_layer=1),
        "odd width": dict(n_head=5, n_embd=35, activation_function="gelu_pytorch_tanh"),
    }
    spellings = {"n_embd": "hidden_size", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads", "n_positions": "max_position_embeddings"}
    fresh = {"model_type": "gpt2", "n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 64, "vocab_size": 90, "eos_token_id": 7}
    end_and_padding = (7, None)

    def test_what_we_make_we_train(self):
        """Its rates of dropout are there, and 0; tokens that the vocabulary has not are not named."""
        self.write("config.json", json.dumps({k: v for k, v in self.fresh.items() if k != "eos_token_id"}))
        self.run_trainer("init", "--config", "config.json", "--out", "m")
        config = json.loads(self.read("m/config.json"))
        self.assertEqual((config["resid_pdrop"], config["eos_token_id"]), (0, None))
        self.write("rows.jsonl", '{"input_ids": [4, 5, 6], "labels": [-100, 5, 6]}\n')
        self.run_trainer("train", "--model", "m", "--data", "rows.jsonl", "--lr", "0.1", "--epochs", 1, "--out", "o")

    def test_its_dropout_is_not_ignored(self):
        self.model(resid_pdrop=0.1).save_pretrained(self.folder / "m", safe_serialization=True)
        self.write("rows.jsonl", '{"input_ids": [4, 5, 6], "labels": [-100, 5, 6]}\n')
        err = self.refuses("asks for dropout", "train", "--model", "m", "--data", "rows.jsonl", "--lr", "1", "--epochs", 1, "--out", "o")
        self.assertIn("resid_pdrop", err)
        self.write("d/validation.jsonl", '{"input_ids": [4, 5, 6], "labels": [-100, 5, 6]}\n')
        self.assertEqual(self.answers("evaluate", "--model", "m", "--data", "d")[0]["n"], 1)  # nothing is dropped there

    def test_more_tokens_than_positions(self):
        self.model().save_pretrained(self.folder / "m", safe_serialization=True)
        row = json.dumps({"input_ids": [4] * 41, "labels": [4] * 41})
        self.write("rows.jsonl", f"{row}\n{row}\n")
        self.run_trainer("train", "--model", "m", "--data", "rows.jsonl", "--lr", "0.1", "--epochs", 1, "--out", "o")  # the last predicts nothing
        row = json.dumps({"input_ids": [4] * 42, "labels": [4] * 42})
        self.write("rows.jsonl", f"{row}\n")
        self.refuses("rows.jsonl:1: input_ids: expected at most 40 tokens, the model's positions, found 41",
                     "train", "--model", "m", "--data", "rows.jsonl", "--lr", "1", "--epochs", 1, "--out", "p")


if __name__ == "__main__":
    unittest.main()
