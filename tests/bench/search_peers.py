"""Optuna and Ray's schedulers on the problems of search_problems.py, in the virtual time of so many workers: a unit takes
one, reports fall due in order of (time, trial), a free worker gets the next suggestion. Each function returns what was
seen: [(params, t, value)], in order, until `budget` units were trained."""
import heapq
import logging
import types
import warnings

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
logging.disable(logging.CRITICAL)
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


def hpbandster_space(space):
    import ConfigSpace
    result = ConfigSpace.ConfigurationSpace()
    for name, domain in sorted(space.items()):
        if isinstance(domain, list):
            result.add_hyperparameter(ConfigSpace.CategoricalHyperparameter(name, domain))
        else:
            kind = ConfigSpace.UniformIntegerHyperparameter if isinstance(domain[0], int) else ConfigSpace.UniformFloatHyperparameter
            result.add_hyperparameter(kind(name, *domain))
    return result


def hpbandster(problem, seed, workers, budget):
    """The model of HpBandSter's BOHB, of problems with one t."""
    import numpy
    from hpbandster.optimizers.config_generators.bohb import BOHB
    numpy.random.seed(seed)
    space = hpbandster_space(problem.space)
    space.seed(seed)
    model, seen, heap, n, now = BOHB(space), [], [], 0, 0
    while len(seen) < budget:
        while len(heap) < workers:
            heapq.heappush(heap, (now + 1, n, model.get_config(1)[0]))
            n += 1
        now, _, params = heapq.heappop(heap)
        value = problem.value(params, 1)
        seen.append((params, 1, value))
        model.new_result(types.SimpleNamespace(result={"loss": value}, exception=None, kwargs={"budget": 1, "config": params}))
    return seen


class RayTrial:
    def __init__(self, number):
        from ray.tune.experiment import Trial
        self.number, self.trial_id, self.t, self.status = number, f"{number:05d}", 0, Trial.PENDING
        self.config, self.last_result, self.is_saving = {}, {}, False

    def set_status(self, status):
        self.status = status


class RayController:
    def __init__(self, scheduler, searcher):
        self.scheduler, self.trials, self.search_alg = scheduler, [], types.SimpleNamespace(searcher=searcher)

    def get_trials(self):
        return self.trials

    def get_live_trials(self):
        return [t for t in self.trials if t.status != "TERMINATED"]

    def stop_trial(self, trial, **_):
        trial.status = "TERMINATED"
        self.scheduler.on_trial_remove(self, trial)


def ray_bohb(problem, seed, workers, budget):
    """Ray's TuneBOHB with its HyperBandForBOHB, both as they are."""
    import numpy
    from ray.tune.schedulers import HyperBandForBOHB
    from ray.tune.search.bohb import TuneBOHB
    numpy.random.seed(seed)
    searcher = TuneBOHB(hpbandster_space(problem.space), metric="loss", mode="min", seed=seed)
    scheduler = HyperBandForBOHB(metric="loss", mode="min", max_t=problem.max_t, reduction_factor=3)
    controller, heap, seen, now = RayController(scheduler, searcher), [], [], 0

    def running():
        return sum(t.status == "RUNNING" for t in controller.trials)

    def fill():
        while running() < workers:
            if not any(t.status == "PENDING" for t in controller.trials):
                trial = RayTrial(len(controller.trials))
                trial.params = searcher.suggest(trial.trial_id)
                controller.trials.append(trial)
                scheduler.on_trial_add(controller, trial)
            trial = scheduler.choose_trial_to_run(controller) or next(t for t in controller.trials if t.status == "PENDING")
            if trial.status == "PAUSED":
                scheduler._trial_info[trial][0].trials_to_unpause.discard(trial)
            trial.status = "RUNNING"
            heapq.heappush(heap, (now + 1, trial.number, trial))

    while len(seen) < budget:
        fill()
        now, _, trial = heapq.heappop(heap)
        trial.t += 1
        value = problem.value(trial.params, trial.t)
        seen.append((trial.params, trial.t, value))
        result = {"training_iteration": trial.t, "loss": value, "trial_id": trial.trial_id, "time_total_s": float(trial.t)}
        trial.last_result = result
        decision = scheduler.on_trial_result(controller, trial, result)
        if decision != "STOP":
            searcher.on_trial_result(trial.trial_id, result)
        if decision == "CONTINUE":
            heapq.heappush(heap, (now + 1, trial.number, trial))
        elif decision == "PAUSE":
            trial.status = "PAUSED"
        else:
            trial.status = "TERMINATED"
            if trial in scheduler._trial_info and trial in scheduler._trial_info[trial][0]._live_trials:
                scheduler.on_trial_complete(controller, trial, result)
    return seen
