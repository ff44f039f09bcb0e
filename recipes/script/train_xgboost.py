"""Boosted trees that stop by themselves when they get no better. Nothing in here knows of hpo."""
import argparse

import numpy
import xgboost

parser = argparse.ArgumentParser()
parser.add_argument("--eta", type=float, default=0.3)
parser.add_argument("--max-depth", type=int, default=3)
parser.add_argument("--model", default="model.json")
options = parser.parse_args()

draw = numpy.random.RandomState(0)
points = draw.uniform(-1, 1, (600, 4))
values = numpy.sin(3 * points[:, 0]) + points[:, 1] * points[:, 2] + draw.normal(0, 0.1, 600)
train = xgboost.DMatrix(points[:400], values[:400])
test = xgboost.DMatrix(points[400:], values[400:])
booster = xgboost.train(
    {"objective": "reg:squarederror", "eta": options.eta, "max_depth": options.max_depth, "nthread": 1, "seed": 0},
    train, num_boost_round=30, evals=[(train, "train"), (test, "eval")], early_stopping_rounds=3)
booster.save_model(options.model)
