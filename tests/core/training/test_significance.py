"""Holm's correction, networks against simple ones, and kinds of tasks that a metric judges."""

import numpy as np
import pytest

from automtl_core.dataset.schema import Task
from automtl_core.registry.plugins import load_registry
from automtl_core.tasks.kinds import task_kind
from automtl_core.training.metrics import metrics_of
from automtl_core.training.significance import holm, losses_by_row
from automtl_inspection.baselines import baseline, corrected


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
CLICK, PRICE = Task("click"), Task("price", kind="regression")
CLICKS = (RANDOM.random(ROWS) < 1 / (1 + np.exp(-SIGNAL - OTHER))).astype(np.float32)
PRICES = (SIGNAL + OTHER + RANDOM.standard_normal(ROWS)).astype(np.float32)


@pytest.mark.parametrize(("task", "labels"), [(CLICK, CLICKS), (PRICE, PRICES)])
def test_a_network_is_better_than_a_field_only_if_it_knows_more(task, labels):
    found = baseline(task, labels, SIGNAL + OTHER, "signal", SIGNAL)
    assert found.beats_constant
    assert found.beats_field
    assert found.score > found.field_score
    assert found.field == "signal"
    found = baseline(task, labels, SIGNAL, "signal", SIGNAL)
    assert found.beats_constant
    assert not found.beats_field


@pytest.mark.parametrize(("task", "labels"), [(CLICK, CLICKS), (PRICE, PRICES)])
def test_noise_and_a_constant_are_no_better_than_a_constant(task, labels):
    for predicted in (0.1 * np.random.default_rng(1).standard_normal(ROWS), np.full(ROWS, 0.01)):
        assert not baseline(task, labels, predicted, None, None).beats_constant


def test_rows_count_that_have_the_label_of_both_classes():
    half = CLICKS.copy()
    half[1000:] = np.nan
    expected = baseline(CLICK, CLICKS[:1000], SIGNAL[:1000], "signal", OTHER[:1000])
    assert baseline(CLICK, half, SIGNAL, "signal", OTHER) == expected
    few = CLICKS.copy()
    few[np.flatnonzero(few)[9:]] = 0
    assert baseline(CLICK, few, SIGNAL, None, None) is None
    assert baseline(CLICK, np.full(ROWS, np.nan, np.float32), SIGNAL, None, None) is None
    assert baseline(PRICE, np.ones(ROWS, np.float32), SIGNAL, None, None) is None


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


def test_labels_of_one_class_have_no_losses_and_no_constant():
    outputs = np.zeros(200)
    for labels in (np.zeros(200, np.float32), np.full(200, np.nan, np.float32)):
        assert losses_by_row(CLICK, labels, [outputs]) is None
        assert baseline(CLICK, labels, outputs, None, None) is None


REGISTRY = load_registry()
"""Its metrics judge the kinds of this process."""
NAMES = ("gauc", "gauc-by-positives", "ndcg-3", "ndcg-of-all-3", "map-3", "mrr-3", "hit-2")


def rows(count=600, seed=0):
    """Return labels, logits of two models and lists, of which some have one row, and 0 for none."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count).astype(np.float64)
    logits = np.round(random.normal(size=(2, count)) + 0.5 * labels, 1)  # some are equal
    return labels, logits, random.integers(0, count // 4, count).astype(np.int32)


@pytest.mark.parametrize("name", NAMES)
def test_the_score_is_the_metric_and_rows_have_their_share(name):
    labels, (logits, other), lists = rows()
    kind = task_kind(f"binary by {name}")
    assert (kind.score.key, kind.evidence, kind.two_classes) == (name, name, True)
    assert [one.key for one in kind.measures] == [name, "auc", "log_loss"]
    values, _, error, groups = kind.metrics(labels, logits, lists)
    task = Task("click", kind=f"binary by {name}")
    found = metrics_of([task], labels[:, None], logits[:, None], lists)["click"]
    assert (found.score, found.evidence, found.error, found.groups) == (
        values[name],
        values[name],
        error,
        groups,
    )
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


def test_gauc_of_lists_is_the_mean_of_their_aucs():
    labels, (logits, _), lists = rows()
    areas, weights = [], []
    for number in np.unique(lists[lists > 0]):
        mine = lists == number
        above, below = logits[mine & (labels == 1)], logits[mine & (labels == 0)]
        if len(above) and len(below):
            wins = [(a > b) + (a == b) / 2 for a in above for b in below]
            areas.append(np.mean(wins))
            weights.append(mine.sum())
    kind = task_kind("binary by gauc")
    values, _, _, groups = kind.metrics(labels, logits, lists)
    assert values["gauc"] == pytest.approx(np.average(areas, weights=weights))
    assert groups == len(areas)


def test_a_metric_without_terms_stops_trainings_and_leaves_searches_to_the_kind():
    labels, (logits, _), lists = rows()
    kind = task_kind("binary by pr-auc")
    assert (kind.score.key, kind.evidence) == ("pr-auc", "auc")
    plain = task_kind("binary")
    assert np.array_equal(
        kind.losses_by_row(labels, logits, lists), plain.losses_by_row(labels, logits, lists)
    )
    values, _, error, groups = kind.metrics(labels, logits, lists)
    assert (values["auc"], error, groups) == (plain.metrics(labels, logits, lists).values["auc"], None, None)


def test_without_lists_of_both_classes_the_score_is_undefined():
    labels, (logits, _), lists = rows(40)
    kind = task_kind("binary by gauc")
    found = kind.metrics(labels, logits, np.arange(1, 41, dtype=np.int32))
    assert (found.values["gauc"], found.reason) == (None, "no user has rows of both classes")
    assert kind.effective_rows(labels, np.arange(1, 41, dtype=np.int32)) == 0
    assert not kind.has_evidence(labels, np.arange(1, 41, dtype=np.int32))
    assert kind.metrics(labels, logits, None).values["gauc"] is None
    assert lists.any()
