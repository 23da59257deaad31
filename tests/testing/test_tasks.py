"""What is wrong with a loss, a kind of tasks or a metric is found, and said."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as log_loss, softplus

from automtl_core.dataset.schema import Task
from automtl_core.registry.plugins import load_registry
from automtl_core.tasks.kind import TaskKind
from automtl_core.tasks.kinds import task_kind
from automtl_core.tasks.loss import Loss
from automtl_core.training.metric import Counted, Metric
from automtl_testing import check_loss, check_metric
from automtl_testing.samples import sample_part, sample_schema
from automtl_testing.tasks import check_task_kind


def rows(logits, labels):
    return log_loss(logits, labels, reduction="none")


FAULTY_SUMS = {
    "a row of weight 2 must be as two rows": lambda x, y, w, g: (
        (rows(x, y) * (w > 0)).sum(0),
        (w > 0).sum(0),
    ),
    "a row of weight 0 must be as no row": lambda x, y, w, g: (
        (rows(x, y) * w).sum(0),
        0 * w.sum(0) + len(w),
    ),
    "a row without the label must have no gradient": lambda x, y, w, g: (rows(x, y).sum(0), w.sum(0)),
    "must be those of its lists together": lambda x, y, w, g: (
        (rows(x, y) * w).sum(0) / w.sum(0).clamp(min=1) * 60,
        w.sum(0),
    ),
    "must not depend on the order of rows": lambda x, y, w, g: (
        (rows(x, y) * w * torch.arange(len(x))[:, None]).sum(0),
        w.sum(0),
    ),
    "must not depend on other tasks": lambda x, y, w, g: (
        (rows(x, y) * w).sum(0) + (rows(x, y) * w).sum(),
        w.sum(0),
    ),
    "a sum and a number for each task": lambda x, y, w, g: ((rows(x, y) * w).sum(), w.sum()),
    "a loss must be finite": lambda x, y, w, g: ((rows(x, y) * w).sum(0) / 0, w.sum(0)),
    "a loss must have a gradient": lambda x, y, w, g: ((y * w).sum(0) + 0 * x.sum(0), w.sum(0)),
    "sums have the type of logits": lambda x, y, w, g: ((rows(x, y) * w).sum(0).double(), w.sum(0)),
    "AUC must improve when the loss is minimised": lambda x, y, w, g: ((rows(-x, y) * w).sum(0), w.sum(0)),
}


@pytest.mark.parametrize("fault", FAULTY_SUMS)
def test_a_fault_of_a_loss_is_reported(fault):
    class Faulty(Loss):
        kinds = ("binary",)

        def sums(self, *columns):
            return FAULTY_SUMS[fault](*columns)

    with pytest.raises(AssertionError, match=fault):
        check_loss(Faulty)


def test_a_loss_of_lists_gets_their_numbers():
    class Pairs(Loss):
        kinds, grouped = ("binary",), True

        def sums(self, logits, labels, weights, groups):
            same = (groups[:, None] == groups) & (groups > 0)
            pairs = (labels[:, None] > labels) * same[:, :, None] * weights[:, None] * weights
            return (softplus(logits - logits[:, None]) * pairs).sum((0, 1)), pairs.sum((0, 1))

    check_loss(Pairs)
    Pairs.grouped = False
    with pytest.raises(TypeError):
        check_loss(Pairs)


def test_the_loss_of_a_kind_keeps_the_same_contract():
    class Ignores(type(task_kind("binary"))):
        def sums(self, logits, labels, weights, groups):
            return self.row_losses(logits, labels).sum(0), weights.sum(0)

    assert issubclass(Ignores, TaskKind)
    with pytest.raises(AssertionError, match="a row without the label must have no gradient"):
        check_task_kind(Ignores)


def test_sample_labels_are_allowed_and_the_kinds_of_samples_keep_the_contract():
    load_registry()
    schema = sample_schema()
    others = Task("visits", kind="poisson"), Task("watched", kind="censored")
    schema = replace(schema, tasks=(*schema.tasks, *others))
    part = sample_part(schema, 100, seed=0)
    for task, labels in zip(schema.tasks, part.labels.T, strict=True):
        assert not task.type.wrong(labels).any()
        assert len({*labels[~np.isnan(labels)].tolist()}) > 1
        check_task_kind(type(task_kind(task.kind)))


def mean_of_positives(labels, predictions, users):
    """Return the mean prediction of positive rows less that of all rows."""
    positive = predictions[labels > 0]
    return float(positive.mean() - predictions.mean()) if len(positive) else None


def squared_error(labels, predictions, users):
    return float(((labels - predictions) ** 2).mean())


def users_alone(labels, predictions, users):
    return Counted(float(len(np.unique(users))), len(labels))


@pytest.mark.parametrize(
    "metric",
    [
        Metric("mean", mean_of_positives),
        Metric("error", squared_error, higher_is_better=False, kind="regression"),
        Metric("users", users_alone, needs_users=True),
    ],
)
def test_metrics_that_keep_the_contract(metric):
    check_metric(metric)


def first_row(labels, predictions, users):
    return labels[0]


def unstable(labels, predictions, users, count=iter(range(10**6))):  # noqa: B008 - it shall remember
    return next(count)


def too_many(labels, predictions, users):
    return Counted(0.5, len(labels) + 1)


FAULTY_METRICS = {
    "a value must not depend on the order of rows": Metric("m", first_row),
    "a value must not depend on the numbers of users": Metric(
        "m", lambda labels, predictions, users: float((users * labels).sum()), needs_users=True
    ),
    "equal rows must have equal values": Metric("m", unstable),
    "a value cannot be computed from 401 rows": Metric("m", too_many),
    "failed: TypeError": Metric("m", lambda labels, predictions, users: float(len(users))),
    "returns nan": Metric(
        "m",
        lambda labels, predictions, users: (
            float("nan") if labels.all() else mean_of_positives(labels, predictions, users)
        ),
    ),
    "read-only": Metric("m", lambda labels, predictions, users: labels.sort() or 0.0),
    "higher_is_better is wrong": Metric("m", squared_error),
    "must be defined for correct predictions": Metric("m", lambda labels, predictions, users: None),
}


@pytest.mark.parametrize("fault", FAULTY_METRICS)
def test_a_fault_of_a_metric_is_reported(fault):
    with pytest.raises(AssertionError, match=fault):
        check_metric(FAULTY_METRICS[fault])
