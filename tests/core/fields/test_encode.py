"""Columns become texts, numbers, lists and cells, as DuckDB and preparation would have it."""

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
from automtl_core.fields.lookup import Entries, Lookup, bins_of, cells_of, hashes_of, mixed
from automtl_core.fields.sparse import Hashed

TEXTS = ["a", "ünï", "7.0", "日本\n", " ", "9223372036854775807", "x" * 1000, "true"]
CITIES = ["köln", None, "new", "", "5", "köln"]


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


def test_integers_with_gaps():
    column = [5, None, -5, 6]
    for kind in (object, float, np.float32, "Int64"):
        assert texts(pd.Series(column, dtype=kind)) == ["5", "", "-5", "6"]
    assert texts(column) == texts(["5", "", "-5", "6"]) == ["5", "", "-5", "6"]


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
    with pytest.raises(WrongValueError, match=r"row 1 .*1\.7e\+09.* is a number of single precision"):
        texts(pd.Series([2.0, 1.7e9], dtype="float32"))
    assert texts(np.array([True, False])) == ["1", "0"]
    assert texts(pd.Series(pd.to_datetime(["2024-01-31"]))) == ["2024-01-31 00:00:00"]


@pytest.mark.parametrize("wrong", [["a"], ("a",), {"a"}, {"a": 1}, b"a"])
def test_a_field_takes_one_value_a_row(wrong):
    with pytest.raises(WrongValueError, match=r"column 'city', row 2 .*is not one value"):
        encode("city", Hashed(3), {"city": ["x", None, wrong]})


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


@pytest.mark.parametrize("wrong", ["abc", np.inf, 1e200, -np.inf, "nan", [1]])
def test_what_is_no_number_is_named(wrong):
    for row, column in enumerate(([wrong, 1], ["2", wrong])):
        with pytest.raises(WrongValueError, match=r"is not a number of at most 1e\+38") as error:
            numbers(column)
        assert error.value.row == row
    if isinstance(wrong, float):
        with pytest.raises(WrongValueError, match="is not a number"):
            numbers(np.array([0.0, wrong]))


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


def test_a_text_has_the_hash_that_duckdb_computes_in_preparation():
    values = [*TEXTS, *map(str, range(-50, 50))]
    query = "SELECT md5_number_lower(text) FROM (SELECT unnest(?) AS text)"
    with duckdb.connect() as db:
        rows = db.execute(query, [values]).fetchall()
    expected = [value for (value,) in rows]
    assert hashes_of(["", *values]).tolist() == [0, *expected]
    assert len({*expected}) == len({*values})
    assert hashes_of(["\ud800"]).dtype == np.uint64, "half of a surrogate pair"
    for buckets in (1, 2, 7, 1000, 2**31 - 2):
        assert [hashed(value, buckets) for value in values] == [one % buckets + 1 for one in expected]
        assert hashed("", buckets) == 0


def test_integers_have_hashes_of_their_own_of_any_type():
    numbers = np.arange(-1000, 100_000)
    found = mixed(numbers)
    assert len(np.unique(found)) == len(numbers)
    assert np.array_equal(mixed(numbers.astype(np.int32)), found)
    counts = np.bincount((found >> np.uint64(60)).astype(int))
    assert counts.min() > 0.95 * counts.mean(), "the highest bits are even"


def test_a_bin_starts_at_its_edge_and_missing_numbers_have_one_of_their_own():
    numbers = np.array([np.nan, -9.0, 0.1, np.float32(0.1), 1.0, 9.0])
    assert bins_of(numbers, [0.1, 1.0]).tolist() == [0, 1, 2, 2, 3, 3]
    assert bins_of(numbers, []).tolist() == [0, 1, 1, 1, 1, 1]


def test_a_key_tells_its_fields_apart_and_has_a_cell_for_each_value_of_a_bag():
    a, b = Entries(mixed(np.array([1, 1, 2, 2]))), Entries(mixed(np.array([1, 2, 1, 2])))
    found = cells_of([a, b])
    assert found.counts is None
    assert len({*found.hashes.tolist()}) == 4
    assert found.hashes[1] != cells_of([b, a]).hashes[1]
    bag = Entries(mixed(np.array([5, 6, 5, 6])), np.array([2, 0, 1, 1]))
    one = Entries(np.repeat(a.hashes, bag.counts))
    for fields, by_entry in (([a, bag], [one, bag]), ([bag, a], [bag, one])):
        cells, counts = cells_of(fields)
        assert counts.tolist() == [2, 0, 1, 1]
        assert np.array_equal(cells, cells_of([Entries(each.hashes) for each in by_entry]).hashes)
        assert len({*cells.tolist()}) == 4


@pytest.mark.parametrize("value", [0, 3])
def test_without_cells_all_examples_have_the_numbers_of_no_rows(value):
    empty = Lookup(("a",), {}, np.empty(0, np.uint64), np.float32([[0.5, 5.0]]))
    assert empty({"a": Entries(np.full(2, value, np.uint64))}, {}).tolist() == [[0.5, 5]] * 2
    assert empty({"a": Entries(np.empty(0, np.uint64))}, {}).shape == (0, 2)
