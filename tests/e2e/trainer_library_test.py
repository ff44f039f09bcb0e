"""hpo-trainer and transformers itself: each reads what the other writes, and both compute the same."""
import json
import os
import random
import unittest

import tensors
from trainer_case import TrainerCase

os.environ["HF_HUB_OFFLINE"] = "1"

VARIANTS = {
    "plain": dict(n_head=4),
    "post-norm": dict(n_head=4, apply_residual_connection_post_layernorm=True),
    "untied": dict(n_head=4, tie_word_embeddings=False),
    "three heads": dict(n_head=3),  # slopes beyond a power of two
    "twelve heads": dict(n_head=12, n_layer=1),
    "odd width": dict(n_head=5, hidden_size=35),
}


class Library(TrainerCase):
    def setUp(self):
        super().setUp()
        self.torch = self.library("torch")
        self.transformers = self.library("transformers")
        self.torch.set_num_threads(1)

    def model(self, seed=1, **changes):
        """A BLOOM with random weights, its layer norms and biases away from where they start."""
        self.torch.manual_seed(seed)
        settings = dict(vocab_size=90, hidden_size=48, n_layer=2, bos_token_id=1, eos_token_id=2, pad_token_id=3,
                        initializer_range=0.1, hidden_dropout=0.0, attention_dropout=0.0)
        model = self.transformers.BloomForCausalLM(self.transformers.BloomConfig(**{**settings, **changes})).float()
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.data += 0.1 * self.torch.randn_like(parameter)
        return model.eval()

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
        for name, changes in VARIANTS.items():
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
        self.assertIn("h.0.input_layernorm.weight", names)
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
        for old, new in (("hidden_size", "n_embed"), ("n_layer", "num_hidden_layers"), ("n_head", "num_attention_heads")):
            config[new] = config.pop(old)
        config["offset_alibi"] = 100
        self.write("m/config.json", json.dumps(config))
        self.compare(model, "m")

    def test_they_read_what_we_write(self):
        batch = self.batch()
        rows = "".join(json.dumps({"input_ids": i, "attention_mask": m, "labels": l}) + "\n" for i, m, l in zip(*batch.values()))
        self.write("rows.jsonl", rows)
        for name, changes in VARIANTS.items():
            with self.subTest(name):
                model = self.model(**changes).half()
                model.save_pretrained(self.folder / name, safe_serialization=True)
                self.run_trainer("train", "--model", name, "--data", "rows.jsonl", "--lr", "0.01", "--batch-size", 2,
                                 "--epochs", 2, "--out", f"{name}-out")
                read = self.transformers.BloomForCausalLM.from_pretrained(self.folder / f"{name}-out")
                self.assertEqual(read.dtype, self.torch.float32)
                self.compare(read.eval(), f"{name}-out")
                self.assertGreater(tensors.furthest(
                    tensors.load(self.folder / f"{name}-out/model.safetensors"),
                    {k: (list(p.shape), p.flatten().tolist()) for k, p in self.model(**changes).named_parameters()}), 1e-3)

    def test_they_read_a_fresh_model(self):
        self.write("config.json", json.dumps({"hidden_size": 32, "n_layer": 1, "n_head": 2, "vocab_size": 90}))
        self.run_trainer("init", "--config", "config.json", "--out", "fresh")
        read = self.transformers.BloomForCausalLM.from_pretrained(self.folder / "fresh")
        self.assertEqual((read.config.eos_token_id, read.config.pad_token_id), (2, 3))
        self.compare(read.eval(), "fresh")


if __name__ == "__main__":
    unittest.main()
