"""Measures of binary tasks against hand-worked numbers, and against their definition."""

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from scipy import stats

from automtl_core.tasks.builtin import Binary, Regression, auc, log_loss, shortfall_by_row
from automtl_testing import check_task_kind


@pytest.mark.parametrize("kind", [Binary, Regression])
def test_it_keeps_the_contract(kind):
    check_task_kind(kind)


def test_auc_by_hand_where_ties_count_half():
    # positives score 3 and 1, negatives 2 and 0: of four pairs (3,2) (3,0) (1,0) are right
    assert auc(np.array([1, 1, 0, 0]), np.array([3.0, 1.0, 2.0, 0.0])) == 0.75
    assert auc(np.array([1, 0]), np.array([1.0, 1.0])) == 0.5
    assert auc(np.array([1, 1, 0, 0]), np.array([2.0, 1.0, 1.0, 0.0])) == 0.875


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=40))
def test_auc_is_the_chance_that_a_positive_scores_higher(rows):
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    positives, negatives = scores[labels], scores[~labels]
    area = auc(labels.astype(float), scores.astype(float))
    if len(positives) == 0 or len(negatives) == 0:
        assert area is None
    else:
        wins = (positives[:, None] > negatives).mean() + 0.5 * (positives[:, None] == negatives).mean()
        assert area == pytest.approx(wins)


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=40))
def test_shortfall_by_row_has_the_mean_and_the_error_of_the_area(rows):
    """The error is that of DeLong, of placements in each class."""
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    assume(0 < labels.sum() < len(labels))
    by_row = shortfall_by_row(labels, scores)
    assert by_row.mean() == pytest.approx(1 - auc(labels, scores), abs=1e-12)
    above = scores[labels][:, None] > scores[~labels]
    wins = above + 0.5 * (scores[labels][:, None] == scores[~labels])
    variance = sum(wins.mean(axis).var() / wins.shape[1 - axis] for axis in (0, 1))
    assert by_row.var() / len(rows) == pytest.approx(variance, abs=1e-12)


def test_log_loss_by_hand_and_without_overflow():
    assert log_loss(np.array([1.0, 0.0]), np.array([0.0, np.log(3.0)])) == pytest.approx(
        (np.log(2) + np.log(4)) / 2
    )
    assert log_loss(np.array([1.0]), np.array([1000.0])) == 0.0
    assert log_loss(np.array([0.0]), np.array([1000.0])) == 1000.0


def test_the_best_line_has_the_squared_correlation_as_its_r2():
    draw = np.random.default_rng(0)
    x = draw.standard_normal(200)
    labels = 0.7 * x + draw.standard_normal(200)
    fitted = stats.linregress(x, labels)
    found = Regression("price").metrics(labels, fitted.intercept + fitted.slope * x, None)
    assert found.values["r2"] == pytest.approx(fitted.rvalue**2)
    assert found.values["rmse"] == pytest.approx(labels.std() * (1 - fitted.rvalue**2) ** 0.5)
