"""Times of which some are only known to be longer. Letters: B batch, T tasks, R rows."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr

from automtl_core.plugin import Array, Floats, Groups, Measure, Measured, TaskKind
from automtl_tasks.concordance import pairs

if TYPE_CHECKING:
    from torch import Tensor

LIMIT = 40.0
"""Logits of predictions are clamped to -40 and 40: times from 4e-18 to 2e17."""
FAR = 30.0
"""Distance in log time, a factor of 1e13, from which the loss is linear, so that it does not overflow."""
LEAST = 1e-30
"""Shortest time. A label of 0 ranks below all others, and the loss ignores it."""


class Censored(TaskKind):
    """Times above 0, where a negative label -t means longer than t: normal distribution of the logarithm.

    The logit is the mean of the logarithm of the time, whose deviation is 1: an accelerated failure time
    model, the regression of Tobin ("Estimation of relationships for limited dependent variables",
    Econometrica 1958) in log time. The sign is that of XGBoost's objective `survival:cox`.
    """

    measures = (Measure("concordance", "C-index", "z.4f", 1), Measure("log_rmse", "RMSE of log", ".5g", -1))
    evidence = "concordance"
    meaning = "median of {}"
    scaled = True

    def row_losses(self, logits: "Tensor", labels: "Tensor") -> "Tensor":
        """Return the negative log-likelihood of each row up to a constant, [B, T]."""
        from torch import where
        from torch.special import log_ndtr

        z = labels.abs().clamp(min=LEAST).log() - logits
        near = z.clamp(-FAR, FAR)
        exact = near.square() / 2 + FAR * (z - near).abs()
        longer = FAR * (z - near).clamp(min=0) - log_ndtr(-near)
        return where(labels > 0, exact, longer) * (labels != 0)

    def link(self, logits: "Tensor") -> "Tensor":
        """Return medians."""
        return logits.clamp(-LIMIT, LIMIT).exp()

    def constant(self, labels: Array) -> float:
        """Return the logit of the highest likelihood."""
        logs, exact = _logs(labels), labels > 0

        def loss(logit: float) -> float:
            return float(np.where(exact, (logs - logit) ** 2 / 2, -log_ndtr(logit - logs)).sum())

        return float(minimize_scalar(loss, bounds=(logs.min(), logs.max() + 3), method="bounded").x)

    def metrics(self, labels: Array, logits: Array, groups: Groups) -> Measured:
        """Return the concordance index, and the root of the mean squared error of exact log times."""
        exact = labels > 0
        index = pairs(np.abs(labels), labels >= 0, logits).concordance
        errors = _logs(labels[exact]) - logits[exact]
        error = float(np.mean(errors**2)) ** 0.5 if len(errors) else None
        reason = None if error is not None else "no time above 0 is exact"
        reason = reason if index is not None else "no two rows have a known order"
        return Measured({"concordance": index, "log_rmse": error}, reason)

    def losses_by_row(self, labels: Floats, logits: Floats, groups: Groups) -> Floats:
        """Return the contributions to 1 - the concordance index."""
        return pairs(np.abs(labels), labels >= 0, logits).by_row()


def _logs(labels: Array) -> Floats:
    logs: Floats = np.log(np.maximum(np.abs(labels.astype(np.float64)), LEAST))
    return logs
