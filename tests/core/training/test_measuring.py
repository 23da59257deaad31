"""Metrics against hand-worked numbers, against the definition, and against scipy."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from automtl_core.dataset.schema import Task
from automtl_core.training.measuring import auc, log_loss, metrics_of, shortfall_by_row
from automtl_core.training.metric import Metric
from automtl_core.training.metrics import METRICS

NAN = np.nan
CLICK, LIKE = Task("click"), Task("like")
PRICE = Task("price", kind="regression", mean=100.0, deviation=20.0)


def measured(task, labels, predictions):
    """Return the metrics of one task."""
    return metrics_of([task], np.array(labels)[:, None], np.array(predictions)[:, None])[task.name]


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


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=40))
def test_shortfall_by_row_has_the_mean_and_the_error_of_the_area(rows):
    """The error is that of DeLong, of placements in each class."""
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    assume(0 < labels.sum() < len(labels))
    by_row = shortfall_by_row(labels, scores)
    assert by_row.mean() == pytest.approx(1 - auc(labels, scores), abs=1e-12)
    above = scores[labels][:, None] > scores[~labels]
    wins = above + 0.5 * (scores[labels][:, None] == scores[~labels])
    variance = sum(wins.mean(axis).var() / wins.shape[1 - axis] for axis in (0, 1))
    assert by_row.var() / len(rows) == pytest.approx(variance, abs=1e-12)


def test_one_class_is_undefined_with_a_reason():
    metrics = metrics_of([CLICK, LIKE], np.array([[1.0, 0.0], [1.0, 0.0]]), np.zeros((2, 2)))
    assert (metrics["click"].auc, metrics["click"].reason) == (None, "all 2 rows are positive")
    assert (metrics["like"].auc, metrics["like"].reason) == (None, "all 2 rows are negative")


def test_log_loss_by_hand_and_without_overflow():
    assert log_loss(np.array([1.0, 0.0]), np.array([0.0, np.log(3.0)])) == pytest.approx(
        (np.log(2) + np.log(4)) / 2
    )
    assert log_loss(np.array([1.0]), np.array([1000.0])) == 0.0
    assert log_loss(np.array([0.0]), np.array([1000.0])) == 1000.0


def test_rows_in_chunks_give_the_same_metrics(monkeypatch):
    random = np.random.default_rng(0)
    labels = (random.random((200, 1)) < 0.3).astype(np.float32)
    labels[::7] = np.nan
    logits = random.normal(size=(200, 1)).astype(np.float32).round(1)
    whole = metrics_of([Task("click")], labels, logits)["click"]
    monkeypatch.setattr("automtl_core.training.measuring.CHUNK", 16)
    parts = metrics_of([Task("click")], labels, logits)["click"]
    assert parts == replace(whole, log_loss=pytest.approx(whole.log_loss, rel=1e-12))


def test_rows_without_the_label_do_not_count():
    # the rows of `test_auc_by_hand`, with others between them
    labels, logits = [1, NAN, 1, 0, NAN, 0], [3.0, -9.0, 1.0, 2.0, 9.0, 0.0]
    assert measured(CLICK, labels, logits) == measured(CLICK, [1, 1, 0, 0], [3.0, 1.0, 2.0, 0.0])
    assert measured(CLICK, labels, logits).auc == 0.75
    assert (measured(CLICK, labels, logits).positives, measured(CLICK, labels, logits).rows) == (2, 4)
    whole, part = measured(PRICE, [1.0, -1.0, 0.5], [0.0, 0.0, 0.5]), [1.0, NAN, -1.0, 0.5]
    assert measured(PRICE, part, [0.0, 7.0, 0.0, 0.5]) == whole
    assert whole.rows == 3


def test_each_task_has_the_rows_of_its_own():
    labels = np.array([[1.0, 0.5], [0.0, NAN], [NAN, -0.5]])
    found = metrics_of([CLICK, PRICE], labels, np.zeros((3, 2)))
    assert (found["click"].rows, found["price"].rows) == (2, 2)
    assert (found["click"].auc, found["price"].rmse) == (0.5, 10.0)


def test_regression_by_hand_in_the_units_of_the_label():
    # labels 120, 80, 100 against 110, 110, 100: errors 10, 30, 0
    found = measured(PRICE, [1.0, -1.0, 0.0], [0.5, 0.5, 0.0])
    assert found.rmse == pytest.approx((1000 / 3) ** 0.5)
    assert found.mae == pytest.approx(40 / 3)
    assert found.r2 == pytest.approx(1 - 1000 / 800)


def test_the_best_line_has_the_squared_correlation_as_its_r2():
    draw = np.random.default_rng(0)
    x = draw.standard_normal(200)
    labels = 0.7 * x + draw.standard_normal(200)
    fitted = stats.linregress(x, labels)
    found = measured(PRICE, labels, fitted.intercept + fitted.slope * x)
    assert found.r2 == pytest.approx(fitted.rvalue**2)
    assert found.rmse == pytest.approx(20 * labels.std() * (1 - fitted.rvalue**2) ** 0.5)


@pytest.mark.parametrize("task", [CLICK, PRICE])
def test_without_any_label_all_is_undefined_with_a_reason(task):
    found = measured(task, [NAN, NAN], [0.0, 1.0])
    values = [getattr(found, metric.key) for metric in METRICS[task.kind]]
    assert values == [None] * len(values)
    assert (found.rows, found.reason) == (0, "no row has a label")


def test_the_r2_of_equal_labels_is_undefined_with_a_reason():
    found = measured(PRICE, [0.5, 0.5, NAN], [0.5, 1.5, 0.0])
    assert (found.rmse, found.mae) == (pytest.approx(200**0.5), 10.0)
    assert (found.r2, found.reason) == (None, "all 2 labels are equal")


SUM = Metric("sum", lambda labels, predictions, users: labels.sum())
OF_USERS = Metric("users", lambda labels, predictions, users: len(set(users)), needs_users=True)
LARGEST = Metric("largest", lambda labels, predictions, users: labels.max(), kind="regression")
REGISTERED = {"sum": SUM, "users": OF_USERS, "largest": LARGEST}


def test_registered_metrics_are_of_the_rows_with_a_label_and_of_the_tasks_of_their_kind():
    labels = np.array([[1.0, 0.5], [1.0, NAN], [NAN, -0.5], [0.0, NAN]])
    users = np.array([4, 5, 6, 5], np.int32)
    found = metrics_of([CLICK, PRICE], labels, np.zeros((4, 2)), users, REGISTERED)
    values = {task: {name: v.value for name, v in m.others.items()} for task, m in found.items()}
    assert values == {"click": {"sum": 2.0, "users": 2.0}, "price": {"largest": 110.0}}


def test_metrics_by_user_are_left_out_without_a_user_field():
    found = metrics_of([CLICK], np.array([[1.0], [0.0]]), np.zeros((2, 1)), None, REGISTERED)
    assert list(found["click"].others) == ["sum"]


def test_other_metrics_are_the_same_with_and_without_registered_ones():
    rows = np.array([[1.0], [0.0], [1.0]]), np.array([[0.1], [0.2], [0.3]])
    plain, more = (metrics_of([CLICK], *rows, None, registered)["click"] for registered in ({}, REGISTERED))
    assert replace(more, others={}) == plain
