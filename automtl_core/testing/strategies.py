"""The contract of search strategies."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from automtl_core.disk.state import State, load_state, save_state
from automtl_core.strategy import Problem, SearchResult, SearchStrategy
from automtl_core.training.listener import EpochReport, Silent


class _Stopped(Exception):  # noqa: N818 - no error
    """Ends a search in the middle."""


class _Watch(Silent):
    """Saves the state of each epoch, through a file, and may stop after one."""

    def __init__(self, strategy: SearchStrategy, stop_after: int | None = None) -> None:
        self.strategy = strategy
        self.stop_after = stop_after
        self.reports: list[EpochReport] = []
        self.state: State = {}

    def epoch(self, report: EpochReport) -> None:
        self.reports.append(report)
        with tempfile.TemporaryDirectory() as folder:
            save_state(Path(folder) / "state", self.strategy.state_dict())
            self.state = load_state(Path(folder) / "state")
        if len(self.reports) == self.stop_after:
            raise _Stopped


def check_strategy(make: Callable[[Problem], SearchStrategy], problem: Problem) -> None:
    """Check that a search answers the space, follows from the seed alone, and can be resumed at every epoch.

    Args:
        make: Makes the strategy, with its settings, for a problem.
        problem: A small one, such as `sample_problem(space)`.

    Raises:
        AssertionError: says which promise is broken.

    """
    torch.manual_seed(1)
    watch, found = _search(make, problem)
    found.architecture.check(problem.space.choices())
    numbers = [report.epoch for report in watch.reports]
    assert numbers == list(range(1, len(numbers) + 1)), f"every epoch must be reported once, got {numbers}"
    tasks = {task.name for task in problem.data.tasks}
    for report in watch.reports:
        assert set(report.metrics) == tasks, "a report needs the metrics of every task"

    torch.manual_seed(2)
    _, again = _search(make, problem)
    _assert_same(found, again, "a search must follow from the seed of its problem alone")
    for stop in range(1, len(numbers)):
        stopped = make(problem)
        half = _Watch(stopped, stop_after=stop)
        with suppress(_Stopped):
            stopped.search(half)
        torch.manual_seed(3)
        resumed = make(problem)
        resumed.load_state_dict(half.state)
        _assert_same(
            found, resumed.search(_Watch(resumed)), f"resumed after epoch {stop}, a search must end the same"
        )

    other, _ = _search(make, replace(problem, seed=problem.seed + 1))
    if numbers:  # a strategy that trains nothing may decide the same by chance
        assert [r.losses for r in other.reports] != [r.losses for r in watch.reports], "the seed must matter"


def _search(make: Callable[[Problem], SearchStrategy], problem: Problem) -> tuple[_Watch, SearchResult]:
    strategy = make(problem)
    watch = _Watch(strategy)
    return watch, strategy.search(watch)


def _assert_same(one: SearchResult, other: SearchResult, promise: str) -> None:
    assert one.architecture == other.architecture, f"{promise}: another architecture"
    assert one.epochs == other.epochs, f"{promise}: other epochs"
    if one.network is not None and other.network is not None:
        left, right = one.network.state_dict(), other.network.state_dict()
        same = left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)
        assert same, f"{promise}: other weights"
