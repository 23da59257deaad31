"""Means with spreads, and paired differences with confidence intervals.

The mean difference of two models over cells (seeds and splits) varies for two reasons: other test rows,
which a bootstrap tells (`Noise`), and other seeds and splits, which the spread over the cells tells. Their
variances add up, once what rows contribute to the spread is taken off. Degrees of freedom are Satterthwaite's
(1946), so that a few seeds are not taken for many.

Letters: C cells, B resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """Values of several cells."""

    mean: float
    spread: float | None
    """Standard deviation over them; None for one."""


@dataclass(frozen=True)
class Noise:
    """What test rows contribute to how differences vary."""

    error: float
    """Standard error of the mean over the cells, were other rows drawn and networks the same."""
    spread: float
    """Standard deviation over the cells for this reason alone; 0 for one cell."""


@dataclass(frozen=True)
class Difference:
    """A model minus the reference, cell by cell."""

    mean: float
    low: float | None
    """Lower bound of the 95 % confidence interval; None where nothing is known of chance."""
    high: float | None
    p: float | None
    """Two-sided p; None where nothing is known of chance."""
    adjusted_p: float | None = None
    """The same after Holm's correction for the number of models."""


def summary(values: Sequence[float]) -> Summary:
    """Return mean and spread of at least one value."""
    return Summary(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)


def noise(differences: Sequence[NDArray[np.float64]]) -> Noise | None:
    """Return what rows contribute, given the differences of C cells on B resamples of the rows, C x [B].

    Of cells that have more resamples than others, the first ones count. Resamples on which a score is
    undefined, NaN, are left out; None where that leaves fewer than two.
    """
    together = np.stack([each[: min(map(len, differences))] for each in differences])
    known = together[:, np.isfinite(together).all(axis=0)]
    if known.shape[1] < 2:
        return None
    error = float(known.mean(axis=0).std(ddof=1))
    if len(known) < 2:
        return Noise(error, 0.0)
    apart = known - known.mean(axis=1, keepdims=True)
    return Noise(error, float(apart.var(axis=0, ddof=1).mean() ** 0.5))


def paired(values: Sequence[float], reference: Sequence[float], rows: Noise | None) -> Difference:
    """Return the mean difference of values that belong together, at least one pair.

    Args:
        values: Of a model, by cell.
        reference: Of the model that it is compared with.
        rows: What test rows contribute; None where it is unknown.

    """
    differences = np.subtract(values, reference)
    mean, cells = float(differences.mean()), len(differences)
    if rows is None:
        return Difference(mean, None, None, None)
    spread = float(differences.var(ddof=1)) if cells > 1 else 0.0
    variance = rows.error**2 + max(0.0, spread - rows.spread**2) / cells
    if variance == 0:  # as for a model that is the reference
        return Difference(mean, mean, mean, 1.0 if mean == 0 else 0.0)
    freedom = max(cells - 1, (cells - 1) * (variance * cells / spread) ** 2) if spread else np.inf
    half = float(stats.t.isf((1 - CONFIDENCE) / 2, freedom)) * variance**0.5
    p = float(2 * stats.t.sf(abs(mean) / variance**0.5, freedom))
    return Difference(mean, mean - half, mean + half, p)


def holm(differences: Mapping[str, Difference]) -> dict[str, Difference]:
    """Return the differences with p values adjusted for their number (Holm 1979)."""
    known = {name: d.p for name, d in differences.items() if d.p is not None}
    adjusted, largest = dict(differences), 0.0
    for rank, name in enumerate(sorted(known, key=lambda name: known[name])):
        largest = max(largest, min(1.0, (len(known) - rank) * known[name]))
        adjusted[name] = replace(differences[name], adjusted_p=largest)
    return adjusted
