"""Metrics of binary tasks, vectorised. Letters: R rows, T tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class TaskMetrics:
    """How well one task is predicted on R rows."""

    auc: float | None
    """Area under the ROC curve, or None where it is undefined."""
    log_loss: float
    """Mean binary cross-entropy, in nats."""
    positives: int
    rows: int
    reason: str | None = None
    """Why the AUC is undefined."""

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)


Metrics = Mapping[str, TaskMetrics]
"""Task -> metrics."""


def metrics_from_json(values: Mapping[str, Mapping[str, Any]]) -> Metrics:
    """Return the metrics whose `to_json` of each task is given."""
    return {task: TaskMetrics(**value) for task, value in values.items()}


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
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2
    rank_sum = float(mean_rank[place][labels > 0].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def log_loss(labels: Array, logits: Array) -> float:
    """Return the mean binary cross-entropy of logits [R], computed without overflow."""
    return float(np.mean(np.logaddexp(0.0, logits) - labels * logits))


def task_metrics(labels: Array, logits: Array) -> TaskMetrics:
    """Return the metrics of one task, labels and logits [R]."""
    positives = int(np.count_nonzero(labels))
    area = auc(labels, logits)
    reason = (
        None if area is not None else f"all {len(labels)} rows are {'positive' if positives else 'negative'}"
    )
    return TaskMetrics(area, log_loss(labels, logits), positives, len(labels), reason)


def metrics_of(tasks: Sequence[str], labels: Array, logits: Array) -> dict[str, TaskMetrics]:
    """Return the metrics of every task, labels and logits [R, T]."""
    return {task: task_metrics(labels[:, t], logits[:, t]) for t, task in enumerate(tasks)}


def relative_change(now: Metrics, best: Metrics, min_positives: int) -> float:
    """Return the mean over tasks of (AUC - best AUC) / best AUC (AutoMTL, section 4.1).

    Tasks with an undefined AUC, or fewer than `min_positives` rows of either class, do not count, unless
    that leaves none: then every defined task counts. Without a defined task the mean log loss decides.
    """
    defined = [task for task in now if now[task].auc is not None and best[task].auc is not None]
    telling = [t for t in defined if min(now[t].positives, now[t].rows - now[t].positives) >= min_positives]
    if not defined:
        return float(np.mean([(best[t].log_loss - now[t].log_loss) / best[t].log_loss for t in now]))
    return float(np.mean([(now[t].auc or 0.0) / (best[t].auc or 1.0) - 1.0 for t in telling or defined]))
