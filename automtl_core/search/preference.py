"""The choice of a point of a Pareto front by a preference, without a new search."""

import re
from collections.abc import Callable, Mapping, Sequence

from automtl_core.search.evidence import Point

CONCESSIONS: Mapping[str, float] = {"accuracy": 0.0, "balanced": 0.001, "cost": 0.005}
"""Preference -> mean validation AUC by which a cheaper point may be behind the best one; mean R2 without
binary tasks. Practice in recommendation counts .001 as a gain."""
BOUND = re.compile(r"(\d+)flops|(\d+(?:\.\d+)?)ms")
"""Name of the most accurate point with at most as many FLOPs per row, `200000flops`, or milliseconds for a
prediction of 1,000 rows, `2.5ms`."""


def preferred(
    points: Sequence[Point], preference: str, milliseconds: Callable[[Point], float]
) -> Point | None:
    """Return the trained point that a preference chooses, or None.

    Args:
        points: A Pareto front. Points with inherited weights have no comparable score.
        preference: `accuracy`, `balanced` or `cost`: the cheapest point whose score is not further below the
            best one than `CONCESSIONS`; or a bound, see `BOUND`.
        milliseconds: Returns the time of a prediction of the network of a point; used for a bound on it.

    Returns:
        None if the preference is unknown, or no trained point fits.

    """
    trained = [point for point in points if point.trained]
    if bound := BOUND.fullmatch(preference):
        flops, most = bound.groups()
        fitting = [
            point
            for point in trained
            if (point.flops_per_row <= int(flops) if flops else milliseconds(point) <= float(most))
        ]
        return max(fitting, key=lambda point: (_score(point), -point.flops_per_row), default=None)
    if preference not in CONCESSIONS or not trained:
        return None
    least = max(map(_score, trained)) - CONCESSIONS[preference]
    close = [point for point in trained if _score(point) >= least]
    return min(close, key=lambda point: (point.flops_per_row, -_score(point)))


def _score(point: Point) -> float:
    """Return the mean validation AUC, or the mean R2 of a run without binary tasks."""
    return 1 - point.loss if point.score is None else point.score
