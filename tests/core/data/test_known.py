"""Digests of rows, and which rows are among known ones."""

import numpy as np
import pytest

from automtl_core.data.known import Seen, digest_of, of_numbers, of_texts, of_times, of_values
from automtl_core.fields.field import Read

CODE, BAG, NUMBER = Read(), Read("bag", separator="|"), Read("number", missing=7.0)


@pytest.mark.parametrize(
    ("read", "one", "other"),
    [
        (CODE, ["a", "", "12"], ["a", None, 12.0]),
        (NUMBER, ["0.5", None, -0.0], [0.5, 7, 0.0]),
        (NUMBER, [10.16], [float(np.float32(10.16))]),
        (BAG, [["a", "b"], []], [["b", "a", "b"], []]),
        (Read("text"), ["2024-01-01", "2024-01-01 00:00:00"], ["2024-01-01T00:00:00", "2024-01-01"]),
    ],
)
def test_equal_values_have_equal_hashes_in_any_form(read, one, other):
    assert of_values(read, one).tolist() == of_values(read, other).tolist()


def test_other_values_have_other_hashes():
    assert len({*of_values(CODE, ["a", "b", "", "A"]).tolist()}) == 4
    assert len({*of_values(BAG, [["a"], ["b"], ["a", "b"], []]).tolist()}) == 4
    assert len({*of_numbers(np.array([1.0, 2.0, np.nan, 1.5])).tolist()}) == 4
    assert len({*of_times(np.array([1.7e9, 1.7e9 + 1])).tolist()}) == 2, "times are not rounded"
    assert len({*of_texts(["monday", "tuesday"]).tolist()}) == 2
    assert of_values(CODE, ["a", "b"], buckets=1).tolist() == of_values(CODE, ["b", "a"], buckets=1).tolist()


def test_a_digest_depends_on_the_column_of_a_value_and_not_on_the_order_of_columns():
    one, other = of_texts(["x", "y"]), of_texts(["y", "x"])
    assert digest_of({"a": one, "b": other}).tolist() == digest_of({"b": other, "a": one}).tolist()
    assert digest_of({"a": one, "b": other})[0] != digest_of({"a": one, "b": other})[1]


@pytest.mark.parametrize(
    ("rows", "known", "seen", "equal"),
    [
        ([1, 2, 3], [2], [False, True, False], 0),
        ([1, 1, 1], [1, 1], [True, True, False], 2),
        ([1, 2], [], [False, False], 0),
        ([], [1], [], 0),
        ([3, 1], [1, 1, 3], [True, True], 1),
    ],
)
def test_of_equal_rows_as_many_are_known_as_there_are(rows, known, seen, equal):
    found = Seen.of(np.array(rows, np.uint64), np.array(known, np.uint64))
    assert (found.rows.tolist(), found.equal) == (seen, equal)
