"""Holm's correction; networks against a constant and the best single field, with a known truth."""

import numpy as np
import pytest

from automtl_core.dataset.schema import Task
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
