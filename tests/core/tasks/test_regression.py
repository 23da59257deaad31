"""Regressions against scipy."""

import numpy as np
import pytest
from scipy import stats

from automtl_core.tasks.regression import Regression
from automtl_testing import check_task_kind


def test_it_keeps_the_contract():
    check_task_kind(Regression)


def test_the_best_line_has_the_squared_correlation_as_its_r2():
    draw = np.random.default_rng(0)
    x = draw.standard_normal(200)
    labels = 0.7 * x + draw.standard_normal(200)
    fitted = stats.linregress(x, labels)
    found = Regression("price").metrics(labels, fitted.intercept + fitted.slope * x, None)
    assert found.values["r2"] == pytest.approx(fitted.rvalue**2)
    assert found.values["rmse"] == pytest.approx(labels.std() * (1 - fitted.rvalue**2) ** 0.5)
