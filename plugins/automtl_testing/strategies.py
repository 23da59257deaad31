"""The contract of search strategies."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch

from automtl_core.choices import Architecture, OneOf
from automtl_core.errors import ArtifactError
from automtl_core.search.evidence import EVERYWHERE
from automtl_core.search.strategy import SearchResult, SearchStrategy
from automtl_core.search.trained import trials_of
from automtl_core.search.trial import Problem
from automtl_core.system.documents import Value
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


def _check_reports(strategy: SearchStrategy[Any], watch: Watch, result: SearchResult) -> None:
    problem = strategy.problem
    result.architecture.check(problem.space.choices())
    numbers = [report.epoch for report in watch.reports]
    assert numbers == list(range(1, len(numbers) + 1)), f"every epoch must be reported once, got {numbers}"
    planned = strategy.epochs(strategy.settings, problem.recipe)
    within = planned is None or len(numbers) <= planned
    assert within, f"planned are {planned} epochs, reported {len(numbers)}"
    tasks = {task.name for task in problem.data.tasks}
    for report in watch.reports:
        assert set(report.metrics) == tasks, "a report needs the metrics of every task"
    assert result.epochs <= len(numbers), "a network cannot have more epochs than were reported"


def _check_evidence(problem: Problem, result: SearchResult) -> None:
    choices = problem.space.choices()
    for record in result.evidence:
        name, where = record.choice, f"evidence of {record.choice}"
        assert name in choices or name == EVERYWHERE, f"{where}: the space has no such choice"
        named = [choices[name]] if name in choices else choices.values()
        options = {option for choice in named for option in choice.options}
        for option in (record.option, record.against):
            assert option is None or option in options, f"{where}: {option!r} is none of its options"
        exclusive = name in choices and isinstance(choices[name], OneOf)
        rule = f"an option of a {'choose-one is' if exclusive else 'choose-any is never'} chosen"
        assert (record.action == "chosen") is exclusive, f"{where}: {rule}, got {record.action!r}"
        _check_json(record, where)


def _check_front(problem: Problem, result: SearchResult) -> None:
    for point in result.front:
        try:
            Architecture(point.decisions).check(problem.space.choices())
        except ArtifactError as error:
            raise AssertionError(f"point {point.name!r} of the front does not fit: {error}") from None
        _check_json(point, f"point {point.name!r} of the front")
    costs = [point.flops_per_row for point in result.front]
    assert costs == sorted(costs), f"the points of a front must be sorted by rising cost, got FLOPs {costs}"
    chosen = [point for point in result.front if point.chosen]
    assert len(chosen) <= 1, f"one point at most can be the chosen one, got {[p.name for p in chosen]}"
    same = all(point.decisions == result.architecture.decisions for point in chosen)
    assert same, "the chosen point must be the architecture of the result"


def _check_json(value: Value, where: str) -> None:
    try:
        again = type(value).from_json(json.loads(json.dumps(value.to_json(), allow_nan=False)), where)
    except (TypeError, ValueError, ArtifactError) as error:
        raise AssertionError(f"{where} must be plain finite values, for a run to record: {error}") from None
    assert again == value, f"{where} must survive JSON"


def _check_resumed(
    make: Callable[[Problem], SearchStrategy[Any]], problem: Problem, stop: int, expected: SearchResult
) -> None:
    def killed(watch: Watch) -> bool:
        if len(watch.reports) == stop:
            raise Killed
        return True

    # A run keeps the checkpoints of trials for the process that resumes it.
    with trials_of(problem) as trials:
        kept = replace(problem, trials=trials)
        stopped = make(kept)
        half = Watch(stopped.state_dict, killed)
        with suppress(Killed):
            stopped.search(half)
        torch.manual_seed(3)
        resumed = make(kept)
        resumed.load_state_dict(half.state)
        again = resumed.search(Watch(resumed.state_dict))
    _assert_same(expected, again, f"resumed after epoch {stop}, a search must end the same")


def _check_stopped(make: Callable[[Problem], SearchStrategy[Any]], problem: Problem, whole: Watch) -> None:
    """Check that a listener can end the search after its first step, and after its first epoch."""
    for most in (1, whole.steps):
        strategy = make(problem)
        watch = Watch(strategy.state_dict, lambda watch: watch.steps < most and not watch.reports)  # noqa: B023
        strategy.search(watch).architecture.check(problem.space.choices())
        least = min(1, len(whole.reports))
        assert len(watch.reports) == least, "after a listener returned False, the epoch must be the last one"
        assert watch.steps <= most, "no step may follow after the listener returned False"


def _search(make: Callable[[Problem], SearchStrategy[Any]], problem: Problem) -> tuple[Watch, SearchResult]:
    strategy = make(problem)
    watch = Watch(strategy.state_dict)
    result = strategy.search(watch)
    assert isinstance(result, SearchResult), f"search must return a SearchResult, got {type(result).__name__}"
    return watch, result


def _assert_same(first: SearchResult, second: SearchResult, promise: str) -> None:
    for name in ("architecture", "epochs", "evidence", "front"):
        values = [getattr(result, name) for result in (first, second)]
        left, right = (tuple(value) if isinstance(value, Sequence) else value for value in values)
        assert left == right, f"{promise}: other {name}"
    if first.network is not None and second.network is not None:
        same = same_weights(first.network.state_dict(), second.network.state_dict())
        assert same, f"{promise}: other weights"
