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
from automtl_core.raw.sql import count

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
    ("settings", "message"),
    [
        ({"tasks": ["bye"]}, r"dataset\.tasks names 'bye', .* \(did you mean 'buy'\?\)"),
        ({"hashed": {"town": 8}}, r"dataset\.hashed names 'town'"),
        ({"weights": {"clik": "price"}}, r"dataset\.weights names 'clik', .* \(did you mean 'click'\?\)"),
        ({"weights": {"click": "prise"}}, r"dataset\.weights names 'prise', .* \(did you mean 'price'\?\)"),
        ({"weights": "prise"}, r"dataset\.weights names 'prise', which the rows of dataset shop do not have"),
    ],
)
def test_settings_that_name_what_is_not_there(tmp_path, given, settings, message):
    with pytest.raises(UsageError, match=message), connect(None, tmp_path) as db:
        make_examples(Examples(db, given(GOOD, **settings), "shop"))


def test_hashed_values_do_not_depend_on_the_data(tmp_path, given):
    found = []
    for name, users in (("one", ["a", "b"] * 10), ("two", ["0", "b", "c", "d"] * 5)):
        (tmp_path / name).mkdir()
        with connect(None, tmp_path / name) as db:
            make_examples(Examples(db, given({**GOOD, "user": users}, hashed={"user": 1000}), "shop"))
            found.append(dict(db.sql(f"FROM {codes('user')}").fetchall()))
    assert found[0]["b"] == found[1]["b"]
    assert len(set(found[1].values())) == 4
    assert all(0 <= code < 1000 for code in found[1].values())


NO_WEIGHT = "allowed are numbers from 0 on"


@pytest.mark.parametrize("weights", ["w", {"buy": "w"}])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"click": [0, 2]}, "label click holds 2.0, allowed are 0 and 1"),
        ({"price": [1.0, float("inf")]}, "price holds inf"),
        ({"click": ["0", "yes"]}, "Conversion Error: Could not convert string 'yes' to FLOAT"),
        ({"w": [1.0, -0.5]}, f"weight w holds -0.5, {NO_WEIGHT}"),
        ({"w": [1.0, None]}, f"weight w holds None, {NO_WEIGHT}"),
        ({"w": [1.0, 1e39]}, f"weight w holds 1e+39, {NO_WEIGHT}"),
        ({"w": ["1", "much"]}, "Conversion Error: Could not convert string 'much' to DOUBLE"),
    ],
)
def test_wrong_values_and_weights_are_refused(tmp_path, given, weights, change, message):
    columns = GOOD | {"w": [1.0] * 20} | {name: pair * 10 for name, pair in change.items()}
    with pytest.raises(DataError) as error, connect(None, tmp_path) as db:
        make_examples(Examples(db, given(columns, weights=weights), "shop"))
    assert str(error.value).startswith(f"dataset shop: {message}")
    assert "weights" in error.value.fix or "w" not in change


def test_missing_columns_are_named(tmp_path, given):
    columns = {
        ("cost" if name == "price" else name): values for name, values in GOOD.items() if name != "user"
    }
    with pytest.raises(DataError, match="its rows lack 'user', 'price'"), connect(None, tmp_path) as db:
        make_examples(Examples(db, given(columns), "shop"))


@pytest.mark.parametrize("missing", ["fields", "labels"])
def test_settings_that_leave_nothing(tmp_path, given, missing):
    dataset = given(GOOD)
    setattr(dataset, missing, ())
    with (
        pytest.raises(UsageError, match=f"dataset shop has no {missing} with"),
        connect(None, tmp_path) as db,
    ):
        make_examples(Examples(db, dataset, "shop"))


def test_rows_that_are_no_rows_are_the_plugins_fault(tmp_path, given):
    dataset = given(GOOD)
    dataset.rows = lambda db: None
    with connect(None, tmp_path) as db, pytest.raises(PluginError, match=r"shop: .*\.rows returns NoneType"):
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
