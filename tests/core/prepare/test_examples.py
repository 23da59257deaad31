"""Tables of examples and of their values: bags and vectors; tests/datasets has vectors in files."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.dataset.dataset import DatasetSettings, Sparse, Vectors
from automtl_core.errors import DataError, PluginError, UsageError
from automtl_core.prepare.examples import make_examples
from automtl_core.prepare.values import Examples, codes, make_vectors, number_bags, number_values, of_bags
from automtl_core.raw.connection import connect

PAIRS = {"user": ["a", "b"], "city": [10, 9], "price": [1.0, None], "click": [0, 1], "buy": ["1", "0"]}
GOOD = {name: pair * 10 for name, pair in PAIRS.items()}


def test_examples_are_sorted_and_hold_places_of_values(tmp_path, given):
    with connect(None, tmp_path) as db:
        make_examples(Examples(db, given({**GOOD, "user": ["b", "a"] * 10}), "shop"))
        rows = db.sql("SELECT * FROM examples").fetchall()
        values = {name: db.sql(f"FROM {codes(name)} ORDER BY code").fetchall() for name in ("user", "city")}
    assert rows == [(0, 0, None, 1, 0)] * 10 + [(1, 1, 1.0, 0, 1)] * 10
    assert values == {"user": [("a", 0), ("b", 1)], "city": [(9, 0), (10, 1)]}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"tasks": ["bye"]}, "tasks names 'bye'"),
        ({"hashed": {"town": 8}}, "hashed names 'town'"),
        ({"min_count": {"cty": 2}}, "min_count names 'cty'"),
        ({"weights": {"clik": "price"}}, "weights names 'clik'"),
        ({"weights": "prise"}, "weights names 'prise'"),
    ],
)
def test_settings_that_name_what_is_not_there(tmp_path, given, settings, named):
    with pytest.raises(UsageError, match=rf"dataset\.{named}"), connect(None, tmp_path) as db:
        make_examples(Examples(db, given(GOOD, **settings), "shop"))


@pytest.mark.parametrize("weights", ["w", {"buy": "w"}])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"click": [0, 2]}, "label click holds 2.0"),
        ({"price": [1.0, float("inf")]}, "price holds inf"),
        ({"click": ["0", "yes"]}, "Conversion Error: Could not convert string 'yes'"),
        ({"w": [1.0, -0.5]}, "weight w holds -0.5"),
        ({"w": [1.0, None]}, "weight w holds None"),
        ({"w": [1.0, 1e39]}, "weight w holds 1e+39"),
        ({"w": ["1", "much"]}, "Conversion Error: Could not convert string 'much'"),
    ],
)
def test_wrong_values_and_weights_are_refused(tmp_path, given, weights, change, message):
    columns = GOOD | {"w": [1.0] * 20} | {name: pair * 10 for name, pair in change.items()}
    with pytest.raises(DataError) as error, connect(None, tmp_path) as db:
        make_examples(Examples(db, given(columns, weights=weights), "shop"))
    assert str(error.value).startswith(f"dataset shop: {message}")
    assert "weights" in error.value.fix or "w" not in change


@pytest.mark.parametrize(
    ("change", "expected", "message"),
    [
        ({"fields": (Sparse("town"),)}, DataError, "its rows lack 'town'"),
        ({"rows": lambda db: None}, PluginError, "rows returns NoneType"),
        ({"fields": ()}, UsageError, "dataset shop has no fields"),
        ({"labels": ()}, UsageError, "dataset shop has no labels"),
    ],
)
def test_columns_rows_fields_and_labels_that_lack_are_named(tmp_path, given, change, expected, message):
    dataset = given(GOOD)
    vars(dataset).update(change)
    with pytest.raises(expected, match=message), connect(None, tmp_path) as db:
        make_examples(Examples(db, dataset, "shop"))


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
        yield connection


def test_values_are_numbered_in_their_order_without_blanks(db):
    number_values(db, "field", "SELECT unnest([30, 4, NULL, 30, 100]) AS value", None)
    number_values(db, "field", "SELECT unnest([7, 30, 5]) AS value", None, more=True)
    found = db.execute(f"FROM {codes('field')} ORDER BY code").fetchall()
    assert found == [(4, 0), (30, 1), (100, 2), (5, 3), (7, 4)]


FRAME = pd.DataFrame({"bag": ["y", "x", "x", "x", "z", "unknown"], "value": ["b", "c", "a", "c", None, "d"]})


def test_a_bag_holds_each_value_once_and_in_order_of_named_columns(db):
    number_values(db, "tags", "SELECT unnest(['x', 'y', 'z']) AS value", None)
    number_bags(table := Examples(db, Given(FRAME)), "tags")
    bags, values = (np.concatenate(arrays).tolist() for arrays in zip(*table.held("tags"), strict=True))
    # a, b and c are 0, 1 and 2: x holds a and c, y holds b; z is blank, and nobody names the last
    assert list(zip(bags, values, strict=True)) == [(0, 0), (0, 2), (1, 1)]
    assert sorted(db.execute(f"FROM {codes(of_bags('tags'))}").fetchall()) == [("a", 0), ("b", 1), ("c", 2)]
    with pytest.raises(DataError, match="the values of tags lack 'value'"):
        number_bags(Examples(db, Given(FRAME[["bag"]])), "tags")


def vectors_of(db, frame, **settings):
    make_vectors(table := Examples(db, Given(frame, **settings), "mine"))
    return [(list(ids), vectors.tolist()) for ids, vectors in table.vectors("item:vector")]


def frame(ids, *vectors):
    return pd.DataFrame({"id": ids, "vector": [np.array(one, float) for one in vectors]})


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (frame([10, 9], [1, 2], [3, 4]), (["10", "9"], [[1.0, 2.0], [3.0, 4.0]])),
        (pd.DataFrame({"id": ["a", None, "c"], "vector": [[1.0], [2.0], None]}), (["a"], [[1.0]])),
    ],
)
def test_vectors_are_sorted_by_the_texts_of_their_values_without_blanks(db, rows, expected):
    assert vectors_of(db, rows) == [expected]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (frame(["a", "a"], [1, 2], [3, 4]), "'item:vector': a has several vectors"),
        (frame(["a", "b", "c"], [3], [1, 2], [5, 6]), "a has a vector of another length"),
        (frame(["a", "b"], [1, 2], [3, np.inf]), "b has a vector with other values"),
        (frame(["a"], [1]).rename(columns={"id": "item"}), "lack the column 'id'"),
        (frame(["a"], [1]).assign(id=None), "the table is empty"),
    ],
)
def test_faults_of_vectors_are_named(db, rows, message):
    with pytest.raises(DataError, match=message):
        vectors_of(db, rows)
    with pytest.raises(UsageError, match=r"dataset\.hashed names 'item'"):
        vectors_of(db, rows, hashed={"item": 10})
