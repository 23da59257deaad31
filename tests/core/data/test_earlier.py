"""A row sees the earlier rows of its cell, and never itself."""

import numpy as np
import pytest

from automtl_core.data.earlier import FOLDS, Earlier, rule_of

from .rules import DELAY, ROWS, RULES, TIMES, USERS, sees


@pytest.mark.parametrize("name", RULES)
def test_a_row_sees_rows_of_its_cell_and_never_itself(name):
    of_cells = np.random.default_rng(0).integers(5, size=ROWS)
    found = RULES[name].sums(of_cells).of(np.eye(ROWS))
    same = of_cells[:, None] == of_cells
    expected = [[sees(name, row, other) for other in range(ROWS)] for row in range(ROWS)]
    assert np.array_equal(found, same & expected)
    assert not np.diag(found).any()
    some = np.arange(0, ROWS, 3)
    again = RULES[name].some(some).sums(of_cells[some]).of(np.eye(len(some)))
    assert np.array_equal(again, found[np.ix_(some, some)])


def test_folds_are_of_one_size_and_hold_whole_users():
    counts = np.bincount(rule_of(50_000, None, 0.0, None).folds)
    assert len(counts) == FOLDS
    assert np.abs(counts - 10_000).max() < 500
    folds = RULES["users"].folds
    assert all(len({*folds[user == USERS]}) == 1 for user in range(1, 30))
    assert len({*folds[USERS == 0]}) > 1, "rows without a user are on their own"
    assert len({*folds}) == FOLDS


def test_labels_within_the_delay_are_no_part_of_the_state():
    assert RULES["always"].known is None
    assert RULES["random"].known is None
    assert np.array_equal(RULES["delay"].known, TIMES.max() - DELAY > TIMES)
    assert Earlier(np.empty(0), np.empty(0), np.empty(0)).known is None
