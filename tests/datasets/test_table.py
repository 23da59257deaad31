"""One's own tables: what each setting makes of raw rows, and which settings are refused."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.store import Prepared
from automtl_core.dataset import Label, names_of, sparse_fields
from automtl_core.errors import DataError, UsageError
from automtl_datasets.table import Table
from automtl_datasets.table_settings import TableSettings

Rows = list[tuple[Any, ...]]
NEEDS_ZSTD = pytest.mark.skipif(
    not any(importlib.util.find_spec(name) for name in ("compression", "backports")),
    reason="no package to read .zst",
)
CLICKS = {"files": "clicks.csv", "sparse": ["user"], "labels": ["click"]}
HEADED = "user,click\n"


def table(**settings: Any) -> Table:
    return Table(TableSettings.parse({**CLICKS, **settings}, "dataset"))


def rows(count: int) -> str:
    """Return rows of 7 users, every third of which clicks."""
    return HEADED + "".join(f"u{n % 7},{int(n % 3 == 0)}\n" for n in range(count))


@pytest.fixture
def rows_of(loaded: Callable[..., Any]) -> Callable[..., Rows]:
    """Return the rows, fields then labels, that a table makes of files, given as name -> text."""

    def rows_of(dataset: Table, files: dict[str, str]) -> Rows:
        with loaded(dataset, files) as db:
            columns = ", ".join(names_of([*sparse_fields(dataset), *dataset.labels]))
            return sorted(dataset.rows(db).project(columns).fetchall(), key=str)

    return rows_of


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., Prepared]:
    """Prepare a table of files, given as name -> text."""

    def prepared(files: dict[str, str], /, **settings: Any) -> Prepared:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return prepare(table(**settings), "table", tmp_path, tmp_path / "out")

    return prepared


def users(prepared: Prepared, part: str) -> list[str]:
    """Return the users of a part; unseen ones are `?`."""
    names = ["?", *prepared.vocabulary("user")]
    return sorted(names[id_] for id_ in prepared.part(part).ids[:, 0])


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
    assert found.labels == (Label("click"), Label("buy", after="click", given="click"), rating)


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
    with pytest.raises(DataError, match=r"b\.csv: 2 names or patterns of dataset table stand for it"):
        prepare(table(files={"train": "*.csv", "test": "b.csv"}), "table", tmp_path, tmp_path / "out")


def test_any_name_of_a_column(prepared: Callable[..., Prepared]) -> None:
    names = ['a/b "c"', "../d", "e.f", "part", "%", "Ünï code"]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in [*names, "is.click/day"])
    text = f"{header}\n" + "".join(f"{'x,' * 6}{n % 2}\n" for n in range(100))
    found = prepared({"clicks.csv": text}, sparse=names[:-1], multi=names[-1], labels="is.click/day")
    assert [found.vocabulary(name) for name in names] == [["x"]] * 6
    assert not found.part("train").bags[5].values.any() - 1


# Splits


def test_files_by_part_and_a_validation_part_that_is_drawn(prepared: Callable[..., Prepared]) -> None:
    files = {"train.csv": rows(100), "test.csv": HEADED + "new,1\nu1,0\n"}
    found = prepared(files, files={"train": "train.csv", "test": "test.csv"})
    assert found.manifest["rows"] == {"train": 90, "validation": 10, "test": 2}
    assert users(found, "test") == ["?", "u1"]
    valid = {**files, "valid.csv": HEADED + "u2,1\n"}
    found = prepared(valid, files={"train": ["train.csv"], "validation": "valid.csv", "test": "test.csv"})
    assert found.manifest["rows"] == {"train": 100, "validation": 1, "test": 2}
    assert users(found, "validation") == ["u2"]


def test_a_split_by_user(prepared: Callable[..., Prepared]) -> None:
    text = HEADED + "".join(f"u{n % 40},{int(n % 3 == 0)}\n" for n in range(400))
    found = prepared({"clicks.csv": text}, split="user", user="user")
    assert found.manifest["rows"] == {"train": 320, "validation": 40, "test": 40}
    assert set(users(found, "test") + users(found, "validation")) == {"?"}


WAYS: dict[str, Callable[[int], object]] = {
    "numbers": lambda n: n,
    "fractions": lambda n: n + 0.5,
    "nanoseconds": lambda n: 1_700_000_000_000_000_000 + n,
    "dates": lambda n: pd.Timestamp("2023-12-01") + pd.Timedelta(n, "D"),
    "instants": lambda n: (pd.Timestamp("2023-12-31 23:00") + pd.Timedelta(n, "min")).isoformat() + "Z",
}


def by_time(order: Any, times: Any) -> pd.DataFrame:
    return pd.DataFrame({"user": "u", "click": order % 2, "place": order, "when": times})


def places(prepared: Prepared, part: str) -> list[int]:
    return sorted(map(int, prepared.part(part).dense[:, 0]))


def assert_in_order(prepared: Prepared) -> None:
    assert places(prepared, "train") == list(range(160))
    assert places(prepared, "validation") == list(range(160, 180))
    assert places(prepared, "test") == list(range(180, 200))


TIMED = {"split": "time", "time": "when", "dense": {"place": {"scaling": "none"}}}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_split_by_time(prepared: Callable[..., Prepared], way: Callable[[int], object]) -> None:
    order = np.random.default_rng(0).permutation(200)
    text = by_time(order, [way(int(n)) for n in order]).to_csv(index=False)
    assert_in_order(prepared({"clicks.csv": text}, **TIMED))


@pytest.mark.parametrize("kind", ["BIGINT", "TIMESTAMP", "DATE"])
def test_a_split_by_time_in_parquet(tmp_path: Path, kind: str) -> None:
    order = np.random.default_rng(0).permutation(200)
    frame = by_time(order, [WAYS["numbers" if kind == "BIGINT" else "dates"](int(n)) for n in order])
    with duckdb.connect() as db:
        db.from_df(frame).project(f'"user", click, place, CAST("when" AS {kind}) AS "when"').to_view("clicks")
        db.execute(f"COPY clicks TO '{tmp_path}/clicks.parquet'")
    found = table(files="clicks.parquet", **TIMED)
    assert_in_order(prepare(found, "table", tmp_path, tmp_path / "out"))


def test_the_time_may_be_a_field_too(prepared: Callable[..., Prepared]) -> None:
    order = np.random.default_rng(0).permutation(200)
    text = by_time(order, order).to_csv(index=False)
    assert_in_order(prepared({"clicks.csv": text}, **{**TIMED, "time": "place"}))


@pytest.mark.parametrize("odd", ["soon", "2023-12-01", "inf"])
def test_times_of_several_kinds(prepared: Callable[..., Prepared], odd: str) -> None:
    text = "user,click,when\n" + "".join(f"u,{n % 2},{n if n else odd}\n" for n in range(100))
    with pytest.raises(DataError, match=f"the time when holds '{odd}', and most rows something else"):
        prepared({"clicks.csv": text}, split="time", time="when")


# Settings


def test_settings_stay_the_same_when_they_are_written_and_read_again() -> None:
    labels = {"click": None, "buy": {"given": "click"}, "stars": {"kind": "regression"}}
    settings = table(labels=labels, dense=["a"], multi=["b"], files={"train": "a.csv"}).settings
    written = settings.model_dump(mode="json")
    assert TableSettings.parse(written, "dataset") == settings
    assert settings.multi == {"b": "|"}


def test_without_settings_it_can_be_looked_at_but_has_no_rows() -> None:
    found = Table(TableSettings())
    assert found.files() == {}
    with pytest.raises(UsageError, match="needs settings") as caught:
        found.content()
    assert "automtl data init FILE" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ({"labels": []}, "dataset.labels names no column"),
        ({"sparse": []}, "sparse, dense and multi name no column"),
    ],
)
def test_what_is_needed(left_out: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        table(**left_out).files()


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"spars": ["user"]}, r"dataset\.spars is not a setting \(did you mean 'sparse'"),
    "unknown inner key": (
        {"dense": {"a": {"scalling": "log"}}},
        r"dataset\.dense\.a\.scalling is not a setting \(did you mean 'scaling'",
    ),
    "unknown kind": ({"labels": {"a": {"kind": "ordinal"}}}, r"dataset\.labels\.a\.kind: .*given 'ordinal'"),
    "unknown type": ({"sparse": {"user": "int"}}, r"dataset\.sparse\.user: expected text or integer"),
    "unknown part": ({"files": {"valid": "a.csv"}}, r"dataset\.files: .*validation.*given 'valid'"),
    "no file": ({"files": []}, r"dataset\.files\.all: .*at least one"),
    "all and train": ({"files": {"all": "a", "train": "b"}}, r"dataset\.files: `all` are split"),
    "no train": ({"files": {"test": "a.csv"}}, r"dataset\.files: the part `train` is missing"),
    "absolute": ({"files": "/data/a.csv"}, r"dataset\.files: '/data/a.csv' is no name .*`data_dir`"),
    "pattern": ({"files": "a**.csv"}, r"dataset\.files: 'a\*\*.csv' is no name or pattern"),
    "a number for a name": ({"sparse": [1]}, r"dataset\.sparse: write texts in quotes"),
    "yes for a text": (
        {"labels": {"a": {"positive": [True]}}},
        r"labels\.a\.positive\[0\]: write texts in quotes",
    ),
    "named twice": ({"sparse": ["user", "user"]}, r"dataset\.sparse: name 'user' once"),
    "two roles": ({"dense": ["user"]}, r"dataset\.dense names 'user', and so does sparse"),
    "a label among the fields": ({"sparse": ["click"]}, r"dataset\.labels names 'click', and so does sparse"),
    "case": ({"dense": ["User"]}, r"dataset\.dense names 'User', and sparse 'user', alike but for the case"),
    "case of the time": ({"time": "User"}, r"dataset\.time names 'User', and sparse 'user', alike but"),
    "not a column": (
        {"columns": ["users", "click"]},
        r"dataset\.sparse names 'user', which is not in `columns` \(did you mean 'users'",
    ),
    "column twice": ({"columns": ["user", "click", "click"]}, r"dataset\.columns names 'click' twice"),
    "after": (
        {"labels": {"click": {}, "buy": {"after": "clik"}}},
        r"dataset\.labels\.buy\.after names 'clik', which is no other label \(did you mean 'click'",
    ),
    "after itself": (
        {"labels": {"a": {"after": "a"}}},
        r"dataset\.labels\.a\.after names 'a', which is no other",
    ),
    "circle": (
        {"labels": {"a": {"after": "b"}, "b": {"after": "c"}, "c": {"after": "a"}}},
        r"dataset\.labels\.a\.after: .*comes after itself",
    ),
    "given": (
        {"labels": {"a": {"given": "b"}}},
        r"dataset\.labels\.a\.given names 'b', which is no other label",
    ),
    "given a regression": (
        {"labels": {"a": {"given": "b"}, "b": {"kind": "regression"}}},
        r"dataset\.labels\.a\.given names 'b', which is a regression",
    ),
    "positive numbers": (
        {"labels": {"a": {"kind": "regression", "positive": ["1"]}}},
        r"dataset\.labels\.a\.positive is for binary labels",
    ),
    "scaled buckets": (
        {"dense": {"a": {"scaling": "log", "buckets": 3}}},
        r"dataset\.dense\.a: buckets are not scaled",
    ),
    "one bucket": ({"dense": {"a": {"buckets": 1}}}, r"dataset\.dense\.a\.buckets: .*given 1"),
    "user": ({"user": "usr"}, r"dataset\.user names 'usr', which is not in `sparse` \(did you mean 'user'"),
    "split by user": ({"split": "user"}, r"dataset\.split: user needs a column; name it by dataset\.user"),
    "split by time": ({"split": "time"}, r"dataset\.split: time needs a column; name it by dataset\.time"),
    "separator": ({"separator": "::"}, r"dataset\.separator: .*given '::'"),
}


@pytest.mark.parametrize(("settings", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_settings_are_told_by_their_key(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        table(**settings)
    assert caught.value.fix


def test_all_faults_come_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        table(user="a", split="time", dense=["user"])
    assert [line.split()[0] for line in str(caught.value).splitlines()] == [
        "dataset.dense",
        "dataset.user",
        "dataset.split:",
    ]


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("user,shop,clic\nu,s,1\n", "correct dataset.labels (the first line"),
        (
            "user,shop,click\n" + "u,s,2\nu,s,1\nu,s,3\n" * 9,
            "say which values mean 1, such as dataset.labels.click",
        ),
    ],
)
def test_remedies_are_in_the_settings(loaded: Callable[..., Any], text: str, fix: str) -> None:
    with pytest.raises(DataError) as caught, loaded(table(labels=["click"]), {"clicks.csv": text}):
        pass
    assert str(caught.value.fix).startswith(fix)
