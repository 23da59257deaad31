"""The choice of a point of a Pareto front by a preference."""

from dataclasses import replace

import pytest

from automtl_core.search.evidence import Point
from automtl_core.search.preference import preferred as chosen_by


def point(name: str, score: float | None, flops: int, trained: bool = True) -> Point:
    return Point(name, {}, 0.0, None, score, flops, 10 * flops, trained)


def preferred(points, preference):  # type: ignore[no-untyped-def]
    """Choose where a prediction takes a hundredth of a millisecond for each of the FLOPs."""
    return chosen_by(points, preference, lambda point: point.flops_per_row / 100)


FRONT = [
    point("inherited", 0.99, 1, trained=False),
    point("tiny", 0.790, 100),
    point("small", 0.7961, 200),
    point("middle", 0.7995, 300),
    point("large", 0.8, 900),
]


@pytest.mark.parametrize(
    ("preference", "name"),
    [
        ("accuracy", "large"),
        ("balanced", "middle"),
        ("cost", "small"),
        ("900flops", "large"),
        ("899flops", "middle"),
        ("150flops", "tiny"),
        ("9ms", "large"),
        ("8.99ms", "middle"),
    ],
)
def test_cheaper_points_may_concede_some_accuracy(preference: str, name: str) -> None:
    chosen = preferred(FRONT, preference)
    assert chosen is not None
    assert chosen.name == name


@pytest.mark.parametrize("preference", ["99flops", "speed", "flops", "-1flops", "", "0.5ms", "ms"])
def test_there_may_be_no_such_point(preference: str) -> None:
    assert preferred(FRONT, preference) is None


def test_only_trained_points_have_comparable_scores() -> None:
    assert preferred(FRONT[:1], "accuracy") is None


@pytest.mark.parametrize(
    ("preference", "name"), [("accuracy", "large"), ("cost", "small"), ("500flops", "small")]
)
def test_without_binary_tasks_r2_decides(preference: str, name: str) -> None:
    small = replace(point("small", None, 100), loss=0.403)
    large = replace(point("large", None, 900), loss=0.4)
    chosen = preferred([small, large], preference)
    assert chosen is not None
    assert chosen.name == name
