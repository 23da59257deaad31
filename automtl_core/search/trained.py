"""The training of a network: from new weights, from those of another network, or from its checkpoint."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from automtl_core.choices import Architecture, of_member
from automtl_core.errors import ArtifactError, DivergedError
from automtl_core.modules.network import Ensemble
from automtl_core.search.held_out import HeldOut
from automtl_core.search.trial import Problem, Serial, Training, TrialBegan, TrialResult, Trials
from automtl_core.system import seeds
from automtl_core.system.state import (
    CHECKPOINTS,
    State,
    load_checkpoint,
    load_state,
    save_checkpoint,
    save_state,
)
from automtl_core.training.events import EpochEnded, Event, Listener, StepEnded, Warned
from automtl_core.training.fit import Fit, Lasts, always
from automtl_core.training.metrics import NONE

CHECKPOINT_SECONDS = 5.0
"""Least time between two checkpoints of a training before its end."""
OF, FORMAT = "of", 3
"""Key of a file: the training, the name of the file, since each one is intact in another place too, and this
format."""


@contextmanager
def trials_of(problem: Problem) -> Iterator[Trials]:
    """Yield the runner of a problem's trials: by default this process, in a temporary folder."""
    if problem.trials.executor is not None:
        yield problem.trials
        return
    with tempfile.TemporaryDirectory(prefix="automtl-") as folder:
        template, executor = Training(folder=folder), Serial(partial(trained, problem))
        yield replace(problem.trials, template=template, executor=executor)


def trained(problem: Problem, training: Training, listener: Listener, **begin: Any) -> TrialResult:
    """Train a network to the end of a training, from its checkpoint if there is one.

    The checkpoint is written at the end, and before that at most every `CHECKPOINT_SECONDS` at the end of an
    epoch: training again from an older epoch gives the same bytes. All epochs of a continued training are
    sent, so that a caller which was killed misses none; it must ignore epochs that it has already. A result
    is kept too: a training that is run again has the same result, even if it has gone on since.

    Args:
        problem: Space, data and recipe of the training.
        training: The training.
        listener: Receives the events; epochs are numbered from 1.
        begin: What the training begins with, arguments of `Fit`: its `network`, in place of new weights.

    """
    try:
        return _trained(problem, training, listener, **begin)[0]
    except DivergedError as error:
        return TrialResult("diverged", {}, error=str(error))


def _trained(
    problem: Problem, training: Training, listener: Listener, **begin: Any
) -> tuple[TrialResult, Fit | None]:
    """Train, and return the result with the training; None for it if its result was kept."""
    start, folder = time.monotonic(), Path(training.folder)
    last = inf if training.epochs is None else training.epochs
    kept = folder / f"result-{last}-{training.loss_rows}.safetensors"
    saved = _of(load_checkpoint(folder, lambda told: listener(Warned(told))) or {}, training, CHECKPOINTS[0])
    reports: list[dict[str, Any]] = saved.get("reports", [])
    going_on = True
    for report in reports:
        if report["epoch"] <= last:
            going_on = listener(EpochEnded.from_json(report)) and going_on
    if kept.exists():
        found = TrialResult.from_state(_of(load_state(kept), training, kept.name))
        return replace(found, seconds=time.monotonic() - start), None
    if "error" in saved:
        raise DivergedError(saved["error"], saved["remedy"])
    fit = _fit(problem, training, **begin)
    if saved:
        fit.load_state_dict(saved["fit"])
    written = time.monotonic()

    def save(**state: Any) -> None:
        save_checkpoint(folder, {OF: [training.digest, CHECKPOINTS[0], FORMAT], "reports": reports, **state})

    def on_event(event: Event) -> bool:
        nonlocal going_on, written
        if not isinstance(event, EpochEnded):
            going_on = listener(event) and going_on
            return going_on
        reports.append(event.to_json())
        ends = fit.epoch >= last or fit.exhausted
        if ends or time.monotonic() - written >= CHECKPOINT_SECONDS:
            save(fit=fit.state_dict())
            written = time.monotonic()
        going_on = listener(event) and going_on
        if not going_on:
            save(fit=fit.state_dict())
        return going_on and not ends

    try:
        if going_on and fit.epoch < last and not fit.exhausted:
            if "network" in begin and not saved:  # a process after this one may not have it
                save(fit=fit.state_dict())
            listener(TrialBegan())
            fit.run(on_event)
    except DivergedError as error:
        save(error=str(error), remedy=error.fix)
        raise
    fit.restore_best()
    losses = other = None
    if training.loss_rows:
        rows = HeldOut(problem, training.loss_rows)
        outputs = rows.predict(fit.network.eval())
        losses, other = rows.scored(outputs).losses, rows.other_view(outputs)
    measured = (fit.best, fit.best_epoch, fit.epoch, time.monotonic() - start, losses)
    state: Any = "done" if fit.exhausted else "paused" if going_on else "stopped"
    result = TrialResult(state, *measured, other_view=other)
    if going_on:
        save_state(kept, {OF: [training.digest, kept.name, FORMAT], **result.to_state()})
        (folder / CHECKPOINTS[1]).unlink(missing_ok=True)
    return result, fit


def trained_fit(problem: Problem, training: Training) -> Fit:
    """Return a training from its checkpoint; its network has the best weights."""
    fit = _fit(problem, training)
    fit.load_state_dict(_of(load_checkpoint(Path(training.folder)) or {}, training, CHECKPOINTS[0])["fit"])
    fit.restore_best()
    return fit


def untrained(problem: Problem, architecture: Architecture) -> nn.Module:
    """Return a network with new weights, and an ensemble with those of the seed of each member."""
    networks = list[nn.Module]()
    for own, decided, _ in _members(problem, architecture):
        seeds.seed_torch(own.seed, "network")
        networks.append(own.space.network(decided))
    return Ensemble(networks) if problem.space.members() else networks[0]


def members_of(network: nn.Module) -> list[nn.Module]:
    """Return the members of an ensemble; another network is the only one."""
    return [*network.members] if isinstance(network, Ensemble) else [network]


class Fitted(NamedTuple):
    """A trained network, or the mean of several that were trained one after the other."""

    network: nn.Module
    best_epochs: tuple[int, ...]
    """The best epoch of each member; of a single network that is `Separate` that of each task."""
    cut_short: bool
    """Whether the last epoch of any member came before early stopping."""
    moments: State = State()
    """State of the optimisers at the end, by names of parameters."""
    exhausted: bool = True
    """Whether the last epoch of each member is done."""


def trained_mean(
    problem: Problem,
    training: Training,
    listener: Listener,
    in_time: Lasts = always,
    network: nn.Module | None = None,
    moments: Mapping[str, Any] = NONE,
    before: Callable[[], nn.Module] | None = None,
    first_epoch: int = 0,
) -> Fitted:
    """Train a network, or the members of a mean one after the other.

    Independent members make different errors; members that minimise the loss of their mean do not. If the
    listener ends the training, the current member keeps its best weights so far, and the members after it are
    trained for one epoch each. With `Training.until`, it ends.

    Args:
        problem: The problem of the network or the mean.
        training: Its training; its folder holds one for each member, named by the digest of its training.
        listener: Receives the events; epochs are numbered through.
        in_time: Whether there is time until a share of all work; each member has an equal share.
        network: The network or mean to begin with, in place of new weights.
        moments: State of the optimisers to begin with, by names of parameters.
        before: Returns a network that was trained before, see `Fit`.
        first_epoch: See `Fit`.

    Raises:
        DivergedError: a loss is not finite.

    """
    several, fits, states = bool(problem.space.members()), list[Fit](), State()
    all_of = [*_members(problem, training.architecture)]
    for k, (own, decided, place) in enumerate(all_of):
        one = replace(training, architecture=decided, until=training.until[place])
        if training.config is not None:
            one = replace(one, config=training.config.having(seed=own.seed))
        one = one.below(training.folder)
        prefix, done = f"members.{k}." * several, sum(fit.epoch for fit in fits)

        def on_event(event: Event, k: int = k, done: int = done) -> bool:
            if isinstance(event, EpochEnded | StepEnded):
                event = replace(event, epoch=event.epoch + done)
            return listener(event) and (isinstance(event, TrialBegan) or in_time((k + 1) / len(all_of)))

        begin: dict[str, Any] = {"lasts": lambda share, k=k: in_time((k + share) / len(all_of))}
        if network is not None:
            own_moments = {n.removeprefix(prefix): of for n, of in moments.items() if n.startswith(prefix)}
            begin |= {"network": members_of(network)[k], "moments": own_moments, "first_epoch": first_epoch}
        if before is not None:
            begin["before"] = lambda k=k: members_of(before())[k]
        _, fit = _trained(own, one, on_event, **begin)
        fits.append(fit or trained_fit(own, one))
        if training.until and not fits[-1].exhausted:
            break
        states |= {prefix + name: of for name, of in fits[-1].optimiser.state_dict().items()}
    best = tuple(fit.best_epoch for fit in fits) if several else fits[0].best_epochs
    made = Ensemble([fit.network for fit in fits]) if several else fits[0].network
    return Fitted(made, best, any(fit.cut_short for fit in fits), states, all(fit.exhausted for fit in fits))


def _members(problem: Problem, architecture: Architecture) -> Iterator[tuple[Problem, Architecture, slice]]:
    """Yield problem, architecture and place of each member of a mean; those of another model."""
    if not (members := problem.space.members()):
        yield problem, architecture, slice(None)
    for k, (name, space) in enumerate(members.items()):
        own = replace(problem, space=space, seed=seeds.of_member(problem.seed, k))
        yield own, Architecture(of_member(name, architecture.decisions)), slice(k, k + 1)


def _fit(problem: Problem, training: Training, network: nn.Module | None = None, **begin: Any) -> Fit:
    network = network or untrained(problem, training.architecture)
    how = (problem.data, problem.recipe, problem.seed, problem.compute)
    return Fit(network, *how, chosen=training.until, **begin)


def _of(state: State, training: Training, name: str) -> State:
    """Return the state of a file of a training; refuse one of another training, or of another name."""
    if state and state.pop(OF, None) != [training.digest, name, FORMAT]:
        folder = Path(training.folder)
        fix = f"remove the folder {folder}, and repeat the command: the model is trained again"
        raise ArtifactError(f"{folder / name}: belongs to another training, or is of another version", fix)
    return state
