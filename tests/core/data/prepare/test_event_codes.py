"""Values of a log become the codes of rows; values that no row has get further codes."""

import duckdb
import pytest

from automtl_core.data.prepare.event_codes import coded, event_table, value_key
from automtl_core.data.raw.sql import number_values
from automtl_core.dataset.dataset import History

HISTORY = History("past", "user", "at", ("item",), ("buy",))


@pytest.mark.parametrize("buckets", [None, 3])
def test_values_that_no_row_has_get_codes(buckets):
    class Items:
        settings = type("Settings", (), {"hashed": {"item": buckets} if buckets else {}})

    with duckdb.connect() as db:
        number_values(db, "item", "SELECT unnest(['a', 'b']) AS value", buckets)
        db.execute("CREATE TABLE \"log of past\" AS SELECT unnest(['b', 'new', NULL, 'b']) AS item, 7 AS at")
        table = coded(db, Items(), HISTORY, ["item"], "")
        rows = db.table(table).fetchall()
    assert len(rows) == 4
    found = sorted(item for item, *_ in rows if item is not None)
    if not buckets:  # events at one time are ordered by values, since codes of new values follow all others
        assert sorted((item, value) for item, _, value in rows if value) == [(1, "b"), (1, "b"), (2, "new")]
    if buckets:
        assert len(found) == 3
        assert max(found) < buckets
    else:
        assert found == [1, 1, 2]


def test_names_of_tables_and_columns_differ_from_those_of_users():
    assert event_table(HISTORY) == '"events of past"'

    class Plain:
        settings = type("Settings", (), {"hashed": {"shop": 3}})

    assert (value_key("item", Plain()), value_key("shop", Plain())) == ('"automtl:value of item"', '"shop"')
