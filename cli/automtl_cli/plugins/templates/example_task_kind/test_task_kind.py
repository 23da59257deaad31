import numpy as np
import pytest
from automtl_testing import check_task_kind

from example_task_kind.task_kind import Median


def test_contract() -> None:
    check_task_kind(Median)


def test_the_error_is_that_of_the_labels() -> None:
    values, reason = Median("minutes").metrics(np.array([1.0, 2.0, 6.0]), np.array([1.0, 2.0, 3.0]), None)
    assert values == {"mae": 1.0, "explained": pytest.approx(1 - 3 / 5)}
    assert reason is None
