"""Columns become texts, numbers, lists and cells as in preparation; the kinds of fields."""

from datetime import UTC, datetime

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
    seconds,
    texts,
)
from automtl_core.fields.kinds import BUILT_IN
from automtl_core.fields.lookup import Entries, Lookup, bins_of, cells_of, hashes_of, mixed
from automtl_core.fields.numeric import Moments, Scale, edges
from automtl_core.fields.sparse import Hashed, PartOfTime, TimePart, Vocabulary
from automtl_core.fields.vectors import KnownVectors, VectorIds, Vectors

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


@pytest.mark.parametrize("scaling", ["standard", "minmax", "log", "none"])
def test_scaled_numbers_come_back(scaling):
    scale = Scale(scaling, *((0.0, 1.0) if scaling == "none" else (3.0, 0.7)))
    values = np.array([-8.0, 0.0, 2.5, np.nan])
    found = scale.encode(values).astype(np.float32)
    np.testing.assert_allclose(scale.inverse(found), values, atol=1e-6)
    assert scale.decode(found) == pytest.approx([-8, 0, 2.5, None], abs=1e-5)


@pytest.mark.parametrize(
    ("scaling", "offset", "width"),
    [("standard", 3, 1), ("minmax", 2, 2), ("log", np.log(15) / 2, np.log(5 / 3) / 2)],
)
def test_a_scale_is_of_what_was_seen(scaling, offset, width):
    seen = Moments()
    seen.add(Scale(scaling, 0.0, 1.0).encode(np.array([2.0, 4.0])))
    found = [*vars(seen.scale(scaling, 9.0)).values()]
    assert found == [scaling, *(pytest.approx(value) for value in (offset, width, 9.0, 2.0, 4.0))]
    assert Moments().scale(scaling) == Scale(scaling, 0.0, 1.0)


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_of_chunks_are_those_of_the_whole_and_weights_count_as_copies(weighted):
    random, cuts = np.random.default_rng(0), [0, 1, 2, 500, 501, 9000]
    values, times = random.normal(1e6, 3, 10_000), random.integers(1, 4 if weighted else 2, 10_000)
    seen, copies = Moments(), np.repeat(values, times)
    for chunk, weights in zip(np.array_split(values, cuts), np.array_split(times, cuts), strict=True):
        seen.add(chunk, weights.astype(float)) if weighted else seen.add(chunk)
    assert (seen.mean, seen.deviation) == pytest.approx((copies.mean(), copies.std()), rel=1e-9)
    assert (seen.low, seen.high, seen.count) == (values.min(), values.max(), len(copies))


def test_edges_part_numbers_evenly_by_quantiles_and_fewer_where_numbers_repeat():
    assert edges(np.array([1.0, 2, 3, 4, np.nan]), 2).tolist() == [2]
    assert edges(np.array([1.0, 1, 1, 1]), 4).tolist() == [1]
    assert edges(np.array([np.nan]), 4).tolist() == []
    values = np.random.default_rng(0).standard_normal(1000)
    expected = np.quantile(values, np.arange(1, 32) / 32, method="inverted_cdf")
    assert edges(values, 32).tolist() == expected.tolist()


def counts(values, buckets):
    found = edges(values, buckets)
    return np.bincount(np.searchsorted(found, values, side="right"), minlength=len(found) + 1).tolist()


def test_frequent_values_have_a_bucket_and_the_others_share_the_rest():
    values = np.concatenate([np.zeros(960), np.arange(1.0, 41.0)])
    assert counts(values, 5) == [960, 9, 10, 10, 11]
    assert counts(-values, 5) == [9, 10, 10, 11, 960]
    assert counts(np.concatenate([values, -values]), 5) == [26, 14, 1920, 13, 27]
    assert counts(np.repeat([1.0, 2.0, 5.0], [10, 20, 30]), 4) == [10, 20, 30]
    assert edges(np.repeat([1.0, 2.0, 5.0], [10, 20, 30]), 4).tolist() == [1.5, 3.5]


def test_there_are_never_more_buckets_than_asked_for():
    random = np.random.default_rng(0)
    for buckets in range(2, 40):
        often = random.integers(0, 16, 2000).astype(float)
        values = np.where(random.random(2000) < 0.5, often, 16 * random.random(2000))
        found = edges(values, buckets)
        assert len(found) < buckets
        assert (np.diff(found) > 0).all()


@pytest.fixture
def city(tmp_path):
    (tmp_path / "city.txt").write_text('null\n"-5"\n"5"\n"true"\n"k\\u00f6ln"\n"0.5"\n')
    return Vocabulary(6, "", tmp_path / "city.txt")


def test_values_of_a_vocabulary_have_the_ids_of_their_lines_and_back(city):
    assert city.encode(["köln", "", "new", "5"]).tolist() == [4, 0, 0, 2]
    assert city.values == ["-5", "5", "true", "köln", "0.5"]
    assert city.decode([0, 4, 4]) == [None, "köln", "köln"]
    assert city.decode([]) == []


@pytest.mark.parametrize("content", ['null\n"a"\n', "null\n" + '"x"\n' * 9, "no json", ""])
def test_a_vocabulary_that_is_not_as_told_is_refused(city, content):
    city.path.write_text(content)
    with pytest.raises(ValueError, match=r"city\.txt|Expecting"):
        city.encode(["5"])


NOON = "2024-01-31 12:30:00"
"""A Wednesday."""


def ids(part, values):
    return encode("hour", PartOfTime("at", part), {"at": values}).tolist()


FORMS = {
    (1706704200, 13): [
        *(NOON, "2024-01-31T12:30:00Z", "2024-01-31 14:30+02:00", "2024-01-31 10:00 -0230"),
        *("2024/1/31 12:30", *("1706704200" + more for more in ("", ".5", "0" * 3, "0" * 6, "0" * 9))),
    ],
    (1706659200, 1): ["2024-01-31", "20240131", "20240131.0"],
    (None, 0): ["soon", "2024-02-30", "2024-01-31 25:00", "inf", "nan", "1_0", "1e39", ""],
}
"""Seconds and the id of the hour -> the forms in which a time is written; those of no time."""


@pytest.mark.parametrize(
    ("expected", "hour", "written"), [(*found, one) for found, forms in FORMS.items() for one in forms]
)
def test_times_in_every_form(expected, hour, written):
    assert seconds(written) == (expected and pytest.approx(expected, abs=1))
    assert (ids("hour", [written]), ids("weekday", [written])) == ([hour], [3 if hour else 0])
    assert ids("hour", ["1706704200", written]) == [13, hour], "one hour in any column"


def test_values_of_frames():
    at = pd.to_datetime(pd.Series([NOON, None]))
    assert ids("hour", at) == [13, 0]
    assert ids("hour", [datetime(2024, 1, 31, 12, tzinfo=UTC), None, float("nan")]) == [13, 0, 0]
    assert ids("weekday", at.to_numpy()[:1]) == [3]


@pytest.mark.parametrize("part", ["hour", "weekday"])
def test_examples_have_their_ids(part):
    encoder = PartOfTime("at", part)
    every = list(range(encoder.size))
    assert ids(part, encoder.examples("hour", every)["at"]) == every
    assert len({*encoder.decode(every)}) == encoder.size
    assert [*TimePart("at").reads(), *TimePart("hour", "at").reads()] == ["at", "at"]


VECTORS = {"b": [1.0, 4.0], "c": [3.0, 0.0], "new": [2.0, 2.0]}


class Rows:
    """Rows with the values a, b and c, where a has no vector."""

    rows = 6

    def codes(self, column):
        return 3

    def values(self, column):
        yield ["a", "b"]
        yield ["c"]

    def vectors(self, field):
        yield ["b", "c"], np.array([VECTORS["b"], VECTORS["c"]])
        yield ["new"], np.array([VECTORS["new"]])


@pytest.fixture
def learner():
    return Vectors("item:vector", "item").learner(Rows())


def learned(learner, path, codes=(1, 1, 2, 3, 3, 0)):
    learner.see({"item": np.array(codes)})
    encoder = learner.learn(path / "item.txt")
    assert isinstance(learner, KnownVectors)
    assert isinstance(encoder, VectorIds)
    return encoder


def test_values_that_no_row_has_are_known_also_where_the_encoder_is_restored(learner, tmp_path):
    encoder = learned(learner, tmp_path)
    value = encoder.to_json()
    assert value.pop("kind") == "vectors"
    again = VectorIds.from_json(value, tmp_path / "item.txt", {})
    assert (encoder.size, again) == (4, encoder)
    assert again.encode(["new", "a", "c", ""]).tolist() == [3, 0, 2, 0]
    assert learner.encode({"item": np.array([0, 1, 2, 3])}).tolist() == [0, 0, 1, 2]
    assert encoder.decode([0, 3]) == [None, "new"]
    assert list(encoder.reads("item:vector")) == ["item"]
    vectors = again.vectors()
    assert (vectors.shape, vectors[0].any()) == ((4, 2), False)
    assert np.allclose(vectors[1:].mean(0), 0, atol=1e-6)
    assert np.isclose((vectors[1:] ** 2).mean(), 1, atol=1e-6)
    raw = np.array([*VECTORS.values()])
    scale = (raw - raw.mean(0))[0, 0] / vectors[1, 0]
    assert np.allclose(vectors[1:] * scale, raw - raw.mean(0), atol=1e-6)


def test_faults_of_declarations():
    assert not list(TimePart("hour", "at", "weekday").faults())
    for field in (TimePart("hour", "at", "minute"), Vectors("item", "item"), Vectors("item", "")):
        assert list(field.faults())


@pytest.mark.parametrize(
    ("codes", "warnings"),
    [((1, 1, 2, 3, 3, 0), ["3 of 6 training rows have no vector in item:vector"]), ((2, 3), [])],
)
def test_rows_without_a_vector_are_counted(learner, tmp_path, codes, warnings):
    learned(learner, tmp_path, codes)
    assert list(learner.warnings) == warnings
