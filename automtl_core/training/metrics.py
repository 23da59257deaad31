"""Metrics of tasks as values: measured from logits, and in comparison with those of another network.

Letters: R rows, T tasks.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np
from pydantic_core import core_schema

from automtl_core.dataset.schema import Task
from automtl_core.tasks.kind import Array, Measure, TaskKind
from automtl_core.tasks.kinds import task_kind
from automtl_core.training.metric import NO_LABEL, Metric, MetricValue, Unit, metric_value


@dataclass(frozen=True)
class TaskMetrics:
    """Metrics of a task, in units of its label."""

    kind: str
    """Name of the kind of task."""
    values: Mapping[str, float | None]
    """Key of each measure of the kind -> value; None where it is undefined."""
    rows: int
    """Rows with the label."""
    positives: int | None = None
    """Rows with label 1; None unless labels are 0 and 1."""
    reason: str | None = None
    """Reason why a metric is undefined."""
    others: Mapping[str, MetricValue] = field(default_factory=dict)
    """Name of a registered metric -> its value; metrics that do not apply to the data are left out."""
    error: float | None = None
    """Standard error of the score; None where `TaskKind.interval` knows it, or nothing does."""
    groups: int | None = None
    """Number of users or lists that the score is a mean over; None for a score of all rows."""

    @property
    def type(self) -> TaskKind:
        """The kind of task."""
        return task_kind(self.kind)

    @property
    def score(self) -> float | None:
        """The value by which models are selected, see `TaskKind.score`."""
        return self.values.get(self.type.score.key)

    @property
    def evidence(self) -> float | None:
        """The value that searches compare, see `TaskKind.evidence`."""
        return self.values[self.type.evidence]

    @property
    def loss(self) -> float | None:
        """Fallback where no task has a score; lower is better."""
        return next((self.values[one.key] for one in self.type.measures if one.sign < 0), None)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the score over other rows; None where it is unknown."""
        if self.error is not None and self.score is not None:
            return self.score - 1.96 * self.error, self.score + 1.96 * self.error
        known = self.score is not None and self.positives is not None
        return self.type.interval(self.score or 0.0, self.positives or 0, self.rows) if known else None

    @property
    def effective_rows(self) -> int:
        """Number of rows of the rarer class, or of all rows of a kind without classes; at most `groups`."""
        count = self.rows if self.positives is None else min(self.positives, self.rows - self.positives)
        return count if self.groups is None else min(count, self.groups)

    def is_informative(self, least: int) -> bool:
        """Return whether there are at least `least` rows, of either class where labels are 0 and 1."""
        return self.effective_rows >= least

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers, those of measures by their keys."""
        rest = {key: value for key, value in asdict(self).items() if key not in ("kind", "values")}
        found = {"kind": self.kind, **self.values, **rest}
        return {
            key: value
            for key, value in found.items()
            if value not in ({}, None) or key not in ("positives", "others", "error", "groups")
        }

    @classmethod
    def from_json(cls, stored: Any) -> Self:
        """Return the metrics of a value of `to_json`; those of older versions do not name their kind."""
        kind = stored.get("kind") or ("regression" if "rmse" in stored else "binary")
        rest = {key: stored.get(key) for key in ("positives", "reason", "error", "groups")}
        others = {name: MetricValue.from_json(value) for name, value in stored.get("others", {}).items()}
        values = {
            key: value
            for key, value in stored.items()
            if key not in ("kind", "rows", "positives", "reason", "error", "groups", "others")
        }
        if not all(value is None or isinstance(value, int | float) for value in values.values()):
            raise ValueError(f"{values!r} are no values of metrics")
        return cls(kind, values, stored["rows"], **rest, others=others)

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> core_schema.CoreSchema:
        """Return the schema by which facts are read and written."""

        def read(value: Any) -> TaskMetrics:
            try:
                return value if isinstance(value, TaskMetrics) else cls.from_json(value)
            except (AttributeError, KeyError, TypeError) as error:
                raise ValueError(f"no metrics of a task: {error!r}") from None

        printed = core_schema.plain_serializer_function_ser_schema(cls.to_json)
        return core_schema.no_info_plain_validator_function(read, serialization=printed)


Metrics = Mapping[str, TaskMetrics]
"""Task -> metrics."""


def metrics_from_json(values: Mapping[str, Mapping[str, Any]]) -> Metrics:
    """Return the metrics from the `to_json` of each task."""
    return {task: TaskMetrics.from_json(value) for task, value in values.items()}


def with_others(metrics: Metrics, measured: Metrics | None = None) -> dict[str, TaskMetrics]:
    """Return metrics with the registered ones of another measurement of the network and rows, or without."""
    return {t: replace(m, others=measured[t].others if measured else {}) for t, m in metrics.items()}


def by_unit(metrics: Metrics, unit: Unit) -> dict[str, TaskMetrics]:
    """Return metrics by user, of which each ranks the rows of another unit, such as a list."""

    def marked(value: MetricValue) -> MetricValue:
        return replace(value, by_user=value.by_user and replace(value.by_user, unit=unit))

    return {
        task: replace(m, others={name: marked(value) for name, value in m.others.items()})
        for task, m in metrics.items()
    }


def agree(a: Metrics, b: Metrics) -> bool:
    """Return whether metrics are equal, as far as both have them: registered ones may be in one of them."""
    return with_others(a) == with_others(b) and all(
        m.others[name] == b[task].others[name]
        for task, m in a.items()
        for name in m.others.keys() & b[task].others
    )


def flat(metrics: TaskMetrics) -> dict[str, Any]:
    """Return values by the key of a metric, or by the name of a registered one."""
    values = {
        key: value
        for key, value in metrics.to_json().items()
        if key not in ("kind", "others", "error", "groups")
    }
    return {**values, **{name: other.value for name, other in metrics.others.items()}}


def measures(kind: TaskKind, metrics: Iterable[TaskMetrics]) -> list[Measure]:
    """Return the metrics of tasks of a kind: those of the kind, and the registered ones with any value."""
    registered = {
        name: Measure(name, other.title, kind.score.form, other.sign)
        for each in metrics
        for name, other in each.others.items()
        if other.value is not None
    }
    own = [measure.key for measure in kind.measures]
    return [*kind.measures, *(one for name, one in registered.items() if name not in own)]


def relative_change(now: Metrics, best: Metrics, min_positives: int, monitor: Collection[str] = ()) -> float:
    """Return the mean over tasks of (AUC - best AUC) / best AUC (AutoMTL, section 4.1).

    Other kinds of tasks have their score in place of the AUC; where lower is better, a relative decrease
    counts as positive.

    The tasks in `monitor` count; without these, the tasks with at least `min_positives` rows of either class
    (of any, where labels have no classes); without these, all tasks with a score. Without a score the mean
    log loss decides; without any label there is no change.
    """
    scores = {task: c for task in now if (c := _gain(now[task], best[task])) is not None}
    if scores:
        monitored = [task for task in scores if task in monitor]
        informative = [task for task in scores if now[task].is_informative(min_positives)]
        counting = monitored or informative or scores
        return float(np.mean([scores[task] for task in counting]))
    losses = [c for task in now if (c := _relative(now[task].loss, best[task].loss)) is not None]
    return -float(np.mean(losses)) if losses else 0.0


def mean_over_tasks(values: Mapping[str, float | None], metrics: Metrics, least: int) -> float | None:
    """Return the mean of a metric over the tasks of two classes with enough rows, which tables call "mean".

    Errors in the units of different labels have no mean.

    Args:
        values: Metric by task.
        metrics: Metrics by task, with the number of rows of either class.
        least: Rows of either class that a task needs.

    Returns:
        None if no task counts, or one that counts has no value.

    """
    counting = [task for task, m in metrics.items() if m.type.two_classes and m.is_informative(least)]
    known = [value for task in counting if (value := values.get(task)) is not None]
    return sum(known) / len(known) if known and len(known) == len(counting) else None


def too_few(tasks: Metrics) -> Iterator[str]:
    """Yield the notes on tasks with a star: too few test rows for a reliable metric.

    More than three tasks of two classes have one note.
    """
    few = "test rows are positive, too few of one class to be reliable"
    counts = [m.positives for m in tasks.values() if m.positives is not None]
    if one_note := len(counts) > 3:
        what = f"{min(counts):,} to {max(counts):,} {few}"
        if groups := [m.groups for m in tasks.values() if m.groups is not None]:
            of = f"{min(groups):,} to {max(groups):,} users or lists"
            what = f"the score is a mean over {of}, too few to be reliable"
        yield f"* {len(counts)} tasks: {what}; not in the mean"
    for task, m in tasks.items():
        if m.positives is None:
            yield f"* {task}: {m.rows:,} test rows have the label, too few to be reliable"
        elif m.groups is not None and not one_note:
            what = f"{m.type.score.title} is a mean over {m.groups:,} users or lists"
            yield f"* {task}: {what}, too few to be reliable; not in the mean"
        elif not one_note:
            low, high = m.interval or (0.0, 1.0)
            ends = f" (95 % interval of the {m.type.score.title} {low:.4f} to {high:.4f})"
            ends *= m.interval is not None
            yield f"* {task}: {m.positives:,} of {m.rows:,} {few}{ends}; not in the mean"


def _gain(now: TaskMetrics, best: TaskMetrics) -> float | None:
    """Return the relative change of the score; positive if better."""
    change = _relative(now.score, best.score)
    return None if change is None else now.type.score.sign * change


def _relative(now: float | None, best: float | None) -> float | None:
    """Return (now - best) / best, the plain difference where best is 0; None where one is undefined."""
    return None if now is None or best is None else (now - best) / (best or 1.0)


NONE: Mapping[str, Metric] = {}
"""No registered metrics."""


def task_metrics(
    task: Task,
    labels: Array,
    logits: Array,
    users: Array | None = None,
    registered: Mapping[str, Metric] = NONE,
) -> TaskMetrics:
    """Return the metrics of one task over the rows with a label; the arrays are [R], see `metrics_of`."""
    known = ~np.isnan(labels)
    if not known.all():
        labels, logits = labels[known], logits[known]
        users = None if users is None else users[known]
    kind = task.type
    values: Mapping[str, float | None] = dict.fromkeys(one.key for one in kind.measures)
    reason: str | None = NO_LABEL
    error: float | None = None
    groups: int | None = None
    if len(labels):
        values, reason, error, groups = kind.metrics(labels, logits, users)
        scaled = [one.key for one in kind.measures if one.in_units]
        values = {k: v if v is None or k not in scaled else task.deviation * v for k, v in values.items()}
    positives = int(np.count_nonzero(labels)) if kind.two_classes else None
    others = {
        name: metric_value(metric, task, labels, logits, users)
        for name, metric in registered.items()
        if metric.applies_to(task) and not (metric.needs_users and users is None)
    }
    return TaskMetrics(task.kind, values, len(labels), positives, reason, others, error, groups)


def effective_rows(task: Task, labels: Array, groups: Array | None) -> int:
    """Return `TaskKind.effective_rows` of the rows with a label; labels are [R], NaN where missing."""
    known = ~np.isnan(labels)
    return task.type.effective_rows(labels[known], None if groups is None else groups[known])


def metrics_of(
    tasks: Sequence[Task],
    labels: Array,
    logits: Array,
    users: Array | None = None,
    registered: Mapping[str, Metric] = NONE,
) -> dict[str, TaskMetrics]:
    """Return the metrics of every task.

    Args:
        tasks: T tasks.
        labels: Stored labels, [R, T], NaN where a row lacks the label.
        logits: Output of a network, [R, T], in single or double precision.
        users: Number of the user of each row, 0 for none, [R]; None for data without a user field.
        registered: Further metrics by name.

    """
    return {
        task.name: task_metrics(task, labels[:, t], logits[:, t], users, registered)
        for t, task in enumerate(tasks)
    }
