"""tokenize and train-tokenizer by GPT-2's rules, against the library and transformers."""
import json
import os
import random
import re
import subprocess
import sys
import time
import unicodedata
import unittest

from case import LONG, ROOT
from trainer_case import TrainerCase

os.environ["HF_HUB_OFFLINE"] = "1"

END = "<|endoftext|>"
SPACES = [chr(c) for c in (9, 10, 11, 13, 32, 32, 32, 0x85, 0xA0, 0x1680, 0x2003, 0x2028, 0x202F, 0x205F, 0x3000)]
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'RE", "'Ve", "'M", "'lL", "'D", "'r", "'v", "'l", "'", "\u2019s", "''s"]
CODES = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def random_text(draw, parts, longest=60):
    return "".join(draw.choice(parts) for _ in range(draw.randrange(longest)))


def texts_of_every_kind(draw):
    some = [chr(c) for c in draw.sample(CODES, 3000) if unicodedata.category(chr(c)) != "Cn"]  # the library may know newer ones
    kinds = [
        [chr(c) for c in range(0x20, 0x7F)],
        [*CONTRACTIONS, "a", "B", "1", ".", " ", "\n"],
        [*SPACES, *SPACES, "a", "1", "."],
        [END, "<|", "endoftext", "|>", "<", " ", "a", "\n"],
        ["a", "é", "ſ", "中", "ا", "١", "½", "²", "Ⅷ", "🎉", "́", "\u200d", " ", ".", "'s", "\0"],
        [chr(c) for c in [*range(0x80, 0x800), 0, 1, 0x7F]],
        some,
        ["the", " of", " and", "ing", "  ", "\n\n", "don't", " I'll", "2024", ",", ". "],
    ]
    texts = [random_text(draw, kind, 200) for kind in kinds for _ in range(300)]
    return ["", " ", "  ", "\n", " \n", " a", "a ", "a  ", " 's", "a's", "'", *texts, *(space * n + end for space in SPACES for n in (1, 2, 3) for end in ("", "a", "1", "'s", "!"))]


class GPT2(TrainerCase):
    """What the two kinds of test share: tokenizers that the library trains."""

    def squad_texts(self):
        data = json.loads(self.shared("data/squad/dataset/train-v1.1.json").read_text())["data"]
        return [t for a in data for p in a["paragraphs"] for t in [p["context"], *(q["question"] for q in p["qas"])]]

    def fresh(self):
        """As transformers makes GPT-2's from its older files."""
        tokenizers = self.library("tokenizers")
        library = tokenizers.Tokenizer(tokenizers.models.BPE())
        library.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        library.decoder = tokenizers.decoders.ByteLevel()
        library.post_processor = tokenizers.processors.ByteLevel(trim_offsets=False)
        return library

    def trained(self, texts, size, minimum=0):
        tokenizers, library = self.library("tokenizers"), self.fresh()
        library.train_from_iterator(texts, tokenizers.trainers.BpeTrainer(
            vocab_size=size, min_frequency=minimum, show_progress=False, special_tokens=[END], initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()))
        return library

    def same_ids(self, library, path, texts):
        got = self.answers("tokenize", "--tokenizer", path, lines=texts)
        for text, answer in zip(texts, got, strict=True):
            self.assertEqual(answer["ids"], library.encode(text).ids, repr(text))


class Encoding(GPT2):
    def saved(self, texts, size):
        library = self.trained(texts, size)
        library.save(str(self.folder / "t.json"))
        return library

    def test_library(self):
        draw = random.Random(1)
        texts = texts_of_every_kind(draw)
        for corpus, size in ((self.squad_texts()[:2000], 3000), (texts, 2000), ([], 257)):
            self.same_ids(self.saved(corpus, size), "t.json", texts)

    def test_every_code_point(self):
        """Beside a letter, a number, another character and spaces; the large uniform stretches in samples."""
        library = self.saved(self.squad_texts()[:100], 400)
        known = [c for c in CODES if c < 0x3400 or 0x9F00 <= c < 0xAC00 or 0xD700 <= c < 0x18000 or 0x1AF00 <= c < 0x20000 or 0xE0000 <= c < 0xE0200 or c % 61 == 0]
        if not self.is_table_of_this_library():
            known = [c for c in known if unicodedata.category(chr(c)) != "Cn"]  # assigned long ago
        texts = ["".join(f"x{chr(c)}1{chr(c)}!{chr(c)} {chr(c)}{chr(c)}" for c in known[i:i + 256]) for i in range(0, len(known), 256)]
        got = self.answers("tokenize", "--tokenizer", "t.json", lines=texts)
        for text, answer, want in zip(texts, got, library.encode_batch(texts), strict=True):
            self.assertEqual(answer["ids"], want.ids, hex(ord(text[1])))

    def test_squad(self):
        texts = self.squad_texts()
        library = self.saved(texts[:3000], 5000)
        got = self.answers("tokenize", "--tokenizer", "t.json", lines=texts)
        self.assertEqual([g["ids"] for g in got], [e.ids for e in library.encode_batch(texts)])
        text = "\n\n".join(texts[:4000]) + "  "
        self.same_ids(library, "t.json", [text])

    def test_decoding(self):
        """What a random model says: pieces of characters and all."""
        library = self.saved(["é中🎉 ½ don't  'll\n" * 3, *self.squad_texts()[:50]], 700)
        self.write("config.json", json.dumps(dict(hidden_size=32, n_layer=1, n_head=2, initializer_range=3.0, vocab_size=700)))
        self.run_trainer("init", "--config", "config.json", "--tokenizer", "t.json", "--out", "model")
        self.write("prompts.jsonl", "".join(json.dumps({"input_ids": [i]}) + "\n" for i in range(1, 700)))
        got = self.answers("generate", "--model", "model", "--prompts", "prompts.jsonl", "--max-new-tokens", 12)
        said = [answer["new_ids"] for answer in got]
        self.assertGreater(len({i for ids in said for i in ids}), 100)
        self.assertIn("\ufffd", "".join(answer["text"] for answer in got))
        self.assertEqual([answer["text"] for answer in got], library.decode_batch(said, skip_special_tokens=True))

    def is_table_of_this_library(self):
        """Another version of the library may be of another version of Unicode."""
        table = (ROOT / "trainer" / "tokenizer" / "gpt2_classes.h").read_text()
        version = re.match(r"/\* As tokenizers ([0-9.]+) has them", table)[1]
        return version == self.library("tokenizers").__version__

    @unittest.skipUnless(LONG, "it asks for every character")
    def test_the_table_is_what_its_script_makes(self):
        if not self.is_table_of_this_library():
            self.skip("the table is of another version of tokenizers")
        made = subprocess.run([sys.executable, ROOT / "tools" / "gpt2_classes.py"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(made, (ROOT / "trainer" / "tokenizer" / "gpt2_classes.h").read_text())

    def test_long_runs_take_no_time(self):
        self.saved(self.squad_texts()[:100], 400)
        million = 1_000_000
        texts = ["a" * million, " " * million, " " * million + "a", "ab" * (million // 2), "<|" * (million // 2), "é" * million, "a " * million, "'" * million, "\n " * million + "x"]
        start = time.monotonic()
        got = self.answers("tokenize", "--tokenizer", "t.json", lines=texts)
        self.assertLess(time.monotonic() - start, 30)  # quadratic would be hours
        self.assertEqual(len(got), len(texts))


class Transformers(GPT2):
    """The folders that GPT2TokenizerFast writes."""

    def setUp(self):
        super().setUp()
        self.transformers = self.library("transformers")
        self.corpus = self.squad_texts()[:1000]

    def check(self, fast, folder):
        fast.save_pretrained(self.folder / folder)
        texts = texts_of_every_kind(random.Random(4))
        got = self.answers("tokenize", "--model", folder, lines=texts)
        self.assertEqual([g["ids"] for g in got], fast(texts)["input_ids"])

    def test_saved(self):
        named = dict(bos_token=END, eos_token=END, unk_token=END)
        self.check(self.transformers.GPT2TokenizerFast(tokenizer_object=self.trained(self.corpus, 1000), **named), "plain")
        self.check(self.transformers.GPT2TokenizerFast(tokenizer_object=self.trained(self.corpus, 1000), pad_token="<pad>", **named), "padding")
        fast = self.transformers.PreTrainedTokenizerFast(tokenizer_object=self.trained(self.corpus, 1000), **named)
        fast(["a", "b c"], padding=False, truncation=True, max_length=5)
        self.check(fast, "other-class")

    def test_saved_from_older_files(self):
        """vocab.json and merges.txt: the added token is then a `normalized` one, prefixes are empty."""
        self.trained(self.corpus, 1000).model.save(str(self.folder))
        self.check(self.transformers.GPT2TokenizerFast(vocab_file=str(self.folder / "vocab.json"), merges_file=str(self.folder / "merges.txt")), "from-files")

    def test_as_first_published(self):
        """Merges in one string, components without use_regex, a model without a type."""
        library = self.trained(self.corpus, 1000)
        file = json.loads(library.to_str())
        for part in ("pre_tokenizer", "post_processor", "decoder"):
            del file[part]["use_regex"]
        for name in ("type", "byte_fallback", "ignore_merges"):
            del file["model"][name]
        file["model"].update(continuing_subword_prefix="", end_of_word_suffix="", merges=[" ".join(m) for m in file["model"]["merges"]])
        old = json.dumps(file)
        library = self.library("tokenizers").Tokenizer.from_str(old)
        self.write("old.json", old)
        self.same_ids(library, "old.json", texts_of_every_kind(random.Random(5)))

    def test_other_structures_are_named(self):
        library = self.trained(["a b"], 260)
        file = json.loads(library.to_str())

        def refused(message, change):
            changed = json.loads(json.dumps(file))
            change(changed)
            self.write("tokenizer.json", json.dumps(changed))
            self.refuses(message, "tokenize", "--model", ".")
        refused("pre_tokenizer.add_prefix_space: expected false, found true", lambda f: f["pre_tokenizer"].update(add_prefix_space=True))
        refused("pre_tokenizer.use_regex: expected true, found false", lambda f: f["pre_tokenizer"].update(use_regex=False))
        refused("pre_tokenizer.add_prefix_space: expected false, found nothing", lambda f: f["pre_tokenizer"].pop("add_prefix_space"))
        refused("pre_tokenizer.behavior: expected no such member", lambda f: f["pre_tokenizer"].update(behavior="Isolated"))
        refused('pre_tokenizer.type: expected "Sequence" (as BLOOM has it) or "ByteLevel" (as GPT-2), found "Whitespace"', lambda f: f.update(pre_tokenizer={"type": "Whitespace"}))
        refused("normalizer.type", lambda f: f.update(normalizer={"type": "NFC"}))
        refused("post_processor.type", lambda f: f.update(post_processor={"type": "TemplateProcessing"}))
        refused("model.type", lambda f: f["model"].update(type="WordPiece"))


class TrainTokenizer(GPT2):
    def train(self, texts, size, minimum, out="out.json"):
        answer = self.answers("train-tokenizer", "--splitting", "gpt2", "--vocab-size", size, "--min-frequency", minimum, "--out", out, lines=texts)
        model = json.loads(self.read(out))["model"]
        self.assertEqual(answer, [{"vocab_size": len(model["vocab"]), "merges": len(model["merges"])}])
        return self.read(out)

    def test_library(self):
        draw = random.Random(5)
        for alphabet in ("ab", "abc ", "a", f"{END} ", [END, "a", " "], ["'s", "'ll", "x", " ", "\n"], "ab.é中1 ", [chr(c) for c in range(0x20, 0x7F)], SPACES + ["a"]):
            for _ in range(10):
                texts = [random_text(draw, alphabet, draw.choice([5, 30, 120])) for _ in range(draw.randrange(1, 60))]
                size, minimum = draw.choice([257, 265, 300, 400, 1000]), draw.choice([0, 1, 2, 3, 10])
                self.assertEqual(self.train(texts, size, minimum), self.trained(texts, size, minimum).to_str(), (texts, size, minimum))

    def test_squad(self):
        texts = self.squad_texts()
        for part, size, minimum in ((texts, 2048, 2), (texts[:40], 600, 0), (texts[:900], 5000, 3)):
            self.assertEqual(self.train(part, size, minimum), self.trained(part, size, minimum).to_str())

    def test_transformers_trains_the_same(self):
        transformers = self.library("transformers")
        texts = [text + END for text in self.squad_texts()[:500]]
        first = transformers.GPT2TokenizerFast(tokenizer_object=self.trained([], 257), bos_token=END, eos_token=END, unk_token=END)
        again = first.train_new_from_iterator(texts, 900, show_progress=False)
        self.assertEqual(self.train(texts, 900, 0), again.backend_tokenizer.to_str())

    def test_squad_files(self):
        path = self.shared("data/squad/dataset/dev-v1.1.json")
        texts = [f"Question: {q['question']} Context: {p['context']} Answer: {q['answers'][0]['text']}"
                 for a in json.loads(path.read_text())["data"] for p in a["paragraphs"] for q in p["qas"]]
        self.answers("train-tokenizer", "--splitting", "gpt2", "--vocab-size", 1000, "--out", "squad.json", "--squad", path)
        self.assertEqual(self.read("squad.json"), self.train(texts, 1000, 2))

    def test_flags(self):
        self.refuses('--splitting: expected bloom or gpt2, found "gpt3"', "train-tokenizer", "--splitting", "gpt3", "--vocab-size", 300, "--out", "x")
        self.refuses("--vocab-size: expected special tokens and bytes, 257 together, or more, found 256",
                     "train-tokenizer", "--splitting", "gpt2", "--vocab-size", 256, "--out", "x")
        self.refuses("--vocab-size: expected special tokens and bytes, 260 together, or more, found 259",
                     "train-tokenizer", "--splitting", "bloom", "--vocab-size", 259, "--out", "x")
        self.assertFalse((self.folder / "x").exists())


if __name__ == "__main__":
    unittest.main()
