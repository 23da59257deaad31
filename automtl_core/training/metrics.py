"""Metrics of tasks, vectorised, over the rows with a label. Letters: R rows, T tasks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automtl_core.dataset.schema import Task, TaskKind

Array = NDArray[Any]

NO_LABEL = "no row has a label"


class Metric(NamedTuple):
    """A metric of a task."""

    key: str
    """Name in JSON."""
    title: str
    """Name in tables."""
    form: str
    """Format of printed values, `z` turns -0 into 0. Metrics in units of a label may be large or small."""
    sign: int
    """1 if higher is better, -1 if lower is better."""


METRICS: Mapping[TaskKind, Sequence[Metric]] = {
    "binary": (Metric("auc", "AUC", "z.4f", 1), Metric("log_loss", "log loss", "z.4f", -1)),
    "regression": (
        Metric("rmse", "RMSE", ".5g", -1),
        Metric("mae", "MAE", ".5g", -1),
        Metric("r2", "R2", "z.4f", 1),
    ),
}
"""The first metric of each kind of task is its score, by which models are compared."""


@dataclass(frozen=True)
class BinaryMetrics:
    """Metrics of a binary task; None where a metric is undefined."""

    measure: ClassVar[Metric] = METRICS["binary"][0]

    auc: float | None
    """Area under the ROC curve."""
    log_loss: float | None
    """Mean binary cross-entropy, in nats."""
    positives: int
    rows: int
    """Rows with the label."""
    reason: str | None = None
    """Reason why a metric is undefined."""

    @property
    def score(self) -> float | None:
        """The value of `measure`, by which models are selected."""
        return self.auc

    @property
    def loss(self) -> float | None:
        """Fallback where no task has a score; lower is better."""
        return self.log_loss

    def is_informative(self, least: int) -> bool:
        """Return whether there are at least `least` rows of either class."""
        return min(self.positives, self.rows - self.positives) >= least

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)


@dataclass(frozen=True)
class RegressionMetrics:
    """Metrics of a regression, in units of the label; None where a metric is undefined."""

    measure: ClassVar[Metric] = METRICS["regression"][0]

    rmse: float | None
    """Root of the mean squared error."""
    mae: float | None
    """Mean absolute error."""
    r2: float | None
    """Share of the variance of the labels that is explained: 1 - squared errors / squared deviations."""
    rows: int
    """Rows with the label."""
    reason: str | None = None
    """Reason why a metric is undefined."""

    @property
    def score(self) -> float | None:
        """The value of `measure`, by which models are selected."""
        return self.rmse

    @property
    def loss(self) -> float | None:
        """Fallback where no task has a score; lower is better."""
        return self.rmse

    def is_informative(self, least: int) -> bool:
        """Return whether there are at least `least` rows."""
        return self.rows >= least

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)


TaskMetrics = BinaryMetrics | RegressionMetrics
Metrics = Mapping[str, TaskMetrics]
"""Task -> metrics."""


def metrics_from_json(values: Mapping[str, Mapping[str, Any]]) -> Metrics:
    """Return the metrics from the `to_json` of each task."""
    return {
        task: RegressionMetrics(**value) if "rmse" in value else BinaryMetrics(**value)
        for task, value in values.items()
    }


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
    less, not_more = (np.searchsorted(ordered, scores, side) for side in ("left", "right"))
    shares: NDArray[np.float64] = (less + not_more) / (2 * len(ordered))
    return shares


def log_loss(labels: Array, logits: Array) -> float:
    """Return the mean binary cross-entropy of logits [R], computed without overflow."""
    return float(np.mean(np.logaddexp(0.0, logits) - labels * logits))


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
    errors = predictions - labels
    squared = float(np.mean(errors**2))
    rmse, mae = deviation * squared**0.5, deviation * float(np.mean(np.abs(errors)))
    if np.ptp(labels) == 0:
        return RegressionMetrics(rmse, mae, None, rows, f"all {rows} labels are equal")
    return RegressionMetrics(rmse, mae, 1 - squared / float(np.var(labels)), rows)


def task_metrics(task: Task, labels: Array, predictions: Array) -> TaskMetrics:
    """Return the metrics of one task over the rows with a label, both arguments [R]."""
    known = ~np.isnan(labels)
    labels, predictions = labels[known].astype(np.float64), predictions[known]
    if task.kind == "regression":
        return regression_metrics(labels, predictions, task.deviation)
    return binary_metrics(labels, predictions)


def metrics_of(tasks: Sequence[Task], labels: Array, predictions: Array) -> dict[str, TaskMetrics]:
    """Return the metrics of every task, labels and predictions [R, T]."""
    return {task.name: task_metrics(task, labels[:, t], predictions[:, t]) for t, task in enumerate(tasks)}


def relative_change(now: Metrics, best: Metrics, min_positives: int, monitor: Collection[str] = ()) -> float:
    """Return the mean over tasks of (AUC - best AUC) / best AUC (AutoMTL, section 4.1).

    A regression task has its RMSE in place of the AUC, and a relative decrease counts as positive.

    The tasks in `monitor` count; without these, the tasks with at least `min_positives` rows of either class
    (of any, for a regression); without these, all tasks with a score. Without a score the mean log loss
    decides; without any label there is no change.
    """
    scores = {task: c for task in now if (c := _relative(now[task].score, best[task].score)) is not None}
    if scores:
        monitored = [task for task in scores if task in monitor]
        informative = [task for task in scores if now[task].is_informative(min_positives)]
        counting = monitored or informative or scores
        return float(np.mean([now[task].measure.sign * scores[task] for task in counting]))
    losses = [c for task in now if (c := _relative(now[task].loss, best[task].loss)) is not None]
    return -float(np.mean(losses)) if losses else 0.0


def mean_over_tasks(values: Mapping[str, float | None], metrics: Metrics, least: int) -> float | None:
    """Return the mean of a metric over the binary tasks with enough rows, which tables call "mean".

    Errors in the units of different labels have no mean.

    Args:
        values: Metric by task.
        metrics: Metrics by task, with the number of rows of either class.
        least: Rows of either class that a task needs.

    Returns:
        None if no task counts, or one that counts has no value.

    """
    counting = [
        task for task, m in metrics.items() if isinstance(m, BinaryMetrics) and m.is_informative(least)
    ]
    known = [value for task in counting if (value := values.get(task)) is not None]
    return sum(known) / len(known) if known and len(known) == len(counting) else None


def too_few(task: str, positives: int | None, rows: int) -> str:
    """Return the note on a task with a star: too few test rows for a reliable metric.

    Args:
        task: Name of the task.
        positives: Number of positive rows; None for a regression.
        rows: Test rows with the label.

    """
    if positives is None:
        return f"* {task}: {rows:,} test rows have the label, too few to be reliable"
    few = f"{positives:,} of {rows:,} test rows are positive, too few of one class to be reliable"
    return f"* {task}: {few}; not in the mean"


def _relative(now: float | None, best: float | None) -> float | None:
    """Return (now - best) / best, the plain difference where best is 0; None where one is undefined."""
    return None if now is None or best is None else (now - best) / (best or 1.0)
