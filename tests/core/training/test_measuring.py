"""Metrics of tasks: their rows, their units, and registered ones."""

from dataclasses import replace

import numpy as np
import pytest

from automtl_core.dataset.schema import Task
from automtl_core.training.measuring import metrics_of
from automtl_core.training.metric import Metric

NAN = np.nan
CLICK, LIKE = Task("click"), Task("like")
PRICE = Task("price", kind="regression", mean=100.0, deviation=20.0)


def measured(task, labels, predictions):
    """Return the metrics of one task."""
    return metrics_of([task], np.array(labels)[:, None], np.array(predictions)[:, None])[task.name]


def test_one_class_is_undefined_with_a_reason():
    metrics = metrics_of([CLICK, LIKE], np.array([[1.0, 0.0], [1.0, 0.0]]), np.zeros((2, 2)))
    assert (metrics["click"].values["auc"], metrics["click"].reason) == (None, "all 2 rows are positive")
    assert (metrics["like"].values["auc"], metrics["like"].reason) == (None, "all 2 rows are negative")


def test_rows_in_chunks_give_the_same_metrics(monkeypatch):
    random = np.random.default_rng(0)
    labels = (random.random((200, 1)) < 0.3).astype(np.float32)
    labels[::7] = np.nan
    logits = random.normal(size=(200, 1)).astype(np.float32).round(1)
    whole = metrics_of([Task("click")], labels, logits)["click"]
    monkeypatch.setattr("automtl_core.tasks.builtin.CHUNK", 16)
    parts = metrics_of([Task("click")], labels, logits)["click"]
    assert parts.values == {**whole.values, "log_loss": pytest.approx(whole.values["log_loss"], rel=1e-12)}
    assert replace(parts, values=whole.values) == whole


def test_rows_without_the_label_do_not_count():
    # positives score 3 and 1, negatives 2 and 0, with others between them
    labels, logits = [1, NAN, 1, 0, NAN, 0], [3.0, -9.0, 1.0, 2.0, 9.0, 0.0]
    assert measured(CLICK, labels, logits) == measured(CLICK, [1, 1, 0, 0], [3.0, 1.0, 2.0, 0.0])
    assert measured(CLICK, labels, logits).values["auc"] == 0.75
    assert (measured(CLICK, labels, logits).positives, measured(CLICK, labels, logits).rows) == (2, 4)
    whole, part = measured(PRICE, [1.0, -1.0, 0.5], [0.0, 0.0, 0.5]), [1.0, NAN, -1.0, 0.5]
    assert measured(PRICE, part, [0.0, 7.0, 0.0, 0.5]) == whole
    assert whole.rows == 3


def test_each_task_has_the_rows_of_its_own():
    labels = np.array([[1.0, 0.5], [0.0, NAN], [NAN, -0.5]])
    found = metrics_of([CLICK, PRICE], labels, np.zeros((3, 2)))
    assert (found["click"].rows, found["price"].rows) == (2, 2)
    assert (found["click"].values["auc"], found["price"].values["rmse"]) == (0.5, 10.0)


def test_regression_by_hand_in_the_units_of_the_label():
    # labels 120, 80, 100 against 110, 110, 100: errors 10, 30, 0
    found = measured(PRICE, [1.0, -1.0, 0.0], [0.5, 0.5, 0.0])
    assert found.values["rmse"] == pytest.approx((1000 / 3) ** 0.5)
    assert found.values["mae"] == pytest.approx(40 / 3)
    assert found.values["r2"] == pytest.approx(1 - 1000 / 800)


@pytest.mark.parametrize("task", [CLICK, PRICE])
def test_without_any_label_all_is_undefined_with_a_reason(task):
    found = measured(task, [NAN, NAN], [0.0, 1.0])
    assert found.values == dict.fromkeys(metric.key for metric in task.type.measures)
    assert (found.rows, found.reason) == (0, "no row has a label")


def test_the_r2_of_equal_labels_is_undefined_with_a_reason():
    found = measured(PRICE, [0.5, 0.5, NAN], [0.5, 1.5, 0.0])
    assert (found.values["rmse"], found.values["mae"]) == (pytest.approx(200**0.5), 10.0)
    assert (found.values["r2"], found.reason) == (None, "all 2 labels are equal")


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
