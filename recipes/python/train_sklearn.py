"""Learns the digits that come with scikit-learn, an epoch a unit. A pickled estimator is its checkpoint."""
import os
import pickle

import numpy
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss

import hpo

x, y = load_digits(return_X_y=True)
x, classes = x / 16, numpy.unique(y)
train_x, train_y, test_x, test_y = x[:1200], y[:1200], x[1200:], y[1200:]


def save(folder):
    with open(os.path.join(folder, "model.pickle"), "wb") as out:
        pickle.dump(model, out)


if hpo.checkpoint:
    with open(os.path.join(hpo.checkpoint, "model.pickle"), "rb") as file:
        model = pickle.load(file)
else:
    model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=hpo.param("lr", 0.01),
                          alpha=hpo.param("alpha", 1e-4), random_state=1)
model.set_params(eta0=hpo.param("lr", 0.01), alpha=hpo.param("alpha", 1e-4))  # a population's parameters change on the way
for t in hpo.steps(5):
    order = numpy.random.default_rng(t).permutation(len(train_y))
    model.partial_fit(train_x[order], train_y[order], classes=classes)
    hpo.report(loss=log_loss(test_y, model.predict_proba(test_x)), accuracy=model.score(test_x, test_y), checkpoint=save)
