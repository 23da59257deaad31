"""Calibration: predicted probabilities against observed frequencies, and a correction of the former.

Letters: R rows, T tasks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from automtl_core.dataset.schema import Task
from automtl_core.disk.value import Value

BINS = 10
"""Number of groups of rows."""
STEPS = 100
"""Maximum number of steps of Newton's method."""
RIDGE = 1e-12
"""Addition to the curvature, which may vanish, as for equal logits."""
SHORTEST = 1e-9
"""Part of a Newton step below which there is no gain left."""


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
    """Return groups of rows of about equal size, by rising prediction; none without rows.

    Args:
        labels: Labels of a binary task, NaN where unknown, [R].
        logits: Its logits, [R].

    """
    known = ~np.isnan(labels)
    predicted, observed = expit(logits[known].astype(np.float64)), labels[known].astype(np.float64)
    order = np.argsort(predicted, kind="stable")
    groups = np.array_split(order, min(BINS, len(order))) if len(order) else []
    return tuple(Bin(len(g), float(predicted[g].mean()), float(observed[g].mean())) for g in groups)


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: the mean absolute difference over rows (Naeini et al. 2015)."""
    rows = sum(one.rows for one in bins)
    return sum(one.rows * abs(one.predicted - one.observed) for one in bins) / rows


@dataclass(frozen=True)
class Platt(Value):
    """Platt scaling of a binary task: sigmoid(slope * logit + offset). The order of rows stays."""

    slope: float
    """Positive."""
    offset: float
    rows: int
    """Number of validation rows to which it was fitted."""
    before: float
    """Log loss on these rows without the scaling."""
    after: float
    """Log loss on these rows with it."""

    def undone(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Return the logits of the network for scaled logits."""
        unscaled: NDArray[Any] = (logits - self.offset) / self.slope
        return unscaled


def platt(labels: NDArray[np.float32], logits: NDArray[Any]) -> Platt | None:
    """Return the scaling with the least log loss; None if the best slope is not positive.

    Labels are smoothed by one row of each class, so that the minimum is finite (Platt 1999). The loss is
    convex in the two numbers; Newton's method finds the minimum (Lin, Lin and Weng 2007).

    Args:
        labels: Labels of the task, NaN where unknown, [R]; both classes occur.
        logits: Its logits, [R].

    """
    known = ~np.isnan(labels)
    y, x = labels[known].astype(np.float64), logits[known].astype(np.float64)
    positives = y.sum()
    targets = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (len(y) - positives + 2))
    inputs = np.stack([x, np.ones_like(x)])
    numbers = np.array([1.0, 0.0])
    loss = _log_loss(targets, numbers @ inputs)
    for _ in range(STEPS):
        p = expit(numbers @ inputs)
        gradient = inputs @ (p - targets) / len(y)
        curvature = (inputs * (p * (1 - p))) @ inputs.T / len(y) + np.eye(2) * RIDGE
        step, length = np.linalg.solve(curvature, gradient), 1.0
        while length > SHORTEST and _log_loss(targets, (numbers - length * step) @ inputs) >= loss:
            length /= 2
        if length <= SHORTEST:
            break
        numbers = numbers - length * step
        loss = _log_loss(targets, numbers @ inputs)
    slope, offset = numbers.tolist()
    if not slope > 0:
        return None
    return Platt(slope, offset, len(y), _log_loss(y, x), _log_loss(y, numbers @ inputs))


def calibrated(scaling: Mapping[str, Platt], tasks: Sequence[Task], logits: NDArray[Any]) -> NDArray[Any]:
    """Return the logits [R, T] of tasks after the scaling of those that have one.

    They are in double precision then: in single precision, rounding would give different rows equal logits.
    """
    if not scaling:
        return logits
    found = logits.astype(np.float64)
    for place, task in enumerate(tasks):
        if one := scaling.get(task.name):
            found[:, place] = one.slope * found[:, place] + one.offset
    return found


def log_loss(labels: NDArray[np.float32], logits: NDArray[Any]) -> float:
    """Return the log loss of logits on the rows with known labels, [R] each."""
    known = ~np.isnan(labels)
    return _log_loss(labels[known].astype(np.float64), logits[known].astype(np.float64))


def _log_loss(targets: NDArray[np.float64], logits: NDArray[np.float64]) -> float:
    return float((np.logaddexp(0, logits) - targets * logits).mean())
