"""Lists of new rows."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.lists import columns_of_rows, lists_of_rows, together
from automtl_core.dataset.dataset import TEXT, UNUSED, Column
from automtl_core.dataset.lists import Lists
from automtl_core.errors import FaultyRowError

ROWS = {"user": ["a", "b", "a", None, "a"], "page": [1, 1, 1, 1, 2], "at": ["10", "11", "12", "13", "50"]}


def formed(rule, **columns):
    with duckdb.connect() as db:
        db.register("rows", pd.DataFrame(ROWS | columns))
        return lists_of_rows(db, rule, "rows")


def test_rows_with_equal_values_form_a_list_and_blanks_none():
    assert formed(Lists(("user",))).numbers.tolist() == [1, 2, 1, 0, 1]
    numbers = formed(Lists(("user", "page"))).numbers
    assert numbers[0] == numbers[2] != numbers[4]
    assert numbers[3] == 0
    assert len(set(numbers.tolist())) == 4


def test_times_divide_lists():
    numbers, begin = formed(Lists(("user",), "at", gap=30))
    assert numbers.tolist() == [1, 3, 1, 0, 2]
    assert begin.tolist() == [10, 11, 10, 13, 50]


def test_a_time_in_another_form_is_a_faulty_row():
    with pytest.raises(FaultyRowError, match="the time at holds"):
        formed(Lists(("user",), "at", gap=30), at=["10", "11", "12", "2024-01-31", "50"])


def test_columns_of_files():
    declared = {"page": Column(blanks=("NA",)), "shop": UNUSED, "other": TEXT}
    found = columns_of_rows(Lists(("page", "shop"), "at"), declared)
    assert found == {"page": declared["page"], "shop": TEXT, "at": Column("time", required=True)}
    assert [*columns_of_rows(Lists(("page",)), {})] == ["page"]


def test_numbers_of_several_columns_differ_as_pairs_do():
    one, two = np.array([0, 0, 1, -1, 1]), np.array([0, 1, 0, 0, -1])
    found = together([one, two])
    assert (found < 0).tolist() == [False, False, False, True, True]
    assert len(set(found[:3].tolist())) == 3
