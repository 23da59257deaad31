"""Columns become texts, numbers and lists, as DuckDB and preparation would have it."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.fields.encode import (
    WrongValueError,
    encode,
    file_name,
    filled,
    hashed,
    lists,
    numbers,
    read_encoder,
    texts,
)
from automtl_core.fields.kinds import BUILT_IN
from automtl_core.fields.sparse import Hashed

TEXTS = ["a", "ünï", "-5", "日本\n", " ", "9223372036854775807", "x" * 1000, "true"]
CITIES = ["köln", None, "new", "", "5", "köln"]


@pytest.mark.parametrize("buckets", [1, 2, 7, 1000, 2**31 - 2])
def test_hashes_are_those_of_duckdb(buckets):
    values = [*TEXTS, *map(str, range(-50, 50))]
    db = duckdb.connect()
    rows = db.execute(
        "SELECT md5_number_lower(value) % ? + 1 FROM (SELECT unnest(?) AS value)", [buckets, values]
    )
    assert [hashed(value, buckets) for value in values] == [row[0] for row in rows.fetchall()]
    assert hashed("", buckets) == 0


def test_names_of_fields_are_names_of_files(tmp_path):
    names = ["a/b", "a%2Fb", "x" * 300, "x" * 301, "\N{SNOWMAN}" * 100, "user_id", "\udcff" * 90]
    files = [file_name(name) for name in names]
    assert len(set(files)) == len(names)
    assert files[0] == "a%2Fb"
    assert file_name("\x1b[2J\n\u202e") == "%1B[2J%0A%E2%80%AE", "a listing shows them"
    for name in files:
        (tmp_path / f"{name}.values.npy").touch()


@pytest.mark.parametrize(
    "column",
    [
        CITIES,
        np.array(CITIES, dtype=object),
        pd.Series(CITIES, index=[7, 7, 1, 0, 3, 2]),
        pd.Categorical(CITIES),
        ("köln", float("nan"), "new", pd.NA, 5, np.str_("köln")),
        ("köln", pd.NaT, "new", np.float32("nan"), np.float64(5), "köln"),
    ],
)
def test_texts(column):
    assert texts(column) == ["köln", "", "new", "", "5", "köln"]


@pytest.mark.parametrize(
    "column",
    [
        [5, None, -5, 6],
        np.array([5.0, np.nan, -5.0, 6.0]),
        np.array([5, np.nan, -5, 6], dtype=np.float32),
        pd.Series([5, None, -5, 6], dtype="Int64"),
        ["5", "", "-5", "6"],
    ],
)
def test_integers_with_gaps(column):
    assert texts(column) == ["5", "", "-5", "6"]


def test_texts_of_integers_as_data_frames_write_them_and_as_no_float_holds_them():
    column = ["5.0", "05", "5", "0.0", "-7.00", "9.5", "", 5.0]
    assert texts(column, exact=False) == ["5", "05", "5", "0", "-7", "9.5", "", "5"]
    assert texts(column) == [*column[:7], "5"]
    assert texts(column, exact=True) == [*column[:7], "5.0"]
    large = 2**60 + 1
    assert texts([large, large - 1, None]) == [str(large), str(large - 1), ""]


def test_truth_values_fractions_and_times_are_written_as_duckdb_writes_them():
    assert texts([True, False, 1, 0.5]) == ["1", "0", "1", "0.5"]
    assert texts([1.0, 0.5, None], exact=True) == ["1.0", "0.5", ""]
    assert texts(pd.Series([0.1, 2.0], dtype="float32")) == ["0.1", "2"]
    with pytest.raises(
        WrongValueError, match=r"row 1 .*1\.7e\+09.* is a number of single precision, which has"
    ):
        texts(pd.Series([2.0, 1.7e9], dtype="float32"))
    assert texts(np.array([True, False])) == ["1", "0"]
    assert texts(pd.Series(pd.to_datetime(["2024-01-31"]))) == ["2024-01-31 00:00:00"]


@pytest.mark.parametrize("wrong", [["a"], ("a",), {"a"}, {"a": 1}, b"a"])
def test_a_field_takes_one_value_a_row(wrong):
    with pytest.raises(WrongValueError, match=r"column 'city', row 2 .*is not one value") as error:
        encode("city", Hashed(3), {"city": ["x", None, wrong]})
    assert error.value.fix == "give one text or integer for each row"


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([1, 2.5, None, "1e3", "", " 7 "], [1, 2.5, np.nan, 1000, np.nan, 7]),
        ([1, pd.NA, "x"[:0]], [1, np.nan, np.nan]),
        (np.array([1, 2], dtype=np.int8), [1, 2]),
        (pd.Series([1, None], dtype="Int64"), [1, np.nan]),
        (pd.Series([True, False]), [1, 0]),
        (pd.Series(["0.1", None]), [0.1, np.nan]),
        ([], []),
    ],
)
def test_numbers(column, expected):
    np.testing.assert_array_equal(numbers(column), expected)


@pytest.mark.parametrize(
    ("column", "held"),
    [
        (["1", "abc"], "'abc'"),
        ([1, np.inf], "inf"),
        ([1, 1e200], "1e.200"),
        (np.array([0.0, -np.inf]), ".*-inf"),
        (["2", "nan"], "'nan'"),
        ([3, [1]], r"\[1\]"),
        ([[3], [1]], r"\[3\]"),
    ],
)
def test_what_is_no_number_is_named(column, held):
    with pytest.raises(WrongValueError, match=rf"{held}\)? is not a number of at most 1e\+38") as error:
        numbers(column)
    assert error.value.row == (0 if column[0] == [3] else 1)
    assert error.value.fix == "give a number, or None for a blank"


def test_lists():
    masked = np.ma.MaskedArray(["x", "y"], mask=[True, False])
    found = lists([["a"], ("b", "c"), {"d"}, np.array(["e"]), masked, None, float("nan"), pd.NA])
    assert [list(each) for each in found] == [["a"], ["b", "c"], ["d"], ["e"], [None, "y"], [], [], []]
    for wrong in ("x|y", 3, ""):
        with pytest.raises(WrongValueError, match="is not a list") as error:
            lists([[], wrong])
        assert error.value.row == 1


def test_a_number_may_stand_for_blanks_and_an_unknown_kind_is_refused(tmp_path):
    values = np.array([1.0, np.nan])
    assert filled(values, 7).tolist() == [1, 7]
    assert filled(values, None) is values
    with pytest.raises(ValueError, match="no plugin registers the kind of field 'pickle'"):
        read_encoder({"kind": "pickle"}, tmp_path, BUILT_IN)
