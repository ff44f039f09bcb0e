"""tokenize and train-tokenizer: against the reference files and, where it is installed, the library itself."""
import json
import random
import time
import unittest

from trainer_case import TrainerCase

SPECIAL = ["<unk>", "<s>", "</s>", "<pad>"]


def random_text(rnd, alphabet, longest=60):
    return "".join(rnd.choice(alphabet) for _ in range(rnd.randrange(longest)))


class Tokenize(TrainerCase):
    def test_reference(self):
        cases = self.fixture("tokenizer.json")
        path = self.shared("data/tokenizer.json")
        for flags in (["--tokenizer", path], ["--model", path.parent], [f"--model={path.parent}"]):
            got = self.answers("tokenize", *flags, lines=[c["text"] for c in cases])
            self.assertEqual([g["ids"] for g in got], [c["ids"] for c in cases])

    def test_library(self):
        tokenizers = self.library("tokenizers")
        path = self.shared("data/tokenizer.json")
        rnd = random.Random(2)
        separators = [chr(c) for c in (9, 10, 13, 32, 33, 40, 41, 44, 46, 63, 124, 0x85, 0xA0, 0x60C, 0x6D4, 0x964, 0x1680, 0x2003, 0x2026, 0x3002, 0xFF0C)]
        alphabets = [
            [chr(c) for c in range(0x20, 0x7F)],
            [" ", " ", "a", "b", "th", "e", "."],
            separators + ["a", "é", "中", "🎉"],
            SPECIAL + ["<", "/s>", "s", " ", "a"],
            [chr(c) for c in list(range(0x80, 0x800)) + [0, 1, 0x7F]],
            [chr(rnd.randrange(0x110000 - 0x800)) for _ in range(500)],
        ]
        alphabets[-1] = [c for c in alphabets[-1] if not 0xD800 <= ord(c) < 0xE000]
        texts = [random_text(rnd, a, 200) for a in alphabets for _ in range(300)]
        library = tokenizers.Tokenizer.from_file(str(path))
        got = self.answers("tokenize", "--tokenizer", path, lines=texts)
        for text, answer in zip(texts, got):
            self.assertEqual(answer["ids"], library.encode(text).ids, repr(text))

    def test_library_with_tokens_added_in_both_ways(self):
        """Those with `normalized` are looked for in what the others leave; state of transformers' last call changes no id."""
        tokenizers = self.library("tokenizers")
        library = tokenizers.Tokenizer.from_file(str(self.shared("data/tokenizer.json")))
        library.add_tokens([tokenizers.AddedToken(content, normalized=normalized) for content, normalized in
                            (("ab", True), ("abc<", True), ("<s", True), ("bb ", True), ("<x>", False), ("b<", False))])
        file = json.loads(library.to_str())
        file["truncation"] = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
        file["padding"] = {"strategy": {"Fixed": 9}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 3, "pad_type_id": 0, "pad_token": "<pad>"}
        file["model"].update(dropout=0.0, unk_token="<unk>", continuing_subword_prefix="", end_of_word_suffix="", fuse_unk=True, byte_fallback=True)
        self.write("t.json", json.dumps(file))
        rnd = random.Random(3)
        texts = [random_text(rnd, ["a", "b", "c", "<", "s", ">", "x", " ", "ab", "</s>"], 40) for _ in range(1000)]
        got = self.answers("tokenize", "--tokenizer", "t.json", lines=texts)
        for text, answer in zip(texts, got):
            self.assertEqual(answer["ids"], library.encode(text).ids, repr(text))

    def test_long_runs_take_no_time(self):
        path = self.shared("data/tokenizer.json")
        texts = ["a" * 1_000_000, " " * 1_000_000, "ab" * 500_000, "<" * 1_000_000, "é" * 500_000, "a " * 500_000]
        start = time.monotonic()
        got = self.answers("tokenize", "--tokenizer", path, lines=texts)
        self.assertLess(time.monotonic() - start, 30)  # quadratic would be hours
        self.assertEqual(len(got), len(texts))

    def test_input(self):
        path = self.shared("data/tokenizer.json")
        ids = self.answers("tokenize", "--tokenizer", path, text='""\n"a"')
        self.assertEqual([len(line["ids"]) for line in ids], [0, 1])
        self.assertEqual(self.answers("tokenize", "--tokenizer", path, text=""), [])
        self.refuses("line 2: expected a string, found a number", "tokenize", "--tokenizer", path, text='"a"\n3\n')
        self.refuses("line 1", "tokenize", "--tokenizer", path, text='"a\n')
        self.refuses("line 2", "tokenize", "--tokenizer", path, text='"a"\n\n"b"\n')
        self.refuses("line 1", "tokenize", "--tokenizer", path, text='"\\ud800"\n')
        self.refuses("--model", "tokenize")
        self.refuses("--model", "tokenize", "--model", "x", "--tokenizer", "y")
        self.refuses("no/such", "tokenize", "--tokenizer", "no/such")

    def test_other_structures_are_named(self):
        file = json.loads(self.shared("data/tokenizer.json").read_text())
        file["pre_tokenizer"] = {"type": "Metaspace", "replacement": "_"}
        self.write("tokenizer.json", json.dumps(file))
        self.refuses('pre_tokenizer.type: expected "Sequence" (as BLOOM has it) or "ByteLevel" (as GPT-2), found "Metaspace"', "tokenize", "--model", ".")
        self.write("tokenizer.json", self.shared("data/tokenizer.json").read_text()[:-1])
        self.refuses("tokenizer.json:1:", "tokenize", "--model", ".")


class TrainTokenizer(TrainerCase):
    def train(self, texts, size, minimum, out="out.json"):
        answer = self.answers("train-tokenizer", "--vocab-size", size, "--min-frequency", minimum, "--out", out, lines=texts)
        model = json.loads(self.read(out))["model"]
        self.assertEqual(answer, [{"vocab_size": len(model["vocab"]), "merges": len(model["merges"])}])
        return model

    def squad_texts(self):
        data = json.loads(self.shared("data/squad/dataset/train-v1.1.json").read_text())["data"]
        return [t for a in data for p in a["paragraphs"] for t in [p["context"], *(q["question"] for q in p["qas"])]]

    def test_reference(self):
        texts = self.squad_texts()
        for case in self.fixture("bpe_training.json"):
            model = self.train(texts[: case["texts"]], case["vocab_size"], case["min_frequency"])
            self.assertEqual(model["merges"], case["merges"])
            self.assertEqual(len(model["vocab"]), case["size"])
            self.assertEqual(sorted(model["vocab"], key=model["vocab"].get)[: len(case["first_ids"])], case["first_ids"])

    def test_squad_is_what_a_model_reads(self):
        path = self.shared("data/squad/dataset/train-v1.1.json")
        data = json.loads(path.read_text())["data"]
        texts = [f"Question: {q['question']} Context: {p['context']} Answer: {q['answers'][0]['text']}"
                 for a in data for p in a["paragraphs"] for q in p["qas"]]
        self.train(texts, 1000, 2, "lines.json")
        self.answers("train-tokenizer", "--vocab-size", 1000, "--out", "squad.json", "--squad", path)
        self.assertEqual(self.read("squad.json"), self.read("lines.json"))
        self.train(texts + texts, 1000, 2, "lines.json")
        self.answers("train-tokenizer", "--vocab-size", 1000, "--out", "squad.json", "--squad", path, "--squad", path)
        self.assertEqual(self.read("squad.json"), self.read("lines.json"))

    def library_model(self, texts, size, minimum):
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers
        library = Tokenizer.from_file(str(self.shared("data/tokenizer.json")))
        library.model = models.BPE()
        library.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, min_frequency=minimum, show_progress=False, special_tokens=SPECIAL,
                                                               initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
        return library

    def test_library(self):
        """Also where tokens repeat, counts are equal, and different merges spell the same token."""
        self.library("tokenizers")
        rnd = random.Random(5)
        for alphabet in ("ab", "abc ", "a", "<s>/ ", "ab.é中 ", [chr(c) for c in range(0x20, 0x7F)]):
            for _ in range(12):
                texts = [random_text(rnd, alphabet, rnd.choice([5, 30, 120])) for _ in range(rnd.randrange(1, 60))]
                size, minimum = rnd.choice([260, 265, 300, 400, 1000]), rnd.choice([0, 1, 2, 3, 10])
                library = self.library_model(texts, size, minimum)
                self.train(texts, size, minimum)
                self.assertEqual(self.read("out.json"), library.to_str(), (texts, size, minimum))

    def test_library_loads_it(self):
        tokenizers = self.library("tokenizers")
        texts = self.squad_texts()[:500]
        self.train(texts, 1500, 2)
        library = tokenizers.Tokenizer.from_file(str(self.folder / "out.json"))
        self.assertEqual(library.to_str(), self.read("out.json"))
        got = self.answers("tokenize", "--tokenizer", "out.json", lines=texts)
        self.assertEqual([g["ids"] for g in got], [library.encode(t).ids for t in texts])

    def test_order_of_texts_is_free(self):
        texts = ["low lower lowest", "new newer newest", "wide wider widest", "a b c"]
        first = self.train(texts, 300, 2)
        self.assertGreater(len(first["merges"]), 3)
        self.assertEqual(self.train(texts[::-1], 300, 2), first)

    def test_no_text(self):
        self.assertEqual(self.train([], 300, 2)["merges"], [])

    def test_flags(self):
        self.refuses("--vocab-size", "train-tokenizer", "--out", "x")
        self.refuses("--vocab-size", "train-tokenizer", "--out", "x", "--vocab-size", 259)
        self.refuses("--out", "train-tokenizer", "--vocab-size", 300)
        self.refuses("line 1: expected a string", "train-tokenizer", "--vocab-size", 300, "--out", "x", text="{}\n")
        self.write("bad.json", '{"data": [{"paragraphs": [{"context": "c", "qas": [{"id": "1"}]}]}]}')
        self.refuses("bad.json: data[0].paragraphs[0].qas[0].question: expected a string, found nothing",
                     "train-tokenizer", "--vocab-size", 300, "--out", "x", "--squad", "bad.json")
        self.assertFalse((self.folder / "x").exists())


if __name__ == "__main__":
    unittest.main()
