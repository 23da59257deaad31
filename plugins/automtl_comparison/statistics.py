"""Means with standard deviations, and paired differences with confidence intervals.

The mean difference of two models over cells (seeds and splits) has two sources of variance: the draw of test
rows, which a bootstrap estimates (`Noise`), and the draw of seeds and splits, which the variance over cells
estimates. The two are added, after the contribution of rows is subtracted from the variance over cells.
Degrees of freedom are Satterthwaite's (1946), so that a few seeds do not count as many.

Letters: C cells, B resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from automtl_core.disk.documents import Value
from automtl_core.training import significance


@dataclass(frozen=True)
class Summary(Value):
    """Summary of values of several cells."""

    mean: float
    spread: float | None
    """Standard deviation over the cells; None for one cell."""


@dataclass(frozen=True)
class Noise(Value):
    """The contribution of test rows to the variance of differences."""

    error: float
    """Standard error of the mean over cells under other test rows and the same networks."""
    spread: float
    """Standard deviation over the cells due to test rows alone; 0 for one cell."""


@dataclass(frozen=True)
class Difference(Value):
    """The mean over cells of a model's score minus that of the reference."""

    mean: float
    low: float | None
    """Lower bound of the 95 % confidence interval; None where the variance is unknown."""
    high: float | None
    p: float | None
    """Two-sided p value; None where the variance is unknown."""
    adjusted_p: float | None = None
    """The p value after Holm's correction for the number of models."""
    cells: int = 0
    """Number of pairs of trainings. With one pair, interval and p value are over test rows alone, and not
    over trainings: another seed may reverse a significant difference."""


def summary(values: Sequence[float]) -> Summary:
    """Return the mean and standard deviation of at least one value."""
    return Summary(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)


def noise(differences: Sequence[NDArray[np.float64]]) -> Noise | None:
    """Return the contribution of rows, from the differences of C cells on B resamples of the rows, C x [B].

    Where cells have different numbers of resamples, the first ones are used. Resamples with an undefined
    score, NaN, are left out; the result is None where fewer than two remain.
    """
    together = np.stack([of_cell[: min(map(len, differences))] for of_cell in differences])
    known = together[:, np.isfinite(together).all(axis=0)]
    if known.shape[1] < 2:
        return None
    error = float(known.mean(axis=0).std(ddof=1))
    if len(known) < 2:
        return Noise(error, 0.0)
    apart = known - known.mean(axis=1, keepdims=True)
    return Noise(error, float(apart.var(axis=0, ddof=1).mean() ** 0.5))


def paired(values: Sequence[float], reference: Sequence[float], rows: Noise | None) -> Difference:
    """Return the mean difference of paired values, at least one pair.

    Args:
        values: Values of a model, by cell.
        reference: Values of the reference, by cell.
        rows: Contribution of test rows; None where it is unknown.

    """
    differences = np.subtract(values, reference)
    mean, cells = float(differences.mean()), len(differences)
    if rows is None:
        return Difference(mean, None, None, None, cells=cells)
    spread = float(differences.var(ddof=1)) if cells > 1 else 0.0
    variance = rows.error**2 + max(0.0, spread - rows.spread**2) / cells
    if variance == 0:  # the model is identical to the reference
        return Difference(mean, mean, mean, 1.0 if mean == 0 else 0.0, cells=cells)
    freedom = max(cells - 1, (cells - 1) * (variance * cells / spread) ** 2) if spread else np.inf
    half = -float(stdtrit(freedom, (1 - 0.95) / 2)) * variance**0.5
    p = 2 * float(stdtr(freedom, -abs(mean) / variance**0.5))
    return Difference(mean, mean - half, mean + half, max(significance.SMALLEST, p), cells=cells)


def holm(differences: Mapping[str, Difference]) -> dict[str, Difference]:
    """Return the differences with p values adjusted for their number (Holm 1979)."""
    adjusted = significance.holm({name: d.p for name, d in differences.items() if d.p is not None})
    return {name: replace(d, adjusted_p=adjusted.get(name)) for name, d in differences.items()}
