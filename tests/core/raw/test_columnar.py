"""Parquet files are read like the rows of text files."""

from contextlib import suppress

import numpy as np
import pandas as pd
import pytest

from automtl_core.dataset.dataset import BIT, INTEGER, NUMBER, TEXT, UNUSED, Column, RawFile
from automtl_core.errors import DataError
from automtl_core.raw import columnar
from automtl_core.raw.connection import connect
from automtl_core.raw.find import source_of
from automtl_core.raw.load import load as raw_load

FRAME = pd.DataFrame(
    {
        "user": [3, 1, 2],
        "age": [30.0, np.nan, 41.0],
        "price": np.array([0.5, np.nan, 2], np.float32),
        "tag": ["a", None, "b"],
        "click": [True, False, True],
        "text": ["7", "8", "9"],
    }
)
COLUMNS = {"user": INTEGER, "age": INTEGER, "price": NUMBER, "tag": TEXT, "click": BIT, "text": INTEGER}


def load(tmp_path, frame, columns=COLUMNS, most=None):
    data, work = tmp_path / "data", tmp_path / "work"
    data.mkdir()
    work.mkdir()
    with connect(data, work) as db:
        db.from_df(frame).write_parquet(str(data / "t.parquet"))
        path = data / "t.parquet"
        rejected = raw_load(db, "t", [source_of(path, RawFile("t.parquet", columns), data)], work, most)
        return db.table("t").fetchall(), rejected


def test_values_are_those_of_a_text_file(tmp_path):
    assert load(tmp_path, FRAME) == (
        [(3, 30, 0.5, "a", 1, 7), (1, None, None, None, 0, 8), (2, 41, 2.0, "b", 1, 9)],
        [],
    )


def test_unused_columns_are_left_out(tmp_path):
    assert load(tmp_path, FRAME, {"user": INTEGER, "tag": UNUSED})[0] == [(3,), (1,), (2,)]


def test_an_optional_column_may_be_in_another_case(tmp_path):
    columns = {"user": INTEGER, "TAG": Column("text", optional=True)}
    assert load(tmp_path, FRAME, columns)[0] == [(3, "a"), (1, None), (2, "b")]


def test_blanks_that_are_declared_are_null(tmp_path):
    frame = pd.DataFrame({"user": [3, -1, 2], "tag": ["a", "NA", ""], "text": ["7", "-1.0", "9"]})
    minus = Column("integer", blanks=("-1",))
    columns = {"user": minus, "tag": Column(blanks=("NA",)), "text": minus}
    assert load(tmp_path, frame, columns)[0] == [(3, "a", 7), (None, None, None), (2, None, 9)]


FAULTY = pd.concat(
    [FRAME.assign(age=[30.5, np.nan, 41.0], text=["7", "x", "9"], price=[0.5, 1.0, np.inf]), FRAME[:1]]
)


@pytest.mark.parametrize(
    ("column", "kind", "values", "message"),
    [
        ("age", INTEGER, [1.0, 2.5, 3.0], 'row 2: age: expected an integer, found "2.5"'),
        ("price", NUMBER, [1.0, 2.5, np.inf], 'row 3: price: expected a finite number, found "inf"'),
        ("click", BIT, [0, 2, 1], 'row 2: click: expected 0 or 1, found "2"'),
        ("tag", Column(among=("a", "b")), ["a", "b", "c"], 'row 3: tag: expected a or b, found "c"'),
        ("price", NUMBER, ["1", "2", "cheap"], 'row 3: price: expected a number, found "cheap"'),
    ],
)
def test_a_faulty_row_is_named(tmp_path, column, kind, values, message):
    frame = pd.DataFrame({column: values})
    with pytest.raises(DataError) as error:
        load(tmp_path, frame, {column: kind})
    assert str(error.value) == f"{tmp_path}/data/t.parquet: {message}"


def test_faulty_rows_are_left_out_and_told(tmp_path):
    rows, rejected = load(tmp_path, FAULTY, most=3)
    assert rows == [(3, 30, 0.5, "a", 1, 7)]
    assert [(fault.line, fault.column) for _, fault in rejected] == [(1, "age"), (2, "text"), (3, "price")]


def test_missing_columns_are_named(tmp_path):
    with pytest.raises(DataError, match=r"lacks 'usr' \(did you mean 'user'\?\)"):
        load(tmp_path, FRAME, {"usr": INTEGER})


@pytest.mark.parametrize(("first", "second"), [("user", "user"), ("user", "USER"), ("User", "user")])
def test_two_columns_of_one_name_are_an_error(tmp_path, first, second):
    """DuckDB calls the second one `user_1`; a column that has this name is another one."""
    path = tmp_path / "log.parquet"
    source = source_of(path, RawFile("log.parquet", {"user": INTEGER}, others=True), tmp_path)
    with connect(tmp_path, tmp_path) as db:
        db.sql("SELECT 1 AS aser, 2 AS bser").write_parquet(str(path))
        content = path.read_bytes()
        path.write_bytes(content.replace(b"aser", first.encode()).replace(b"bser", second.encode()))
        with pytest.raises(DataError, match="two columns are called 'user'"):
            raw_load(db, "rows", [source], tmp_path, None)
        db.sql('SELECT 1 AS "user", 2 AS user_1').write_parquet(str(path))
        raw_load(db, "rows", [source], tmp_path, None)
        assert db.table("rows").fetchall() == [(1,)]


@pytest.mark.parametrize("column", [NUMBER, Column("number", optional=True)])
def test_numbers_too_large_for_single_precision_are_faults(tmp_path, column):
    frame = pd.DataFrame({"price": [1.0, np.nan, -1e39, 1e38]})
    with pytest.raises(DataError, match=r"row 3: price: expected a number of at most 1e\+38"):
        load(tmp_path, frame, {"price": column})


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_largest_number_is_valid_in_either_precision(tmp_path, kind):
    rows, _ = load(tmp_path, pd.DataFrame({"price": np.array([1e38, -1e38], kind)}), {"price": NUMBER})
    assert np.array(rows, np.float32).tolist() == np.array([[1e38], [-1e38]], np.float32).tolist()


def test_no_flipped_bit_is_a_traceback(tmp_path):
    with connect(tmp_path, tmp_path) as db:
        db.from_df(FRAME).write_parquet(str(tmp_path / "t.parquet"))
        whole = (tmp_path / "t.parquet").read_bytes()
        for place in range(0, len(whole), max(len(whole) // 60, 1)):
            flipped = bytearray(whole)
            flipped[place] ^= 4
            (tmp_path / "t.parquet").write_bytes(flipped)
            file = RawFile("t.parquet", COLUMNS)
            with suppress(DataError):
                columnar.load(db, f"t{place}", tmp_path / "t.parquet", file, 0)


def test_what_is_no_parquet_file_is_refused(tmp_path):
    (tmp_path / "t.parquet").write_text("a,b\n1,2\n")
    with connect(tmp_path, tmp_path) as db, pytest.raises(DataError, match="not a Parquet file"):
        columnar.load(db, "t", tmp_path / "t.parquet", RawFile("t.parquet", {"a": INTEGER}), 0)


ODD = {
    "struct": ("{'a': 1}", TEXT),
    "binary": ("'a'::BLOB", TEXT),
    "list": ("['a']", TEXT),
    "lists of lists": ("[['a']]", Column("text", separator="|")),
    "list of structs": ("[{'a': 1}]", Column("text", separator="|")),
}


@pytest.mark.parametrize(("value", "column"), ODD.values(), ids=ODD)
def test_values_that_are_no_single_ones_are_refused(value, column, tmp_path):
    path = tmp_path / "t.parquet"
    with connect(tmp_path, tmp_path) as db:
        db.execute(f"COPY (SELECT {value} AS x) TO '{path}' (FORMAT parquet)")
        with pytest.raises(DataError, match=r"column 'x' is of the type .*, expected single values"):
            columnar.load(db, "t", path, RawFile(path.name, {"x": column}), 0)


def test_nan_is_a_blank_whatever_the_statistics_of_the_file_say(tmp_path):
    path = tmp_path / "t.parquet"
    with connect(tmp_path, tmp_path) as db:
        rows = "SELECT CASE WHEN i % 2 THEN 'nan'::DOUBLE ELSE 1 END AS x FROM range(4) AS r(i)"
        db.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")
        for kind in (TEXT, NUMBER, INTEGER):
            columnar.load(db, f"t {kind.kind}", path, RawFile(path.name, {"x": kind}), 0)
            values = db.table(f'"t {kind.kind}"').fetchall()
            assert [value is None for (value,) in values] == [False, True, False, True]
