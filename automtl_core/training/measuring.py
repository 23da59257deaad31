"""Measuring of metrics from labels and logits, vectorised. Letters: R rows, T tasks."""

from collections.abc import Mapping, Sequence

import numpy as np

from automtl_core.dataset.schema import Task
from automtl_core.tasks.kind import Array
from automtl_core.training.metric import NO_LABEL, Metric, metric_value
from automtl_core.training.metrics import TaskMetrics

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
    if len(labels):
        values, reason = kind.metrics(labels, logits, users)
        scaled = [one.key for one in kind.measures if one.in_units]
        values = {k: v if v is None or k not in scaled else task.deviation * v for k, v in values.items()}
    positives = int(np.count_nonzero(labels)) if kind.two_classes else None
    others = {
        name: metric_value(metric, task, labels, logits, users)
        for name, metric in registered.items()
        if metric.applies_to(task) and not (metric.needs_users and users is None)
    }
    return TaskMetrics(task.kind, values, len(labels), positives, reason, others)


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
