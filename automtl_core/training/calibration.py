"""Platt scaling: a correction of predicted probabilities, fitted to validation rows.

Letters: R rows, T tasks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from automtl_core.dataset.schema import Task
from automtl_core.system.documents import Value
from automtl_core.tasks.builtin import CHUNK, log_loss

Numbers = NDArray[np.float64]


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
    labels, logits = labels[known], logits[known]
    rows, positives = len(labels), int(np.count_nonzero(labels))
    of_negative, of_positive = 1 / (rows - positives + 2), (positives + 1) / (positives + 2)

    def at(numbers: Numbers) -> tuple[float, Numbers, Numbers]:
        """Return the loss, its gradient and its curvature. Rows in chunks take little memory."""
        loss, gradient, curvature = 0.0, np.zeros(2), np.zeros((2, 2))
        for start in range(0, rows, CHUNK):
            x = logits[start : start + CHUNK].astype(np.float64)
            targets = np.where(labels[start : start + CHUNK] == 1, of_positive, of_negative)
            inputs = np.stack([x, np.ones_like(x)])
            scaled = numbers @ inputs
            p = expit(scaled)
            loss += float((np.logaddexp(0, scaled) - targets * scaled).sum())
            gradient += inputs @ (p - targets)
            curvature += (inputs * (p * (1 - p))) @ inputs.T
        return loss / rows, gradient / rows, curvature / rows + np.eye(2) * 1e-12  # equal logits have none

    numbers = np.array([1.0, 0.0])
    here = at(numbers)
    for _ in range(100):
        loss, gradient, curvature = here
        step, length = np.linalg.solve(curvature, gradient), 1.0
        if gradient @ step < 1e-12:  # rounding of the loss may hide this gain: such a step is the last
            numbers = numbers - step
            break
        while length > 1e-9 and (there := at(numbers - length * step))[0] >= loss:
            length /= 2
        if length <= 1e-9:  # no gain is left
            break
        numbers, here = numbers - length * step, there
    slope, offset = numbers.tolist()
    if not slope > 0:
        return None
    scaled = slope * logits.astype(np.float64) + offset
    return Platt(slope, offset, rows, log_loss(labels, logits), log_loss(labels, scaled))


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
