"""Learns xor with one hidden layer: plain Python. The checkpoint is the weights, and nothing that depends on where the run
was cut."""
import json
import math
import os
import random

import hpo

DATA = [((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((1, 1), 0)]


def forward(w, x):
    hidden = [math.tanh(a * x[0] + b * x[1] + c) for a, b, c in w["hidden"]]
    return hidden, 1 / (1 + math.exp(-sum(v * h for v, h in zip(w["out"], hidden)) - w["bias"]))


def epoch(w, lr):
    for _ in range(50):
        for x, y in DATA:
            hidden, p = forward(w, x)
            error = p - y
            for i, h in enumerate(hidden):
                slope = error * w["out"][i] * (1 - h * h)
                w["out"][i] -= lr * error * h
                a, b, c = w["hidden"][i]
                w["hidden"][i] = [a - lr * slope * x[0], b - lr * slope * x[1], c - lr * slope]
            w["bias"] -= lr * error


def loss(w):
    return -sum(math.log(max(1e-12, p if y else 1 - p)) for x, y in DATA for p in [forward(w, x)[1]]) / len(DATA)


def fresh(hidden):
    draw = random.Random(1)
    return {"hidden": [[draw.uniform(-1, 1) for _ in range(3)] for _ in range(hidden)],
            "out": [draw.uniform(-1, 1) for _ in range(hidden)], "bias": 0.0}


def save(folder):
    with open(os.path.join(folder, "weights.json"), "w") as out:
        json.dump(weights, out)


lr, hidden = hpo.param("lr", 0.3), hpo.param("hidden", 8)
weights = json.load(open(os.path.join(hpo.checkpoint, "weights.json"))) if hpo.checkpoint else fresh(hidden)
for t in hpo.steps(8):
    epoch(weights, lr)
    hpo.report(loss=loss(weights), checkpoint=save)
