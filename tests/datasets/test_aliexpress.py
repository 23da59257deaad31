import numpy as np
import pandas as pd
import pytest

from automtl_core.data.store import PARTS
from automtl_core.dataset.dataset import names_of
from automtl_core.errors import DataError, InputMissingError
from automtl_core.prepare.prepare import prepare
from automtl_datasets.aliexpress import DENSE, ITEMS, PAGES, SPARSE, AliExpress, AliExpressSettings


def aliexpress(**settings):
    return AliExpress(AliExpressSettings(**settings))


def table(columns, *rows):
    """Write a raw file without a header; columns that a row does not name hold 0."""
    return "".join(",".join(str(row.get(column, 0)) for column in columns) + "\n" for row in rows)


def files(*items, page=None, folder="NL", country="nl"):
    """Return four files: a page `a` with items in training rows, and one of each in the test."""
    return {
        f"{folder}/{country}_user_train.csv": table(PAGES, page or {"search_id": "a", "user_2": 7}),
        f"{folder}/{country}_item_train.csv": table(ITEMS, *({"search_id": "a", **item} for item in items)),
        f"{folder}/{country}_user_test.csv": table(PAGES, {"search_id": "b"}),
        f"{folder}/{country}_item_test.csv": table(ITEMS, {"search_id": "b"}),
    }


def test_there_are_16_categorical_fields_and_63_numbers():
    assert (len(SPARSE), len(DENSE)) == (16, 63)
    assert len({*SPARSE, *DENSE}) == len(PAGES) + len(ITEMS) - 3  # two ids of the page, one label
    assert names_of(AliExpress.labels) == ["click", "conversion"]


def test_items_have_the_fields_of_their_page(loaded):
    raw = files({"item_19": 5, "item_2": 0.5}, {"item_19": 6, "feedback": 1}, {"feedback": 2})
    with loaded(aliexpress(), raw) as db:
        rows = aliexpress().rows(db).df().query("part == 'train'").sort_values("feedback")
    assert rows["user_2"].tolist() == ["7"] * 3
    assert rows["item_19"].tolist() == ["5", "6", "0"]
    assert rows["item_2"].tolist() == [0.5, 0, 0]
    assert rows[["click", "conversion"]].to_numpy().tolist() == [[0, 0], [1, 0], [1, 1]]


def test_items_without_a_page_and_equal_items(rows_of):
    """An item of an unknown page has no fields of a user; equal items of a page are rows of their own."""
    assert len(rows_of(aliexpress(), files({}, {}, {"search_id": "c"}))) == 3


@pytest.mark.parametrize("value", ["3", ""])
def test_other_feedback_is_a_fault(rows_of, value):
    with pytest.raises(DataError, match=r"nl_item_train.csv:1: feedback"):
        rows_of(aliexpress(), files({"feedback": value}))


def test_the_country_names_the_files(rows_of, tmp_path):
    assert rows_of(aliexpress(country="ES"), files({}, folder="data", country="es"))
    with pytest.raises(InputMissingError, match=r"us_user_train\.csv"):
        prepare(aliexpress(country="US"), "aliexpress", tmp_path / "data", tmp_path / "out")


def test_simulated_rows(tmp_path):
    """The test rows are those of the publisher, and lists are pages."""
    from simulated import SIMULATORS

    SIMULATORS["aliexpress"](tmp_path, 900, 0)
    prepared = prepare(aliexpress(list="search_id"), "aliexpress", tmp_path, tmp_path / "out")
    parts = {part: prepared.part(part) for part in PARTS}
    assert [len(parts[part]) for part in PARTS] == [810, 90, 300]
    raw = pd.read_csv(tmp_path / "NL/nl_item_test.csv", header=None, names=ITEMS)
    labels = np.asarray(parts["test"].labels)
    assert labels.sum(axis=0).tolist() == [(raw["feedback"] > 0).sum(), (raw["feedback"] == 2).sum()]
    assert len(np.unique(parts["test"].groups)) == raw["search_id"].nunique() == 30
