import numpy as np
import pytest
from automtl_testing import check_metric

from example_metric.metric import BRIER, brier_score


def test_contract() -> None:
    check_metric(BRIER)


def test_a_probability_of_one_half_scores_one_quarter() -> None:
    labels = np.array([0.0, 1.0, 1.0])
    assert brier_score(labels, np.zeros(3), None) == pytest.approx(0.25)
