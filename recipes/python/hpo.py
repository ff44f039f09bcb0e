"""Report from a Python trainer to hpo. One file, standard library only: keep a copy beside your trainer, and name both as
inputs in the recipe, so that they are part of what a trial is.

    import hpo

    lr = hpo.param("lr", 0.1)                       # the trial's value; the default when run by hand
    model = load(hpo.checkpoint) if hpo.checkpoint else fresh()
    for t in hpo.steps(10):                         # the units to train; 10 when run by hand
        loss = train_one_epoch(model, lr)
        hpo.report(eval_loss=loss, checkpoint=lambda folder: save(model, folder))

A process trains several units in a row, so starting up is paid once: when its units are trained, hpo.steps() waits, and goes
on where the trial does. When it is asked to end (SIGTERM), it ends after the unit that is under way, with its checkpoint.
"""
import json
import os
import shutil
import signal
import sys
import time
from typing import Any, Callable, Dict, Iterator, Optional, Union

__all__ = ["checkpoint", "inside", "param", "params", "report", "steps", "trainer_callback"]

CHECKPOINT_SECONDS = 60.0  # a checkpoint in the middle of a run is kept no more often than this

inside: bool = "HPO_UNTIL" in os.environ  # False: run by hand
_checkpoint: Optional[str] = os.environ.get("HPO_CHECKPOINT_IN") if inside else None
_went_on = False  # hpo.checkpoint was read

checkpoint: Optional[str]  # a folder; None: begin anew


def __getattr__(name: str) -> Any:
    """hpo.checkpoint: that it was read is noted, for a trainer that does not would begin anew in silence."""
    global _went_on
    if name != "checkpoint":
        raise AttributeError(f"module 'hpo' has no attribute {name!r}")
    _went_on = True
    return _checkpoint


def _read_params() -> Dict[str, Any]:
    path = os.environ.get("HPO_PARAMS")
    if path is None:
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


params: Dict[str, Any] = _read_params()

_MISSING = object()
_unit: Optional[int] = None  # under way, and not reported yet
_until = 0
_named = False  # this run has named a checkpoint
_more = inside and os.environ.get("HPO_MORE") == "1"  # it may be asked to go on
_save: Optional[Callable[[str], Any]] = None  # writes the checkpoint of the last unit, where that is asked for
_waiting = False
_kept_at = time.monotonic()
_ending = False
_line_is_open = False  # on standard output: a progress bar, say

if inside:
    _write = sys.stdout.write

    def _noting(text: str) -> int:
        global _line_is_open
        _line_is_open = not text.endswith("\n") if text else _line_is_open
        return _write(text)

    sys.stdout.write = _noting  # type: ignore[method-assign]


def param(name: str, default: Any = _MISSING) -> Any:
    """The trial's parameter. The default is for runs by hand: in a trial a parameter that the space lacks is an error."""
    if name in params:
        return params[name]
    if inside and os.environ.get("HPO_PARAMS") or default is _MISSING:
        raise KeyError(f"the trial has no parameter {name!r}; it has {', '.join(sorted(params)) or 'none'}; "
                       "hpo.params.get(name, default) reads one that only some trials have")
    return default


def _end(_signal: int, _frame: Any) -> None:
    global _ending
    _ending = True
    if _waiting:
        sys.exit(128 + signal.SIGTERM)


def _wait() -> bool:
    """Whether to train on, once all units are reported. What is asked for is a line of standard input."""
    global _until, _waiting
    while True:
        _waiting = True
        line = sys.stdin.readline()
        _waiting = False
        word = json.loads(line) if line else {"end": "stop"}
        if "until" in word:
            _until = int(word["until"])
            return True
        if _save is not None and ("save" in word or word.get("end") == "save"):
            _print_line({"saved": _keep(word.get("save", f"t{_until}"), _save)})
        if "save" not in word:
            return False


def steps(by_hand: int = 1) -> Iterator[int]:
    """The units to train, t = 1, 2, ... Each is to be reported once, before the next begins."""
    global _unit, _until
    first = int(os.environ["HPO_FROM"]) if inside else 0
    _until = int(os.environ["HPO_UNTIL"]) if inside else by_hand
    if inside:
        signal.signal(signal.SIGTERM, _end)
    t = first
    while t < _until or (_more and _wait()):
        if _ending:
            sys.exit(128 + signal.SIGTERM)
        _unit = t = t + 1
        yield t
        if _unit is not None:
            raise RuntimeError(f"t = {t} was not reported: call hpo.report once in each turn of the loop")


def _number(name: str, value: Any) -> Union[int, float]:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return float(value)  # also the scalars of numpy and torch
    except (TypeError, ValueError):
        raise TypeError(f"hpo.report: {name}: expected a number, found {value!r}") from None


def _print_line(line: Dict[str, Any]) -> None:
    sys.stdout.write(("\n" if _line_is_open else "") + json.dumps(line) + "\n")
    sys.stdout.flush()


def _keep(name: str, save: Union[str, "os.PathLike[str]", Callable[[str], Any]]) -> str:
    """Puts the checkpoint where hpo looks for it, whole or not at all; returns its name there."""
    out = os.environ["HPO_CHECKPOINT_OUT"]
    part = os.path.join(out, name + ".part")
    if callable(save):
        os.mkdir(part)
        save(part)
    else:
        shutil.move(os.fspath(save), part)
    os.rename(part, os.path.join(out, name))
    return name


def report(*, checkpoint: Union[None, str, "os.PathLike[str]", Callable[[str], Any]] = None,
           info: Optional[Dict[str, Any]] = None, **metrics: Any) -> None:
    """The unit under way is trained: its metrics, any numbers; NaN is a report without one.

    checkpoint: all that training needs to go on as if there had been no break (random states too): a function that
    writes it into the folder that it is given, called only where a checkpoint is wanted; or a folder, which is moved.
    Give it at every unit or at none. info: what was measured, such as seconds; it is never part of a result.
    """
    global _unit, _named, _kept_at, _save
    if _unit is None:
        raise RuntimeError("hpo.report: no unit is under way: it belongs into `for t in hpo.steps():`, once a turn")
    if _checkpoint is not None and not _went_on and os.listdir(_checkpoint):
        raise RuntimeError(f"hpo.report: t = {_unit} goes on from a checkpoint that was not read: begin with what lies in the "
                           "folder hpo.checkpoint, unless that is None")
    line: Dict[str, Any] = {"t": _unit}
    for name, value in metrics.items():
        line[name] = _number(name, value)
    if info:
        line["info"] = info
    wanted = _unit == _until or _ending or time.monotonic() - _kept_at >= CHECKPOINT_SECONDS
    _save = None
    if _more and _unit == _until and not _ending:
        line["more"] = True
        if callable(checkpoint):
            line["more"], wanted, _save = "save", False, checkpoint  # written when hpo asks for it
    if inside and _named and wanted and checkpoint is None:
        raise RuntimeError(f"hpo.report: t = {_unit} comes without a checkpoint, though an earlier unit had one")
    if inside and checkpoint is not None and wanted:
        line["checkpoint"] = _keep(f"t{_unit}", checkpoint)
        _named, _kept_at = True, time.monotonic()
    _print_line(line)
    _unit = None


def trainer_callback() -> Any:
    """A transformers.TrainerCallback that reports each epoch's evaluation with the checkpoint saved after it, and ends the
    run where hpo wants it to. The arguments need eval_strategy="epoch" and save_strategy="epoch"; num_train_epochs is the
    horizon of the learning rate, a parameter of the experiment. Train with trainer.train(resume_from_checkpoint=hpo.checkpoint)."""
    from transformers import TrainerCallback

    class Report(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            for name in ("eval_strategy", "save_strategy"):
                if getattr(args, name) != "epoch":
                    raise RuntimeError(f'hpo: {name}: expected "epoch", found "{getattr(args, name).value}"')
            self.units = steps(round(args.num_train_epochs))
            self.t, self.metrics = next(self.units, None), None

        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Optional[Dict[str, Any]] = None, **_: Any) -> None:
            self.metrics = metrics or {}

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if self.metrics is None:
                return  # some versions save once more, before the last evaluation
            folder = os.path.join(args.output_dir, f"checkpoint-{state.global_step}")
            _forget_times(folder)
            results = {k: v for k, v in self.metrics.items() if not k.endswith(("_runtime", "_per_second")) and k != "epoch"}
            report(checkpoint=folder, **results)
            self.t, self.metrics = next(self.units, None), None
            control.should_training_stop = self.t is None

    return Report()


def _forget_times(folder: str) -> None:
    """Takes out of a Trainer's checkpoint what differs from run to run: measured times, and paths in the arguments."""
    path = os.path.join(folder, "trainer_state.json")
    with open(path, encoding="utf-8") as file:
        state = json.load(file)
    state["log_history"] = [{k: v for k, v in row.items() if not k.endswith(("_runtime", "_per_second"))}
                            for row in state.get("log_history", [])]
    state["best_model_checkpoint"] = None
    with open(path, "w", encoding="utf-8") as file:
        json.dump(state, file)
    if os.path.exists(os.path.join(folder, "training_args.bin")):
        os.unlink(os.path.join(folder, "training_args.bin"))
