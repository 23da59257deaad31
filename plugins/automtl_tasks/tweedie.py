"""Amounts of which many are 0. Letters: B batch, T tasks, R rows."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from automtl_core.plugin import Array, Floats, Groups, Measure, Measured, TaskKind
from automtl_tasks import log_link

if TYPE_CHECKING:
    from torch import Tensor


class Tweedie(TaskKind):
    """Amounts from 0, many of them 0: Tweedie deviance of variance power 1.5, log link.

    A label is the sum of a Poisson number of gamma amounts, and its variance is proportional to the mean to
    the power of 1.5 (Jorgensen, "Exponential dispersion models", JRSS B 1987; of boosted trees: Zhou, Qian
    and Yang, "Tweedie gradient boosting for extremely unbalanced zero-inflated data", Communications in
    Statistics 2022). LightGBM has the same power by default.
    """

    measures = (Measure("deviance", "Tweedie deviance", ".5g", -1), log_link.SHARE, *log_link.ERRORS)
    evidence = "d2"
    meaning = "expected value of {}"
    low = 0
    variance_factor = 0.5
    boosting = "tweedie"

    def row_losses(self, logits: "Tensor", labels: "Tensor") -> "Tensor":
        """Return 4 (sqrt(y) - sqrt(m))^2 / sqrt(m) for labels y and means m, [B, T]."""
        half = logits / 2
        return 4 * (labels * log_link.exp(-half) - 2 * labels.sqrt() + log_link.exp(half))

    def link(self, logits: "Tensor") -> "Tensor":
        """Return means."""
        return log_link.linked(logits)

    def expected(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return the mean and its power of 1.5."""
        means = log_link.means_of(logits)
        return means, means**1.5

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
    """Return 4 (sqrt(y) - sqrt(m))^2 / sqrt(m) of each row, [R] twice -> [R]."""
    root = np.sqrt(means)
    found: Floats = 4 * (np.sqrt(labels) - root) ** 2 / root
    return found
