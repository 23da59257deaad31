"""AUC and log loss against hand-worked numbers and against the definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl_core.training.metrics import TaskMetrics, auc, log_loss, metrics_of, relative_change


def test_auc_by_hand():
    # positives score 3 and 1, negatives 2 and 0: of four pairs (3,2) (3,0) (1,0) are right
    assert auc(np.array([1, 1, 0, 0]), np.array([3.0, 1.0, 2.0, 0.0])) == 0.75


def test_ties_count_half():
    assert auc(np.array([1, 0]), np.array([1.0, 1.0])) == 0.5
    assert auc(np.array([1, 1, 0, 0]), np.array([2.0, 1.0, 1.0, 0.0])) == 0.875


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=40))
def test_auc_is_the_chance_that_a_positive_scores_higher(rows):
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    positives, negatives = scores[labels], scores[~labels]
    area = auc(labels.astype(float), scores.astype(float))
    if len(positives) == 0 or len(negatives) == 0:
        assert area is None
    else:
        wins = (positives[:, None] > negatives).mean() + 0.5 * (positives[:, None] == negatives).mean()
        assert area == pytest.approx(wins)


def test_one_class_is_undefined_with_a_reason():
    metrics = metrics_of(["a", "b"], np.array([[1.0, 0.0], [1.0, 0.0]]), np.zeros((2, 2)))
    assert (metrics["a"].auc, metrics["a"].reason) == (None, "all 2 rows are positive")
    assert (metrics["b"].auc, metrics["b"].reason) == (None, "all 2 rows are negative")


def test_log_loss_by_hand_and_without_overflow():
    assert log_loss(np.array([1.0, 0.0]), np.array([0.0, np.log(3.0)])) == pytest.approx(
        (np.log(2) + np.log(4)) / 2
    )
    assert log_loss(np.array([1.0]), np.array([1000.0])) == 0.0
    assert log_loss(np.array([0.0]), np.array([1000.0])) == 1000.0


def test_undefined_tasks_do_not_count_and_log_loss_decides_where_all_are_undefined():
    good, worse, undefined = (
        TaskMetrics(0.6, 0.5, 60, 120),
        TaskMetrics(0.5, 0.5, 60, 120),
        TaskMetrics(None, 0.4, 0, 120),
    )
    assert relative_change({"a": good, "b": undefined}, {"a": worse, "b": undefined}, 50) == pytest.approx(
        0.2
    )
    better = TaskMetrics(None, 0.3, 0, 120)
    assert relative_change({"b": better}, {"b": undefined}, 50) == pytest.approx(0.25)
