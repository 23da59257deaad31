"""Examples as one table: raw values, which a dataset of the same fields reads back."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from automtl_core.data.frames import NewExamples
from automtl_core.data.new_rows import new_rows
from automtl_core.data.prepare.export import export
from automtl_core.dataset.dataset import Bag, Label
from automtl_core.errors import DataError, RunExistsError


def by_price(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values("price", ignore_index=True)


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_the_table_holds_the_examples(shop, shop_dir: Path, tmp_path: Path, name: str) -> None:
    assert export(shop, "shop", shop_dir, tmp_path / name) == 100
    expected = pd.read_csv(shop_dir / "shop.csv")
    read = duckdb.read_csv if name == "out.csv" else duckdb.read_parquet
    assert_frame_equal(by_price(read(str(tmp_path / name)).df()), expected)
    with new_rows(NewExamples(shop, tmp_path / name, tmp_path, labelled=True)) as rows:
        [found] = rows.chunks(1000)
    assert_frame_equal(by_price(found), expected.astype({"click": float, "buy": float}))
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, "raw"]


def test_bags_are_joined_and_other_columns_left_out(given, tmp_path: Path) -> None:
    dataset = given({"tags": ["x", "y", "z"], "day": [1, 2, 3], "click": [0, 1, 0], "other": [7, 8, 9]})
    dataset.fields, dataset.labels, dataset.time = (Bag("tags"),), (Label("click"),), "day"
    held = pd.DataFrame({"bag": ["x", "x", "y"], "value": ["b", "a", "c"]})
    dataset.values = lambda db, field: db.from_df(held)
    export(dataset, "given", None, tmp_path / "out.csv")
    header, *rows = (tmp_path / "out.csv").read_text().splitlines()
    assert (header, sorted(rows)) == ("tags,click,day", [",0,3", "a|b,0,1", "c,1,2"])


def test_what_stands_there_stays(shop, shop_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(RunExistsError, match=r"out\.csv: exists already"):
        export(shop, "shop", shop_dir, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "mine"


def test_a_faulty_row_leaves_no_file(shop, shop_dir: Path, tmp_path: Path) -> None:
    with (shop_dir / "shop.csv").open("a") as file:
        file.write("u1,c,1.5,2,0\n")
    with pytest.raises(DataError, match="click: expected 0 or 1"):
        export(shop, "shop", shop_dir, tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
