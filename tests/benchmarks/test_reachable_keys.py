import numpy as np
import pytest

from reachable_keys import Effects

R = 0.9


@pytest.fixture
def walking():
    """Return effects of three cells that walk over four periods, for forty rows."""
    random = np.random.default_rng(0)
    cells, periods = (np.append(random.integers(n, size=39), n - 1) for n in (3, 4))
    return Effects(cells, periods, np.array([0.5]), R)


def test_effects_have_deviation_1_in_each_period_and_the_correlation_of_the_problem(walking):
    lags = np.abs(np.subtract.outer(range(4), range(4)))
    assert walking.walk @ walking.walk.T == pytest.approx(R**lags)


def test_the_gradient_is_that_of_the_effects_of_rows(walking):
    random = np.random.default_rng(1)
    z, by_row = random.standard_normal(12), random.standard_normal(40)
    assert walking.gradient(by_row) @ z == pytest.approx(by_row @ walking.of_rows(z))
