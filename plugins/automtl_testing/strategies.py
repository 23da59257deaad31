"""The contract of search strategies."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch

from automtl_core.choices import Architecture, OneOf
from automtl_core.disk.value import Value
from automtl_core.errors import ArtifactError
from automtl_core.search.evidence import EVERYWHERE
from automtl_core.search.problem import Problem
from automtl_core.search.strategy import SearchResult, SearchStrategy
from automtl_core.search.train_trial import trials_of
from automtl_testing.requirements import Killed, Watch, same_weights


def check_strategy(make: Callable[[Problem], SearchStrategy[Any]], problem: Problem) -> None:
    """Check that a search decides all choices, is reproducible from the seed, and can be stopped and resumed.

    Args:
        make: Creates the strategy, with its settings, for a problem.
        problem: A small one, such as `sample_problem(space)`.

    Raises:
        AssertionError: a requirement is violated.

    """
    torch.manual_seed(1)
    watch, result = _search(make, problem)
    _check_reports(make(problem), watch, result)
    _check_evidence(problem, result)
    _check_front(problem, result)
    torch.manual_seed(2)
    _, again = _search(make, problem)
    _assert_same(result, again, "a search must depend on the seed of its problem alone")
    for stop in range(1, len(watch.reports)):
        _check_resumed(make, problem, stop, result)
    _check_stopped(make, problem, watch)
    other, _ = _search(make, replace(problem, seed=problem.seed + 1))
    if watch.reports:  # a strategy without training may decide the same by chance
        assert [r.losses for r in other.reports] != [r.losses for r in watch.reports], "the seed must matter"


def _check_reports(strategy: SearchStrategy[Any], watch: Watch, found: SearchResult) -> None:
    problem = strategy.problem
    found.architecture.check(problem.space.choices())
    numbers = [report.epoch for report in watch.reports]
    assert numbers == list(range(1, len(numbers) + 1)), f"every epoch must be reported once, got {numbers}"
    planned = strategy.epochs(strategy.settings, problem.recipe)
    assert planned is None or len(numbers) <= planned, (
        f"planned are {planned} epochs, reported {len(numbers)}"
    )
    tasks = {task.name for task in problem.data.tasks}
    for report in watch.reports:
        assert set(report.metrics) == tasks, "a report needs the metrics of every task"
    assert found.epochs <= len(numbers), "a network cannot have more epochs than were reported"


def _check_evidence(problem: Problem, found: SearchResult) -> None:
    choices = problem.space.choices()
    for one in found.evidence:
        where = f"evidence of {one.choice}"
        known = one.choice in choices or one.choice == EVERYWHERE
        assert known, f"{where}: the space has no such choice"
        named = [choices[one.choice]] if one.choice in choices else choices.values()
        options = {option for choice in named for option in choice.options}
        for option in (one.option, one.against):
            assert option is None or option in options, f"{where}: {option!r} is none of its options"
        of_one = one.choice in choices and isinstance(choices[one.choice], OneOf)
        assert (one.action == "chosen") is of_one, (
            f"{where}: an option of a {'choose-one is' if of_one else 'choose-any is never'} chosen, "
            f"got {one.action!r}"
        )
        _check_json(one, where)


def _check_front(problem: Problem, found: SearchResult) -> None:
    for point in found.front:
        try:
            Architecture(point.decisions).check(problem.space.choices())
        except ArtifactError as error:
            raise AssertionError(f"point {point.name!r} of the front does not fit: {error}") from None
        _check_json(point, f"point {point.name!r} of the front")
    costs = [point.flops_per_row for point in found.front]
    assert costs == sorted(costs), f"the points of a front must be sorted by rising cost, got FLOPs {costs}"
    chosen = [point for point in found.front if point.chosen]
    assert len(chosen) <= 1, f"one point at most can be the chosen one, got {[p.name for p in chosen]}"
    assert all(p.decisions == found.architecture.decisions for p in chosen), (
        "the chosen point must be the architecture of the result"
    )


def _check_json(value: Value, where: str) -> None:
    try:
        again = type(value).from_json(json.loads(json.dumps(value.to_json(), allow_nan=False)), where)
    except (TypeError, ValueError, ArtifactError) as error:
        raise AssertionError(f"{where} must be plain finite values, for a run to record: {error}") from None
    assert again == value, f"{where} must survive JSON"


def _check_resumed(
    make: Callable[[Problem], SearchStrategy[Any]], problem: Problem, stop: int, found: SearchResult
) -> None:
    # A run keeps the checkpoints of trials for the process that resumes it.
    with trials_of(problem) as trials:
        kept = replace(problem, trials=trials)
        stopped = make(kept)
        half = Watch(stopped.state_dict, kill_after=stop)
        with suppress(Killed):
            stopped.search(half)
        torch.manual_seed(3)
        resumed = make(kept)
        resumed.load_state_dict(half.state)
        again = resumed.search(Watch(resumed.state_dict))
    _assert_same(found, again, f"resumed after epoch {stop}, a search must end the same")


def _check_stopped(make: Callable[[Problem], SearchStrategy[Any]], problem: Problem, whole: Watch) -> None:
    """Check that a listener can end the search after its first step, and after its first epoch."""
    for last in ({"last_step": 1}, {"last_epoch": 1}):
        strategy = make(problem)
        watch = Watch(strategy.state_dict, **last)
        strategy.search(watch).architecture.check(problem.space.choices())
        least = min(1, len(whole.reports))
        assert len(watch.reports) == least, "after a listener returned False, the epoch must be the last one"
        assert watch.steps <= last.get("last_step", whole.steps), (
            "no step may follow after the listener returned False"
        )


def _search(make: Callable[[Problem], SearchStrategy[Any]], problem: Problem) -> tuple[Watch, SearchResult]:
    strategy = make(problem)
    watch = Watch(strategy.state_dict)
    result = strategy.search(watch)
    assert isinstance(result, SearchResult), f"search must return a SearchResult, got {type(result).__name__}"
    return watch, result


def _assert_same(one: SearchResult, other: SearchResult, promise: str) -> None:
    for name in ("architecture", "epochs"):
        assert getattr(one, name) == getattr(other, name), f"{promise}: other {name}"
    for name in ("evidence", "front"):
        assert tuple(getattr(one, name)) == tuple(getattr(other, name)), f"{promise}: other {name}"
    if one.network is not None and other.network is not None:
        weights = one.network.state_dict(), other.network.state_dict()
        assert same_weights(*weights), f"{promise}: other weights"
