"""Means with spreads, and paired differences with confidence intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """Values of several seeds."""

    mean: float
    spread: float | None
    """Standard deviation over seeds; None for one seed."""


@dataclass(frozen=True)
class Difference:
    """A model minus the reference, seed by seed."""

    mean: float
    low: float | None
    """Lower bound of the 95 % confidence interval of Student's t; None for one seed."""
    high: float | None
    p: float | None
    """Two-sided p of the paired t test; None for one seed."""
    adjusted_p: float | None = None
    """The same after Holm's correction for the number of models."""

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)


def summary(values: Sequence[float]) -> Summary:
    """Return mean and spread of at least one value."""
    return Summary(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)


def paired(values: Sequence[float], reference: Sequence[float]) -> Difference:
    """Return the mean difference of values that belong together, at least one pair."""
    differences = np.subtract(values, reference)
    mean = float(differences.mean())
    if len(differences) < 2:
        return Difference(mean, None, None, None)
    if np.ptp(differences) == 0:  # where the t statistic is undefined
        return Difference(mean, mean, mean, 1.0 if mean == 0 else 0.0)
    test = stats.ttest_1samp(differences, 0.0)
    low, high = test.confidence_interval(CONFIDENCE)
    return Difference(mean, float(low), float(high), float(test.pvalue))


def holm(differences: Mapping[str, Difference]) -> dict[str, Difference]:
    """Return the differences with p values adjusted for their number (Holm 1979)."""
    known = {name: d.p for name, d in differences.items() if d.p is not None}
    adjusted, largest = dict(differences), 0.0
    for rank, name in enumerate(sorted(known, key=lambda name: known[name])):
        largest = max(largest, min(1.0, (len(known) - rank) * known[name]))
        adjusted[name] = replace(differences[name], adjusted_p=largest)
    return adjusted
