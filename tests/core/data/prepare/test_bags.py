import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.prepare.bags import held, number_bags, value_codes, value_count
from automtl_core.data.raw.sql import number_values
from automtl_core.errors import DataError


class Tags:
    """Stands for a dataset: bags of tags."""

    def __init__(self, frame, hashed=None):
        self.frame = frame
        self.settings = type("Settings", (), {"hashed": hashed or {}})

    def values(self, db, field):
        return db.from_df(self.frame)


@pytest.fixture
def db():
    with duckdb.connect() as connection:
        number_values(connection, "tags", "SELECT unnest(['x', 'y', 'z']) AS value", None)
        yield connection


FRAME = pd.DataFrame({"bag": ["y", "x", "x", "x", "z", "unknown"], "value": ["b", "c", "a", "c", None, "d"]})


def test_a_bag_holds_each_value_once_and_in_order(db):
    number_bags(db, Tags(FRAME), "tags")
    bags, values = (np.concatenate(arrays).tolist() for arrays in zip(*held(db, "tags"), strict=True))
    # a, b and c are 0, 1 and 2: x holds a and c, y holds b; z is blank, and nobody names the last
    assert list(zip(bags, values, strict=True)) == [(0, 0), (0, 2), (1, 1)]
    assert value_count(db, "tags") == 3
    assert sorted(db.execute(f"FROM {value_codes('tags')}").fetchall()) == [("a", 0), ("b", 1), ("c", 2)]


def test_values_can_be_hashed(db):
    number_bags(db, Tags(FRAME, {"tags": 2}), "tags")
    assert {int(v) for _, values in held(db, "tags") for v in values} <= {0, 1}


def test_a_column_that_is_missing_is_named(db):
    with pytest.raises(DataError, match="the values of tags lack 'value'"):
        number_bags(db, Tags(FRAME[["bag"]]), "tags")
