"""Rows as files: all of them as one table, which a dataset of the same fields reads back; and a sample."""

import re

import duckdb
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from automtl_core.data.frames import NewExamples
from automtl_core.data.new_rows import new_rows
from automtl_core.data.store import PARTS
from automtl_core.dataset.dataset import Bag, Dataset, DatasetSettings, Dense, History, Label, Sparse
from automtl_core.errors import DataError, RunExistsError
from automtl_core.prepare.prepare import prepare
from automtl_inspection.raw_rows import export


def by_price(rows):
    return rows.sort_values("price", ignore_index=True)


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_the_table_holds_the_examples(shop, shop_dir, tmp_path, name):
    assert export(shop, "shop", shop_dir, tmp_path / name) == 100
    expected = pd.read_csv(shop_dir / "shop.csv")
    read = duckdb.read_csv if name == "out.csv" else duckdb.read_parquet
    assert_frame_equal(by_price(read(str(tmp_path / name)).df()), expected)
    with new_rows(NewExamples(shop, tmp_path / name, tmp_path, labelled=True)) as rows:
        [found] = rows.chunks(1000)
    assert_frame_equal(by_price(found), expected.astype({"click": float, "buy": float}))
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, "raw"]


def test_bags_are_joined_and_other_columns_left_out(given, tmp_path):
    dataset = given({"tags": ["x", "y", "z"], "day": [1, 2, 3], "click": [0, 1, 0], "other": [7, 8, 9]})
    dataset.fields, dataset.labels, dataset.time = (Bag("tags"),), (Label("click"),), "day"
    held = pd.DataFrame({"bag": ["x", "x", "y"], "value": ["b", "a", "c"]})
    dataset.values = lambda db, field: db.from_df(held)
    export(dataset, "given", None, tmp_path / "out.csv")
    header, *rows = (tmp_path / "out.csv").read_text().splitlines()
    assert (header, sorted(rows)) == ("tags,click,day", [",0,3", "a|b,0,1", "c,1,2"])


def test_columns_of_lists_are_written_too(given, tmp_path):
    dataset = given({"item": ["x", "y", "z"], "page": [4, 4, None], "click": [0, 1, 0]})
    dataset.fields, dataset.labels = (Sparse("item"),), (Label("click"),)
    dataset.settings = DatasetSettings.parse({"list": "page"})
    export(dataset, "given", None, tmp_path / "out.csv")
    header, *rows = (tmp_path / "out.csv").read_text().splitlines()
    assert (header, sorted(rows)) == ("item,click,page", ["x,0,4.0", "y,1,4.0", "z,0,"])


def test_labels_that_are_texts_are_written_as_texts(given, tmp_path):
    dataset = given({"item": ["x", "y", "z"], "bought": [1, 0, None], "kept": [0, 1, None]})
    bought, kept = (Label(name, positive=(name[0], "1"), column="act") for name in ("bought", "kept"))
    dataset.fields = (Sparse("item"),)
    for labels, texts in (((bought,), ["b", "not b", ""]), ((bought, kept), ["b", "k", ""])):
        dataset.labels = labels
        (out := tmp_path / "out.csv").unlink(missing_ok=True)
        export(dataset, "given", None, out)
        assert pd.read_csv(out).fillna("").sort_values("item")["act"].tolist() == texts


@pytest.mark.parametrize("dates", [False, True])
def test_rows_of_a_part_are_written_with_or_without_labels(given, tmp_path, dates):
    days = pd.date_range("2024-01-01", periods=40) if dates else range(40)
    dataset = given({"item": ["x", "y"] * 20, "day": days, "click": [0, 1] * 20})
    dataset.fields, dataset.labels, dataset.time = (Sparse("item"),), (Label("click"),), "day"
    prepared = prepare(dataset, "given", None, tmp_path / "prepared")
    lines = set()
    for part in PARTS:
        rows = prepared.rows(part)
        assert export(dataset, "given", None, tmp_path / f"{part}.csv", some=rows) == len(rows)
        header, *found = (tmp_path / f"{part}.csv").read_text().splitlines()
        assert (header, lines & {*found}) == ("item,click,day", set())
        lines |= {*found}
    assert len(lines) == 40
    dataset.time_column = "at"
    export(dataset, "given", None, tmp_path / "plain.csv", some=prepared.rows("test"), labels=False)
    header, *plain = (tmp_path / "plain.csv").read_text().splitlines()
    tested = (tmp_path / "test.csv").read_text().splitlines()[1:]
    assert (header, plain) == ("item,at", [re.sub(",[01],", ",", line) for line in tested])


def test_what_stands_there_stays(shop, shop_dir, tmp_path):
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(RunExistsError, match=r"out\.csv: exists already"):
        export(shop, "shop", shop_dir, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "mine"


def test_a_faulty_row_leaves_no_file(shop, shop_dir, tmp_path):
    with (shop_dir / "shop.csv").open("a") as file:
        file.write("u1,c,1.5,2,0\n")
    with pytest.raises(DataError, match="click: expected 0 or 1"):
        export(shop, "shop", shop_dir, tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


class Market(Dataset):
    version = 1
    fields = (Sparse("user"), Sparse("item"), Bag("tags", "|"), Dense("price"))
    labels = (Label("buy"),)
    histories = (History("past", "user", "at", ("item",), ("buy",)),)
    user, time = "user", "at"

    def content(self):
        return "shop"

    def rows(self, db):
        n = pd.Series(range(900))
        return pd.DataFrame(
            {"user": n % 6, "item": "i" + (n % 9).astype(str), "tags": n % 4, "price": n / 8, "at": n,
             "buy": (n % 3 == 0) * 1.0}
        )  # fmt: skip

    def values(self, db, field):
        return db.sql("SELECT unnest([0, 1, 1, 2, 3]) AS bag, unnest(['a', 'b', 'c', 'c', NULL]) AS value")


def test_weights_are_columns_of_the_table(tmp_path):
    class Weighed(Market):
        def rows(self, db):
            return super().rows(db).assign(weight=2.5)

    weighed = Weighed(DatasetSettings.parse({"weights": "weight", "tasks": ["buy"]}))
    export(weighed, "shop", None, tmp_path / "out.csv")
    assert {*pd.read_csv(tmp_path / "out.csv")["weight"]} == {2.5}
