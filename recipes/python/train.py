"""Learns xor with one hidden layer: a trainer that follows hpo's protocol, standard library only.

Everything that a later process needs to go on as if there had been no break lies in the checkpoint:
the weights, and nothing that depends on where the run was cut.
"""
import json
import math
import os
import random

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


params = json.load(open(os.environ["HPO_PARAMS"]))
before, until = int(os.environ["HPO_FROM"]), int(os.environ["HPO_UNTIL"])
if before > 0:
    weights = json.load(open(os.path.join(os.environ["HPO_CHECKPOINT_IN"], "weights.json")))
else:
    draw = random.Random(1)
    weights = {"hidden": [[draw.uniform(-1, 1) for _ in range(3)] for _ in range(params["hidden"])],
               "out": [draw.uniform(-1, 1) for _ in range(params["hidden"])], "bias": 0.0}
for t in range(before + 1, until + 1):
    epoch(weights, params["lr"])
    print(json.dumps({"t": t, "loss": loss(weights)}), flush=True)
with open(os.path.join(os.environ["HPO_CHECKPOINT_OUT"], "weights.json"), "w") as out:
    json.dump(weights, out)
