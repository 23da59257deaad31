"""Measuring of metrics from labels and predictions, vectorised. Letters: R rows, T tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.dataset.schema import Task
from automtl_core.training.metric import NO_LABEL, Array, Metric, metric_value
from automtl_core.training.metrics import BinaryMetrics, RegressionMetrics, TaskMetrics

CHUNK = 1 << 18
"""Number of rows that are computed together."""
NONE: Mapping[str, Metric] = {}
"""No registered metrics."""


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


def shortfall_by_row(labels: Array, scores: Array) -> NDArray[np.float64]:
    """Return the contribution of each row to 1 - AUC: their mean is 1 - AUC, their variance gives its error.

    A positive contributes the share of negatives above it, a negative the share of positives below it; the
    variance of the difference of two models is then that of the differences by row (DeLong, DeLong
    and Clarke-Pearson, "Comparing the areas under two or more correlated ROC curves", Biometrics 1988).

    Args:
        labels: [R], zeros and ones, at least one of each.
        scores: [R], finite; higher means more likely.

    """
    positive = labels > 0
    by_row = np.empty(len(labels))
    by_row[positive] = 1 - _share_below(scores[~positive], scores[positive])
    by_row[~positive] = _share_below(scores[positive], scores[~positive])
    mean = by_row[positive].mean()
    share = np.where(positive, positive.mean(), 1 - positive.mean())
    contributions: NDArray[np.float64] = mean + (by_row - mean) / share
    return contributions


def loss_by_row(task: Task, labels: Array, predictions: Array) -> NDArray[np.float64]:
    """Return the contribution of each row to 1 - AUC, or to 1 - R2 of a regression, [R].

    Args:
        task: The task.
        labels: [R], rows of both classes, or different numbers.
        predictions: [R], finite, on the scale of the labels of a regression.

    """
    if task.kind == "binary":
        return shortfall_by_row(labels, predictions)
    squared: NDArray[np.float64] = (labels - predictions) ** 2 / labels.var()
    return squared


def _share_below(those: Array, scores: Array) -> NDArray[np.float64]:
    """Return for each score the share of `those` below it, ties counting half."""
    ordered = np.sort(those)
    shares = np.empty(len(scores))
    for start in range(0, len(scores), CHUNK):
        some = scores[start : start + CHUNK]
        less, not_more = (np.searchsorted(ordered, some, side) for side in ("left", "right"))
        shares[start : start + CHUNK] = (less + not_more) / (2 * len(ordered))
    return shares


def log_loss(labels: Array, logits: Array) -> float:
    """Return the mean binary cross-entropy of logits over the rows with a label, computed without overflow.

    Args:
        labels: [R], zeros and ones, NaN where unknown; one at least is known.
        logits: [R].

    """
    total, rows = 0.0, 0
    for start in range(0, len(labels), CHUNK):
        known = ~np.isnan(labels[start : start + CHUNK])
        y, x = (each[start : start + CHUNK][known].astype(np.float64) for each in (labels, logits))
        total += float(np.sum(np.logaddexp(0.0, x) - y * x))
        rows += len(y)
    return total / rows


def binary_metrics(labels: Array, logits: Array) -> BinaryMetrics:
    """Return the metrics of a binary task, labels and logits [R]."""
    positives, rows = int(np.count_nonzero(labels)), len(labels)
    if not rows:
        return BinaryMetrics(None, None, 0, 0, NO_LABEL)
    area = auc(labels, logits)
    reason = None if area is not None else f"all {rows} rows are {'positive' if positives else 'negative'}"
    return BinaryMetrics(area, log_loss(labels, logits), positives, rows, reason)


def regression_metrics(labels: Array, predictions: Array, deviation: float) -> RegressionMetrics:
    """Return the metrics of a regression task.

    Args:
        labels: [R], standardised.
        predictions: [R], on the same scale.
        deviation: Standard deviation of the label, in its units.

    """
    rows = len(labels)
    if not rows:
        return RegressionMetrics(None, None, None, 0, NO_LABEL)
    labels = labels.astype(np.float64)
    errors = predictions.astype(np.float64) - labels
    squared = float(np.mean(errors**2))
    rmse, mae = deviation * squared**0.5, deviation * float(np.mean(np.abs(errors)))
    if np.ptp(labels) == 0:
        return RegressionMetrics(rmse, mae, None, rows, f"all {rows} labels are equal")
    return RegressionMetrics(rmse, mae, 1 - squared / float(np.var(labels)), rows)


def task_metrics(
    task: Task,
    labels: Array,
    predictions: Array,
    users: Array | None = None,
    registered: Mapping[str, Metric] = NONE,
) -> TaskMetrics:
    """Return the metrics of one task over the rows with a label; the arrays are [R], see `metrics_of`."""
    known = ~np.isnan(labels)
    if not known.all():
        labels, predictions = labels[known], predictions[known]
        users = None if users is None else users[known]
    found = (
        regression_metrics(labels, predictions, task.deviation)
        if task.kind == "regression"
        else binary_metrics(labels, predictions)
    )
    others = {
        name: metric_value(metric, task, labels, predictions, users)
        for name, metric in registered.items()
        if metric.kind == task.kind and not (metric.needs_users and users is None)
    }
    return replace(found, others=others)


def metrics_of(
    tasks: Sequence[Task],
    labels: Array,
    predictions: Array,
    users: Array | None = None,
    registered: Mapping[str, Metric] = NONE,
) -> dict[str, TaskMetrics]:
    """Return the metrics of every task.

    Args:
        tasks: T tasks.
        labels: [R, T], NaN where a row lacks the label; of a regression standardised.
        predictions: Logits, of a regression standardised, [R, T], in single or double precision.
        users: Number of the user of each row, 0 for none, [R]; None for data without a user field.
        registered: Further metrics by name.

    """
    return {
        task.name: task_metrics(task, labels[:, t], predictions[:, t], users, registered)
        for t, task in enumerate(tasks)
    }


def freedom_of(task: Task, labels: NDArray[Any]) -> int:
    """Return the degrees of freedom of the error of a score: the rows of the rarer class, less one.

    For a regression: all rows, less one. 0 where the score or its error is undefined.
    """
    known = labels[~np.isnan(labels)]
    if task.kind == "regression":
        return max(len(known) - 1, 0) if len(known) and np.ptp(known) > 0 else 0
    positives = int(np.count_nonzero(known))
    return max(min(positives, len(known) - positives) - 1, 0)
