"""Significance of differences: when an effect is a finding, and the correction for the number of effects."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)

SIGNIFICANCE = 0.01
"""Limit of p values, after correction, of what a search reports as a finding: the probability that it reports
any, if there is no effect at all."""
SMALLEST = 1e-300
"""Smallest p value that is recorded; smaller ones are as significant, and not every program can read them."""
NORMAL = 1.96
"""Half of a 95 % interval, in standard errors."""


def holm(p: Mapping[Name, float], comparisons: int | None = None) -> dict[Name, float]:
    """Return p values after the correction of Holm (1979), in the order of `p`.

    Args:
        p: P values.
        comparisons: Number of all comparisons, if some have no p value; these count as the largest ones.

    """
    count, largest, adjusted = comparisons or len(p), 0.0, dict[Name, float]()
    for rank, name in enumerate(sorted(p, key=lambda name: p[name])):
        adjusted[name] = largest = max(largest, min(1.0, (count - rank) * p[name]))
    return {name: adjusted[name] for name in p}
