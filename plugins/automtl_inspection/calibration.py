"""Calibration: predicted probabilities against observed frequencies. Letters: R rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from automtl_core.system.documents import Value


@dataclass(frozen=True)
class Bin(Value):
    """Rows with similar predictions."""

    rows: int
    predicted: float
    """Mean predicted probability."""
    observed: float
    """Share of positive rows."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the observed share (Wilson 1927)."""
        # By hand, as scipy.stats takes more than a second to import.
        z, n, p = float(ndtri(0.975)), self.rows, round(self.observed * self.rows) / self.rows
        middle, scale = p + z * z / (2 * n), 1 + z * z / n
        half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def calibration(labels: NDArray[np.float32], logits: NDArray[Any]) -> tuple[Bin, ...]:
    """Return ten groups of rows of about equal size, by rising prediction; none without rows.

    Args:
        labels: Labels of a binary task, NaN where unknown, [R].
        logits: Its logits, [R].

    """
    known = ~np.isnan(labels)
    predicted, observed = expit(logits[known].astype(np.float64)), labels[known].astype(np.float64)
    order = np.argsort(predicted, kind="stable")
    groups = np.array_split(order, min(10, len(order))) if len(order) else []
    return tuple(Bin(len(g), float(predicted[g].mean()), float(observed[g].mean())) for g in groups)


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: the mean absolute difference over rows (Naeini et al. 2015)."""
    rows = sum(one.rows for one in bins)
    return sum(one.rows * abs(one.predicted - one.observed) for one in bins) / rows
