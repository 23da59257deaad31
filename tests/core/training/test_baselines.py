"""Networks against a constant and against the best single field, on labels whose truth is known."""

import numpy as np
import pytest

from automtl_core.dataset.schema import Task
from automtl_core.training.baselines import baseline, corrected
from automtl_core.training.significance import SMALLEST

ROWS = 2000
RANDOM = np.random.default_rng(0)
SIGNAL, OTHER = RANDOM.standard_normal((2, ROWS))
CLICK, PRICE = Task("click"), Task("price", kind="regression")
CLICKS = (RANDOM.random(ROWS) < 1 / (1 + np.exp(-SIGNAL - OTHER))).astype(np.float32)
PRICES = (SIGNAL + OTHER + RANDOM.standard_normal(ROWS)).astype(np.float32)


@pytest.mark.parametrize(("task", "labels"), [(CLICK, CLICKS), (PRICE, PRICES)])
def test_a_network_that_knows_more_than_a_field_is_better_than_both(task, labels) -> None:
    found = baseline(task, labels, SIGNAL + OTHER, "signal", SIGNAL)
    assert found.beats_constant
    assert found.beats_field
    assert found.score > found.field_score
    assert found.field == "signal"


@pytest.mark.parametrize(("task", "labels"), [(CLICK, CLICKS), (PRICE, PRICES)])
def test_a_network_that_knows_one_field_is_no_better_than_that(task, labels) -> None:
    found = baseline(task, labels, SIGNAL, "signal", SIGNAL)
    assert found.beats_constant
    assert not found.beats_field


@pytest.mark.parametrize(("task", "labels"), [(CLICK, CLICKS), (PRICE, PRICES)])
def test_noise_and_a_constant_are_no_better_than_a_constant(task, labels) -> None:
    for predicted in (0.1 * np.random.default_rng(1).standard_normal(ROWS), np.full(ROWS, 0.01)):
        assert not baseline(task, labels, predicted, None, None).beats_constant


def test_without_labels_of_both_classes_there_is_no_comparison() -> None:
    few = CLICKS.copy()
    few[np.flatnonzero(few)[9:]] = 0
    assert baseline(CLICK, few, SIGNAL, None, None) is None
    assert baseline(CLICK, np.full(ROWS, np.nan, np.float32), SIGNAL, None, None) is None
    assert baseline(PRICE, np.ones(ROWS, np.float32), SIGNAL, None, None) is None


def test_rows_without_the_label_do_not_count() -> None:
    half = CLICKS.copy()
    half[1000:] = np.nan
    expected = baseline(CLICK, CLICKS[:1000], SIGNAL[:1000], "signal", OTHER[:1000])
    assert baseline(CLICK, half, SIGNAL, "signal", OTHER) == expected


def test_one_of_many_tasks_is_better_by_chance() -> None:
    """A p value of .004 counts for one task, and not for one of three."""
    found = baseline(CLICK, CLICKS, SIGNAL, None, None)
    lucky = type(found)("AUC", 0.53, 0.01, 0.004, "signal", 0.52, 0.004)
    assert corrected({"a": lucky})["a"].beats_constant
    unlucky = type(found)("AUC", 0.5, 0.01, 0.5, None, None, None)
    three = corrected({"b": unlucky, "a": lucky, "c": unlucky})
    assert not three["a"].beats_constant
    assert list(three) == ["b", "a", "c"]
    assert three["a"].p_field == 0.004  # the other tasks have no field


def test_a_p_value_has_a_floor_that_every_program_can_read() -> None:
    labels = np.tile(PRICES, 10)
    assert baseline(PRICE, labels, labels.astype(np.float64), None, None).p_constant == SMALLEST
