"""Problems of the benchmark of searches: functions whose minimum is known, and tables of learning curves.

    python3 -I -S search_problems.py NAME      one trial of hpo: reads $HPO_PARAMS, reports units on standard output

A problem has `space`: { name: (low, high), whole numbers where these are, or a list of choices }, `max_t`, value(params, t),
and best(), the least value at max_t. Curves are those of a made-up training: a final loss by the settings, a rate at which it is reached, noise that
depends on the settings and t alone.
"""
import itertools
import json
import math
import os
import sys


def branin(p):
    x, y = p["x"] * 15 - 5, p["y"] * 15
    return (y - 5.1 / (4 * math.pi ** 2) * x * x + 5 / math.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def ackley(p):
    xs = [p[n] * 40 - 15 for n in sorted(p)]
    return (-20 * math.exp(-0.2 * math.sqrt(sum(x * x for x in xs) / len(xs)))
            - math.exp(sum(math.cos(2 * math.pi * x) for x in xs) / len(xs)) + 20 + math.e)


def rosenbrock(p):
    xs = [p[n] * 4 - 2 for n in sorted(p)]
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(xs, xs[1:]))


def rastrigin(p):
    xs = [p[n] * 10 - 4 for n in sorted(p)]
    return 10 * len(xs) + sum(x * x - 10 * math.cos(2 * math.pi * x) for x in xs)


HARTMANN_A = [[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]
HARTMANN_P = [[0.3689, 0.1170, 0.2673], [0.4699, 0.4387, 0.7470], [0.1091, 0.8732, 0.5547], [0.0381, 0.5743, 0.8828]]


def hartmann(p):
    xs = [p[n] for n in sorted(p)]
    return -sum(c * math.exp(-sum(a * (x - q) ** 2 for a, x, q in zip(row, xs, place)))
                for c, row, place in zip([1, 1.2, 3, 3.2], HARTMANN_A, HARTMANN_P))


class Function:
    max_t = 1

    def __init__(self, function, names, best):
        self.function, self.least = function, best
        self.space = {name: (0.0, 1.0) for name in names}

    def best(self):
        return self.least

    def value(self, params, _):
        return self.function(params)


def noise(*key):
    """A number in [-1, 1) by the key alone."""
    h = 1469598103934665603
    for byte in repr(key).encode():
        h = (h ^ byte) * 1099511628211 % (1 << 64)
    h ^= h >> 31
    return (h * 0x9E3779B97F4A7C15 % (1 << 64)) / 2 ** 63 - 1


class Curves:
    """crossing: what learns fast at first ends higher, so that short rungs mislead."""
    max_t = 27

    space = {"batch": (0, 3), "depth": (0, 5), "lr": (0, 5), "optimizer": ["adam", "momentum", "sgd"]}

    def __init__(self, crossing):
        self.crossing = crossing

    def best(self):
        points = itertools.product(range(4), range(6), range(6), self.space["optimizer"])
        return min(self.value(dict(zip(self.space, point)), self.max_t) for point in points)

    def value(self, p, t):
        kind = self.space["optimizer"].index(p["optimizer"]) * 0.4
        lr = p["lr"] / 2 - 1.2 - kind  # from the best one, in powers of ten
        final = 0.3 + 0.25 * lr ** 2 + 0.08 * (p["depth"] - 2.7) ** 2 + 0.05 * abs(p["batch"] - 1.5) + 0.1 * kind
        final += 0.02 * noise("final", self.crossing, *(p[n] for n in sorted(p)))
        rate = max(0.15, 0.5 + (0.25 if self.crossing else -0.05) * (lr + kind))
        blur = 0.03 * noise("blur", self.crossing, *(p[n] for n in sorted(p)), t) if t < self.max_t else 0
        return final + 2.5 * (t ** -rate - self.max_t ** -rate) + blur


PROBLEMS = {
    "branin": Function(branin, "xy", 0.39788735772973816),
    "hartmann": Function(hartmann, "xyz", -3.86277978733266),
    "rosenbrock": Function(rosenbrock, "wxyz", 0.0),
    "ackley": Function(ackley, "wxyz", 0.0),
    "rastrigin": Function(rastrigin, "xyz", 0.0),
    "curves": Curves(False),
    "crossing": Curves(True),
}

if __name__ == "__main__":
    problem = PROBLEMS[sys.argv[1]]
    params = json.load(open(os.environ["HPO_PARAMS"]))
    for t in range(int(os.environ["HPO_FROM"]) + 1, int(os.environ["HPO_UNTIL"]) + 1):
        print(json.dumps({"t": t, "loss": problem.value(params, t)}), flush=True)
    open(os.path.join(os.environ["HPO_CHECKPOINT_OUT"], "state"), "w").close()
