import numpy as np
import pytest

from automtl_example_metric import BRIER
from automtl_testing import check_metric


def test_contract() -> None:
    check_metric(BRIER)


def test_it_is_the_mean_squared_difference() -> None:
    labels, logits = np.array([1.0, 0.0]), np.array([0.0, np.log(3)])  # probabilities 1/2 and 3/4
    assert BRIER.compute(labels, logits, None) == pytest.approx((0.5**2 + 0.75**2) / 2)
