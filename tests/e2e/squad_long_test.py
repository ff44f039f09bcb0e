"""squad with prompts that are longer than --max-length: what is kept of them, what is said, and what is counted."""
import hashlib
import json
import subprocess
import unittest

from case import BIN
from trainer_case import TrainerCase

QUESTION = "Question: Where does it flow? Context:"


class LongPrompts(TrainerCase):
    def setUp(self):
        super().setUp()
        self.context = "word " * 60 + "The river Seine flows through Paris. " + "more " * 60
        self.write("s.json", json.dumps(self.squad(self.context, "Where does it flow?", "Paris")))
        self.run_trainer("train-tokenizer", "--vocab-size", 330, "--min-frequency", 1, "--out", "tokenizer.json",
                         lines=[self.context + " Question: Context: Answer: Where does it flow? Paris"])
        vocabulary = json.loads(self.read("tokenizer.json"))["model"]["vocab"]
        self.text_of = {i: token.replace("Ġ", " ") for token, i in vocabulary.items()}

    def squad(self, context, question, answer):
        return {"data": [{"paragraphs": [{"context": context, "qas": [{"id": "1", "question": question, "answers": [
            {"text": answer, "answer_start": max(context.find(answer), 0)}]}]}]}]}

    def prepare(self, *flags, length=64, file="s.json"):
        """(the answer of the command, what it says, the prompts as texts)"""
        done = subprocess.run([BIN / "hpo-trainer", "squad", "--train", file, "--validation", file, "--tokenizer", "tokenizer.json",
                               "--max-length", str(length), "--out", "out", *flags], cwd=self.folder, env=self.environment, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        prompts = {}
        for name, field in (("train", "input_ids"), ("validation", "input_ids"), ("validation.questions", "prompt_ids")):
            row = json.loads(self.read(f"out/{name}.jsonl"))
            self.assertLessEqual(len(row[field]), length)
            n = row["labels"].count(-100) if "--labels" not in flags and "labels" in row else len(row[field])
            prompts[name] = "".join(self.text_of[i] for i in row[field][:n])
        return json.loads(done.stdout), done.stderr.decode(), prompts

    def test_default(self):
        answer, said, prompts = self.prepare()
        self.assertEqual(answer, {"train": 1, "validation": 1, "truncated": {"train": 1, "validation": 1}})
        self.assertIn("warning: 1 of 1 examples to train on and 1 of 1 to validate with are longer than --max-length 64: their contexts are cut", said)
        for text in prompts.values():
            self.assertTrue(text.startswith(QUESTION) and text.endswith(" Answer:"), text)
        self.assertIn("The river Seine flows through Paris. more", prompts["train"])
        beginning = prompts["validation.questions"][len(QUESTION):-len(" Answer:")]
        self.assertTrue(beginning and (" " + self.context).startswith(beginning))  # it looks at no answer
        self.assertNotIn("Paris", beginning)
        self.assertEqual(self.prepare("--truncate", "context"), (answer, said, prompts))

    def test_what_fits_is_the_same_in_every_way(self):
        kept = [self.prepare("--truncate", way, length=400) for way in ("context", "end")]
        self.assertEqual(kept[0], kept[1])
        self.assertEqual(kept[0][0]["truncated"], {"train": 0, "validation": 0})
        self.assertEqual(kept[0][1], "")
        self.assertEqual(kept[0][2]["train"], f"{QUESTION} {self.context} Answer:")

    def test_the_seed_cuts_the_end(self):
        answer, said, prompts = self.prepare("--truncate", "end")
        self.assertEqual(answer["truncated"], {"train": 1, "validation": 1})
        self.assertIn('their prompts lose their end, "Answer:" with it', said)
        whole = f"{QUESTION} {self.context} Answer:"
        for text in prompts.values():
            self.assertTrue(whole.startswith(text) and "Answer:" not in text)
        for name, text in self.prepare("--labels", "seed")[2].items():
            self.assertEqual(text, prompts["validation.questions"])
        for text in self.prepare("--labels", "seed", "--truncate", "context")[2].values():
            self.assertTrue(text.endswith(" Answer:"))

    def test_a_question_that_is_too_long_by_itself(self):
        self.write("q.json", json.dumps(self.squad("It is Paris.", "Where " * 200, "Paris")))
        prompts = self.prepare(file="q.json")[2]
        self.assertTrue(prompts["train"].startswith("Question: Where Where") and prompts["train"].endswith("Where Answer:"), prompts)

    def test_golden(self):
        """The rows of version 3. When this fails, what is kept of a prompt changed: see trainer/numerics.h."""
        self.prepare()
        rows = "".join(self.read(f"out/{name}.jsonl") for name in ("train", "validation", "validation.questions"))
        version = self.answers("fingerprint")[0]["numerics"]
        self.assertEqual({version: hashlib.sha256(rows.encode()).hexdigest()[:16]}, GOLDEN)

    def test_flags(self):
        self.refuses('--truncate: expected context or end, found "start"', "squad", "--train", "s.json", "--validation", "s.json",
                     "--tokenizer", "tokenizer.json", "--truncate", "start", "--out", "none")


GOLDEN = {3: "61af363a2ce76e6b"}


if __name__ == "__main__":
    unittest.main()
