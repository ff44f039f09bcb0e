"""The original experiment's ways, each a switch and all of them a preset, against the reference files and transformers."""
import collections
import json
import random
import re
import string
import unittest

import tensors
from case import LONG
from trainer_case import TrainerCase

CONFIG = {"hidden_size": 48, "n_layer": 2, "n_head": 3, "vocab_size": 70, "initializer_range": 0.1}
SEED = {"loss_denominator": "labels", "decay": "ignored", "max_grad_norm": 0}
DEFAULT = {"loss_denominator": "predicted", "decay": "applied", "max_grad_norm": 1}


class Seed(TrainerCase):
    def small(self):
        """A small model, and rows whose labels lie over the start; some have one label, which nothing predicts."""
        self.write("config.json", json.dumps(CONFIG))
        self.run_trainer("init", "--config", "config.json", "--seed", 7, "--out", "model")
        draw = random.Random(3)
        self.rows = []
        for _ in range(14):
            ids = [draw.randrange(70) for _ in range(draw.randrange(6, 20))]
            labels = [draw.randrange(70) for _ in range(draw.choice([1, 1, 2, 3, 6]))]
            self.rows.append((ids, labels + [-100] * (len(ids) - len(labels))))
        self.assertTrue(any(labels[1] < 0 for _, labels in self.rows))
        self.write_rows("rows.jsonl", self.rows)

    def write_rows(self, name, rows):
        self.write(name, "".join(json.dumps({"input_ids": i, "labels": l}) + "\n" for i, l in rows))

    def train(self, out, **changes):
        """changes: batch_size=7 for --batch-size 7. Returns (steps, reports)."""
        chosen = {"model": "model", "data": "rows.jsonl", "lr": 0.01, "batch_size": 1, "weight_decay": 0.1, "epochs": 3, **changes}
        words = [word for name, value in chosen.items() for word in ("--" + name.strip("_").replace("_", "-"), value)]
        lines = self.answers("train", "--out", out, "--log-steps", *words)
        return [line for line in lines if "step" in line], [line for line in lines if "t" in line]

    def state(self, folder):
        return json.loads(self.read(f"{folder}/trainer_state.json"))

    def same(self, one, other, files=("model", "optimizer")):
        for name in files:
            a, b = ((self.folder / folder / f"{name}.safetensors").read_bytes() for folder in (one, other))
            self.assertEqual(a, b, f"{one} and {other}: {name}")


class Switches(Seed):
    def test_a_preset_is_its_switches(self):
        self.small()
        self.train("preset", preset="seed")
        self.train("switches", **SEED)
        self.same("preset", "switches")
        self.train("less decay", **{**SEED, "weight_decay": 0})
        self.same("preset", "less decay")
        self.train("usual")
        self.train("flags win", preset="seed", **DEFAULT)
        self.same("usual", "flags win")
        for name, value in DEFAULT.items():  # each does something
            with self.subTest(name):
                self.train(name, **{**SEED, name: value})
                self.assertNotEqual((self.folder / name / "model.safetensors").read_bytes(),
                                    (self.folder / "preset/model.safetensors").read_bytes())

    def test_refusals(self):
        self.small()
        flags = ["--model", "model", "--data", "rows.jsonl", "--lr", 1, "--epochs", 1, "--out", "o"]
        for words, message in (
                (["--preset", "tree"], '--preset: expected default or seed, found "tree"'),
                (["--loss-denominator", "all"], "--loss-denominator: expected predicted or labels"),
                (["--decay", "no"], "--decay: expected applied or ignored"),
                (["--max-grad-norm", "-1"], "--max-grad-norm: expected a number ≥ 0"),
                (["--loss-scale", "512"], "--loss-scale: only --precision fp16 has one, this is fp32"),
                (["--loss-scale", "big", "--precision", "fp16"], '--loss-scale: expected dynamic or a number > 0, found "big"'),
                (["--f1", "set"], "--f1: train has no such flag")):
            self.refuses(message, "train", *flags, *words)
        self.refuses("--f1: expected official or set", "evaluate", "--model", "model", "--data", "rows.jsonl", "--f1", "best")
        self.refuses("--pad-prompts: expected a whole number", "evaluate", "--model", "model", "--data", "rows.jsonl",
                     "--pad-prompts", "-1")

    def test_denominator(self):
        """The first step of train.json, over all labels: the loss and the gradient are smaller by the rows' first ones."""
        model = self.shared("fixtures/bloom-seed-labels/model")
        reference, examples = self.fixture("bloom-seed-labels/train.json"), self.fixture("bloom-seed-labels/examples.json")
        settings, want = reference["settings"], reference["steps"][0]
        rows = [e["seed_mode"] for e in examples[:settings["train"]]]
        self.write("fixture.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        window = reference["order"][:settings["batch"] * settings["accum"]]
        marked = sum(label >= 0 for i in window for label in rows[i]["labels"])
        steps, _ = self.train("o", model=model, data="fixture.jsonl", lr=settings["lr"], batch_size=settings["batch"],
                              accumulate=settings["accum"], epochs=1, preset="seed")
        ratio = (marked - len(window)) / marked
        for field in ("loss", "grad_norm"):
            self.assertAlmostEqual(steps[0][field] / (want[field] * ratio), 1, delta=1e-4)

    def test_what_is_behind_the_labels_is_dead(self):
        """Rows cut behind their last label give the same bits, loss and all."""
        self.small()
        self.train("whole", preset="seed")
        cut = [(i[:sum(x >= 0 for x in l)], [x for x in l if x >= 0]) for i, l in self.rows]
        self.write_rows("cut.jsonl", cut)
        self.train("cut", preset="seed", data="cut.jsonl")
        self.same("whole", "cut")

    def test_one_label_is_a_step_all_the_same(self):
        """Nothing predicts it: loss 0 of 1, no gradient; moments decay, and weights go on."""
        self.small()
        steps, _ = self.train("o", preset="seed", epochs=1)
        zeros = [s for s in steps if s["loss"] == 0]
        self.assertTrue(zeros and all(s["grad_norm"] == 0 for s in zeros))
        self.assertEqual(self.state("o"), {"epoch": 1, "updates": 14})


class Fp16(Seed):
    def setUp(self):
        super().setUp()
        self.small()

    def largest(self):
        """The largest gradient of the first step, an epoch in one batch."""
        n = max(len(i) for i, _ in self.rows)
        pad = lambda row, fill: row + [fill] * (n - len(row))
        self.write("batch.json", json.dumps({"input_ids": [pad(i, 3) for i, _ in self.rows], "labels": [pad(l, -100) for _, l in self.rows],
                                             "attention_mask": [pad([1] * len(i), 0) for i, _ in self.rows]}))
        self.answers("forward", "--model", "model", "--batch", "batch.json", "--gradients", "g.safetensors")
        return max(abs(x) for _, values in tensors.load(self.folder / "g.safetensors").values() for x in values)

    def test_nothing_overflows(self):
        """fp32's numbers; the state of a dynamic scale is kept, a static one has none."""
        self.train("fp32")
        steps, _ = self.train("fp16", precision="fp16", loss_scale=8)
        self.same("fp32", "fp16")
        self.assertEqual({(s["loss_scale"], s["skipped"]) for s in steps}, {(8, False)})
        self.assertEqual(self.state("fp16"), {"epoch": 3, "updates": 42})
        steps, _ = self.train("seed", precision="fp16", preset="seed", epochs=1)
        self.assertEqual({s["loss_scale"] for s in steps}, {512})
        self.assertNotIn("loss_scale", self.train("plain", preset="seed", epochs=1)[0][0])

    def test_where_fp16_ends(self):
        limit = 65504 / self.largest()
        for factor in (0.9999, 1.0001):
            steps, _ = self.train(f"o{factor}", precision="fp16", loss_scale=repr(limit * factor), batch_size=14, epochs=1)
            self.assertEqual(steps[0]["skipped"], factor > 1)

    def test_skipped_steps_change_nothing(self):
        steps, reports = self.train("o", precision="fp16", loss_scale=1e9, batch_size=3, epochs=2)
        self.assertTrue(all(s["skipped"] and s["learning_rate"] == 0.01 for s in steps))
        self.same("o", "model", ["model"])
        self.assertEqual(reports[0]["eval_loss"], reports[1]["eval_loss"])
        state = self.state("o")
        self.assertAlmostEqual(state.pop("skipped"), 2)
        self.assertEqual(state, {"epoch": 2, "updates": 0})
        moments = tensors.load(self.folder / "o/optimizer.safetensors")
        self.assertEqual({x for _, values in moments.values() for x in values}, {0.0})

    def test_dynamic(self):
        """A run cut and resumed has the same scale, rate and bits; each skip sets the rate's line back by a step."""
        common = {"precision": "fp16", "lr": 0.5, "max_grad_norm": 0, "batch_size": 2}
        whole, _ = self.train("whole", **common)
        self.train("first", until=1, **common)
        self.assertIn("loss_scale", self.state("first"))
        rest, _ = self.train("rest", from_="first", **common)
        self.assertEqual(whole[7:], rest)
        self.same("whole", "rest")
        self.assertEqual(self.state("whole"), self.state("rest"))
        skipped, scale, patience = 0, 65536, 2
        for n, step in enumerate(whole):
            self.assertEqual(step["loss_scale"], scale)
            self.assertAlmostEqual(step["learning_rate"], 0.5 * (21 - (n - skipped)) / 21)
            if step["skipped"]:
                skipped, scale, patience = skipped + 1, scale / 2 if patience == 1 else scale, 1
        self.assertGreater(skipped, 2)
        self.assertEqual(self.state("whole")["updates"], 21 - skipped)
        self.assertEqual(self.state("whole")["loss_scale"]["scale"], scale)

    def test_other_batch_size_after_skips(self):
        """The share of the schedule that was skipped is the same at another number of steps."""
        common = {"precision": "fp16", "loss_scale": 1e9}
        self.train("first", until=1, batch_size=2, epochs=2, **common)
        steps, _ = self.train("second", from_="first", batch_size=7, epochs=2, precision="fp16", loss_scale=1)
        self.assertEqual([s["learning_rate"] for s in steps], [0.01, 0.01 * 3 / 4])

    def test_the_smallest_scale_overflows_too(self):
        out, err = self.run_trainer("train", "--model", "model", "--data", "rows.jsonl", "--lr", "1e38", "--batch-size", 1,
                                    "--epochs", 3, "--precision", "fp16", "--out", "o", "--log-steps", status=1)
        self.assertIn("loss scale: gradients overflow fp16 even with the smallest scale, 1", err)
        self.assertEqual(json.loads(out.splitlines()[-1])["loss_scale"], 2)


class Library(Seed):
    """Against PyTorch and transformers themselves."""

    def setUp(self):
        super().setUp()
        self.torch, self.transformers = self.library("torch"), self.library("transformers")
        self.torch.set_num_threads(1)

    def follow(self, model, segments, epochs, marked):
        """A plain training loop; segments are (first epoch, last, batch size, lr, weight decay). Yields (loss, norm)."""
        torch = self.torch
        groups = [[p for p in model.parameters() if (p.dim() > 1) == matrices] for matrices in (True, False)]
        optimizer = torch.optim.AdamW([{"params": group} for group in groups], lr=1, weight_decay=0)
        for first, last, size, lr, decay in segments:
            optimizer.param_groups[0]["weight_decay"] = decay
            per_epoch = -(-len(self.rows) // size)
            for epoch in range(first, last):
                order = torch.randperm(len(self.rows), generator=torch.Generator().manual_seed(42 + epoch)).tolist()
                for n in range(per_epoch):
                    rows = [self.rows[i] for i in order[n * size:(n + 1) * size]]
                    count = sum(x >= 0 for _, labels in rows for x in labels[0 if marked else 1:])
                    optimizer.zero_grad()
                    loss = sum(torch.nn.functional.cross_entropy(
                        model(input_ids=torch.tensor([ids])).logits[0, :-1], torch.tensor(labels[1:]), reduction="sum")
                        for ids, labels in rows) / count
                    loss.backward()
                    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), float("inf") if marked else 1.0)
                    for group in optimizer.param_groups:
                        group["lr"] = lr * (1 - (epoch * per_epoch + n) / (epochs * per_epoch))
                    optimizer.step()
                    yield loss.item(), norm.item()

    def compare(self, steps, model, folder, *arguments):
        for got, (loss, norm) in zip(steps, self.follow(model, *arguments), strict=True):
            for a, b in ((got["loss"], loss), (got["grad_norm"], norm)):
                self.assertAlmostEqual(a, b, delta=2e-4 * abs(b), msg=f"step {got['step']}")
        got = tensors.load(self.folder / folder / "model.safetensors")
        for name, parameter in model.named_parameters():
            ours, theirs = list(got[name][1]), parameter.flatten().tolist()
            if name.endswith("query_key_value.bias"):
                # A key's bias has a gradient of rounding alone, and so moves by lr in any direction.
                d = CONFIG["hidden_size"] // CONFIG["n_head"]
                ours, theirs = ([x for i, x in enumerate(v) if i // d % 3 != 1] for v in (ours, theirs))
            self.assertLess(tensors.distance(ours, theirs), 1e-5, name)

    def start_model(self):
        self.small()
        return self.transformers.BloomForCausalLM.from_pretrained(self.folder / "model").float().eval()

    def test_seed_training(self):
        model = self.start_model()
        steps, _ = self.train("o", preset="seed", lr=0.002, batch_size=2)
        self.compare(steps, model, "o", [(0, 3, 2, 0.002, 0)], 3, True)

    def test_batch_size_rate_and_decay_change(self):
        """PBT: one training goes on with other numbers."""
        model = self.start_model()
        rows = [(ids, [-100] * (len(ids) - 3) + ids[-3:]) for ids, _ in self.rows]
        self.rows = rows
        self.write_rows("rows.jsonl", rows)
        one, _ = self.train("one", until=1, lr=0.002, batch_size=3, weight_decay=0.1)
        two, _ = self.train("two", from_="one", until=3, lr=0.001, batch_size=5, weight_decay=0.3)
        three, _ = self.train("three", from_="two", lr=0.003, batch_size=1, weight_decay=0, until=4, epochs=4)
        segments = [(0, 1, 3, 0.002, 0.1), (1, 3, 5, 0.001, 0.3)]
        self.compare(one + two, model, "two", segments, 3, False)
        self.assertEqual([s["step"] for s in three], list(range(43, 57)))
        self.assertAlmostEqual(three[0]["learning_rate"], 0.003 / 4)

    def test_prompts_padded_on_the_right(self):
        """Greedily behind a padded prompt, as generate() goes on: from the last position, whatever stands there."""
        model_folder = self.shared("fixtures/bloom-seed-labels/model")
        tokenizer = self.library("tokenizers").Tokenizer.from_file(str(model_folder / "tokenizer.json"))
        model = self.transformers.BloomForCausalLM.from_pretrained(model_folder).float().eval()
        prompts = [c["prompt_ids"] for c in self.fixture("bloom-seed-labels/generate.json")["before"]]
        prompts += [p[:n] for p, n in zip(prompts, (1, 31, 32, 33, 64))]
        if not LONG:
            prompts = prompts[::3]
        length = sorted(map(len, prompts))[-2]
        self.write("d/validation.jsonl", json.dumps({"input_ids": [5, 6], "labels": [-100, 6]}))
        self.write("d/validation.questions.jsonl", "".join(
            json.dumps({"id": str(i), "prompt_ids": p, "answers": ["x"]}) + "\n" for i, p in enumerate(prompts)))

        def said(*flags):
            self.run_trainer("evaluate", "--model", model_folder, "--data", "d", "--predictions", "p.jsonl", "--max-new-tokens", 6, *flags)
            return [json.loads(line)["prediction"] for line in self.read("p.jsonl").splitlines()]

        def expected(length):
            texts = []
            for prompt in prompts:
                more = max(0, length - len(prompt))
                ids, mask, new = prompt + [3] * more, [1] * len(prompt) + [0] * more, []
                while len(new) < 6 and new[-1:] != [2]:
                    with self.torch.no_grad():
                        logits = model(input_ids=self.torch.tensor([ids + new]), attention_mask=self.torch.tensor([mask + [1] * len(new)])).logits
                    new.append(int(logits[0, -1].argmax()))
                texts.append(tokenizer.decode(new, skip_special_tokens=True))
            return texts

        self.assertEqual(said("--pad-prompts", length), expected(length))
        bare, seed = expected(0), expected(512)
        self.assertEqual(said("--preset", "seed", "--pad-prompts", 0), bare)
        self.assertEqual(said("--preset", "seed"), seed)
        self.assertNotEqual(seed, bare)


class Scores(Seed):
    def test_f1_over_sets(self):
        """Words counted once, and the first answer alone."""
        model = self.shared("fixtures/bloom-seed-labels/model")
        prompts = [c["prompt_ids"] for c in self.fixture("bloom-seed-labels/generate.json")["before"]]
        self.write("d/validation.jsonl", json.dumps({"input_ids": [5, 6], "labels": [-100, 6]}))

        def evaluate(answers, *flags):
            self.write("d/validation.questions.jsonl", "".join(
                json.dumps({"id": str(i), "prompt_ids": p, "answers": a}) + "\n" for i, (p, a) in enumerate(zip(prompts, answers))))
            answer, = self.answers("evaluate", "--model", model, "--data", "d", "--predictions", "p.jsonl", *flags)
            return answer, [json.loads(line) for line in self.read("p.jsonl").splitlines()]

        def words(text):
            text = "".join(c for c in text.lower() if c not in string.punctuation)
            return re.sub(r"\b(a|an|the)\b", " ", text).split()

        def f1(same, p, g):
            return 2 * (same / len(p)) * (same / len(g)) / (same / len(p) + same / len(g)) if same else 0

        predictions = [line["prediction"] for line in evaluate([["x"]] * len(prompts))[1]]
        answers = [["other " + (words(p) or ["x"])[0], p] for p in predictions]
        official, _ = evaluate(answers)
        total, lines = evaluate(answers, "--f1", "set")
        for line, (first, _) in zip(lines, answers, strict=True):
            p, g = words(line["prediction"]), words(first)
            self.assertAlmostEqual(line["f1"], f1(len(set(p) & set(g)), p, g))
        self.assertAlmostEqual(total["f1"], 100 * sum(line["f1"] for line in lines) / len(lines))
        best = [max(f1(sum((collections.Counter(words(p)) & collections.Counter(words(g))).values()), words(p), words(g)) for g in a)
                for p, a in zip(predictions, answers)]
        self.assertAlmostEqual(official["f1"], 100 * sum(best) / len(best))
        self.assertEqual(official["exact_match"], total["exact_match"])
        self.assertNotEqual(official["f1"], total["f1"])


if __name__ == "__main__":
    unittest.main()
