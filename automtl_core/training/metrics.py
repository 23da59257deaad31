"""Metrics of tasks as values: of one network, and in comparison with another one."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from automtl_core.dataset.schema import TaskKind
from automtl_core.training.metric import MetricValue
from automtl_core.training.significance import NORMAL

MOST_NOTES = 3
"""Maximum number of binary tasks with notes of their own."""
_FEW = "test rows are positive, too few of one class to be reliable"


class Measure(NamedTuple):
    """A metric of a task, as tables show it."""

    key: str
    """Name in JSON."""
    title: str
    """Name in tables."""
    form: str
    """Format of printed values, `z` turns -0 into 0. Metrics in units of a label may be large or small."""
    sign: int
    """1 if higher is better, -1 if lower is better."""


METRICS: Mapping[TaskKind, Sequence[Measure]] = {
    "binary": (Measure("auc", "AUC", "z.4f", 1), Measure("log_loss", "log loss", "z.4f", -1)),
    "regression": (
        Measure("rmse", "RMSE", ".5g", -1),
        Measure("mae", "MAE", ".5g", -1),
        Measure("r2", "R2", "z.4f", 1),
    ),
}
"""The metrics that every task of a kind has; the first one is its score, by which models are compared."""
FORMS: Mapping[TaskKind, str] = {"binary": "z.4f", "regression": ".5g"}
"""Format of the metrics that plugins register."""


@dataclass(frozen=True)
class BinaryMetrics:
    """Metrics of a binary task; None where a metric is undefined."""

    kind: ClassVar[TaskKind] = "binary"
    measure: ClassVar[Measure] = METRICS[kind][0]

    auc: float | None
    """Area under the ROC curve."""
    log_loss: float | None
    """Mean binary cross-entropy, in nats."""
    positives: int
    rows: int
    """Rows with the label."""
    reason: str | None = None
    """Reason why a metric is undefined."""
    others: Mapping[str, MetricValue] = field(default_factory=dict)
    """Name of a registered metric -> its value; metrics that do not apply to the data are left out."""

    @property
    def score(self) -> float | None:
        """The value of `measure`, by which models are selected."""
        return self.auc

    @property
    def loss(self) -> float | None:
        """Fallback where no task has a score; lower is better."""
        return self.log_loss

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the AUC over other rows (Hanley and McNeil 1982, eq. 2)."""
        auc, positives, negatives = self.auc, self.positives, self.rows - self.positives
        if auc is None:
            return None
        one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
        spread = auc * (1 - auc) + (positives - 1) * (one - auc**2) + (negatives - 1) * (two - auc**2)
        half = NORMAL * (max(spread, 0.0) / (positives * negatives)) ** 0.5
        return max(auc - half, 0.0), min(auc + half, 1.0)

    def is_informative(self, least: int) -> bool:
        """Return whether there are at least `least` rows of either class."""
        return min(self.positives, self.rows - self.positives) >= least

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return _plain(self)


@dataclass(frozen=True)
class RegressionMetrics:
    """Metrics of a regression, in units of the label; None where a metric is undefined."""

    kind: ClassVar[TaskKind] = "regression"
    measure: ClassVar[Measure] = METRICS[kind][0]

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
    others: Mapping[str, MetricValue] = field(default_factory=dict)
    """Name of a registered metric -> its value; metrics that do not apply to the data are left out."""

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
        return _plain(self)


TaskMetrics = BinaryMetrics | RegressionMetrics
Metrics = Mapping[str, TaskMetrics]
"""Task -> metrics."""


def metrics_from_json(values: Mapping[str, Mapping[str, Any]]) -> Metrics:
    """Return the metrics from the `to_json` of each task."""
    return {task: _read(value) for task, value in values.items()}


def with_others(metrics: Metrics, measured: Metrics) -> dict[str, TaskMetrics]:
    """Return metrics with the registered ones of a later measurement of the same network and rows."""
    return {task: replace(m, others=measured[task].others) for task, m in metrics.items()}


def without_others(metrics: Metrics) -> dict[str, TaskMetrics]:
    """Return metrics without the registered ones."""
    return {task: replace(m, others={}) for task, m in metrics.items()}


def of_buckets(metrics: Metrics) -> dict[str, TaskMetrics]:
    """Return metrics whose users are buckets of a hashed field."""

    def marked(value: MetricValue) -> MetricValue:
        return replace(value, by_user=value.by_user and replace(value.by_user, buckets=True))

    return {
        task: replace(m, others={name: marked(value) for name, value in m.others.items()})
        for task, m in metrics.items()
    }


def agree(one: Metrics, other: Metrics) -> bool:
    """Return whether metrics are equal, as far as both have them: registered ones may be in one of them."""

    def common(m: TaskMetrics, others: TaskMetrics) -> TaskMetrics:
        return replace(m, others={name: v for name, v in m.others.items() if name in others.others})

    return one.keys() == other.keys() and all(
        common(m, other[task]) == common(other[task], m) for task, m in one.items()
    )


def flat(metrics: TaskMetrics) -> dict[str, Any]:
    """Return values by the key of a metric, or by the name of a registered one."""
    values = {key: value for key, value in metrics.to_json().items() if key != "others"}
    return {**values, **{name: other.value for name, other in metrics.others.items()}}


def measures(kind: TaskKind, metrics: Iterable[TaskMetrics]) -> list[Measure]:
    """Return the metrics of tasks of a kind: those of the kind, and the registered ones with any value."""
    registered = {
        name: _measure(kind, name, other)
        for each in metrics
        for name, other in each.others.items()
        if other.value is not None
    }
    return [*METRICS[kind], *registered.values()]


def monitored(metrics: TaskMetrics) -> tuple[Measure, float | None]:
    """Return what early stopping reads after an epoch: `training.monitor_metric`, or else the score."""
    for name, other in metrics.others.items():
        return _measure(metrics.kind, name, other), other.value
    return metrics.measure, metrics.score


def relative_change(
    now: Metrics,
    best: Metrics,
    min_positives: int,
    monitor: Collection[str] = (),
    monitor_metric: str | None = None,
) -> float:
    """Return the mean over tasks of (AUC - best AUC) / best AUC (AutoMTL, section 4.1).

    A regression task has its RMSE in place of the AUC, and a relative decrease counts as positive. A task
    that has the registered metric `monitor_metric` has this one in place of both.

    The tasks in `monitor` count; without these, the tasks with at least `min_positives` rows of either class
    (of any, for a regression); without these, all tasks with a score. Without a score the mean log loss
    decides; without any label there is no change.
    """
    scores = {task: c for task in now if (c := _gain(now[task], best[task], monitor_metric)) is not None}
    if scores:
        monitored = [task for task in scores if task in monitor]
        informative = [task for task in scores if now[task].is_informative(min_positives)]
        counting = monitored or informative or scores
        return float(np.mean([scores[task] for task in counting]))
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


class Few(NamedTuple):
    """Rows of a task that has too few test rows for a reliable metric."""

    positives: int | None
    """Number of positive rows; None for a regression."""
    rows: int
    """Test rows with the label."""
    interval: tuple[float, float] | None = None
    """The 95 % interval of the AUC, if there is one."""

    @classmethod
    def of(cls, m: TaskMetrics) -> "Few":
        """Return the rows of a task with its metrics."""
        return cls(m.positives, m.rows, m.interval) if isinstance(m, BinaryMetrics) else cls(None, m.rows)


def too_few(tasks: Mapping[str, Few]) -> Iterator[str]:
    """Yield the notes on tasks with a star: too few test rows for a reliable metric.

    Args:
        tasks: Task -> its rows. More than `MOST_NOTES` binary tasks have one note.

    """
    binary = {task: few for task, few in tasks.items() if few.positives is not None}
    one_note = len(binary) > MOST_NOTES
    if one_note:
        counts = [few.positives or 0 for few in binary.values()]
        yield f"* {len(binary)} tasks: {min(counts):,} to {max(counts):,} {_FEW}; not in the mean"
    for task, few in tasks.items():
        if few.positives is None:
            yield f"* {task}: {few.rows:,} test rows have the label, too few to be reliable"
        elif not one_note:
            low, high = few.interval or (0.0, 1.0)
            ends = f" (95 % interval of the AUC {low:.4f} to {high:.4f})" if few.interval else ""
            yield f"* {task}: {few.positives:,} of {few.rows:,} {_FEW}{ends}; not in the mean"


def _measure(kind: TaskKind, name: str, value: MetricValue) -> Measure:
    return Measure(name, value.title, FORMS[kind], value.sign)


def _gain(now: TaskMetrics, best: TaskMetrics, monitor_metric: str | None) -> float | None:
    """Return the relative change of the registered metric, or else of the score; positive if better."""
    if monitor_metric is not None and monitor_metric in now.others and monitor_metric in best.others:
        of_now, of_best = now.others[monitor_metric], best.others[monitor_metric]
        change, sign = _relative(of_now.value, of_best.value), of_now.sign
    else:
        change, sign = _relative(now.score, best.score), now.measure.sign
    return None if change is None else sign * change


def _relative(now: float | None, best: float | None) -> float | None:
    """Return (now - best) / best, the plain difference where best is 0; None where one is undefined."""
    return None if now is None or best is None else (now - best) / (best or 1.0)


def _plain(metrics: TaskMetrics) -> dict[str, Any]:
    """Return metrics as JSON, without an empty mapping of registered ones."""
    values = asdict(metrics)
    return values if metrics.others else {key: value for key, value in values.items() if key != "others"}


def _read(values: Mapping[str, Any]) -> TaskMetrics:
    """Return metrics from a value of `to_json`."""
    others = {name: MetricValue.from_json(value) for name, value in values.get("others", {}).items()}
    cls = RegressionMetrics if "rmse" in values else BinaryMetrics
    return cls(**{**values, "others": others})
