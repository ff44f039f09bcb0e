"""Optuna and Ray's schedulers on the problems of search_problems.py, in the virtual time of so many workers: a unit takes
one, reports fall due in order of (time, trial), a free worker gets the next suggestion. Each function returns what was
seen: [(params, t, value)], in order, until `budget` units were trained."""
import heapq
import types
import warnings

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")


def suggest(trial, space):
    params = {}
    for name, domain in sorted(space.items()):
        if isinstance(domain, list):
            params[name] = trial.suggest_categorical(name, domain)
        else:
            draw = trial.suggest_int if isinstance(domain[0], int) else trial.suggest_float
            params[name] = draw(name, *domain)
    return params


def virtual(problem, workers, budget, study, decide):
    """decide(trial, n, t, value): the trial goes on; else the study was told of its end."""
    seen, heap, now, n = [], [], 0, 0
    while len(seen) < budget:
        while len(heap) < workers:
            trial = study.ask()
            heapq.heappush(heap, (now + 1, n, 1, trial, suggest(trial, problem.space)))
            n += 1
        now, number, t, trial, params = heapq.heappop(heap)
        value = problem.value(params, t)
        seen.append((params, t, value))
        if decide(trial, number, t, value):
            heapq.heappush(heap, (now + 1, number, t + 1, trial, params))
    return seen


def tpe(problem, seed, workers, budget, pruner=None):
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner or optuna.pruners.NopPruner())

    def decide(trial, _number, t, value):
        trial.report(value, t)
        if t >= problem.max_t:
            study.tell(trial, value)
        elif trial.should_prune():
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            return True
        return False

    return virtual(problem, workers, budget, study, decide)


def halving(problem, seed, workers, budget):
    return tpe(problem, seed, workers, budget, optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3))


def hyperband(problem, seed, workers, budget):
    return tpe(problem, seed, workers, budget, optuna.pruners.HyperbandPruner(1, problem.max_t, 3))


def ray_asha(problem, seed, workers, budget):
    """Ray's AsyncHyperBandScheduler with Optuna behind it as its OptunaSearch drives it: a stopped trial is told as complete."""
    from ray.tune.schedulers import AsyncHyperBandScheduler
    scheduler = AsyncHyperBandScheduler(metric="loss", mode="min", grace_period=1, max_t=problem.max_t, reduction_factor=3)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    trials = {}

    def decide(trial, number, t, value):
        if number not in trials:
            trials[number] = types.SimpleNamespace(trial_id=f"{number:05d}", config={}, is_saving=False)
            scheduler.on_trial_add(None, trials[number])
        result = {"training_iteration": t, "loss": value, "trial_id": trials[number].trial_id}
        if t < problem.max_t and scheduler.on_trial_result(None, trials[number], result) == "CONTINUE":
            return True
        study.tell(trial, value)
        return False

    return virtual(problem, workers, budget, study, decide)
