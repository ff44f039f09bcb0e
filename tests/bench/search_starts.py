"""What starting costs: a new user's search, ported from Optuna, and ASHA over a trainer that imports PyTorch.

The search: scikit-learn, TPE, a median rule, 40 trials of 10 steps. Each trial loads its own data, as that user's script did;
then the same with the data in a module, which trials of ours share (preload) and Optuna's process reads once. Times are of
whole processes, from nothing, in one run. A start is measured by the first report of a trainer that does nothing else.
"""
import json
import pathlib
import statistics
import subprocess
import tempfile

TRIALS, STEPS = 40, 10
DATA = '''
import numpy
from sklearn.datasets import load_digits
def load():
    x, y = load_digits(return_X_y=True)
    x = x / 16
    return x[:1200], y[:1200], x[1200:], y[1200:], numpy.unique(y)
'''
TRAINER = '''
import numpy
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
%s
def train(lr, alpha, steps):
    train_x, train_y, test_x, test_y, classes = %s
    model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=lr, alpha=alpha, random_state=1)
    for t in steps:
        order = numpy.random.default_rng(t).permutation(len(train_y))
        model.partial_fit(train_x[order], train_y[order], classes=classes)
        yield t, log_loss(test_y, model.predict_proba(test_x))
'''
ITS_OWN, SHARED = (DATA, "load()"), ("import data", "data.LOADED")
OURS = '''
import hpo
for t, loss in train(hpo.param("lr"), hpo.param("alpha"), hpo.steps()):
    hpo.report(loss=loss)
'''
OPTUNA = f'''
import optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
def objective(trial):
    lr, alpha = trial.suggest_float("lr", 1e-3, 1, log=True), trial.suggest_float("alpha", 1e-6, 1e-1, log=True)
    for t, loss in train(lr, alpha, range(1, {STEPS + 1})):
        trial.report(loss, t)
        if trial.should_prune():
            raise optuna.TrialPruned()
    return loss
study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1), pruner=optuna.pruners.MedianPruner())
study.optimize(objective, n_trials={TRIALS})
'''
RAY = f'''
import logging, ray
from ray import tune
from ray.tune.schedulers import MedianStoppingRule
from ray.tune.search import ConcurrencyLimiter
from ray.tune.search.optuna import OptunaSearch
def objective(config):
    for t, loss in train(config["lr"], config["alpha"], range(1, {STEPS + 1})):
        tune.report({{"loss": loss}})
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
tune.Tuner(tune.with_resources(objective, {{"cpu": 1}}),
           param_space={{"lr": tune.loguniform(1e-3, 1), "alpha": tune.loguniform(1e-6, 1e-1)}},
           run_config=tune.RunConfig(verbose=0),
           tune_config=tune.TuneConfig(metric="loss", mode="min", num_samples={TRIALS}, scheduler=MedianStoppingRule(),
                                       search_alg=ConcurrencyLimiter(OptunaSearch(seed=1), max_concurrent=1))).fit()
'''
SEARCH = '''local hpo = require "hpo"
return { default = hpo.study {
  name = "s", space = { lr = hpo.loguniform(1e-3, 1), alpha = hpo.loguniform(1e-6, 1e-1) }, samples = %d, concurrency = %d,
  metric = "loss", seed = 1, search = hpo.search.tpe {}, scheduler = hpo.scheduler.median { max_t = %d },
  trial = function() return hpo.command { run = { "%s", hpo.source "train.py" }, %s } end,
} }'''
TORCH = '''
import os, torch
with open(os.environ["STARTS"], "a") as out:
    out.write("start\\n")
import hpo
for t in hpo.steps():
    hpo.report(loss=float(torch.tensor(hpo.param("x"))))
'''
ASHA = '''local hpo = require "hpo"
return { default = hpo.study {
  name = "s", space = { x = hpo.uniform(0, 1) }, samples = 12, concurrency = 4, metric = "loss", seed = 1,
  scheduler = hpo.scheduler.asha { max_t = 9, reduction_factor = 3 },
  trial = function() return hpo.command { run = { "%s", hpo.source "train.py" }, env = { STARTS = "%s" } } end,
} }'''


def has(python, *modules):
    return subprocess.run([python, "-c", f"import {', '.join(modules)}"], capture_output=True).returncode == 0


def write(folder, name, text):
    (folder / name).write_text(text)


def our_search(hpo, python, timed, slots, shared):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write(folder, "train.py", TRAINER % (SHARED if shared else ITS_OWN) + OURS)
        if shared:
            write(folder, "data.py", DATA + "LOADED = load()\n")
        fields = 'inputs = { ["data.py"] = hpo.source "data.py" }, preload = { "data" }' if shared else ""
        write(folder, "r.lua", SEARCH % (TRIALS, slots, STEPS, python, fields))
        return timed([hpo, "build", "r.lua", f"-j{slots}", *(["--sandbox", "off"] if shared else [])], folder)  # in one no input is loaded ahead


def their_search(python, timed, program, shared):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write(folder, "data.py", DATA + "LOADED = load()\n")
        write(folder, "search.py", TRAINER % (SHARED if shared else ITS_OWN) + program)
        return timed([python, "search.py"], folder)


def searches(hpo, python, timed):
    theirs = {shared: statistics.median(their_search(python, timed, OPTUNA, shared) for _ in range(3)) for shared in (False, True)}
    print(f"TPE + median, {TRIALS} trials of {STEPS} steps of scikit-learn: Optuna in one process {theirs[False]:.2f} s, "
          f"{theirs[True]:.2f} s with its data read once", flush=True)
    for slots, shared, most in ((1, False, 2.5), (1, True, 1.5), (2, False, 1.0), (2, True, 1.0)):
        ours = statistics.median(our_search(hpo, python, timed, slots, shared) for _ in range(3))
        print(f"    hpo -j {slots}, {'data preloaded' if shared else 'as the script stands':22} {ours:6.2f} s   "
              f"{ours / theirs[False]:.2f} of Optuna's   (at most {most}); {ours / theirs[shared]:.2f} of Optuna's alike", flush=True)
    if has(python, "ray.tune"):
        ray = their_search(python, timed, RAY, False)
        print(f"    Ray Tune, one cpu {ray:39.2f} s   {ray / theirs[False]:.2f} of Optuna's", flush=True)
    else:
        print("    Ray Tune: left out, PYTHON lacks ray[tune]", flush=True)


def torch_starts(hpo, python, ran):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write(folder, "train.py", TORCH)
        write(folder, "r.lua", ASHA % (python, folder / "starts"))
        ran([hpo, "build", "r.lua", "-j4", "--sandbox", "off"], folder)
        trials = json.loads(ran([hpo, "table", "r.lua", "--json"], folder))["trials"]
        starts = (folder / "starts").read_text().count("start")
    first = [trial["segments"][0]["seconds"] * 1000 for trial in trials]
    print(f"ASHA over a trainer that imports PyTorch: {starts} starts of 12 trials (at most 12); a start takes "
          f"{statistics.median(first):.0f} ms in the median (at most 60), {max(first):.0f} ms at most", flush=True)


def starts(hpo, python, timed, ran):
    if has(python, "optuna", "sklearn"):
        searches(hpo, python, timed)
    else:
        print("the search with scikit-learn: left out, PYTHON lacks optuna or scikit-learn", flush=True)
    with_torch = next((p for p in (python, "python3", "/usr/bin/python3") if has(p, "torch")), None)
    if with_torch:
        torch_starts(hpo, with_torch, ran)
    else:
        print("starts with PyTorch: left out, neither PYTHON nor the system's Python has it", flush=True)
