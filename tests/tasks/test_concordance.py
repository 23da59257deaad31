"""The concordance index against its definition, pair by pair."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from automtl_core.tasks.builtin import auc, shortfall_by_row
from automtl_tasks.concordance import pairs

ROWS = st.lists(st.tuples(st.integers(1, 5), st.booleans(), st.integers(-3, 3)), min_size=1, max_size=30)


def by_definition(times, exact, scores):
    """Return the wrong and the known pairs of each row."""
    wrong, known = np.zeros(len(times)), np.zeros(len(times))
    for i in range(len(times)):
        for j in range(len(times)):
            if exact[i] and (times[i] < times[j] or (times[i] == times[j] and not exact[j])):
                known[[i, j]] += 1
                wrong[[i, j]] += (scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j])
    return wrong, known


@given(ROWS)
def test_pairs_are_those_of_the_definition(rows):
    times, exact, scores = (np.array(column) for column in zip(*rows, strict=True))
    found, (wrong, known) = pairs(times, exact, scores), by_definition(times, exact, scores)
    assert np.array_equal(found.wrong, wrong)
    assert np.array_equal(found.known, known)
    if known.any():
        assert found.concordance == pytest.approx(1 - wrong.sum() / known.sum())
        assert found.by_row().mean() == pytest.approx(1 - found.concordance)
    else:
        assert found.concordance is None


def test_by_hand():
    # 1 is shorter than all, 3 is shorter than "longer than 3", and the order of 3 and 2+ is not known
    times, exact = np.array([1, 2, 3, 3]), np.array([True, False, True, False])
    assert pairs(times, exact, np.array([0.1, 0.2, 0.3, 0.4])).concordance == 1
    assert pairs(times, exact, np.array([0.1, 0.0, 0.3, 0.3])).concordance == pytest.approx(1 - 1.5 / 4)


def test_for_two_times_it_is_the_area_and_its_contributions():
    draw = np.random.default_rng(0)
    labels, scores = draw.integers(0, 2, 60), np.round(draw.standard_normal(60), 1)
    found = pairs(labels + 1.0, np.ones(60, bool), scores)
    assert found.concordance == pytest.approx(auc(labels, scores))
    assert found.by_row() == pytest.approx(shortfall_by_row(labels, scores))


def test_the_variance_of_contributions_is_the_error_over_other_rows():
    draw, indices, errors = np.random.default_rng(0), [], []
    for _ in range(400):
        times, scores = draw.exponential(size=(2, 300)), draw.standard_normal((2, 300))
        true = np.log(times[0]) + scores[0]
        found = pairs(times.min(0), times[0] <= times[1], true)
        indices.append(found.concordance)
        errors.append(found.by_row().std() / 300**0.5)
    assert np.mean(errors) == pytest.approx(np.std(indices), rel=0.1)


def test_many_rows_take_little_time():
    draw = np.random.default_rng(0)
    times = draw.exponential(size=200_000)
    found = pairs(times, draw.random(200_000) < 0.7, -times)
    assert found.concordance == 0
