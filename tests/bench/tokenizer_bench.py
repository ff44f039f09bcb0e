#!/usr/bin/env python3
"""Our tokenizer beside Hugging Face's, on one thread, over SQuAD's prompts: one line of JSON.

    tokenizer_bench.py --bench BUILD/tests/tokenizer_bench --python PYTHON [--tokenizer FILE] [--squad FILE] [--passes N]

PYTHON is one that has the package `tokenizers`. The two run alternately, so that a machine that is busy is busy for both; each
one's figure is its fastest pass. `first` is our first pass in a fresh process, when no piece is known yet.
"""
import argparse
import json
import os
import pathlib
import subprocess
import tempfile

SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared"
THEIRS = """
import json, sys, time
from tokenizers import Tokenizer
start = time.perf_counter(); t = Tokenizer.from_file(sys.argv[1]); opened = time.perf_counter() - start
texts = json.load(open(sys.argv[2])); seconds = []
for _ in range(int(sys.argv[3])):
    start = time.perf_counter(); ids = t.encode_batch(texts, add_special_tokens=False); seconds.append(time.perf_counter() - start)
print(json.dumps(dict(open_seconds=opened, seconds=seconds, bytes=sum(len(x.encode()) for x in texts), ids=sum(len(i.ids) for i in ids))))
"""


def prompts(path):
    data = json.loads(pathlib.Path(path).read_text())["data"]
    return [f"Question: {q['question']} Context: {p['context']} Answer:" for a in data for p in a["paragraphs"] for q in p["qas"]]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--tokenizer", default=SHARED / "data" / "tokenizer.json")
    parser.add_argument("--squad", default=SHARED / "data" / "squad" / "dataset" / "train-v1.1.json")
    parser.add_argument("--passes", type=int, default=3)
    options = parser.parse_args()
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as texts:
        json.dump(prompts(options.squad), texts)
        texts.flush()
        run = lambda *command: json.loads(subprocess.run([*map(str, command)], env=environment, capture_output=True, text=True, check=True).stdout)
        ours, theirs = [], []
        for _ in range(options.passes):
            ours.append(run(options.bench, options.tokenizer, texts.name, 3))
            theirs.append(run(options.python, "-c", THEIRS, options.tokenizer, texts.name, 2))
    assert {x["ids"] for x in ours} == {x["ids"] for x in theirs}, "the ids differ"
    size = ours[0]["bytes"] / 1e6
    best = lambda runs, passes: min(s for r in runs for s in r["seconds"][passes])
    our_warm, our_first, their_best = best(ours, slice(1, None)), best(ours, slice(0, 1)), best(theirs, slice(0, None))
    print(json.dumps({"megabytes": round(size, 2), "ours_mb_s": round(size / our_warm, 1), "ours_first_mb_s": round(size / our_first, 1),
                      "tokenizers_mb_s": round(size / their_best, 2), "ratio": round(their_best / our_warm, 1), "ratio_first": round(their_best / our_first, 1),
                      "open_ratio": round(min(r["open_seconds"] for r in theirs) / min(r["open_seconds"] for r in ours), 1)}))


if __name__ == "__main__":
    main()
