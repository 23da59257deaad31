"""Platt scaling: it finds the two numbers, and keeps the order of rows."""

import numpy as np
import pytest

from automtl_core.dataset.schema import Task
from automtl_core.tasks.builtin import log_loss
from automtl_core.training.calibration import calibrated, platt


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
