"""The built-in kinds of tasks: binary labels and numbers. Letter: R rows."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from automtl_core.tasks.kind import Array, Floats, Groups, Measure, Measured, TaskKind

if TYPE_CHECKING:
    from torch import Tensor


CHUNK = 1 << 18
"""Number of rows that are computed together."""


class Binary(TaskKind):
    """Labels 0 and 1: cross-entropy, sigmoid, AUC."""

    measures = (Measure("auc", "AUC", "z.4f", 1), Measure("log_loss", "log loss", "z.4f", -1))
    evidence = "auc"
    meaning = "probability that {} is 1"
    low, high, whole, probability = 0, 1, True, True
    boosting, boosting_metric = "binary", "auc"

    def row_losses(self, logits: "Tensor", labels: "Tensor") -> "Tensor":
        """Return the binary cross-entropy, in nats."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        return binary_cross_entropy_with_logits(logits, labels, reduction="none")

    def link(self, logits: "Tensor") -> "Tensor":
        """Return the sigmoid."""
        return logits.sigmoid()

    def predictions(self, logits: Floats) -> Floats:
        """Return the sigmoid."""
        return np.asarray(expit(logits))

    def expected(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return p and p (1 - p)."""
        p = expit(logits)
        return p, p * (1 - p)

    def logits_of(self, means: Floats) -> Floats:
        """Return log(p / (1 - p)), in place."""
        means /= 1 - means
        return np.log(means, out=means)

    def metrics(self, labels: Array, logits: Array, groups: Groups) -> Measured:
        """Return AUC and mean cross-entropy."""
        area, rows = auc(labels, logits), len(labels)
        side = "positive" if np.count_nonzero(labels) else "negative"
        reason = None if area is not None else f"all {rows} rows are {side}"
        return Measured({"auc": area, "log_loss": log_loss(labels, logits)}, reason)

    def losses_by_row(self, labels: Floats, logits: Floats, groups: Groups) -> Floats:
        """Return the contributions to 1 - AUC, see `shortfall_by_row`."""
        return shortfall_by_row(labels, logits)

    def interval(self, score: float, positives: int, rows: int) -> tuple[float, float] | None:
        """Return the interval of an AUC (Hanley and McNeil 1982, eq. 2)."""
        negatives = rows - positives
        one, two = score / (2 - score), 2 * score**2 / (1 + score)
        spread = score * (1 - score) + (positives - 1) * (one - score**2) + (negatives - 1) * (two - score**2)
        half = 1.96 * (max(spread, 0.0) / (positives * negatives)) ** 0.5
        return max(score - half, 0.0), min(score + half, 1.0)


def auc(labels: Array, scores: Array) -> float | None:
    """Return the probability that a positive scores above a negative, ties counting half; None for one class.

    Args:
        labels: [R], zeros and ones.
        scores: [R], finite; higher means more likely.

    """
    positives = int(np.count_nonzero(labels))
    negatives = len(labels) - positives
    if positives == 0 or negatives == 0:
        return None
    # Rows of the larger class are counted in chunks: sorting all rows takes several times their memory.
    few, many = (labels > 0, labels <= 0) if positives <= negatives else (labels <= 0, labels > 0)
    ordered, below = np.sort(scores[few]), 0
    for start in range(0, len(scores), CHUNK):
        others = np.sort(scores[start : start + CHUNK][many[start : start + CHUNK]])
        below += sum(int(np.searchsorted(ordered, others, side).sum()) for side in ("left", "right"))
    # Twice the number of pairs in which the row of the smaller class scores lower, ties counting half.
    pairs = positives * negatives
    return (below if positives > negatives else 2 * pairs - below) / 2 / pairs


def shortfall_by_row(labels: Array, scores: Array) -> Floats:
    """Return the contribution of each row to 1 - AUC: their mean is 1 - AUC, their variance gives its error.

    A positive contributes the share of negatives above it, a negative the share of positives below it; the
    variance of the difference of two models is then that of the differences by row (DeLong, DeLong
    and Clarke-Pearson, "Comparing the areas under two or more correlated ROC curves", Biometrics 1988).

    Args:
        labels: [R], zeros and ones, at least one of each.
        scores: [R], finite; higher means more likely.

    """
    positive = labels > 0
    _, place = np.unique(scores, return_inverse=True)
    counts = (np.bincount(place, one) for one in (positive, ~positive))
    # The share of positives and of negatives below each row, ties counting half.
    positives, negatives = (((of.cumsum() - of / 2) / of.sum())[place] for of in counts)
    by_row = np.where(positive, 1 - negatives, positives)
    mean = by_row[positive].mean()
    share = np.where(positive, positive.mean(), 1 - positive.mean())
    contributions: Floats = mean + (by_row - mean) / share
    return contributions


def log_loss(labels: Array, logits: Array) -> float:
    """Return the mean binary cross-entropy of logits over the rows with a label, computed without overflow.

    Args:
        labels: [R], zeros and ones, NaN where unknown; one at least is known.
        logits: [R].

    """
    total, rows = 0.0, 0
    for start in range(0, len(labels), CHUNK):
        known = ~np.isnan(labels[start : start + CHUNK])
        y, x = (column[start : start + CHUNK][known].astype(np.float64) for column in (labels, logits))
        total += float(np.sum(np.logaddexp(0.0, x) - y * x))
        rows += len(y)
    return total / rows


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

    def score_by_row(self, labels: Floats, logits: Floats, groups: Groups) -> Floats:
        """Return the values of RMSE."""
        squared = (labels - logits) ** 2
        root = squared.mean() ** 0.5
        return np.asarray((root + squared / (root or 1.0)) / 2)
