"""Hashes of values, and the lookup of cells by them."""

import duckdb
import numpy as np
import pytest

from automtl_core.fields.lookup import Entries, Lookup, bins_of, cells_of, hashes_of, lookups_of, mixed

TEXTS = ["", "a", "7", "07", "7.0", "köln\n", "日本", "a" * 1000, "a"]


def test_a_text_has_the_hash_that_preparation_computes():
    with duckdb.connect() as db:
        query = "SELECT md5_number_lower(text) FROM (SELECT unnest(?) AS text)"
        expected = [value for (value,) in db.execute(query, [TEXTS]).fetchall()]
    found = hashes_of(TEXTS)
    assert found.tolist() == [0, *expected[1:]]
    assert len({*found.tolist()}) == len({*TEXTS})
    assert hashes_of(["\ud800"]).dtype == np.uint64, "half of a surrogate pair"


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


BOTH = cells_of([Entries(mixed(np.array([3, 4]))), Entries(mixed(np.array([1, 1])))]).hashes
ORDER = np.argsort(BOTH)
NUMBERS = np.array([[1.0, 10.0], [2.0, 20.0], [0.5, 5.0]], np.float32)


def lookup():
    """Return a lookup in which the value 3 has the numbers (1, 10), the value 4 (2, 20), others (.5, 5)."""
    return Lookup(("tags", "x"), {"x": [0.0]}, BOTH[ORDER], NUMBERS[[*ORDER, 2]])


def test_examples_have_the_numbers_of_their_cells_and_those_of_no_rows_in_other_cells():
    x = {"x": np.array([-1.0, -1.0, -1.0, 1.0, -1.0])}
    single = {"tags": Entries(mixed(np.array([3, 4, 9, 3, 4])))}
    assert lookup()(single, x).tolist() == [[1, 10], [2, 20], [0.5, 5], [0.5, 5], [2, 20]]
    bags = {"tags": Entries(mixed(np.array([3, 4, 4, 9, 4])), np.array([2, 0, 2, 1, 0]))}
    found = lookup()(bags, x)
    assert found.tolist() == [[1.5, 15], [0.5, 5], [1.25, 12.5], [0.5, 5], [0.5, 5]]


@pytest.mark.parametrize("value", [0, 3])
def test_without_cells_all_examples_have_the_numbers_of_no_rows(value):
    empty = Lookup(("a",), {}, np.empty(0, np.uint64), NUMBERS[2:])
    assert empty({"a": Entries(np.full(2, value, np.uint64))}, {}).tolist() == [[0.5, 5]] * 2
    assert empty({"a": Entries(np.empty(0, np.uint64))}, {}).shape == (0, 2)


def test_an_export_without_aggregates_needs_no_arrays(tmp_path):
    assert lookups_of({}, tmp_path) == []
