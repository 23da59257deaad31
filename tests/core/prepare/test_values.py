"""Tables of values: bags and vectors; see tests/datasets/test_table_vectors.py for vectors in files."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.dataset.dataset import DatasetSettings, Sparse, Vectors
from automtl_core.errors import DataError, UsageError
from automtl_core.prepare.values import Examples, codes, make_vectors, number_bags, number_values, of_bags
from automtl_core.raw.sql import count


class Given:
    """Stands for a dataset: bags of tags, and items with vectors."""

    fields, layout = (Sparse("item"), Vectors("item:vector", "item")), type("Layout", (), {"reads": {}})

    def __init__(self, frame=None, **settings):
        self.frame, self.settings = frame, DatasetSettings(**settings)

    def values(self, db, field):
        return db.from_df(self.frame)

    def vectors(self, db, field):
        assert field == "item:vector"
        return db.from_df(self.frame)


@pytest.fixture
def db():
    with duckdb.connect() as connection:
        number_values(connection, "tags", "SELECT unnest(['x', 'y', 'z']) AS value", None)
        yield connection


FRAME = pd.DataFrame({"bag": ["y", "x", "x", "x", "z", "unknown"], "value": ["b", "c", "a", "c", None, "d"]})


def test_a_bag_holds_each_value_once_and_in_order_of_named_columns(db):
    number_bags(table := Examples(db, Given(FRAME)), "tags")
    bags, values = (np.concatenate(arrays).tolist() for arrays in zip(*table.held("tags"), strict=True))
    # a, b and c are 0, 1 and 2: x holds a and c, y holds b; z is blank, and nobody names the last
    assert list(zip(bags, values, strict=True)) == [(0, 0), (0, 2), (1, 1)]
    assert count(db, codes(of_bags("tags"))) == 3
    assert sorted(db.execute(f"FROM {codes(of_bags('tags'))}").fetchall()) == [("a", 0), ("b", 1), ("c", 2)]
    with pytest.raises(DataError, match="the values of tags lack 'value'"):
        number_bags(Examples(db, Given(FRAME[["bag"]])), "tags")


def made(frame, hashed=None):
    with duckdb.connect() as db:
        make_vectors(table := Examples(db, Given(frame, hashed=hashed or {}), "mine"))
        return [(list(ids), vectors.tolist()) for ids, vectors in table.vectors("item:vector")]


def frame(ids, *vectors):
    return pd.DataFrame({"id": ids, "vector": [np.array(one, float) for one in vectors]})


def test_values_are_sorted_as_texts_without_blanks():
    assert made(frame([10, 9], [1, 2], [3, 4])) == [(["10", "9"], [[1.0, 2.0], [3.0, 4.0]])]
    rows = pd.DataFrame({"id": ["a", None, "c"], "vector": [[1.0], [2.0], None]})
    assert made(rows) == [(["a"], [[1.0]])]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (frame(["a", "a"], [1, 2], [3, 4]), "the vectors of 'item:vector': a has several vectors"),
        (frame(["a", "b", "c"], [3], [1, 2], [5, 6]), "a has a vector of another length than most"),
        (frame(["a", "b"], [1, 2], [3, np.inf]), "b has a vector with other values than finite numbers"),
        (frame(["a"], [1]).rename(columns={"id": "item"}), "lack the column 'id'"),
        (frame(["a"], [1]).assign(id=None), "the table is empty"),
    ],
)
def test_faults_are_named(rows, message):
    with pytest.raises(DataError, match=message):
        made(rows)


def test_hashed_values_have_no_vectors():
    with pytest.raises(UsageError, match=r"dataset\.hashed names 'item', whose values have vectors"):
        made(frame(["a"], [1]), hashed={"item": 10})


def test_values_are_numbered_in_their_order_without_blanks(db):
    number_values(db, "field", "SELECT unnest([30, 4, NULL, 30, 100]) AS value", None)
    assert db.execute(f"FROM {codes('field')} ORDER BY code").fetchall() == [(4, 0), (30, 1), (100, 2)]
    number_values(db, "field", "SELECT unnest([7, 30, 5]) AS value", None, more=True)
    assert db.execute(f"FROM {codes('field')} ORDER BY code").fetchall()[3:] == [(5, 3), (7, 4)]
