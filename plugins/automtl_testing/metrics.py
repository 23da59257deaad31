"""The contract of metrics. Letter: R rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.dataset.schema import Task
from automtl_core.tasks.kinds import task_kind
from automtl_core.training.metric import Metric, MetricValue, metric_value

ROWS = 400

Array = NDArray[Any]
Rows = tuple[Array, Array, Array | None]
"""Labels, predictions and users, [R] each; None without a user field."""


def check_metric(metric: Metric) -> None:
    """Check that a metric is a number or None for any rows, and depends on these alone, in any order.

    Raises:
        AssertionError: a requirement is violated.

    """
    two_classes = task_kind(metric.kind).two_classes
    for what, rows in _cases(two_classes):
        first = _value(metric, rows, what)
        assert first == _value(metric, rows, what), f"equal rows must have equal values: {what}"
        for change, changed in _same(*rows):
            same = _close(first, _value(metric, changed, what))
            assert same, f"a value must not depend on {change}: {what}"
        if not metric.needs_users:
            _value(metric, (*rows[:2], None), f"{what}, without a user field")
    (labels, predictions, users), *_ = (rows for _, rows in _cases(two_classes))
    right = predictions.std() * (labels - labels.mean()) / labels.std()
    best, worst = (_value(metric, (labels, side, users), "correct predictions") for side in (right, -right))
    assert best.value is not None, "a metric must be defined for correct predictions of both classes"
    assert worst.value is not None, "a metric must be defined for wrong predictions of both classes"
    wrong = "higher_is_better is wrong: correct predictions are worse than their opposite"
    assert best.sign * (best.value - worst.value) >= 0, wrong


def _cases(two_classes: bool) -> Iterator[tuple[str, Rows]]:
    """Yield rows, with their description."""
    draw = np.random.default_rng(0)
    users = draw.integers(0, 25, ROWS).astype(np.int32)  # 0 for an unknown user
    labels = draw.integers(0, 2, ROWS).astype(np.float64) if two_classes else draw.standard_normal(ROWS)
    predictions = labels + draw.standard_normal(ROWS)
    yield "random rows", (labels, predictions, users)
    yield "equal predictions", (labels, np.round(predictions), users)
    yield "a constant prediction", (labels, np.zeros(ROWS), users)
    yield "extreme predictions", (labels, 1e6 * predictions, users)
    for label in (0.0, 1.0):
        yield f"all labels are {label:g}", (np.full(ROWS, label), predictions, users)
        yield f"one row, with label {label:g}", (np.array([label]), np.array([0.5]), np.ones(1, np.int32))
    yield "each row has another user", (labels, predictions, np.arange(1, ROWS + 1, dtype=np.int32))


def _same(labels: Array, predictions: Array, users: Array | None) -> Iterator[tuple[str, Rows]]:
    """Yield the same rows in another form."""
    if users is None:
        return
    draw = np.random.default_rng(1)
    for _ in range(8):
        order = draw.permutation(len(labels))
        yield "the order of rows", (labels[order], predictions[order], users[order])
    numbers = np.append(0, 1 + draw.permutation(int(users.max()))).astype(np.int32)
    yield "the numbers of users", (labels, predictions, numbers[users])


def _value(metric: Metric, rows: Rows, what: str) -> MetricValue:
    labels, predictions, users = rows
    result = metric_value(metric, Task("task", kind=metric.kind), labels, predictions, users)
    assert result.value is not None or result.reason == metric.undefined, f"{result.reason}: {what}"
    assert 0 <= result.rows <= len(labels), f"a value cannot be computed from {result.rows} rows: {what}"
    return result


def _close(left: MetricValue, right: MetricValue) -> bool:
    if left.value is None or right.value is None:
        return left == right
    return left.rows == right.rows and bool(np.isclose(left.value, right.value, 1e-9, 1e-9))
