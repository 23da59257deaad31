"""A part of the board is made and read; splits, statistics and checks of the board."""

import numpy as np
import pytest
from scipy.special import stdtrit

from board.read import Trainings, unpaired


def test_seeds_that_are_no_pairs_add_their_variances():
    def of(*scores):
        return Trainings(np.array(scores), np.zeros((len(scores), 5)))

    found = unpaired([(of(0.72, 0.74), of(0.70, 0.71, 0.72, 0.71), 0.0)])
    # variances of the means: .0002 / 2 and .0000667 / 4, with 1 and 3 degrees of freedom
    error = (0.0001 + 0.0000667 / 4) ** 0.5
    freedom = error**4 / (0.0001**2 + (0.0000667 / 4) ** 2 / 3)
    assert found.mean == pytest.approx(0.02)
    assert found.high - found.mean == pytest.approx(stdtrit(freedom, 0.975) * error, rel=1e-3)
    alone = unpaired([(of(0.73), of(0.71), 0.0001)] * 4)
    assert alone.high - alone.mean == pytest.approx(1.96 * (2 * 0.0001 / 4) ** 0.5, rel=1e-3)


def test_the_variance_over_trainings_is_without_that_of_rows():
    random = np.random.default_rng(0)
    by_unit = random.standard_normal((400, 300)) * 0.1 / 300**0.5  # an error of .1 by rows alone
    scores = random.standard_normal(400) * (0.1**2 + 0.2**2) ** 0.5
    found = [
        Trainings(*of).variance for of in zip(np.split(scores, 100), np.split(by_unit, 100), strict=True)
    ]
    assert np.mean(found) == pytest.approx(0.2**2, abs=0.012)
    assert Trainings(np.array([0.7]), by_unit[:1]).variance is None
