"""Calibration: groups of equal size, exact means, intervals that hold the truth."""

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import binomtest

from automtl_core.dataset.schema import Task
from automtl_core.tasks.builtin import log_loss
from automtl_core.training.calibration import Bin, calibrated, calibration, calibration_error, platt


def test_groups_have_exact_means_of_known_labels():
    labels = np.array([0, 1, np.nan, 1], np.float32)
    bins = calibration(labels, logit(np.array([0.1, 0.2, 0.5, 0.9])))
    assert [one.rows for one in bins] == [1, 1, 1]
    assert [one.predicted for one in bins] == pytest.approx([0.1, 0.2, 0.9])
    assert [one.observed for one in bins] == [0, 1, 1]
    assert calibration_error(bins) == pytest.approx((0.1 + 0.8 + 0.1) / 3)
    assert calibration(np.full(3, np.nan, np.float32), np.zeros(3)) == ()


def test_true_probabilities_are_calibrated_and_wrong_ones_are_not():
    random = np.random.default_rng(0)
    p = random.random(20_000)
    labels = (random.random(20_000) < p).astype(np.float32)
    true, wrong = calibration(labels, logit(p)), calibration(labels, logit(p) + 1)
    assert len(true) == 10
    inside = [one.interval[0] <= one.predicted <= one.interval[1] for one in true]
    assert sum(inside) >= 10 - 2
    assert calibration_error(true) < 0.01 < 0.1 < calibration_error(wrong)


@pytest.mark.parametrize(("rows", "positives"), [(20, 0), (20, 20), (1, 1), (7, 3), (1000, 12)])
def test_the_interval_is_that_of_wilson(rows, positives):
    expected = binomtest(positives, rows).proportion_ci(method="wilson")
    found = Bin(rows, 0.1, positives / rows).interval
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


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


def test_rows_in_chunks_give_the_same_numbers(monkeypatch):
    labels, logits = wrong_logits(500)
    labels[::9] = np.nan
    whole = platt(labels, logits)
    for module in ("training.calibration", "tasks.builtin"):
        monkeypatch.setattr(f"automtl_core.{module}.CHUNK", 32)
    assert platt(labels, logits).to_json() == pytest.approx(whole.to_json(), rel=1e-12)


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
