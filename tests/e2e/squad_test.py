"""squad and permutation: the rows of the reference examples, the order of the libraries, and files that are broken."""
import json
import unittest

from trainer_case import TrainerCase


class Permutation(TrainerCase):
    def test_reference(self):
        for case in self.fixture("permutations.json"):
            for method, column in (("datasets", "dataset_shuffle"), ("torch", "torch_randperm")):
                got = self.answers("permutation", "--seed", case["seed"], "--size", case["n"], "--method", method)[0]
                self.assertEqual(len(got), case["n"])
                self.assertEqual(got[: len(case[column])], case[column])

    def test_defaults(self):
        self.assertEqual(self.answers("permutation", "--size", 10), self.answers("permutation", "--size", 10, "--seed", 42, "--method", "datasets"))
        self.assertEqual(self.answers("permutation", "--size", 0), [[]])

    def test_flags(self):
        self.refuses("--size", "permutation")
        self.refuses("--size", "permutation", "--size", -1)
        self.refuses("--size", "permutation", "--size", 10**12)
        self.refuses("--seed", "permutation", "--size", 3, "--seed", "x")
        self.refuses('--method: expected datasets or torch, found "numpy"', "permutation", "--size", 3, "--method", "numpy")


class Squad(TrainerCase):
    def squad(self, train, validation, *flags, out="out", cut=False):
        sizes = self.answers("squad", "--train", train, "--validation", validation, "--tokenizer", self.shared("data/tokenizer.json"), "--out", out, *flags,
                             warning="are longer than --max-length" if cut else "")
        rows = {name: [json.loads(line) for line in self.read(f"{out}/{name}.jsonl").splitlines()]
                for name in ("train", "validation", "validation.questions")}
        self.assertEqual(sorted(p.name for p in (self.folder / out).iterdir()), ["train.jsonl", "validation.jsonl", "validation.questions.jsonl"])
        truncated = sizes[0].pop("truncated")
        self.assertEqual(sizes, [{"train": len(rows["train"]), "validation": len(rows["validation"])}])
        self.assertEqual(sum(truncated.values()) > 0, cut)
        self.assertEqual(len(rows["validation"]), len(rows["validation.questions"]))
        return rows

    def small(self, name="small.json", n=10):
        """n questions, one a paragraph, all with two answers."""
        paragraphs = [{"context": f"The number {i} is here.", "qas": [{"id": f"id{i}", "question": f"Which number is {i}?",
                       "answers": [{"text": str(i), "answer_start": 11}, {"text": f"number {i}", "answer_start": 4}]}]} for i in range(n)]
        return self.write(name, json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}))

    def test_reference_examples(self):
        for folder in ("bloom-answer", "bloom-seed-labels", "bloom-16-heads"):
            examples = self.fixture(f"{folder}/examples.json")
            length = self.fixture(f"{folder}/train.json")["settings"]["max_length"]
            data = [{"paragraphs": [{"context": e["context"], "qas": [{"id": e["id"], "question": e["question"], "answers": [{"text": e["answer"]}]}]}]} for e in examples]
            path = self.write("examples.json", json.dumps({"data": data}, ensure_ascii=False))
            order = self.answers("permutation", "--size", len(examples), "--seed", 7)[0]
            for labels in ("answer", "seed"):
                rows = self.squad(path, path, "--max-length", length, "--labels", labels, "--seed", 7)
                self.assertEqual(rows["train"], rows["validation"])
                for row, question, i in zip(rows["validation"], rows["validation.questions"], order):
                    want = examples[i][f"{labels}_mode"]
                    n = len(row["input_ids"])
                    self.assertEqual(question["id"], examples[i]["id"])
                    self.assertEqual(question["answers"], [examples[i]["answer"]])
                    self.assertEqual(len(row["labels"]), n)
                    pad = len(want["input_ids"]) - n
                    mask = row.get("attention_mask", [1] * n)
                    self.assertEqual(row["input_ids"] + [3] * pad, want["input_ids"])
                    self.assertEqual(mask + [0] * pad, want["attention_mask"])
                    self.assertEqual(row["labels"] + [-100] * pad, want["labels"])

    def test_real_files(self):
        train = self.shared("data/squad/dataset/train-v1.1.json")
        validation = self.shared("data/squad/dataset/dev-v1.1.json")
        rows = self.squad(train, validation, "--train-size", 50, "--validation-size", 20, "--seed", 42, cut=True)
        questions = [q for a in json.loads(validation.read_text())["data"] for p in a["paragraphs"] for q in p["qas"]]
        order = self.answers("permutation", "--seed", 42, "--size", len(questions))[0][:20]
        self.assertEqual([q["id"] for q in rows["validation.questions"]], [questions[i]["id"] for i in order])
        self.assertEqual([q["answers"] for q in rows["validation.questions"]], [[a["text"] for a in questions[i]["answers"]] for i in order])
        for row, question in zip(rows["validation"], rows["validation.questions"]):
            n = row["labels"].count(-100)
            self.assertEqual(row["input_ids"][:n], question["prompt_ids"][:n])
            self.assertEqual(row["input_ids"][n:], row["labels"][n:])
            self.assertEqual(row["input_ids"][-1], 2)
        whole = self.squad(train, validation, "--train-size", 0, "--max-length", 64, out="whole", cut=True)
        self.assertEqual(len(whole["validation"]), len(questions))
        self.assertLessEqual(max(len(r["input_ids"]) for r in whole["train"]), 64)
        end = self.answers("tokenize", "--tokenizer", self.shared("data/tokenizer.json"), lines=[" Answer:"])[0]["ids"]
        for question in whole["validation.questions"]:
            self.assertEqual(question["prompt_ids"][-len(end):], end)

    def test_same_bytes_again(self):
        path = self.small()
        self.squad(path, path, out="a")
        self.squad(path, path, out="b/c")
        self.squad(path, path, out="a")  # over what is there
        for name in ("train.jsonl", "validation.jsonl", "validation.questions.jsonl"):
            self.assertEqual(self.read(f"a/{name}"), self.read(f"b/c/{name}"))

    def test_sizes(self):
        path = self.small()
        all_rows = self.squad(path, path)
        self.assertEqual(len(all_rows["train"]), 10)
        some = self.squad(path, path, "--train-size", 3, "--validation-size", 10)
        self.assertEqual(some["train"], all_rows["train"][:3])
        tokenizer = ["--tokenizer", self.shared("data/tokenizer.json"), "--out", "none"]
        self.refuses("--train-size: expected at most 10, the questions of", "squad", "--train", path, "--validation", path, "--train-size", 11, *tokenizer)
        self.refuses("--validation-size: expected at most 10", "squad", "--train", path, "--validation", path, "--validation-size", 11, *tokenizer)
        self.assertFalse((self.folder / "none").exists())

    def test_long_answers(self):
        path = self.write("long.json", json.dumps({"data": [{"paragraphs": [{"context": "c", "qas": [
            {"id": "long", "question": "q", "answers": [{"text": "x y z " * 20}]}]}]}]}))
        common = ["squad", "--train", path, "--validation", path, "--tokenizer", self.shared("data/tokenizer.json"), "--max-length", 16, "--out", "out"]
        self.assertIn("\n  a larger max_length has room for it", self.refuses("long.json: question long", *common))
        self.assertEqual(list((self.folder / "out").iterdir()), [])  # nothing unfinished is left
        row = self.squad(path, path, "--labels", "seed", "--max-length", 60)["train"][0]
        self.assertEqual(len(row["labels"]), 60)
        self.assertNotIn(-100, row["labels"])
        n = sum(row["attention_mask"])
        self.assertEqual(row["attention_mask"], [1] * n + [0] * (60 - n))
        self.assertEqual(row["input_ids"][n:], [3] * (60 - n))

    def test_broken_files(self):
        good = self.small()
        common = ["--tokenizer", self.shared("data/tokenizer.json"), "--out", "none"]
        data = json.loads(good.read_text())
        del data["data"][0]["paragraphs"][3]["qas"][0]["question"]
        broken = self.write("broken.json", json.dumps(data))
        place = "broken.json: data[0].paragraphs[3].qas[0].question: expected a string, found nothing"
        self.refuses(place, "squad", "--train", broken, "--validation", good, *common)
        self.refuses(place, "squad", "--train", good, "--validation", broken, *common)
        empty = self.write("empty.json", '{"data": []}')
        self.refuses("empty.json: expected at least one question, found none", "squad", "--train", good, "--validation", empty, *common)
        cut = self.write("cut.json", good.read_text()[:-5])
        self.refuses("cut.json:1:", "squad", "--train", cut, "--validation", good, *common)
        self.refuses("absent.json", "squad", "--train", "absent.json", "--validation", good, *common)
        self.refuses('--labels: expected answer or seed, found "both"', "squad", "--train", good, "--validation", good, "--labels", "both", *common)
        self.refuses("--max-length", "squad", "--train", good, "--validation", good, "--max-length", 0, *common)
        self.refuses("--train", "squad", "--validation", good, *common)
        self.assertFalse((self.folder / "none").exists())


if __name__ == "__main__":
    unittest.main()
