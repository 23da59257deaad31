"""PR-AUC, normalised entropy and calibration error against slow definitions."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from automtl_metrics import all_rows
from automtl_metrics.all_rows import average_precision, calibration_error, normalised_entropy

PAIRS = st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=1, max_size=40)


def by_definition(labels, predictions):
    """Return the sum over thresholds of precision times the increase of recall, threshold by threshold."""
    area, recall = 0.0, 0.0
    for threshold in sorted(set(predictions), reverse=True):
        above = predictions >= threshold
        hits = labels[above].sum()
        area += hits / above.sum() * (hits / labels.sum() - recall)
        recall = hits / labels.sum()
    return area


@given(PAIRS)
def test_it_is_the_sum_over_thresholds(rows):
    labels, predictions = (np.array(column, float) for column in zip(*rows, strict=True))
    found = average_precision(labels, predictions)
    if labels.any():
        assert found == pytest.approx(by_definition(labels, predictions), abs=1e-12)
    else:
        assert found is None


@pytest.mark.parametrize("size", [1, 7])
def test_chunks_have_no_effect(size, monkeypatch):
    random = np.random.default_rng(0)
    labels, predictions = (random.integers(0, most, 300).astype(float) for most in (2, 50))
    monkeypatch.setattr(all_rows, "CHUNK", size)
    expected = pytest.approx(by_definition(labels, predictions), abs=1e-12)
    assert average_precision(labels, predictions) == expected


def test_normalised_entropy_is_1_for_the_share_and_lower_for_what_tells_more():
    labels = np.array([1.0, 0, 0, 0])
    assert normalised_entropy(labels, np.full(4, np.log(1 / 3))) == pytest.approx(1)
    losses = np.array([np.log1p(np.exp(-2)), *[np.log1p(np.exp(-1))] * 3])
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert normalised_entropy(labels, np.array([2.0, -1, -1, -1])) == pytest.approx(losses.mean() / entropy)
    assert normalised_entropy(np.ones(3), np.zeros(3)) is None


def test_calibration_error_is_the_mean_gap_of_bins():
    chances = np.repeat(np.arange(1, 21) / 21, 50)  # a bin for each value
    logits, draw = np.log(chances / (1 - chances)), np.random.default_rng(0)
    labels = (draw.random(1000) < chances).astype(float)
    gaps = [abs(labels[chances == c].mean() - c) for c in np.unique(chances)]
    assert calibration_error(labels, logits) == pytest.approx(np.mean(gaps))
    order = draw.permutation(1000)
    assert calibration_error(labels[order], logits[order]) == calibration_error(labels, logits)
    assert calibration_error(np.ones(3), np.zeros(3)) == pytest.approx(0.5)
