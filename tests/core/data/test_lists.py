"""Lists of new rows: the numbers of values in columns, and a table with them."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.lists import columns_of_rows, lists_of_rows, together
from automtl_core.dataset.lists import Lists
from automtl_core.errors import FaultyRowError


def test_values_of_several_columns_have_one_number():
    one, other = np.array([0, 0, 1, 1, -1, 0]), np.array([2, 2, 2, 0, 1, -1])
    found = together([one, other])
    assert found[0] == found[1]
    assert len({*found[:4].tolist()}) == 3
    assert found[4:].tolist() == [-1, -1]
    assert together([one]).tolist() == one.tolist()


def test_rows_of_a_table_form_lists_by_columns_and_times():
    rows = pd.DataFrame(
        {
            "who": ["a", "a", None, "a", "b"],
            "at": [
                "2024-05-01 10:20",
                "2024-05-01 10:00",
                "2024-05-01 11:00",
                "2024-05-01 12:00",
                "2024-05-01 10:10",
            ],
        }
    )
    rule = Lists(("who",), "at", gap=1800.0)
    assert [*columns_of_rows(rule)] == ["who", "at"]
    assert [*columns_of_rows(Lists(("who",)))] == ["who"]
    with duckdb.connect() as db:
        db.register("rows", rows)
        numbers, begin = lists_of_rows(db, rule, "rows")
        assert numbers[0] == numbers[1] > 0
        assert len({numbers[0], numbers[3], numbers[4]}) == 3
        assert numbers[2] == 0
        assert (begin - begin[1]).tolist() == [0, 0, 3600, 7200, 600]
        assert lists_of_rows(db, Lists(("who",)), "rows").begin is None
        db.register("rows", rows.assign(at=["7", *rows["at"][1:]]))
        with pytest.raises(FaultyRowError, match="the time at holds '7'"):
            lists_of_rows(db, rule, "rows")
