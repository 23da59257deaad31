"""The training of a trial: one architecture from scratch, or from its checkpoint."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from automtl_core.choices import Architecture, of_member
from automtl_core.errors import ArtifactError, DivergedError
from automtl_core.modules.network import Ensemble
from automtl_core.search.held_out import HeldOut
from automtl_core.search.strategy import Problem
from automtl_core.search.trial import Serial, TrialBegan, TrialResult, Trials, TrialSpec
from automtl_core.system import seeds
from automtl_core.system.state import State, load_state, save_state
from automtl_core.training.events import EpochEnded, Event, Listener
from automtl_core.training.fit import Fit

CHECKPOINT = "checkpoint.safetensors"
CHECKPOINT_SECONDS = 5.0
"""Least time between two checkpoints of a trial before its end."""
OF, FORMAT = "of", 2
"""Key of a file: the trial, the name of the file, since each one is intact in another place too, and this
format."""


@contextmanager
def trials_of(problem: Problem) -> Iterator[Trials]:
    """Yield the runner of a problem's trials: by default this process, in a temporary folder."""
    if problem.trials is not None:
        yield problem.trials
        return
    with tempfile.TemporaryDirectory(prefix="automtl-") as folder:
        yield Trials(TrialSpec(folder=folder), Serial(partial(train_trial, problem)))


def train_trial(problem: Problem, spec: TrialSpec, listener: Listener) -> TrialResult:
    """Train the architecture of a spec from scratch, or from its checkpoint if there is one.

    The checkpoint is written at the end, and before that at most every `CHECKPOINT_SECONDS` at the end of an
    epoch: training again from an older epoch gives the same bytes. All epochs of a continued trial are sent,
    so that a caller which was killed misses none; it must ignore epochs that it has already. A result is kept
    too: a spec that is run again has the same result, even if the trial has gone on since.

    Args:
        problem: Search space, data, recipe and seed of the spec.
        spec: The trial.
        listener: Receives steps and epochs, numbered from 1 in each trial.

    """
    start, path = time.monotonic(), Path(spec.folder) / CHECKPOINT
    last = spec.max_epochs or problem.recipe.epochs
    kept = path.with_name(f"result-{last}-{spec.loss_rows}.safetensors")
    saved = _read(path, spec) if path.exists() else {}
    reports: list[dict[str, Any]] = saved.get("reports", [])
    going_on = True
    for report in reports:
        if report["epoch"] <= last:
            going_on = listener(EpochEnded.from_json(report)) and going_on
    if kept.exists():
        return replace(TrialResult.from_state(_read(kept, spec)), seconds=time.monotonic() - start)
    if "error" in saved:
        return TrialResult("diverged", {}, error=saved["error"])
    fit = _fit(problem, spec)
    if saved:
        fit.load_state_dict(saved["fit"])
    written = time.monotonic()

    def on_event(event: Event) -> bool:
        nonlocal going_on, written
        going_on = listener(event) and going_on
        if not isinstance(event, EpochEnded):
            return going_on
        reports.append(event.to_json())
        again = going_on and fit.epoch < last and not fit.exhausted
        if not again or time.monotonic() - written >= CHECKPOINT_SECONDS:
            _save(path, spec, {"fit": fit.state_dict(), "reports": reports})
            written = time.monotonic()
        return again

    try:
        if going_on and fit.epoch < last and not fit.exhausted:
            listener(TrialBegan())
            fit.run(on_event)
    except DivergedError as error:
        _save(path, spec, {"error": str(error), "reports": reports})
        return TrialResult("diverged", {}, error=str(error))
    fit.restore_best()
    losses = other = None
    if spec.loss_rows:
        rows = HeldOut(problem, spec.loss_rows)
        outputs = rows.predict(fit.network.eval())
        losses, other = rows.scored(outputs).losses, rows.other_view(outputs)
    trained = (fit.best, fit.best_epoch, fit.epoch, time.monotonic() - start, losses)
    state: Any = "done" if fit.exhausted else "paused" if going_on else "stopped"
    result = TrialResult(state, *trained, other_view=other)
    if going_on:
        _save(kept, spec, result.to_state())
    return result


def trained_fit(problem: Problem, spec: TrialSpec) -> Fit:
    """Return the training of a trial from its checkpoint; its network has the best weights."""
    fit = _fit(problem, spec)
    fit.load_state_dict(_read(Path(spec.folder) / CHECKPOINT, spec)["fit"])
    fit.restore_best()
    return fit


def untrained(problem: Problem, architecture: Architecture) -> nn.Module:
    """Return a network with new weights, and an ensemble with those of the seed of each member."""
    if members := problem.space.members():
        networks = list[nn.Module]()
        for place, (name, space) in enumerate(members.items()):
            own = replace(problem, space=space, seed=seeds.of_member(problem.seed, place))
            networks.append(untrained(own, Architecture(of_member(name, architecture.decisions))))
        return Ensemble(networks)
    seeds.seed_torch(problem.seed, "network")
    return problem.space.network(architecture)


def _fit(problem: Problem, spec: TrialSpec) -> Fit:
    network = untrained(problem, spec.architecture or Architecture({}))
    return Fit(network, problem.data, problem.recipe, problem.seed, problem.compute)


def _save(path: Path, spec: TrialSpec, state: State) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_state(path, {OF: [spec.name, path.name, FORMAT], **state})


def _read(path: Path, spec: TrialSpec) -> State:
    """Return the state of a file of a trial; refuse one of another trial, or of another name."""
    state = load_state(path)
    if state.pop(OF, None) != [spec.name, path.name, FORMAT]:
        fix = f"remove the folder {path.parent}, and repeat the command: the trial is trained again"
        raise ArtifactError(f"{path}: belongs to another training, or is of another version", fix)
    return state
