"""The contracts of kinds of tasks and of metrics. Letters: R rows, T tasks."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from automtl_core.dataset.schema import Task
from automtl_core.tasks.kind import TaskKind
from automtl_core.tasks.kinds import task_kind
from automtl_core.training.metric import Metric, MetricValue, metric_value
from automtl_testing.losses import check_terms, check_training
from automtl_testing.samples import labels_of

Array = NDArray[Any]


def check_task_kind(made: type[TaskKind]) -> None:
    """Check that loss, link and metrics of a kind of task fit together.

    Raises:
        AssertionError: a requirement is violated.

    """
    kind, draw = made("checked"), np.random.default_rng(0)
    column = labels_of(kind, draw.standard_normal(240))
    column[::9] = np.nan
    users, known = draw.integers(1, 20, 240).astype(np.int32), ~np.isnan(column)
    assert not kind.wrong(column).any(), "labels in the range of the kind, and missing ones, must be allowed"
    check_terms(kind, kind.sums, kind.grouped)
    labels, groups = column[known], users[known]
    logits = draw.standard_normal(len(labels))
    _check_link(kind, logits)
    for what, rows in {"random": slice(None), "few": slice(1), "equal": labels == labels[0]}.items():
        _check_metrics(kind, labels[rows], logits[rows], groups[rows], f"{what} rows")
    _check_evidence(kind, labels, logits, groups)
    check_training(kind, kind.sums, kind.grouped, labels, groups, (kind.score.key, kind.evidence))


def _check_link(kind: TaskKind, logits: Array) -> None:
    linked = kind.link(torch.from_numpy(logits)).numpy()
    same = np.allclose(kind.predictions(logits.copy()), linked, rtol=1e-6)
    assert same, "`predictions` must equal `link`"
    mean, variance = kind.expected(logits.copy())
    assert (variance > 0).all(), "`expected` must return positive variances"
    with np.errstate(all="ignore"):
        inverse = kind.logits_of(mean.copy())
    assert np.allclose(inverse, logits), "`logits_of` must be the inverse of `expected`"


def _check_metrics(kind: TaskKind, labels: Array, logits: Array, groups: Array, what: str) -> None:
    values, reason, *_ = kind.metrics(labels, logits, groups)
    assert [*values] == [m.key for m in kind.measures], f"`metrics` must return all measures: {what}"
    known = [value for value in values.values() if value is not None]
    assert np.isfinite(known).all(), f"a metric must be finite, or None: {what}"
    assert reason or len(known) == len(values), f"an undefined metric needs a reason: {what}"


def _check_evidence(kind: TaskKind, labels: Array, logits: Array, groups: Array) -> None:
    values = kind.metrics(labels, logits, groups).values
    evidence, score = values[kind.evidence], values[kind.score.key]
    assert evidence is not None, "the evidence must be defined for labels that differ"
    by_row = kind.losses_by_row(labels, logits, groups)
    assert by_row.shape == labels.shape, "`losses_by_row` must return a number for each row"
    assert np.isclose(by_row.mean(), 1 - evidence), "the mean of `losses_by_row` must be 1 - evidence"
    assert score is not None, "the score must be defined for labels that differ"
    scores = kind.score_by_row(labels, logits, groups)
    known = scores is None or np.isclose(scores.mean(), score)
    assert known, "the mean of `score_by_row` must be the score"


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
    draw, rows = np.random.default_rng(0), 400
    users = draw.integers(0, 25, rows).astype(np.int32)  # 0 for an unknown user
    labels = draw.integers(0, 2, rows).astype(np.float64) if two_classes else draw.standard_normal(rows)
    predictions = labels + draw.standard_normal(rows)
    yield "random rows", (labels, predictions, users)
    yield "equal predictions", (labels, np.round(predictions), users)
    yield "a constant prediction", (labels, np.zeros(rows), users)
    yield "extreme predictions", (labels, 1e6 * predictions, users)
    for label in (0.0, 1.0):
        yield f"all labels are {label:g}", (np.full(rows, label), predictions, users)
        yield f"one row, with label {label:g}", (np.array([label]), np.array([0.5]), np.ones(1, np.int32))
    yield "each row has another user", (labels, predictions, np.arange(1, rows + 1, dtype=np.int32))


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
    fault = f"{result.reason}: {what}; return None where the metric is undefined"
    assert result.value is not None or result.reason == metric.undefined, fault
    assert 0 <= result.rows <= len(labels), f"a value cannot be computed from {result.rows} rows: {what}"
    return result


def _close(left: MetricValue, right: MetricValue) -> bool:
    if left.value is None or right.value is None:
        return left == right
    return left.rows == right.rows and bool(np.isclose(left.value, right.value, 1e-9, 1e-9))
