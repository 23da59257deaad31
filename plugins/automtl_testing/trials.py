"""The contract of engines, which run trials."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from automtl_core.errors import AutoMTLError
from automtl_core.registry.plugins import load_registry
from automtl_core.search.trial import Engine, Executor, Serial, Training, TrialEnded, TrialResult
from automtl_core.training.events import EpochEnded, Event
from automtl_core.workflow.run_trial import run_trial
from automtl_core.workflow.workflow import Workflow

LONG = 400
"""Epochs of a trial that cannot end before a message reaches it."""


def sample_trials(folder: Path, count: int, rows: int = 400, epochs: int = 2) -> list[Training]:
    """Return trials of a small network with several seeds; their data is prepared in the folder."""
    training = {"epochs": epochs, "patience": epochs, "batch_size": 128, "min_positives": 1}
    data = {
        "dataset": {"name": "synthetic", "rows": rows},
        "features": "ids",
        "prepared_dir": folder / "data",
    }
    job = Workflow(load_registry()).model("shared-bottom", [{**data, "training": training}])
    prepared = str(job.prepare().path.absolute())
    specs = []
    for seed in range(count):
        spec = Training(config=job.having(seed=seed).config, data=prepared)
        specs.append(spec.below(folder.absolute() / "trials"))
    return specs


def check_engine(engine: Engine[Any], folder: Path) -> None:
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


def _check_results(executor: Executor, specs: Sequence[Training], expected: Sequence[TrialResult]) -> None:
    events: defaultdict[Training, list[Event]] = defaultdict(list)
    results: dict[Training, TrialResult] = {}

    def on_event(spec: Training, event: Event) -> bool:
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


def _error(executor: Executor, spec: Training) -> tuple[type, str, str | None] | None:
    try:
        list(executor.run(deque([spec]), lambda spec, event: True))
    except AutoMTLError as error:
        return type(error), str(error), error.fix
    return None
