"""What the trial loop needs of a scheduler, with trials that train nothing."""

import hashlib
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from automtl_core.choices import Architecture
from automtl_core.search.parameters import Parameters, Suggests
from automtl_core.search.scheduler import Proposals, Scheduler, TrialLoop
from automtl_core.search.trial import Candidate, OnEvent, TrialResult, Trials, TrialSpec
from automtl_core.settings.settings import S
from automtl_core.system.state import State
from automtl_core.training.events import EpochEnded, Event
from automtl_core.training.recipe import Recipe
from automtl_testing.samples import binary_metrics

EPOCHS = 9
"""Epochs of a full training."""


@dataclass(frozen=True)
class _Simulated:
    """Executor that trains nothing: the AUC of each epoch follows from the spec."""

    workers: int = 1
    diverges: bool = False
    ran: list[TrialSpec] = field(default_factory=list)

    def run(self, queue: deque[TrialSpec], on_event: OnEvent) -> Iterator[tuple[TrialSpec, TrialResult]]:
        order = random.Random(self.workers)
        going_on = True
        running: list[TrialSpec] = []
        while running or (queue and going_on):
            while queue and going_on and len(running) < self.workers:
                running.append(queue.popleft())
            spec = running.pop(order.randrange(len(running)))
            self.ran.append(spec)
            result = TrialResult("diverged", {}, error="the loss is not finite")
            for epoch in range(1, (0 if self.diverges else spec.max_epochs or EPOCHS) + 1):
                metrics = {"click": binary_metrics(_auc(spec, epoch), 0.5, 500, 1000)}
                going_on = on_event(spec, EpochEnded("", epoch, {}, metrics)) and going_on
                result = TrialResult("paused" if going_on else "stopped", metrics, epoch, epoch)
                result = replace(result, state="done") if epoch == EPOCHS else result
                if not going_on:
                    break
            yield spec, result


@dataclass(frozen=True)
class _Recording(Trials):
    """Trials that keep what was asked for."""

    trainings: list[Candidate] = field(default_factory=list)

    def spec(self, training: Candidate) -> TrialSpec:
        self.trainings.append(training)
        assert len(self.trainings) < 1000, "a scheduler must end; this one asked for 1000 trainings"
        return super().spec(training)


def check_scheduler(make: Callable[[Proposals], Scheduler[S]]) -> None:
    """Check that a scheduler ends, and does the same with several workers and after a kill.

    Args:
        make: Creates the scheduler, with its settings, from what it chooses from.

    Raises:
        AssertionError: a requirement is violated.

    """
    whole, trainings, states = _searched(make, _Simulated())
    _check_asked(trainings)
    ranked = whole.scheduler.ranked()
    _check_ranked(ranked, whole)
    assert ranked, "a network of those that were trained must be the result"
    for workers in (2, 4):
        loop, again, _ = _searched(make, _Simulated(workers))
        assert again == trainings, f"with {workers} workers, the same trainings must be asked for"
        assert loop.scheduler.ranked() == ranked, f"with {workers} workers, the ranking must be the same"
    for state in states[:: max(len(states) // 8, 1)]:
        executor = _Simulated(2)
        loop, again, _ = _searched(make, executor, state)
        assert again == trainings, "after a kill, a scheduler that is told the same must ask for the same"
        assert loop.scheduler.ranked() == ranked, "after a kill, the ranking must be the same"
        least = len(trainings) - len(state["results"])
        assert len(executor.ran) <= least, "a known result is not computed again"
    stopped, few, _ = _searched(make, _Simulated(), last=len(states) // 2 + 1)
    assert few == trainings[: len(few)], "until a listener ends the search, it must be the same"
    _check_ranked(stopped.scheduler.ranked(), stopped)
    diverged, *_ = _searched(make, _Simulated(diverges=True))
    assert not diverged.scheduler.ranked(), "a training that diverged is no result"


def _searched(
    make: Callable[[Proposals], Scheduler[S]],
    executor: _Simulated,
    state: State | None = None,
    last: int | None = None,
) -> tuple[TrialLoop, list[Candidate], list[State]]:
    """Return the loop after a search, what was asked for, and the state at the end of each epoch.

    The listener returns False at the epoch `last`.
    """
    loop, states = TrialLoop(make(_proposals())), list[State]()
    trials = _Recording(TrialSpec(folder="."), executor)
    if state is not None:
        loop.load_state_dict(state)

    def listener(event: Event) -> bool:
        assert isinstance(event, EpochEnded)
        states.append(loop.state_dict())
        return event.epoch != last

    loop.run(trials, listener)
    return loop, trials.trainings, states


def _check_asked(trainings: Sequence[Candidate]) -> None:
    before: dict[str, int] = {}
    for training in trainings:
        epochs = EPOCHS if training.epochs is None else training.epochs
        assert 1 <= epochs <= EPOCHS, f"{training.name}: {epochs} epochs, expected 1 to {EPOCHS}"
        assert epochs > before.get(training.name, 0), f"{training.name} must be continued with more epochs"
        before[training.name] = epochs


def _check_ranked(ranked: Sequence[Candidate], loop: TrialLoop) -> None:
    names = [training.name for training in ranked]
    assert len({*names}) == len(names), "a network is ranked once"
    for name in names:
        trained = loop.latest.get(name)
        assert trained is not None, f"{name} has a rank, but was not trained"
        assert trained[1].metrics, f"{name} has a rank, but no metrics"


def _proposals() -> Proposals:
    names = [f"known {k}" for k in range(4)]

    def suggest(trial: Suggests, name: str) -> Candidate:
        layer = trial.suggest_categorical("layer", ("a", "b", *names))
        rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
        return Candidate(name, Architecture({"layer": layer}), {"training": {"learning_rate": rate}})

    known = [Candidate(name, Architecture({"layer": name})) for name in names]
    parameters: list[Parameters] = [{"layer": name, "rate": 1e-2} for name in names]
    recipe = Recipe(epochs=EPOCHS, patience=EPOCHS, min_positives=1)
    return Proposals(known, recipe, suggest=suggest, parameters=parameters)


def _auc(spec: TrialSpec, epoch: int) -> float:
    digest = hashlib.sha256(f"{spec.architecture} {spec.config}".encode()).digest()
    return 0.6 + digest[0] / 1000 - (digest[1] / 2000) / epoch
