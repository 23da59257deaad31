"""Calibration: groups of equal size, exact means, intervals that hold the truth."""

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import binomtest

from automtl_inspection.behaviour import Bin, calibration, calibration_error


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
