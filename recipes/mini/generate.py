#!/usr/bin/env python3
"""Writes the mini corpus, a village's market diary in SQuAD v1.1's format: generate.py FOLDER

FOLDER/train-v1.1.json and FOLDER/dev-v1.1.json have the same bytes on every machine: all draws
come from a generator written down here, and nothing depends on the version of Python.
A paragraph is one sale. Each answer stands in it exactly once, so a question is answered by reading
and not by knowing. Six of the seven questions ask for a kind of word; "who" has two names to
choose from. The words are few and short: a tokenizer of 512 holds nearly all of them whole.
"""
import json
import os
import re
import sys

NAMES = "Ada Ben Eva Ida Leo Max Mia Noa Otto Pia Tom Uma".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
COLOURS = "red blue green gold grey pink white black".split()
THINGS = "ball bell book boat coat cup drum hat key kite lamp ring".split()
PLACES = "barn cave farm hall inn lake mill park shop tent tower well".split()
NUMBERS = "two three four five six seven eight nine".split()

SENTENCES = [
    "On {day} {seller} sold a {colour} {thing} to {buyer} at the {place} for {number} coins.",
    "{seller} sold a {colour} {thing} to {buyer} at the {place} on {day} for {number} coins.",
    "{buyer} bought a {colour} {thing} from {seller} at the {place} for {number} coins on {day}.",
]

# What is asked, the answer, and what the development set accepts besides.
QUESTIONS = [
    ("Who sold the {thing}?", "{seller}", []),
    ("Who bought the {thing}?", "{buyer}", []),
    ("What was sold at the {place}?", "a {colour} {thing}", ["{thing}"]),
    ("What colour was the {thing}?", "{colour}", []),
    ("Where was the {thing} sold?", "the {place}", ["at the {place}"]),
    ("When was the {thing} sold?", "{day}", ["on {day}"]),
    ("What did the {thing} cost?", "{number} coins", ["{number}"]),
]
ASKED = 4  # questions about one sale

# part, seed, weeks, sales in each
PARTS = [("train", 1, 30, 25), ("dev", 2, 5, 25)]


class Draw:
    """Marsaglia's xorshift of 32 bits: short enough to read, good enough to choose words."""

    def __init__(self, seed):
        self.state = seed * 0x9E3779B1 & 0xFFFFFFFF

    def below(self, n):
        x = self.state
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        self.state = x
        return x * n >> 32

    def one(self, items):
        return items[self.below(len(items))]

    def some(self, items, n):
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in range(n)]


def sale(draw):
    seller, buyer = draw.some(NAMES, 2)
    return {"seller": seller, "buyer": buyer, "day": draw.one(DAYS), "colour": draw.one(COLOURS),
            "thing": draw.one(THINGS), "place": draw.one(PLACES), "number": draw.one(NUMBERS)}


def answer(context, text):
    found = list(re.finditer(rf"\b{text}\b", context, re.IGNORECASE))
    assert len(found) == 1, (context, text)
    return {"answer_start": found[0].start(), "text": found[0].group()}


def paragraph(draw, part, name):
    words = sale(draw)
    context = draw.one(SENTENCES).format(**words)
    qas = []
    for i, (question, first, others) in enumerate(draw.some(QUESTIONS, ASKED)):
        texts = [first] + (others if part == "dev" else [])
        qas.append({"id": f"{name}-{i + 1}", "question": question.format(**words),
                    "answers": [answer(context, text.format(**words)) for text in texts]})
    return {"context": context, "qas": qas}


def write(folder, part, seed, weeks, sales):
    """One line a paragraph, so that a change of the corpus can be read as a difference."""
    draw = Draw(seed)
    articles = []
    for week in range(1, weeks + 1):
        lines = [json.dumps(paragraph(draw, part, f"{part}-{week}-{i + 1}")) for i in range(sales)]
        articles.append(f'{{"title": "Market_week_{week}", "paragraphs": [\n'
                        + ",\n".join(lines) + "\n]}")
    with open(os.path.join(folder, f"{part}-v1.1.json"), "w", encoding="utf-8", newline="\n") as f:
        f.write('{"version": "1.1", "data": [\n' + ",\n".join(articles) + "\n]}\n")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: generate.py FOLDER")
    os.makedirs(sys.argv[1], exist_ok=True)
    for part in PARTS:
        write(sys.argv[1], *part)


if __name__ == "__main__":
    main()
