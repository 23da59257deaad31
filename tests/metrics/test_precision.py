"""PR-AUC against its definition, with ties, and against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from automtl_metrics import rankings
from automtl_metrics.rankings import average_precision

ROWS = st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=1, max_size=40)


def by_definition(labels, predictions):
    """Return the sum over thresholds of precision times the increase of recall, threshold by threshold."""
    area, recall = 0.0, 0.0
    for threshold in sorted(set(predictions), reverse=True):
        above = predictions >= threshold
        hits = labels[above].sum()
        area += hits / above.sum() * (hits / labels.sum() - recall)
        recall = hits / labels.sum()
    return area


@given(ROWS)
def test_it_is_the_sum_over_thresholds(rows):
    labels, predictions = (np.array(column, float) for column in zip(*rows, strict=True))
    found = average_precision(labels, predictions)
    if labels.any():
        assert found == pytest.approx(by_definition(labels, predictions), abs=1e-12)
    else:
        assert found is None


def test_by_hand():
    # the documented example of scikit-learn: 0.5 * 1 + 0.5 * 2 / 3
    labels, scores = np.array([0.0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    assert average_precision(labels, scores) == pytest.approx(0.5 + 1 / 3)
    assert average_precision(np.array([1.0, 0, 1]), np.array([3.0, 2, 1])) == pytest.approx((1 + 2 / 3) / 2)


def test_a_constant_has_the_share_of_positive_rows_in_any_order():
    labels = np.array([1.0, 0, 0, 0])
    assert average_precision(labels, np.zeros(4)) == average_precision(labels[::-1], np.zeros(4)) == 0.25


def test_a_perfect_ranking_has_1():
    assert average_precision(np.array([0.0, 1, 1]), np.array([-1.0, 5, 2])) == 1


@pytest.mark.parametrize("size", [1, 7])
def test_chunks_have_no_effect(size, monkeypatch):
    random = np.random.default_rng(0)
    labels, predictions = (random.integers(0, most, 300).astype(float) for most in (2, 50))
    monkeypatch.setattr(rankings, "CHUNK", size)
    expected = pytest.approx(by_definition(labels, predictions), abs=1e-12)
    assert average_precision(labels, predictions) == expected
