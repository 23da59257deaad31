"""One column becomes ids or numbers, as DuckDB and preparation would have it."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.columns import Buckets, Hashed, Scale, Vocabulary, ids, numbers
from automtl_core.errors import ArtifactError, DataError

TEXTS = ["a", "ünï", "-5", "日本\n", " ", "9223372036854775807", "x" * 1000, "true"]


@pytest.fixture
def city(tmp_path):
    (tmp_path / "city.txt").write_text('null\n"-5"\n"5"\n"1"\n"k\\u00f6ln"\n"0.5"\n')
    return Vocabulary(6, "", tmp_path / "city.txt")


@pytest.mark.parametrize("buckets", [1, 2, 7, 1000, 2**31 - 2])
def test_hashes_are_those_of_duckdb(buckets):
    values = [*TEXTS, *map(str, range(-50, 50))]
    db = duckdb.connect()
    rows = db.execute(
        "SELECT md5_number_lower(value) % ? + 1 FROM (SELECT unnest(?) AS value)", [buckets, values]
    )
    expected = [row[0] for row in rows.fetchall()]
    assert Hashed(buckets).ids(values).tolist() == expected


def test_a_lone_surrogate_has_a_bucket():
    assert Hashed(8).ids(["\udcff"])[0] > 0


@pytest.mark.parametrize(
    "column",
    [
        ["köln", None, "new", "", "5", "köln"],
        np.array(["köln", None, "new", "", "5", "köln"], dtype=object),
        pd.Series(["köln", None, "new", "", "5", "köln"], index=[7, 7, 1, 0, 3, 2]),
        pd.Categorical(["köln", None, "new", "", "5", "köln"]),
        ("köln", float("nan"), pd.NA, pd.NaT, 5, np.str_("köln")),
    ],
)
def test_texts(city, column):
    assert ids(city, "city", column).tolist() == [4, 0, 0, 0, 2, 4]
    hashed = ids(Hashed(100), "city", column)
    assert (hashed == 0).tolist() == [value == 0 for value in (1, 0, int(hashed[2]), 0, 1, 1)]


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
def test_integers_with_gaps(city, column):
    assert ids(city, "city", column).tolist() == [2, 0, 1, 0]


def test_integers_that_no_float_holds_stay_as_they_are():
    large = 2**60 + 1
    texts = ids(Hashed(10**6), "user", [str(large), str(large - 1)])
    assert ids(Hashed(10**6), "user", [large, large - 1]).tolist() == texts.tolist()
    assert ids(Hashed(10**6), "user", [large, None])[0] == texts[0]


def test_truth_values_and_fractions_are_written_as_duckdb_writes_them(city):
    assert ids(city, "city", [True, False, 0.5]).tolist() == [3, 0, 5]
    assert ids(city, "city", np.array([True, False])).tolist() == [3, 0]


@pytest.mark.parametrize("wrong", [["a"], ("a",), {"a"}, {"a": 1}, b"a"])
def test_a_field_takes_one_value_a_row(city, wrong):
    with pytest.raises(DataError, match=r"column 'city', row 2 .*is not one value") as error:
        ids(city, "city", ["x", None, wrong])
    assert error.value.fix == "give one text or integer a row"


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([1, 2.5, None, "1e3", "", " 7 "], [1, 2.5, np.nan, 1000, np.nan, 7]),
        (np.array([1, 2], dtype=np.int8), [1, 2]),
        (pd.Series([1, None], dtype="Int64"), [1, np.nan]),
        (pd.Series([True, False]), [1, 0]),
        (pd.Series(["0.1", None]), [0.1, np.nan]),
        ([], []),
    ],
)
def test_numbers(column, expected):
    np.testing.assert_array_equal(numbers("price", column), expected)


@pytest.mark.parametrize(
    ("column", "held"),
    [
        (["1", "abc"], "'abc'"),
        ([1, np.inf], "inf"),
        (np.array([0.0, -np.inf]), "-inf"),
        (["2", "nan"], "'nan'"),
        ([3, [1]], r"\[1\]"),
        ([3, "\x1b[31m"], r"'\\x1b\[31m'"),
    ],
)
def test_what_is_no_number_is_named(column, held):
    message = rf"column 'price', row 1 \(the first one is 0\): {held} is no"
    with pytest.raises(DataError, match=message) as error:
        numbers("price", column)
    assert error.value.fix == "give a number, or None for a blank"


def test_numbers_fall_into_buckets():
    buckets = Buckets((0.0, 1.5))
    assert buckets.size == 4
    assert ids(buckets, "price", [-1, 0, "1.5", 99, None]).tolist() == [1, 2, 3, 3, 0]
    assert ids(Buckets(()), "price", [1, None]).tolist() == [1, 0]


def test_a_number_may_stand_for_blanks():
    assert ids(Buckets((0.0, 1.5), missing=7), "price", [None, 1]).tolist() == [3, 2]
    assert Scale("minmax", 2.0, 4.0, missing=4)(np.array([np.nan, 2.0])).tolist() == [0.5, 0.0]


@pytest.mark.parametrize("kind", ["standard", "minmax", "log", "none"])
def test_scaled_numbers_come_back(kind):
    scale = Scale(kind, *((0.0, 1.0) if kind in ("log", "none") else (3.0, 0.7)))
    values = np.array([-8.0, 0.0, 2.5])
    np.testing.assert_allclose(scale.inverse(scale(values).astype(np.float32)), values, atol=1e-6)
    missing = scale(np.array([np.nan])).astype(np.float32)
    assert np.isnan([missing, scale.inverse(missing)]).all()


@pytest.mark.parametrize("content", ['null\n"a"\n', "null\n" + '"x"\n' * 9, "no json", ""])
def test_a_vocabulary_that_is_not_as_told_is_refused(city, content):
    city.path.write_text(content)
    with pytest.raises(ArtifactError, match=r"city\.txt: damaged"):
        city.ids(["5"])


def test_names_of_ids_are_read_from_the_file(city):
    assert city.names([0, 4, 4]) == {0: None, 4: "köln"}
    assert city.names([]) == {}
    assert Hashed(3).names([0, 2]) == Buckets((1.0,)).names([0, 2]) == {0: None, 2: "#2"}
