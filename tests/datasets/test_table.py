"""One's own tables: what each setting makes of columns, labels, numbers and files."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.frames import NewExamples, frame_rows
from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.store import Prepared
from automtl_core.dataset.dataset import Label, names_of, sparse_fields
from automtl_core.errors import DataError
from automtl_datasets.table import Table

from .tables import HEADED, rows, table

Rows = list[tuple[Any, ...]]
NEEDS_ZSTD = pytest.mark.skipif(
    not any(importlib.util.find_spec(name) for name in ("compression", "backports")),
    reason="no package to read .zst",
)


@pytest.fixture
def rows_of(loaded: Callable[..., Any]) -> Callable[..., Rows]:
    """Return the rows, fields then labels, that a table makes of files, given as name -> text."""

    def rows_of(dataset: Table, files: dict[str, str]) -> Rows:
        with loaded(dataset, files) as db:
            columns = ", ".join(names_of([*sparse_fields(dataset), *dataset.labels]))
            return sorted(dataset.rows(db).project(columns).fetchall(), key=str)

    return rows_of


# Columns and labels


def test_columns_stand_in_any_order_and_those_without_a_role_are_not_read(
    rows_of: Callable[..., Rows],
) -> None:
    text = "click,note,price,item,user\n1,x,2.5,7,u1\n0,,,,\n"
    found = table(sparse={"user": "text", "item": "integer"}, dense=["price"])
    assert rows_of(found, {"clicks.csv": text}) == [("u1", 7, 1), (None, None, 0)]


def test_a_blank_label_is_missing_and_data_frames_write_floats(rows_of: Callable[..., Rows]) -> None:
    text = HEADED + "a,1.0\nb,0.0\nc,\nd,1\ne,0\n"
    assert rows_of(table(), {"clicks.csv": text}) == [("a", 1), ("b", 0), ("c", None), ("d", 1), ("e", 0)]


def test_texts_that_mean_one(rows_of: Callable[..., Rows]) -> None:
    found = table(labels={"click": {"positive": ["yes", "Y"]}})
    text = HEADED + "a,yes\nb,no\nc,\nd,Y\ne,y\n"
    assert rows_of(found, {"clicks.csv": text}) == [("a", 1), ("b", 0), ("c", None), ("d", 1), ("e", 0)]


def test_a_label_counts_only_where_the_given_one_is_one(rows_of: Callable[..., Rows]) -> None:
    labels = {
        "click": {"positive": ["yes"]},
        "buy": {"given": "click", "after": "click"},
        "rating": {"given": "buy", "kind": "regression"},
    }
    text = "user,click,buy,rating\na,yes,1,4.5\nb,yes,0,3\nc,no,1,2\nd,,1,1\ne,yes,,5\nf,yes,1,\n"
    found = table(labels=labels)
    assert rows_of(found, {"clicks.csv": text}) == [
        ("a", 1, 1, 4.5),
        ("b", 1, 0, None),
        ("c", 0, None, 2),  # it is the raw value that is given
        ("d", None, None, 1),
        ("e", 1, None, None),
        ("f", 1, 1, None),
    ]
    rating = Label("rating", "regression", given="buy")
    assert found.labels == (
        Label("click", positive=("yes",)),
        Label("buy", after="click", given="click"),
        rating,
    )


@pytest.mark.parametrize(("way", "left"), [("keep", [0, 1, 1]), ("drop", [0, 1])])
def test_rows_that_are_alike_in_the_columns_that_are_named(
    rows_of: Callable[..., Rows], way: str, left: list[int]
) -> None:
    text = "user,note,click\na,x,1\na,y,1\na,x,0\n"
    assert rows_of(table(duplicates=way), {"clicks.csv": text}) == [("a", click) for click in left]


def test_the_way_of_a_regression_label(prepared: Callable[..., Prepared]) -> None:
    text = "user,rating\n" + "".join(f"u{n % 5},{n % 4 + 1 if n % 7 else ''}\n" for n in range(200))
    found = prepared({"clicks.csv": text}, labels={"rating": {"kind": "regression"}})
    (task,) = found.schema.tasks
    train = found.part("train").labels[:, 0]
    assert task.kind == "regression"
    assert 0 < np.isnan(train).sum() < len(train)
    back = np.round(train[~np.isnan(train)] * task.deviation + task.mean, 4)
    assert set(back.tolist()) == {1.0, 2.0, 3.0, 4.0}


# Numbers and multi-valued fields


def test_numbers_are_scaled_filled_or_put_into_buckets(prepared: Callable[..., Prepared]) -> None:
    text = "user,click,a,b,c,d\n" + "".join(
        f"u,{n % 2},{n},{n if n % 2 else ''},{n},{n if n else ''}\n" for n in range(100)
    )
    dense = {
        "a": {"scaling": "log"},
        "b": {"scaling": "none", "missing": -7},
        "c": {"scaling": "minmax"},
        "d": {"buckets": 4},
    }
    found = prepared({"clicks.csv": text}, dense=dense, min_count=1)
    train = found.part("train")
    assert [field.name for field in found.schema.dense] == ["a", "b", "c"]
    assert [field.name for field in found.schema.sparse] == ["user", "d"]
    assert found.schema.sparse[1].size == 5  # blanks besides
    assert np.allclose(train.dense[:, 0].max(), np.log1p(99), rtol=0.1)
    assert set(train.dense[:, 1]) <= {-7.0, *range(1, 100, 2)}
    assert (train.dense[:, 2].min(), train.dense[:, 2].max()) == (0, 1)
    assert np.bincount(train.ids[:, 1])[1:] == pytest.approx(20, abs=2)


def test_values_of_a_multi_valued_field(prepared: Callable[..., Prepared]) -> None:
    tags = ["a| b ", "b", "", "c|a|a", "|b||"]
    text = "user,tags,click\n" + "".join(f"u{n % 5},{tags[n % 5]},{n % 2}\n" for n in range(100))
    found = prepared({"clicks.csv": text}, multi={"tags": "|"})
    assert found.vocabulary("tags") == ["a", "b", "c"]
    train = found.part("train")
    bags, names = train.bags[1], ["?", *found.vocabulary("tags")]
    by_user = {}
    for user, bag in train.ids:
        held = bags.values[bags.starts[bag] : bags.starts[bag + 1]]
        by_user[found.vocabulary("user")[user - 1]] = [names[value] for value in held]
    assert by_user == {"u0": ["a", "b"], "u1": ["b"], "u2": [], "u3": ["a", "c"], "u4": ["b"]}


def test_a_separator_is_taken_as_it_is(prepared: Callable[..., Prepared]) -> None:
    text = "user,tags,click\n" + "".join(f"a,\"x'; y;'z\",{n % 2}\n" for n in range(50))
    assert prepared({"clicks.csv": text}, multi={"tags": "'; "}).vocabulary("tags") == ["x", "y;'z"]


# Files


def test_files_without_header_and_with_another_separator(rows_of: Callable[..., Rows]) -> None:
    found = table(columns=["click", "note", "user"], separator=";")
    assert rows_of(found, {"clicks.csv": "1;x;a\n0;;b\n"}) == [("a", 1), ("b", 0)]


def test_tabs_are_known_by_the_name(rows_of: Callable[..., Rows]) -> None:
    assert rows_of(table(files="a.tsv"), {"a.tsv": "user\tclick\na,b\t1\n"}) == [("a,b", 1)]
    assert table(files="a.tab.gz").files()["all 0"].separator == "\t"


def test_patterns_and_lists_of_files_whose_headers_differ_in_order(rows_of: Callable[..., Rows]) -> None:
    files = {
        "c-1.csv": "user,item,click\na,1,1\n",
        "c-2.csv": "item,user,click\n2,b,0\n",
        "d.csv": "item,click,user,more\n3,1,c,x\n",
    }
    found = table(files=["c-*.csv", "d.csv"], sparse=["user", "item"])
    assert rows_of(found, files) == [("a", "1", 1), ("b", "2", 0), ("c", "3", 1)]


@pytest.mark.parametrize("ending", ["gz", pytest.param("zst", marks=NEEDS_ZSTD)])
def test_compressed_files(tmp_path: Path, ending: str) -> None:
    names = ["clicks.csv", f"clicks.csv.{ending}"]
    (tmp_path / names[0]).write_text(rows(100))
    with duckdb.connect() as db:
        db.read_csv(str(tmp_path / names[0])).write_csv(
            str(tmp_path / names[1]), compression={"gz": "gzip", "zst": "zstd"}[ending]
        )
    parts = [prepare(table(files=name), "table", tmp_path, tmp_path / "out").part("train") for name in names]
    assert np.array_equal(parts[0].ids, parts[1].ids)
    assert np.array_equal(parts[0].labels, parts[1].labels)


def test_parquet_files(tmp_path: Path, rows_of: Callable[..., Rows]) -> None:
    (tmp_path / "data").mkdir()
    with duckdb.connect() as db:
        db.sql(
            "FROM (VALUES (1.0::DOUBLE, true, 1.5::DECIMAL(4, 2), 'x'), (NULL, false, NULL, 'y'), "
            "('nan'::DOUBLE, NULL, 3, 'z')) t(item, click, price, user)"
        ).write_parquet(str(tmp_path / "data" / "clicks.parquet"))
    found = table(files="*.parquet", sparse={"user": "text", "item": "integer"}, dense=["price"])
    assert rows_of(found, {}) == [("x", 1, 1), ("y", None, 0), ("z", None, None)]


@pytest.mark.parametrize("value", ["2", "0.5", "-1"])
def test_a_wrong_label_in_parquet_is_told_with_its_row(tmp_path: Path, value: str) -> None:
    with duckdb.connect() as db:
        db.execute(
            f"COPY (SELECT 'a' AS user, unnest([1, 0, {value}]) AS click) TO '{tmp_path}/clicks.parquet'"
        )
    with pytest.raises(DataError, match=r"clicks\.parquet: row 3: click: expected .*, found"):
        prepare(table(files="clicks.parquet"), "table", tmp_path, tmp_path / "out")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("9.5,1", r"clicks\.csv:3: user: expected an integer, found \"9\.5\""),
        ("x,1", r"clicks\.csv:3: user: expected an integer"),
        ("9,2", r"clicks\.csv:3: click: expected 0, 1, 0\.0 or 1\.0, found \"2\""),
        ("9", r"clicks\.csv:3: expected 2 columns, found 1"),
    ],
)
def test_a_wrong_row_is_told_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "clicks.csv").write_text(f"{HEADED}7,1\n{line}\n8,0\n")
    with pytest.raises(DataError, match=message):
        prepare(table(sparse={"user": "integer"}), "table", tmp_path, tmp_path / "out")


def test_a_file_that_is_named_twice(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(rows(50))
    with pytest.raises(DataError, match=r"b\.csv: 2 names or patterns of dataset table match it"):
        prepare(table(files={"train": "*.csv", "test": "b.csv"}), "table", tmp_path, tmp_path / "out")


def test_any_name_of_a_column(prepared: Callable[..., Prepared]) -> None:
    names = ['a/b "c"', "../d", "e.f", "part", "%", "Ünï code"]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in [*names, "is.click/day"])
    text = f"{header}\n" + "".join(f"{'x,' * 6}{n % 2}\n" for n in range(100))
    found = prepared({"clicks.csv": text}, sparse=names[:-1], multi=names[-1], labels="is.click/day")
    assert [found.vocabulary(name) for name in names] == [["x"]] * 6
    assert not found.part("train").bags[5].values.any() - 1


BLANKS = "user,age,click,buy,tags\n" + "".join(
    f"{'null' if n % 7 == 0 else f'u{n % 5}'},{'NA' if n % 4 == 0 else n},{n % 2},"
    f"{'NA' if n % 3 == 0 else 'yes' if n % 2 else 'no'},{'NA' if n % 5 == 0 else 'a|b'}\n"
    for n in range(60)
)
WITH_BLANKS = {
    "blanks": ["NA", "null"],
    "sparse": ["user"],
    "dense": {"age": {"scaling": "none"}},
    "multi": ["tags"],
    "labels": {"click": {}, "buy": {"positive": ["yes"]}},
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n", " mixed"])
def test_texts_that_are_blanks(prepared: Callable[..., Prepared], line_end: str) -> None:
    text = BLANKS.replace("\n", "\r\n", 3) if line_end == " mixed" else BLANKS.replace("\n", line_end)
    found = prepared({"clicks.csv": text}, **WITH_BLANKS)
    parts = [found.part(part) for part in ("train", "validation", "test")]
    assert sum(int(np.isnan(part.dense).sum()) for part in parts) == 15
    assert sum(int(np.isnan(part.labels[:, 1]).sum()) for part in parts) == 20
    assert found.vocabulary("user") == ["u0", "u1", "u2", "u3", "u4"]
    assert found.vocabulary("tags") == ["a", "b"]


def test_texts_that_are_blanks_in_parquet(tmp_path: Path) -> None:
    (tmp_path / "clicks.csv").write_text(BLANKS)
    with duckdb.connect() as db:
        rows = db.read_csv(str(tmp_path / "clicks.csv"), all_varchar=True)
        rows.write_parquet(str(tmp_path / "clicks.parquet"))
    found = prepare(table(files="clicks.parquet", **WITH_BLANKS), "table", tmp_path, tmp_path / "out")
    assert sum(int(np.isnan(found.part(p).dense).sum()) for p in ("train", "validation", "test")) == 15
    assert found.vocabulary("user") == ["u0", "u1", "u2", "u3", "u4"]


@pytest.mark.parametrize("kind", ["BIGINT", "DOUBLE", "INTEGER"])
def test_a_number_that_is_a_blank(tmp_path: Path, kind: str) -> None:
    with duckdb.connect() as db:
        rows = (
            f"n::VARCHAR AS user, n % 2 AS click, (CASE WHEN n % 4 = 0 THEN -999 ELSE n END)::{kind} AS age"
        )
        db.sql("FROM range(40) t(n)").project(rows).write_parquet(str(tmp_path / "clicks.parquet"))
    made = table(files="clicks.parquet", labels=["click"], sparse=[], dense=["age"], blanks=["-999"])
    found = prepare(made, "table", tmp_path, tmp_path / "out")
    assert sum(int(np.isnan(found.part(p).dense).sum()) for p in ("train", "validation", "test")) == 10


def test_blanks_of_new_rows_in_memory() -> None:
    made = table(files="clicks.csv", **WITH_BLANKS)
    examples = {
        "user": ["u1", "null"],
        "age": ["NA", 5],
        "click": [0, 1],
        "buy": ["NA", "no"],
        "tags": ["NA", "a"],
    }
    rows = frame_rows(NewExamples(made, examples), labelled=True).rows
    assert rows.user.isna().tolist() == [False, True]
    assert rows.tags.isna().tolist() == [True, False]
    assert np.isnan(rows.age.tolist()).tolist() == [True, False]
    assert np.isnan(made.new_rows(rows, labelled=True).buy.tolist()).tolist() == [True, False]
    numbers = frame_rows(
        NewExamples(
            table(files="a.csv", labels=["click"], sparse=[], dense=["age"], blanks=["-999"]),
            pd.DataFrame({"age": [-999.0, 3.0]}),
        )
    ).rows
    assert np.isnan(numbers.age.tolist()).tolist() == [True, False]
