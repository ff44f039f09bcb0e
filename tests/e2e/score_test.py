"""score: the reference file, and the official scorer's few lines, written here again, on texts of every script."""
import collections
import random
import re
import string
import subprocess
import sys
import unicodedata
import unittest

from case import ROOT
from trainer_case import TrainerCase


PUNCTUATION = set(string.punctuation)


def normal(text):
    text = "".join(c for c in text.lower() if c not in PUNCTUATION)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def f1(prediction, answer):
    p, a = normal(prediction).split(), normal(answer).split()
    same = sum((collections.Counter(p) & collections.Counter(a)).values())
    return 2 * same / (len(p) + len(a)) if same else 0


class Score(TrainerCase):
    def check(self, cases):
        got = self.answers("score", lines=[{"prediction": p, "answers": a} for p, a in cases])
        last = got.pop()
        want = [{"exact_match": max(normal(p) == normal(x) for x in a), "f1": max(f1(p, x) for x in a)} for p, a in cases]
        for case, w, g in zip(cases, want, got):
            self.assertEqual(g, w, case)
        self.assertEqual(last["n"], len(cases))
        for name in ("exact_match", "f1"):
            self.assertAlmostEqual(last[name], 100 * sum(w[name] for w in want) / len(cases), places=9)

    def test_reference(self):
        cases = self.fixture("squad_metrics.json")
        got = self.answers("score", lines=[{"prediction": c["prediction"], "answers": c["answers"]} for c in cases])
        self.assertEqual(got[:-1], [{"exact_match": c["exact_match"], "f1": c["f1"]} for c in cases])
        self.assertEqual(got[-1]["n"], len(cases))

    def same_unicode(self):
        table = (ROOT / "trainer" / "squad" / "unicode_table.h").read_text()
        version = re.match(r"/\* Unicode ([0-9.]+)\.", table)[1]
        if version != unicodedata.unidata_version:
            self.skip(f"the table is of Unicode {version}, this Python of {unicodedata.unidata_version}")
        return table

    def test_the_table_is_what_its_script_makes(self):
        table = self.same_unicode()
        made = subprocess.run([sys.executable, ROOT / "tools" / "unicode_table.py"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(made, table)

    def test_every_character(self):
        """Its lower case, whether it ends a word for an article, whether it is white space, what it does to a sigma."""
        self.same_unicode()
        codes = [c for c in range(sys.maxunicode + 1)  # the large uniform stretches in samples
                 if c < 0x3400 or 0x9F00 <= c < 0xAC00 or 0xD700 <= c < 0xD800 or 0xF900 <= c < 0x1FC00 or 0xE0000 <= c < 0xE0200
                 or c % 61 == 0 and not 0xD800 <= c < 0xE000]
        cases = []
        for i in range(0, len(codes), 64):
            text = [chr(c) for c in codes[i : i + 64]]
            cases.append((" ".join(f"x{c}y" for c in text), [" ".join(f"x{c.lower()}y" for c in text)]))
            cases.append((" ".join(f"a{c} {c}the{c} A\u03a3{c} {c}\u03a3 A{c}\u03a3" for c in text),
                          [normal(" ".join(f"a{c} {c}the{c} A\u03a3{c} {c}\u03a3 A{c}\u03a3" for c in text))]))
        self.check(cases)

    def test_random_texts(self):
        rnd = random.Random(3)
        alphabets = ["a an the ", "the cat THE.dog_ ", "\u03a3\u03c3\u03c2\u0391. \u0301\u2019", "\u0130iI\u0131\u1e9e\u00df \u00a0\u2003\u3000\x1c\x85",
                     "abc\u0301\u4e2d\u0661\u2167- ,", string.printable]
        word = lambda a: "".join(rnd.choice(a) for _ in range(rnd.randrange(12)))
        text = lambda: " ".join(word(rnd.choice(alphabets)) for _ in range(rnd.randrange(5)))
        self.check([(text(), [text() for _ in range(rnd.randrange(1, 4))]) for _ in range(5000)])

    def test_input(self):
        line = '{"prediction": "x", "answers": ["x"]}'
        self.assertEqual(self.answers("score", text=line)[-1], {"n": 1, "exact_match": 100, "f1": 100})
        self.assertEqual(len(self.answers("score", text='{"id": 7, "prediction": "x\\u0000", "answers": ["x"]}\n')), 2)
        for bad, message in (("3", "prediction: expected a string"), ('{"answers": []}', "prediction: expected a string"),
                             ('{"prediction": "x"}', "answers: expected a list"), ('{"prediction": "x", "answers": []}', "answers: expected at least one"),
                             ('{"prediction": "x", "answers": ["y", 1]}', "answers[1]: expected a string, found a number")):
            err = self.refuses(message, "score", text=f"{line}\n{bad}\n")
            self.assertIn("line 2", err)
        self.refuses("expected at least one line", "score", text="")
        self.refuses("--x", "score", "--x")


if __name__ == "__main__":
    unittest.main()
