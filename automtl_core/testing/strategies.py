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


class _Killed(Exception):  # noqa: N818 - no error
    """Ends a search from outside."""


class _Watch(Silent):
    """Saves the state of each epoch, through a file.

    Args:
        strategy: What is watched.
        kill_after: Reports after which the search is killed.
        last_step: Step after which the listener has enough.
        last_epoch: Epoch after which it has.

    """

    def __init__(
        self,
        strategy: SearchStrategy,
        kill_after: int | None = None,
        last_step: int | None = None,
        last_epoch: int | None = None,
    ) -> None:
        self.strategy = strategy
        self.kill_after = kill_after
        self.last_step = last_step
        self.last_epoch = last_epoch
        self.reports: list[EpochReport] = []
        self.steps = 0
        self.state: State = {}

    def step(self, phase: str, epoch: int, steps: int, done: int, rows: int) -> bool:
        self.steps += 1
        return self.steps != self.last_step

    def epoch(self, report: EpochReport) -> bool:
        self.reports.append(report)
        with tempfile.TemporaryDirectory() as folder:
            save_state(Path(folder) / "state", self.strategy.state_dict())
            self.state = load_state(Path(folder) / "state")
        if len(self.reports) == self.kill_after:
            raise _Killed
        return len(self.reports) != self.last_epoch


def check_strategy(make: Callable[[Problem], SearchStrategy], problem: Problem) -> None:
    """Check that a search answers the space, follows from the seed alone, and can be stopped and resumed.

    Args:
        make: Makes the strategy, with its settings, for a problem.
        problem: A small one, such as `sample_problem(space)`.

    Raises:
        AssertionError: says which promise is broken.

    """
    torch.manual_seed(1)
    watch, found = _search(make, problem)
    _check_reports(make(problem), watch, found)
    torch.manual_seed(2)
    _, again = _search(make, problem)
    _assert_same(found, again, "a search must follow from the seed of its problem alone")
    for stop in range(1, len(watch.reports)):
        _check_resumed(make, problem, stop, found)
    _check_stopped(make, problem, watch)
    other, _ = _search(make, replace(problem, seed=problem.seed + 1))
    if watch.reports:  # a strategy that trains nothing may decide the same by chance
        assert [r.losses for r in other.reports] != [r.losses for r in watch.reports], "the seed must matter"


def _check_reports(strategy: SearchStrategy, watch: _Watch, found: SearchResult) -> None:
    problem = strategy.problem
    found.architecture.check(problem.space.choices())
    numbers = [report.epoch for report in watch.reports]
    assert numbers == list(range(1, len(numbers) + 1)), f"every epoch must be reported once, got {numbers}"
    planned = strategy.epochs(strategy.settings)
    assert planned is None or len(numbers) <= planned, (
        f"planned are {planned} epochs, reported {len(numbers)}"
    )
    tasks = {task.name for task in problem.data.tasks}
    for report in watch.reports:
        assert set(report.metrics) == tasks, "a report needs the metrics of every task"
    assert found.epochs <= len(numbers), "a network cannot have more epochs behind it than were reported"


def _check_resumed(
    make: Callable[[Problem], SearchStrategy], problem: Problem, stop: int, found: SearchResult
) -> None:
    stopped = make(problem)
    half = _Watch(stopped, kill_after=stop)
    with suppress(_Killed):
        stopped.search(half)
    torch.manual_seed(3)
    resumed = make(problem)
    resumed.load_state_dict(half.state)
    again = resumed.search(_Watch(resumed))
    _assert_same(found, again, f"resumed after epoch {stop}, a search must end the same")


def _check_stopped(make: Callable[[Problem], SearchStrategy], problem: Problem, whole: _Watch) -> None:
    """Check that a listener can end the search after its first step, and after its first epoch."""
    for last in ({"last_step": 1}, {"last_epoch": 1}):
        strategy = make(problem)
        watch = _Watch(strategy, **last)
        strategy.search(watch).architecture.check(problem.space.choices())
        least = min(1, len(whole.reports))
        assert len(watch.reports) == least, "where a listener has enough, the epoch must be the last one"
        assert watch.steps <= last.get("last_step", whole.steps), (
            "no step may be taken after the listener's no"
        )


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
