"""The contracts of schedulers and of engines, which decide about trials and run them."""

import hashlib
import random
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from automtl_core.choices import Architecture
from automtl_core.errors import AutoMTLError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import RunConfig, default
from automtl_core.search.parameters import Parameters, Suggests
from automtl_core.search.scheduler import Proposals, Scheduler, TrialLoop
from automtl_core.search.trial import (
    Candidate,
    Engine,
    Executor,
    OnEvent,
    Serial,
    Training,
    TrialEnded,
    TrialResult,
    Trials,
    TrialSpec,
)
from automtl_core.settings.settings import S
from automtl_core.system.state import State
from automtl_core.training.events import EpochEnded, Event
from automtl_core.training.recipe import Recipe
from automtl_core.workflow.job import Job
from automtl_core.workflow.run_trial import run_trial
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
        order = random.Random(self.workers)  # noqa: S311 - an order of trials
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

    trainings: list[Training] = field(default_factory=list)

    def spec(self, training: Training) -> TrialSpec:
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
) -> tuple[TrialLoop, list[Training], list[State]]:
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


def _check_asked(trainings: Sequence[Training]) -> None:
    before: dict[str, int] = {}
    for training in trainings:
        epochs = EPOCHS if training.epochs is None else training.epochs
        assert 1 <= epochs <= EPOCHS, f"{training.name}: {epochs} epochs, expected 1 to {EPOCHS}"
        assert epochs > before.get(training.name, 0), f"{training.name} must be continued with more epochs"
        before[training.name] = epochs


def _check_ranked(ranked: Sequence[Training], loop: TrialLoop) -> None:
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


LONG = 400
"""Epochs of a trial that cannot end before a message reaches it."""


def sample_trials(folder: Path, count: int, rows: int = 400, epochs: int = 2) -> list[TrialSpec]:
    """Return trials of a small network with several seeds; their data is prepared in the folder."""
    registry = load_registry()
    data = {
        "dataset": {"name": "synthetic", "rows": rows},
        "features": "ids",
        "prepared_dir": folder / "data",
    }
    training = {"epochs": epochs, "patience": epochs, "batch_size": 128, "min_positives": 1}
    searched = Job.load(registry, default(registry), {**data, "training": training})
    model = {"space": searched.config.encoding_search.model.model_dump(), "strategy": None}
    job = Job.resolve(RunConfig.parse({**searched.config.model_dump(mode="json"), **model}), registry)
    prepared = str(job.prepare().path.absolute())
    specs = []
    for seed in range(count):
        spec = TrialSpec(job.having(seed=seed).to_json(), prepared, architecture=Architecture({}).to_json())
        specs.append(replace(spec, folder=str(folder.absolute() / "trials" / spec.name)))
    return specs


def check_engine(engine: Engine, folder: Path) -> None:
    """Check an engine that has at least two workers.

    Args:
        engine: The engine.
        folder: Empty folder, which all of its workers can reach.

    Raises:
        AssertionError: a requirement is violated.

    """
    specs = sample_trials(folder, 3)
    alone = [replace(spec, folder=f"{spec.folder}-alone") for spec in specs]
    expected = [result for _, result in Serial(run_trial).run(deque(alone), lambda spec, event: True)]
    with engine.executor(run_trial) as executor:
        assert list(executor.run(deque(), lambda spec, event: True)) == [], "no trials have no results"
        _check_results(executor, specs, expected)
        _check_results(executor, specs, expected)  # of trials that are trained already
        results = dict(executor.run(deque(sample_trials(folder, 3, epochs=LONG)), lambda spec, event: False))
        end = "after `on_event` returned False, running trials end in order, and no other ones begin"
        assert all(result.state == "stopped" for result in results.values()), end
        (folder / "empty").mkdir()
        faulty = replace(specs[0], data=str(folder / "empty"))
        here = _error(Serial(run_trial), faulty)
        assert here is not None
        assert _error(executor, faulty) == here, "the error of a trial is raised as in this process"
        _check_results(executor, specs, expected)  # after an error


def _check_results(executor: Executor, specs: Sequence[TrialSpec], expected: Sequence[TrialResult]) -> None:
    events: defaultdict[TrialSpec, list[Event]] = defaultdict(list)
    results: dict[TrialSpec, TrialResult] = {}

    def on_event(spec: TrialSpec, event: Event) -> bool:
        assert spec not in results, "the events of a trial come before its result"
        events[spec].append(event)
        return True

    queue = deque(specs[:2])
    for spec, result in executor.run(queue, on_event):
        assert spec not in results, "a trial has one result"
        queue.extend(() if results else specs[2:])  # the first result makes the caller submit more
        results[spec] = result
    assert results.keys() == {*specs}, "each trial has a result"
    for spec, alone in zip(specs, expected, strict=True):
        same = replace(results[spec], seconds=alone.seconds) == alone
        assert same, "results are those of this process, with the same number of threads"
        epochs = [event.epoch for event in events[spec] if isinstance(event, EpochEnded)]
        assert epochs == [*range(1, alone.epochs + 1)], "all epochs come, in their order"
        assert isinstance(events[spec][-1], TrialEnded), "the last event of a trial is its end"


def _error(executor: Executor, spec: TrialSpec) -> tuple[type, str, str | None] | None:
    try:
        list(executor.run(deque([spec]), lambda spec, event: True))
    except AutoMTLError as error:
        return type(error), str(error), error.fix
    return None
