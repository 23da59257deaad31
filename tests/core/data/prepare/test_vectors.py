"""Vectors of a dataset are checked once; see tests/datasets/test_table_vectors.py for those of files."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.prepare.vectors import blocks, make_vectors
from automtl_core.dataset.dataset import Sparse, Vectors
from automtl_core.errors import DataError, UsageError


class Items:
    """Stands for a dataset: items with vectors."""

    def __init__(self, frame, hashed=None):
        self.frame, self.fields = frame, (Sparse("item"), Vectors("item:vector", "item"))
        self.settings = type("Settings", (), {"hashed": hashed or {}})

    def vectors(self, db, field):
        assert field == "item:vector"
        return db.from_df(self.frame)


def made(frame, hashed=None):
    with duckdb.connect() as db:
        make_vectors(db, Items(frame, hashed), "mine")
        return [(list(ids), vectors.tolist()) for ids, vectors in blocks(db, "item:vector")]


def frame(ids, *vectors):
    return pd.DataFrame({"id": ids, "vector": [np.array(one, float) for one in vectors]})


def test_values_are_sorted_as_texts():
    assert made(frame([10, 9], [1, 2], [3, 4])) == [(["10", "9"], [[1.0, 2.0], [3.0, 4.0]])]


def test_rows_without_a_value_or_a_vector_are_left_out():
    rows = pd.DataFrame({"id": ["a", None, "c"], "vector": [[1.0], [2.0], None]})
    assert made(rows) == [(["a"], [[1.0]])]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (frame(["a", "a"], [1, 2], [3, 4]), "the vectors of 'item:vector': a has several vectors"),
        (frame(["a", "b"], [1, 2], [3]), "b has a vector of another length"),
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
