"""Metrics of tasks and of plugins: their rows and units, JSON, change and mean; calibrated logits."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from automtl_core.dataset.dataset import DatasetSettings
from automtl_core.dataset.schema import Task
from automtl_core.errors import UsageError
from automtl_core.tasks.builtin import auc, log_loss
from automtl_core.training.calibration import calibrated, platt
from automtl_core.training.metric import ByUser, Counted, Metric, MetricValue, check_monitored, metric_value
from automtl_core.training.metrics import (
    agree,
    by_unit,
    flat,
    mean_over_tasks,
    measures,
    metrics_from_json,
    metrics_of,
    relative_change,
    with_others,
)
from automtl_testing.samples import binary_metrics, regression_metrics

NAN = np.nan
CLICK, LIKE = Task("click"), Task("like")
PRICE = Task("price", kind="regression", mean=100.0, deviation=20.0)


def test_metrics_of_earlier_runs_can_be_read():
    written = {"auc": 0.6, "log_loss": 0.5, "positives": 60, "rows": 120, "reason": None}
    assert metrics_from_json({"a": written}) == {"a": binary_metrics(0.6, 0.5, 60, 120)}
    assert binary_metrics(0.6, 0.5, 60, 120).to_json() == {"kind": "binary", **written}


def test_undefined_and_unmonitored_tasks_do_not_count():
    good, worse, undefined = (
        binary_metrics(0.6, 0.5, 60, 120),
        binary_metrics(0.5, 0.5, 60, 120),
        binary_metrics(None, 0.4, 0, 120),
    )
    assert relative_change({"a": good, "b": undefined}, {"a": worse, "b": undefined}, 50) == pytest.approx(
        0.2
    )
    better = binary_metrics(None, 0.3, 0, 120)
    assert relative_change({"b": better}, {"b": undefined}, 50) == pytest.approx(0.25)
    now = {"a": binary_metrics(0.6, 0.5, 60, 120), "rare": binary_metrics(0.9, 0.5, 3, 120)}
    best = {"a": binary_metrics(0.5, 0.5, 60, 120), "rare": binary_metrics(0.6, 0.5, 3, 120)}
    assert relative_change(now, best, 50) == pytest.approx(0.2)
    assert relative_change(now, best, 50, ["rare"]) == pytest.approx(0.5)
    assert relative_change(now, best, 50, ["a", "rare"]) == pytest.approx(0.35)
    assert relative_change(now, best, 50, ["other"]) == pytest.approx(0.2)


def price(rmse, rows=200):
    return regression_metrics(rmse, 1.0, 0.5, rows)


def test_a_regression_gets_better_by_the_relative_fall_of_its_rmse():
    assert relative_change({"p": price(6.0)}, {"p": price(8.0)}, 100) == pytest.approx(0.25)
    assert relative_change({"p": price(8.0)}, {"p": price(6.0)}, 100) == pytest.approx(-1 / 3)
    # AUC + 10 %, RMSE - 20 %
    now, best = (
        {"c": binary_metrics(area, 0.5, 100, 200), "p": price(rmse)}
        for area, rmse in ((0.66, 4.0), (0.6, 5.0))
    )
    assert relative_change(now, best, 100) == pytest.approx(0.15)


def test_a_regression_with_few_rows_does_not_count():
    now, best = (
        {"c": binary_metrics(area, 0.5, 100, 200), "p": price(rmse, 99)}
        for area, rmse in ((0.66, 9.0), (0.6, 5.0))
    )
    assert relative_change(now, best, 100) == pytest.approx(0.1)
    assert relative_change(now, best, 99) == pytest.approx((0.1 - 0.8) / 2)
    assert relative_change({"p": now["p"]}, {"p": best["p"]}, 100) == pytest.approx(-0.8), (
        "it is all there is"
    )


def test_what_cannot_be_measured_never_changes():
    nothing = {
        "c": binary_metrics(None, None, 0, 0, "why"),
        "p": regression_metrics(None, None, None, 0, "why"),
    }
    assert relative_change(nothing, nothing, 1) == 0


def test_the_mean_is_over_binary_tasks_with_enough_rows_that_all_have_values():
    metrics = {
        "click": binary_metrics(0.8, 0.5, 500, 1000),
        "like": binary_metrics(0.6, 0.3, 100, 1000),
        "buy": binary_metrics(0.1, 0.1, 99, 1000),
        "stay": binary_metrics(0.1, 0.1, 901, 1000),
        "price": regression_metrics(9.0, 3.0, 0.5, 1000),
    }
    scores = {task: m.score for task, m in metrics.items()}
    assert mean_over_tasks(scores, metrics, 100) == pytest.approx(0.7)
    assert mean_over_tasks(scores, metrics, 99) == pytest.approx(1.6 / 4)
    assert mean_over_tasks(scores, metrics, 501) is None
    assert mean_over_tasks({"price": 9.0}, {"price": metrics["price"]}, 1) is None
    metrics = {"a": binary_metrics(0.8, 0.5, 500, 1000), "b": binary_metrics(0.6, 0.5, 500, 1000)}
    assert mean_over_tasks({"a": 0.9}, metrics, 100) is None


def test_the_interval_holds_what_other_rows_give():
    random = np.random.default_rng(0)

    def drawn():
        labels = (random.random(400) < 0.2).astype(float)
        return auc(labels, random.normal(size=400) + labels)

    low, high = binary_metrics(0.7602, 0.5, 80, 400).interval  # of two normal distributions that are 1 apart
    inside = [low < drawn() < high for _ in range(400)]
    assert 0.92 < np.mean(inside) < 0.98
    assert binary_metrics(1.0, 0.5, 5, 10).interval == (1.0, 1.0)
    assert binary_metrics(None, None, 0, 10).interval is None


def others(**values):
    """Return a binary task with an AUC of 0.6 and registered metrics."""
    found = {name: MetricValue(name.upper(), 1, value, 100) for name, value in values.items()}
    return binary_metrics(0.6, 0.5, 60, 120, others=found)


def test_registered_metrics_survive_json_and_stand_beside_the_others():
    found = {"a": others(gauc=0.7, ndcg=None)}
    text = json.dumps({task: m.to_json() for task, m in found.items()}, allow_nan=False)
    assert metrics_from_json(json.loads(text)) == found
    assert flat(found["a"]) == {
        "auc": 0.6, "log_loss": 0.5, "positives": 60, "rows": 120, "reason": None, "gauc": 0.7, "ndcg": None,
    }  # fmt: skip


def test_metrics_of_hashed_users_are_marked_and_agree_with_others():
    value = MetricValue("GAUC", 1, 0.7, 12, by_user=ByUser(3, "with a positive row", 9, 20, 0.5, 0.1))
    found = {
        "a": binary_metrics(0.6, 0.5, 60, 120, others={"gauc": value, "pr-auc": MetricValue("P", 1, 0.1, 9)})
    }
    marked = by_unit(found, "buckets")
    assert marked["a"].others["gauc"].by_user.unit == "buckets"
    assert marked["a"].others["pr-auc"].by_user is None
    assert agree(found, marked), "runs of earlier versions record no users"


def test_tables_have_the_registered_metrics_with_a_value():
    found = [others(gauc=None, ndcg=None), others(gauc=0.7, ndcg=None)]
    assert [measure.key for measure in measures(CLICK.type, found)] == ["auc", "log_loss", "gauc"]
    assert [measure.key for measure in measures(PRICE.type, [price(1.0)])] == ["rmse", "mae", "r2"]


def test_registered_metrics_of_two_measurements():
    assert agree({"a": others(gauc=0.7)}, {"a": others(ndcg=0.4)})
    assert agree({"a": others(gauc=0.7)}, {"a": others(gauc=0.7, ndcg=0.4)})
    assert not agree({"a": others(gauc=0.7)}, {"a": others(gauc=0.71)})
    assert not agree({"a": others()}, {"b": others()})
    assert not agree({"a": others()}, {"a": binary_metrics(0.61, 0.5, 60, 120)})
    later = {"a": binary_metrics(0.9, 0.9, 60, 120, others=others(ndcg=0.4).others)}
    assert with_others({"a": others(gauc=0.7)}, later) == {"a": others(ndcg=0.4)}


def measured(task, labels, predictions):
    """Return the metrics of one task."""
    return metrics_of([task], np.array(labels)[:, None], np.array(predictions)[:, None])[task.name]


def test_one_class_is_undefined_with_a_reason():
    metrics = metrics_of([CLICK, LIKE], np.array([[1.0, 0.0], [1.0, 0.0]]), np.zeros((2, 2)))
    assert (metrics["click"].values["auc"], metrics["click"].reason) == (None, "all 2 rows are positive")
    assert (metrics["like"].values["auc"], metrics["like"].reason) == (None, "all 2 rows are negative")


def test_rows_without_the_label_do_not_count():
    # positives score 3 and 1, negatives 2 and 0, with others between them
    labels, logits = [1, NAN, 1, 0, NAN, 0], [3.0, -9.0, 1.0, 2.0, 9.0, 0.0]
    assert measured(CLICK, labels, logits) == measured(CLICK, [1, 1, 0, 0], [3.0, 1.0, 2.0, 0.0])
    assert measured(CLICK, labels, logits).values["auc"] == 0.75
    assert (measured(CLICK, labels, logits).positives, measured(CLICK, labels, logits).rows) == (2, 4)
    whole, part = measured(PRICE, [1.0, -1.0, 0.5], [0.0, 0.0, 0.5]), [1.0, NAN, -1.0, 0.5]
    assert measured(PRICE, part, [0.0, 7.0, 0.0, 0.5]) == whole
    assert whole.rows == 3


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


SUM = Metric("sum", lambda labels, predictions, users: labels.sum())
OF_USERS = Metric("users", lambda labels, predictions, users: len(set(users)), needs_users=True)
LARGEST = Metric("largest", lambda labels, predictions, users: labels.max(), kind="regression")
REGISTERED = {"sum": SUM, "users": OF_USERS, "largest": LARGEST}


def test_registered_metrics_are_of_rows_with_a_label_tasks_of_their_kind_and_users():
    labels = np.array([[1.0, 0.5], [1.0, NAN], [NAN, -0.5], [0.0, NAN]])
    users = np.array([4, 5, 6, 5], np.int32)
    found = metrics_of([CLICK, PRICE], labels, np.zeros((4, 2)), users, REGISTERED)
    values = {task: {name: v.value for name, v in m.others.items()} for task, m in found.items()}
    assert values == {"click": {"sum": 2.0, "users": 2.0}, "price": {"largest": 110.0}}
    found = metrics_of([CLICK], np.array([[1.0], [0.0]]), np.zeros((2, 1)), None, REGISTERED)
    assert list(found["click"].others) == ["sum"]


LABELS, LOGITS, USERS = np.array([1.0, 0, 1]), np.array([0.5, -1.0, 2.0]), np.array([7, 0, 7])


def value(compute, task=CLICK, users=USERS, **options):
    metric = Metric("mine", compute, kind=task.kind, supplier="metric 'mine' of plugin 'p'", **options)
    return metric_value(metric, task, LABELS, LOGITS, users)


def test_a_value_has_a_title_a_direction_and_rows_or_a_reason():
    assert value(lambda *rows: 3) == MetricValue("mine", 1, 3.0, 3)
    assert value(lambda *rows: np.float32(0.5), higher_is_better=False) == MetricValue("mine", -1, 0.5, 3)
    assert value(lambda *rows: Counted(0.5, np.int64(2))) == MetricValue("mine", 1, 0.5, 2)
    found = value(lambda *rows: None, undefined="no user has rows of both classes")
    assert (found.value, found.reason) == (None, "no user has rows of both classes")
    assert value(lambda *rows: Counted(None, 0)).rows == 0


def test_it_sees_labels_logits_and_users():
    seen = []
    value(lambda *rows: seen.extend(rows))
    for array, expected in zip(seen, (LABELS, LOGITS, USERS), strict=True):
        np.testing.assert_array_equal(array, expected)
    seen.clear()
    value(lambda *rows: seen.extend(rows), users=None)
    assert seen[2] is None


def test_a_metric_that_needs_users_sees_the_rows_with_a_known_one():
    seen = []
    found = value(lambda *rows: seen.extend(rows) or 1.0, needs_users=True)
    assert [array.tolist() for array in seen] == [[1.0, 1.0], [0.5, 2.0], [7, 7]]
    assert found.rows == 2
    nobody = value(lambda *rows: 1.0, needs_users=True, users=np.zeros(3, int))
    assert (nobody.value, nobody.rows, nobody.reason) == (None, 0, "no row of a known user has a label")


def test_regressions_are_in_units_of_the_label():
    seen = []
    value(lambda *rows: seen.extend(rows), task=PRICE)
    assert [array.tolist() for array in seen[:2]] == [[120.0, 100.0, 120.0], [110.0, 80.0, 140.0]]


def changes_labels(labels, predictions, users):
    labels[:] = 0


def exits(labels, predictions, users):
    sys.exit(3)


@pytest.mark.parametrize(
    ("compute", "reason"),
    [
        (lambda *rows: 1 // 0, "failed: ZeroDivisionError: integer division or modulo by zero"),
        (changes_labels, "failed: ValueError: assignment destination is read-only"),
        (exits, "failed: SystemExit: 3"),
        (lambda *rows: float("nan"), "returns nan, expected a finite number or None"),
        (lambda *rows: "0.5", "returns '0.5', expected a finite number or None"),
        (lambda *rows: np.zeros(3), "returns array([0., 0., 0.]), expected a finite number or None"),
        (lambda *rows: Counted(0.5, None), "failed: TypeError: int() argument must be"),
    ],
)
def test_a_fault_is_a_reason_that_names_the_plugin(compute, reason):
    found = value(compute)
    assert found.value is None
    assert found.reason.startswith(f"the metric 'mine' of plugin 'p' {reason}")


def test_the_metric_that_decides_has_to_apply_to_the_data():
    by_user, of_numbers = Metric("G", len, needs_users=True), Metric("E", len, kind="regression")
    anyone, users, lists = (
        SimpleNamespace(user=user, settings=DatasetSettings.parse({"list": columns}))
        for user, columns in ((None, None), ("user", None), (None, "page"))
    )
    check_monitored({}, [CLICK], anyone)
    check_monitored({"g": by_user, "e": of_numbers}, [CLICK, PRICE], users)
    check_monitored({"g": by_user}, [CLICK], lists)
    with pytest.raises(UsageError, match="g is computed by user, and the dataset has no user field"):
        check_monitored({"g": by_user}, [CLICK], anyone)
    with pytest.raises(UsageError, match="e is for tasks of kind regression, and there is none"):
        check_monitored({"e": of_numbers}, [CLICK], users)


def wrong_logits(rows=20_000):
    """Return labels, and logits that are twice as sure as they should be, and one too high."""
    random = np.random.default_rng(1)
    true = random.normal(size=rows)
    labels = (random.random(rows) < 1 / (1 + np.exp(-true))).astype(np.float32)
    return labels, (2 * true + 1).astype(np.float32)


def test_platt_scaling_finds_the_two_numbers():
    labels, logits = wrong_logits()
    found = platt(labels, logits)
    assert (found.slope, found.offset) == (pytest.approx(0.5, abs=0.03), pytest.approx(-0.5, abs=0.03))
    assert found.after < found.before == pytest.approx(log_loss(labels, logits))
    assert found.undone(found.slope * logits + found.offset) == pytest.approx(logits, abs=1e-5)


def test_few_or_reversed_rows_have_finite_numbers_or_none():
    labels = np.array([0, 0, 1, 1, np.nan], np.float32)
    found = platt(labels, np.array([-1, -2, 1, 2, 500.0]))
    assert found.rows == 4
    assert 0 < found.slope < 100
    labels, logits = wrong_logits(500)
    assert platt(labels, -logits) is None


def test_rows_with_different_logits_stay_different():
    logits = np.array([[1e-7, 5.0], [2e-7, 5.0]], np.float32)
    labels, wrong = wrong_logits(500)
    found = calibrated({"click": platt(labels, wrong)}, [Task("click"), Task("like")], logits)
    assert found[0, 0] < found[1, 0]
    assert np.array_equal(found[:, 1], [5.0, 5.0])
    assert calibrated({}, [Task("click"), Task("like")], logits) is logits
