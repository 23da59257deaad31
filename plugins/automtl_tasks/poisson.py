"""Counts, rates and amounts. Letters: B batch, T tasks, R rows."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import xlogy

from automtl_core.plugin import Array, Floats, Groups, Measure, Measured, TaskKind

if TYPE_CHECKING:
    from torch import Tensor

LIMIT = 40.0
"""Logits of predictions are clamped to -40 and 40: means from 4e-18 to 2e17, whose squares float32 holds."""


class Poisson(TaskKind):
    """Counts, rates and amounts from 0: Poisson deviance, log link.

    The deviance of a row is twice the log-likelihood that its label loses against a mean that equals it
    (McCullagh and Nelder, "Generalized Linear Models", 1989, sections 2.3 and 6.2). Its expectation is least
    for the true mean, whatever the distribution of labels. D2 is the share of it that is explained, as R2 is
    that of the variance.
    """

    measures = (
        Measure("deviance", "Poisson deviance", ".5g", -1, in_units=True),
        Measure("d2", "D2", "z.4f", 1),
        Measure("rmse", "RMSE", ".5g", -1, in_units=True),
        Measure("mae", "MAE", ".5g", -1, in_units=True),
    )
    evidence = "d2"
    meaning = "expected value of {}"
    low, scaled = 0, True
    variance_factor = 0.5
    boosting = "poisson"

    def row_losses(self, logits: "Tensor", labels: "Tensor") -> "Tensor":
        """Return the deviance of each row, [B, T].

        Above the limit of logits, the mean continues as its tangent: the loss neither overflows nor loses its
        gradient.
        """
        from torch import xlogy

        within = logits.clamp(max=LIMIT)
        means = within.exp() * (1 + logits - within)
        return 2 * (xlogy(labels, labels) - labels * (1 + logits) + means)

    def link(self, logits: "Tensor") -> "Tensor":
        """Return means."""
        return logits.clamp(-LIMIT, LIMIT).exp()

    def expected(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return the mean, which is the variance too."""
        return _means(logits), _means(logits)

    def logits_of(self, means: Floats) -> Floats:
        """Return logarithms; a mean of 0 has the smallest logit of a prediction."""
        logits: Floats = np.log(np.maximum(means, np.exp(-LIMIT)))
        return logits

    def metrics(self, labels: Array, logits: Array, groups: Groups) -> Measured:
        """Return mean deviance, D2, RMSE and MAE."""
        labels = labels.astype(np.float64)
        deviance, errors = float(deviances(labels, logits).mean()), _means(logits) - labels
        varied = bool(np.ptp(labels) > 0)
        values = {
            "deviance": deviance,
            "d2": 1 - deviance / _of_constant(labels) if varied else None,
            "rmse": float(np.mean(errors**2)) ** 0.5,
            "mae": float(np.mean(np.abs(errors))),
        }
        return Measured(values, None if varied else f"all {len(labels)} labels are equal")

    def losses_by_row(self, labels: Floats, logits: Floats, groups: Groups) -> Floats:
        """Return the deviances, divided by the mean one of the mean label."""
        return deviances(labels, logits) / _of_constant(labels)

    def score_by_row(self, labels: Floats, logits: Floats, groups: Groups) -> Floats:
        """Return the deviances."""
        return deviances(labels, logits)


def deviances(labels: Floats, logits: Array) -> Floats:
    """Return 2 (y log(y / m) - y + m) of each row with label y and mean m, [R] twice -> [R]."""
    means = _means(logits)
    found: Floats = 2 * (xlogy(labels, labels / means) - labels + means)
    return found


def _means(logits: Array) -> Floats:
    means: Floats = np.exp(np.clip(logits.astype(np.float64), -LIMIT, LIMIT))
    return means


def _of_constant(labels: Floats) -> float:
    """Return the mean deviance of the mean label, the best constant."""
    return float(deviances(labels, np.full(len(labels), np.log(labels.mean()))).mean())
