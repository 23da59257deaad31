"""The contract tests of kinds of tasks and of metrics find faults, and name them."""

import numpy as np
import pytest

from automtl_core.tasks.kinds import task_kind
from automtl_core.training.metric import Counted, Metric
from automtl_testing import check_metric
from automtl_testing.samples import sample_part, sample_schema
from automtl_testing.tasks import check_task_kind


def test_sample_labels_are_allowed_and_the_kinds_of_samples_keep_the_contract():
    schema = sample_schema()
    part = sample_part(schema, 100, seed=0)
    for task, labels in zip(schema.tasks, part.labels.T, strict=True):
        assert not task.type.wrong(labels).any()
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


FAULTS = {
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


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_reported(fault):
    with pytest.raises(AssertionError, match=fault):
        check_metric(FAULTS[fault])
