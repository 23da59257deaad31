"""Regressions: standardised numbers. Letters: R rows, b resamples."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from automtl_core.tasks.kind import Array, ByCounts, Floats, Groups, Measure, Measured, TaskKind

if TYPE_CHECKING:
    from torch import Tensor


class Regression(TaskKind):
    """Labels that are numbers: squared error, RMSE."""

    measures = (
        Measure("rmse", "RMSE", ".5g", -1, in_units=True),
        Measure("mae", "MAE", ".5g", -1, in_units=True),
        Measure("r2", "R2", "z.4f", 1),
    )
    evidence = "r2"
    meaning = "expected value of {}"
    standardised = True
    variance_factor = 0.5
    boosting, boosting_metric = "regression", "l2"

    def row_losses(self, logits: "Tensor", labels: "Tensor") -> "Tensor":
        """Return the squared error to the standardised label."""
        return (logits - labels).square()

    def constant(self, labels: Array) -> float:
        """Return the mean of standardised labels in the training rows."""
        return 0.0

    def metrics(self, labels: Array, logits: Array, groups: Groups) -> Measured:
        """Return RMSE, MAE and R2: 1 - squared errors / squared deviations from the mean."""
        labels = labels.astype(np.float64)
        errors = logits.astype(np.float64) - labels
        squared = float(np.mean(errors**2))
        varied = np.ptp(labels) > 0
        share = 1 - squared / float(np.var(labels)) if varied else None
        reason = None if varied else f"all {len(labels)} labels are equal"
        return Measured({"rmse": squared**0.5, "mae": float(np.mean(np.abs(errors))), "r2": share}, reason)

    def losses_by_row(self, labels: Floats, logits: Floats, groups: Groups) -> Floats:
        """Return the squared errors, divided by the variance of the labels."""
        squared: Floats = (labels - logits) ** 2 / labels.var()
        return squared

    def resampled(self, labels: Array, logits: Floats, groups: Groups) -> ByCounts:
        """Return the function from counts to RMSE."""
        squared = (logits - labels) ** 2

        def scores(counts: NDArray[np.int32]) -> Floats:
            with np.errstate(invalid="ignore"):
                return np.asarray(np.sqrt(counts @ squared / counts.sum(axis=1)))

        return scores
