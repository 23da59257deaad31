"""Metrics of tasks and of plugins, kinds that they judge, calibrated logits, and what is beyond chance."""

import json
import sys
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from automtl_core.dataset.dataset import DatasetSettings
from automtl_core.dataset.schema import Task
from automtl_core.errors import UsageError
from automtl_core.registry.kinds import METRICS
from automtl_core.registry.plugins import load_registry
from automtl_core.tasks.builtin import auc, log_loss
from automtl_core.tasks.kinds import task_kind
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
from automtl_core.training.significance import holm, losses_by_row
from automtl_inspection.baselines import baseline, corrected
from automtl_testing.samples import binary_metrics, regression_metrics

NAN = np.nan
CLICK, LIKE = Task("click"), Task("like")
PRICE = Task("price", kind="regression", mean=100.0, deviation=20.0)


def test_metrics_of_earlier_runs_can_be_read():
    written = {"auc": 0.6, "log_loss": 0.5, "positives": 60, "rows": 120, "reason": None}
    assert metrics_from_json({"a": written}) == {"a": binary_metrics(0.6, 0.5, 60, 120)}
    assert binary_metrics(0.6, 0.5, 60, 120).to_json() == {"kind": "binary", **written}


def click(area, positives=60, log_loss=0.5, rows=120):
    return binary_metrics(area, log_loss, positives, rows)


def price(rmse, rows=200):
    return regression_metrics(rmse, 1.0, 0.5, rows)


RARE = {"a": click(0.6), "rare": click(0.9, 3)}, {"a": click(0.5), "rare": click(0.6, 3)}
NOTHING = {"c": binary_metrics(None, None, 0, 0, "why"), "p": regression_metrics(None, None, None, 0, "why")}


@pytest.mark.parametrize(
    ("now", "best", "least", "monitored", "change"),
    [
        ({"a": click(0.6), "b": click(None, 0)}, {"a": click(0.5), "b": click(None, 0)}, 50, (), 0.2),
        ({"b": click(None, 0, 0.3)}, {"b": click(None, 0, 0.4)}, 50, (), 0.25),
        (*RARE, 50, (), 0.2),
        (*RARE, 50, ["rare"], 0.5),
        (*RARE, 50, ["a", "rare"], 0.35),
        (*RARE, 50, ["other"], 0.2),
        # a regression gets better by the relative fall of its RMSE
        ({"p": price(6.0)}, {"p": price(8.0)}, 100, (), 0.25),
        ({"p": price(8.0)}, {"p": price(6.0)}, 100, (), -1 / 3),
        ({"c": click(0.66), "p": price(4.0)}, {"c": click(0.6), "p": price(5.0)}, 50, (), 0.15),
        # with few rows it does not count, unless it is all there is
        ({"c": click(0.66), "p": price(9.0, 49)}, {"c": click(0.6), "p": price(5.0, 49)}, 50, (), 0.1),
        ({"c": click(0.66), "p": price(9.0, 50)}, {"c": click(0.6), "p": price(5.0, 50)}, 50, (), -0.35),
        ({"p": price(9.0, 49)}, {"p": price(5.0, 49)}, 50, (), -0.8),
        (NOTHING, NOTHING, 1, (), 0),
    ],
)
def test_a_change_is_the_mean_of_relative_changes_of_tasks_that_count(now, best, least, monitored, change):
    assert relative_change(now, best, least, monitored) == pytest.approx(change)


def test_the_mean_is_over_binary_tasks_with_enough_rows_that_all_have_values():
    metrics = {
        "click": click(0.8, 500, rows=1000),
        "like": click(0.6, 100, rows=1000),
        "buy": click(0.1, 99, rows=1000),
        "stay": click(0.1, 901, rows=1000),
        "price": price(9.0, 1000),
    }
    scores = {task: m.score for task, m in metrics.items()}
    means = [mean_over_tasks(scores, metrics, least) for least in (100, 99, 501)]
    assert means == [pytest.approx(0.7), pytest.approx(1.6 / 4), None]
    assert mean_over_tasks({"price": 9.0}, {"price": metrics["price"]}, 1) is None
    assert mean_over_tasks({"click": 0.9}, metrics, 100) is None


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
    tables = [others(gauc=None, ndcg=None), others(gauc=0.7, ndcg=None)]
    assert [measure.key for measure in measures(CLICK.type, tables)] == ["auc", "log_loss", "gauc"]


def test_registered_metrics_of_two_measurements():
    value = MetricValue("GAUC", 1, 0.7, 12, by_user=ByUser(3, "with a positive row", 9, 20, 0.5, 0.1))
    found = {"a": replace(others(ndcg=0.4), others={"gauc": value, **others(ndcg=0.4).others})}
    marked = by_unit(found, "buckets")
    units = {name: one.by_user and one.by_user.unit for name, one in marked["a"].others.items()}
    assert units == {"gauc": "buckets", "ndcg": None}
    assert agree(found, marked), "runs of earlier versions record no users"
    assert agree({"a": others(gauc=0.7)}, {"a": others(ndcg=0.4)})
    assert agree({"a": others(gauc=0.7)}, {"a": others(gauc=0.7, ndcg=0.4)})
    assert not agree({"a": others(gauc=0.7)}, {"a": others(gauc=0.71)})
    assert not agree({"a": others()}, {"b": others()})
    assert not agree({"a": others()}, {"a": click(0.61)})
    later = {"a": replace(click(0.9, log_loss=0.9), others=others(ndcg=0.4).others)}
    assert with_others({"a": others(gauc=0.7)}, later) == {"a": others(ndcg=0.4)}


def measured(task, labels, predictions):
    """Return the metrics of one task."""
    return metrics_of([task], np.array(labels)[:, None], np.array(predictions)[:, None])[task.name]


@pytest.mark.parametrize(
    ("task", "labels", "defined", "reason"),
    [
        (CLICK, [1.0, 1.0], {"log_loss"}, "all 2 rows are positive"),
        (CLICK, [0.0, 0.0], {"log_loss"}, "all 2 rows are negative"),
        (PRICE, [2.0, 2.0], {"rmse", "mae"}, "all 2 labels are equal"),
        (CLICK, [NAN, NAN], set(), "no row has a label"),
        (PRICE, [NAN, NAN], set(), "no row has a label"),
    ],
)
def test_what_labels_do_not_define_has_a_reason(task, labels, defined, reason):
    found = measured(task, labels, [0.0, 1.0])
    assert {name for name, value in found.values.items() if value is not None} == defined
    assert found.reason == reason


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
    nobody = value(lambda *rows: 1.0, needs_users=True, users=np.zeros(3, int))
    assert (nobody.value, nobody.rows, nobody.reason) == (None, 0, "no row of a known user has a label")


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, ([1, 0, 1], [0.5, -1.0, 2.0], [7, 0, 7])),
        ({"users": None}, ([1, 0, 1], [0.5, -1.0, 2.0], None)),
        ({"needs_users": True}, ([1, 1], [0.5, 2.0], [7, 7])),
        ({"task": PRICE}, ([120, 100, 120], [110, 80, 140], [7, 0, 7])),
    ],
    ids=["all rows", "no users", "known users", "units of the label"],
)
def test_it_sees_labels_logits_and_users(how, expected):
    seen = []
    found = value(lambda *rows: seen.extend(rows) or 1.0, **how)
    assert [None if array is None else array.tolist() for array in seen] == [*expected]
    assert found.rows == len(expected[0])


def changes_labels(labels, predictions, users):
    labels[:] = 0


def exits(labels, predictions, users):
    sys.exit(3)


@pytest.mark.parametrize(
    ("compute", "reason"),
    [
        (lambda *rows: 1 // 0, "failed: ZeroDivisionError"),
        (changes_labels, "failed: ValueError"),
        (exits, "failed: SystemExit: 3"),
        (lambda *rows: float("nan"), "returns nan"),
        (lambda *rows: np.zeros(3), "returns array"),
        (lambda *rows: Counted(0.5, None), "failed: TypeError"),
    ],
)
def test_a_fault_is_a_reason_that_names_the_plugin(compute, reason):
    found = value(compute)
    assert found.value is None
    assert found.reason.startswith(f"the metric 'mine' of plugin 'p' {reason}")


@pytest.mark.parametrize(
    ("metric", "data", "applies"),
    [
        (OF_USERS, {"user": None}, False),
        (OF_USERS, {"user": None, "list": "page"}, True),
        (OF_USERS, {"user": "user"}, True),
        (LARGEST, {"user": "user"}, False),
    ],
)
def test_the_metric_that_decides_has_to_apply_to_the_data(metric, data, applies):
    settings = DatasetSettings.parse({"list": data.get("list")})
    dataset = SimpleNamespace(user=data["user"], settings=settings)
    with nullcontext() if applies else pytest.raises(UsageError, match="monitor_metric"):
        check_monitored({"it": metric}, [CLICK], dataset)
    check_monitored({}, [CLICK], dataset)


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
    found = calibrated({"click": platt(labels, wrong)}, [CLICK, LIKE], logits)
    assert found[0, 0] < found[1, 0]
    assert np.array_equal(found[:, 1], [5.0, 5.0])
    assert calibrated({}, [CLICK, LIKE], logits) is logits


def test_p_values_are_multiplied_by_the_comparisons_that_are_left():
    """Worked by hand: .01 * 3, .02 * 2, and .04 * 1, of which the second is the first that is larger."""
    assert holm({"b": 0.02, "a": 0.01, "c": 0.035}) == pytest.approx({"a": 0.03, "b": 0.04, "c": 0.04})
    assert list(holm({"b": 0.02, "a": 0.01})) == ["b", "a"]
    assert holm({"a": 0.7, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}
    assert holm({"a": 0.01, "b": 0.02}, comparisons=10) == pytest.approx({"a": 0.1, "b": 0.18})


ROWS = 2000
RANDOM = np.random.default_rng(0)
SIGNAL, OTHER = RANDOM.standard_normal((2, ROWS))
CLICKS = (RANDOM.random(ROWS) < 1 / (1 + np.exp(-SIGNAL - OTHER))).astype(np.float32)
PRICES = (SIGNAL + OTHER + RANDOM.standard_normal(ROWS)).astype(np.float32)


@pytest.mark.parametrize(("task", "labels"), [(CLICK, CLICKS), (PRICE, PRICES)])
def test_a_network_is_better_than_a_constant_or_a_field_only_if_it_knows_more(task, labels):
    both, field = (baseline(task, labels, logits, "signal", SIGNAL) for logits in (SIGNAL + OTHER, SIGNAL))
    assert (both.beats_constant, both.beats_field, both.field) == (True, True, "signal")
    assert both.score > both.field_score
    assert (field.beats_constant, field.beats_field) == (True, False)
    for nothing in (0.1 * np.random.default_rng(1).standard_normal(ROWS), np.full(ROWS, 0.01)):
        assert not baseline(task, labels, nothing, None, None).beats_constant


def test_rows_count_that_have_the_label_of_both_classes():
    half, few, none = CLICKS.copy(), CLICKS.copy(), np.full(ROWS, NAN, np.float32)
    half[1000:] = NAN
    expected = baseline(CLICK, CLICKS[:1000], SIGNAL[:1000], "signal", OTHER[:1000])
    assert baseline(CLICK, half, SIGNAL, "signal", OTHER) == expected
    few[np.flatnonzero(few)[9:]] = 0
    zeros = np.zeros(ROWS, np.float32)
    for task, labels in ((CLICK, few), (CLICK, zeros), (CLICK, none), (PRICE, zeros)):
        assert baseline(task, labels, SIGNAL, None, None) is None
    assert losses_by_row(CLICK, zeros, [SIGNAL]) is losses_by_row(CLICK, none, [SIGNAL]) is None


def test_one_of_many_tasks_is_better_by_chance():
    """A p value of .004 counts for one task, and not for one of three."""
    found = baseline(CLICK, CLICKS, SIGNAL, None, None)
    lucky = type(found)("AUC", 0.53, 0.01, 0.004, "signal", 0.52, 0.004)
    assert corrected({"a": lucky})["a"].beats_constant
    unlucky = type(found)("AUC", 0.5, 0.01, 0.5, None, None, None)
    three = corrected({"b": unlucky, "a": lucky, "c": unlucky})
    assert not three["a"].beats_constant
    assert list(three) == ["b", "a", "c"]
    assert three["a"].p_field == 0.004  # the other tasks have no field


REGISTRY = load_registry()
"""Its metrics judge the kinds of this process."""
NAMES = ("gauc", "gauc-by-positives", "ndcg-3", "ndcg-of-all-3", "map-3", "mrr-3", "hit-2")


def listed_rows(count=600, seed=0):
    """Return labels, logits of two models and lists, of which some have one row, and 0 for none."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count).astype(np.float64)
    logits = np.round(random.normal(size=(2, count)) + 0.5 * labels, 1)  # some are equal
    return labels, logits, random.integers(0, count // 4, count).astype(np.int32)


@pytest.mark.parametrize("name", NAMES)
def test_the_score_is_the_metric_and_rows_have_their_share(name):
    labels, (logits, other), lists = listed_rows()
    kind = task_kind(f"binary by {name}")
    assert (kind.score.key, kind.evidence, kind.two_classes) == (name, name, True)
    assert [one.key for one in kind.measures] == [name, "auc", "log_loss"]
    values, _, error, groups = kind.metrics(labels, logits, lists)
    known = lists > 0
    whole = REGISTRY.get(METRICS, name).compute(labels[known], logits[known], lists[known])
    assert (values[name], groups) == (pytest.approx(whole.value), whole.by_user.users)
    task = Task("click", kind=f"binary by {name}")
    found = metrics_of([task], labels[:, None], logits[:, None], lists)["click"]
    assert (found.score, found.evidence) == (values[name], values[name])
    assert (found.error, found.groups) == (error, groups)
    losses = kind.losses_by_row(labels, logits, lists)
    assert losses.mean() == pytest.approx(1 - values[name])
    assert not losses[lists == 0].any()
    # Each list is at one row, so that the error is that of a mean over lists.
    for number in np.unique(lists[lists > 0]):
        assert np.count_nonzero(losses[lists == number]) <= 1
    by_row = kind.score_by_row(labels, logits, lists)
    assert by_row.mean() == pytest.approx(values[name])
    assert by_row.std() / len(labels) ** 0.5 == pytest.approx(error)
    gain = kind.losses_by_row(labels, other, lists) - losses
    influence = by_row - kind.score_by_row(labels, other, lists)
    assert gain.std() == pytest.approx(influence.std(), rel=0.1)
    assert groups == kind.effective_rows(labels, lists) or kind.effective_rows(labels, lists) < groups


def test_a_metric_without_terms_stops_trainings_and_leaves_searches_to_the_kind():
    labels, (logits, _), lists = listed_rows()
    kind = task_kind("binary by pr-auc")
    assert (kind.score.key, kind.evidence) == ("pr-auc", "auc")
    plain = task_kind("binary")
    assert np.array_equal(
        kind.losses_by_row(labels, logits, lists), plain.losses_by_row(labels, logits, lists)
    )
    values, _, error, groups = kind.metrics(labels, logits, lists)
    assert (values["auc"], error, groups) == (plain.metrics(labels, logits, lists).values["auc"], None, None)


def test_without_lists_of_both_classes_the_score_is_undefined():
    labels, (logits, _), _ = listed_rows(40)
    kind = task_kind("binary by gauc")
    own = np.arange(1, 41, dtype=np.int32)
    found = kind.metrics(labels, logits, own)
    assert (found.values["gauc"], found.reason) == (None, "no user has rows of both classes")
    assert (kind.effective_rows(labels, own), kind.has_evidence(labels, own)) == (0, False)
    assert kind.metrics(labels, logits, None).values["gauc"] is None
