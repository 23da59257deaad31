"""A part of the board is made and read; splits, statistics and checks of the board."""

import numpy as np
import pytest
from scipy.special import stdtrit

from automtl_comparison.statistics import resampled
from automtl_core.dataset.schema import Task
from automtl_core.training.significance import losses_by_row
from board.read import Trainings, pseudo_values, unpaired


@pytest.mark.parametrize("drawn", ["users", "rows"])
def test_pseudo_values_have_the_error_of_a_bootstrap(drawn):
    random, rows = np.random.default_rng(0), 2000
    users = random.integers(1, 100, rows).astype(np.int32) if drawn == "users" else None
    truth = random.standard_normal(rows) + (0 if users is None else random.standard_normal(101)[users])
    labels = (random.random(rows) < 1 / (1 + np.exp(-truth))).astype(np.float32)
    logits = truth[:, None] + random.standard_normal((rows, 2)) * [0.5, 1.5]
    task = Task("click")
    by_row = np.stack([1 - loss for loss in losses_by_row(task, labels, [*logits.T])], axis=1)
    found = pseudo_values(by_row, users)
    assert found.mean(axis=1) == pytest.approx(by_row.mean(axis=0))
    drawn_scores = [resampled([task], labels[:, None], z[:, None], users, None, 1)[:, 0] for z in logits.T]
    errors = [of.std(ddof=1) for of in (*drawn_scores, drawn_scores[0] - drawn_scores[1])]
    assert [of.std(ddof=1) for of in (*found, found[0] - found[1])] == pytest.approx(errors, rel=0.08)


def test_seeds_that_are_no_pairs_add_their_variances():
    def of(*scores):
        return Trainings(np.array(scores), np.array(scores)[:, None] + np.zeros(5))

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
    by_unit = random.standard_normal((400, 300)) * 0.1  # each training has an error of .1 by rows alone
    by_unit += random.standard_normal((400, 1)) * (0.1**2 + 0.2**2) ** 0.5
    found = [Trainings(of.mean(axis=1), of).variance for of in np.split(by_unit, 100)]
    assert np.mean(found) == pytest.approx(0.2**2, abs=0.012)
    assert Trainings(np.array([0.7]), by_unit[:1]).variance is None
