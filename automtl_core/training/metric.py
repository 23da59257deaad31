"""The contract of metrics that plugins register, and their values. Letter: R rows with the label.

A metric of a plugin is computed when a network is tested, and never decides what a training or a search
keeps, unless `training.monitor_metric` names it. Its faults therefore cost a value, and no network.
"""

import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from numbers import Real
from typing import Any, Literal, NamedTuple

import numpy as np

from automtl_core.dataset.dataset import Dataset
from automtl_core.dataset.schema import Task
from automtl_core.errors import UsageError, one_line, printable
from automtl_core.tasks.kind import Array

NO_LABEL = "no row has a label"
Unit = Literal["users", "lists", "buckets"]


@dataclass(frozen=True)
class ByUser:
    """The users, or lists, of a metric that ranks the rows of each, and the value of a random order."""

    users: int
    """Number of users that count."""
    which: str
    """Which users count, in words, such as "with a positive row"."""
    all_users: int
    rows: int
    """Rows of all users."""
    random: float
    """Expected value if the rows of each user are in a random order."""
    spread: float
    """Standard deviation of the value of a random order."""
    unit: Unit = "users"
    """What is ranked: the rows of a user, those of a list, or those of all users in a hash bucket."""


class Counted(NamedTuple):
    """A value of a metric, with the number of rows that it is computed from."""

    value: float | None
    """None where it is undefined."""
    rows: int
    by_user: ByUser | None = None
    """The users that it is computed from; None for a metric over all rows."""


Terms = Callable[[Array, Array, Any], tuple[Array, Array]]
"""`terms(labels, predictions, users)` returns two arrays [R], see `Metric.terms`."""
Compute = Callable[[Array, Array, Any], float | Counted | None]
"""`compute(labels, predictions, users)` returns the value on R rows, or None where it is undefined; see
`Metric` for the arguments."""


@dataclass(frozen=True)
class Metric:
    """A metric of the tasks of one kind.

        GAUC = Metric("GAUC", gauc, needs_users=True, undefined="no user has rows of both classes")

    `compute` is called with three arrays, which it cannot modify. The result must depend on them alone, and
    not on the order of rows.

    - labels: [R] float64, in units of the label: of binary tasks zeros and ones.
    - predictions: [R] float64, finite logits; of numbers in units of the label, such as those of a
      regression, predictions in these units.
    - users: [R] integers, equal for rows of the same user, 0 where the user is unknown; None without a user
      field. A metric that `needs_users` is called for data with a user field, on the rows with a known user.
    """

    title: str
    """Name in tables."""
    compute: Compute
    higher_is_better: bool = True
    kind: str = "binary"
    """Name of the kind of the tasks that have the metric."""
    needs_users: bool = False
    """Whether it is computed from rows with a known user alone."""
    undefined: str = "it is undefined for these rows"
    """Reason for an undefined value, in words."""
    terms: Terms | None = None
    """Function of a metric that is a weighted mean over lists, at most 1, higher is better: at the first row
    of each list its value times its weight, and its weight; 0 at all other rows. The metric is the ratio of
    both sums. With it, `training.monitor_metric` decides in searches and comparisons too."""
    supplier: str = ""
    """Name of the metric and its plugin, for messages; the registry sets it."""

    def applies_to(self, task: Task) -> bool:
        """Return whether a task has the metric."""
        return self.kind in (task.kind, *task.type.takes_metrics_of)


MetricFamily = Callable[[int], Metric]
"""Function that returns the metric of a number, such as NDCG@k."""


@dataclass(frozen=True)
class MetricValue:
    """The value of a registered metric for one task, with all that tables need to show it."""

    title: str
    sign: int
    """1 if higher is better, -1 if lower is better."""
    value: float | None
    """None where it is undefined, or where the plugin failed."""
    rows: int
    """Number of rows that the value is computed from."""
    reason: str | None = None
    """Reason why there is no value."""
    by_user: ByUser | None = field(default=None, compare=False)
    """The users of a metric by user."""


def metric_value(
    metric: Metric, task: Task, labels: Array, predictions: Array, users: Array | None
) -> MetricValue:
    """Return the value of a metric for a task of its kind, or the reason why there is none.

    An exception in `compute`, and a result that is not a finite number, become a reason that names the
    plugin: a trained network is worth more than a metric.

    Args:
        metric: The metric.
        task: A task of its kind.
        labels: Stored labels, [R].
        predictions: Output of a network, [R].
        users: Numbers above 0, 0 for no user, [R]; None for data without a user field, which is not allowed
            for a metric that needs users.

    """
    if task.type.standardised:
        labels, predictions = (
            task.mean + task.deviation * column.astype(np.float64) for column in (labels, predictions)
        )
    elif task.type.scaled:
        labels, predictions = task.deviation * labels, task.predictions(predictions.astype(np.float64))
    return value_of(metric, labels, predictions, users)


def value_of(metric: Metric, labels: Array, predictions: Array, users: Array | None) -> MetricValue:
    """Return the value of a metric for labels and predictions in units of the label; see `metric_value`."""
    known = users > 0 if metric.needs_users and users is not None else np.ones(len(labels), dtype=bool)
    labels, predictions = labels[known].astype(np.float64), predictions[known].astype(np.float64)
    users = None if users is None else users[known]
    for array in (labels, predictions, users):
        if array is not None:
            array.flags.writeable = False
    sign, rows = 1 if metric.higher_is_better else -1, len(labels)
    if not rows:
        reason = "no row of a known user has a label" if metric.needs_users else NO_LABEL
        return MetricValue(metric.title, sign, None, 0, reason)
    try:
        result = metric.compute(labels, predictions, users)
        counted = result if isinstance(result, Counted) else Counted(result, rows)
        value, rows, fault = counted.value, int(counted.rows), None
        number = isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
        if value is not None and not number:
            fault = f"returns {printable(reprlib.repr(value))}, expected a finite number or None"
    except (Exception, SystemExit) as error:
        value, fault = None, f"failed: {one_line(error)}"
    if fault is not None:
        return MetricValue(metric.title, sign, None, rows, f"the {metric.supplier or 'metric'} {fault}")
    if value is None:
        return MetricValue(metric.title, sign, None, rows, metric.undefined)
    return MetricValue(metric.title, sign, float(value), rows, by_user=counted.by_user)


def check_monitored(monitored: Mapping[str, Metric], tasks: Sequence[Task], dataset: Dataset) -> None:
    """Check that the data has the metric that decides.

    Args:
        monitored: At most one metric, by name.
        tasks: Tasks of the data.
        dataset: Its dataset.

    Raises:
        UsageError: no task is of the kind of the metric, or it needs a user field or lists.

    """
    for name, metric in monitored.items():
        if metric.needs_users and dataset.user is None and dataset.settings.list is None:
            raise UsageError(
                f"training.monitor_metric: {name} is computed by user, and the dataset has no user field",
                "choose another metric; for your own table, name the field: --set dataset.user=FIELD",
            )
        if not any(map(metric.applies_to, tasks)):
            raise UsageError(
                f"training.monitor_metric: {name} is for tasks of kind {metric.kind}, and there is none",
                "choose another metric of `automtl list metrics`",
            )
