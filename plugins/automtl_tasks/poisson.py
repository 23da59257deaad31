"""Counts and rates. Letters: B batch, T tasks, R rows."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from automtl_core.plugin import Array, Floats, Groups, Measure, Measured, TaskKind
from automtl_tasks import log_link

if TYPE_CHECKING:
    from torch import Tensor


class Poisson(TaskKind):
    """Counts and rates from 0: Poisson deviance, log link (McCullagh and Nelder 1989, chapter 6)."""

    measures = (Measure("deviance", "Poisson deviance", ".5g", -1), log_link.SHARE, *log_link.ERRORS)
    evidence = "d2"
    meaning = "expected value of {}"
    low = 0
    variance_factor = 0.5
    boosting = "poisson"

    def row_losses(self, logits: "Tensor", labels: "Tensor") -> "Tensor":
        """Return 2 (y log(y / m) - y + m) for labels y and means m, [B, T]."""
        from torch import xlogy

        return 2 * (xlogy(labels, labels) - labels * (1 + logits) + log_link.exp(logits))

    def link(self, logits: "Tensor") -> "Tensor":
        """Return means."""
        return log_link.linked(logits)

    def expected(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return the mean, which is the variance too."""
        means = log_link.means_of(logits)
        return means, means.copy()

    def logits_of(self, means: Floats) -> Floats:
        """Return logarithms."""
        return log_link.logits_of(means)

    def metrics(self, labels: Array, logits: Array, groups: Groups) -> Measured:
        """Return mean deviance, D2, RMSE and MAE."""
        return log_link.measured(labels, logits, deviances)

    def losses_by_row(self, labels: Floats, logits: Floats, groups: Groups) -> Floats:
        """Return the deviances, divided by the mean one of the mean label."""
        return log_link.shares(labels, logits, deviances)

    def resampled(
        self, labels: Array, logits: Floats, groups: Groups
    ) -> Callable[[NDArray[np.int32]], Floats]:
        """Return the function from counts to the mean deviance."""
        return log_link.resampled(labels, logits, deviances)


def deviances(labels: Floats, means: Floats) -> Floats:
    """Return 2 (y log(y / m) - y + m) of each row, [R] twice -> [R]."""
    found: Floats = 2 * (xlogy(labels, labels / means) - labels + means)
    return found
