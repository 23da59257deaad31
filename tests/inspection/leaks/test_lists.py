from types import SimpleNamespace

import numpy as np
import pytest

from automtl_core.data.part import Part
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_inspection.leaks.lists import list_warnings, lists

SCHEMA = Schema((SparseField("user", 2),), (), (Task("click"), Task("price", kind="regression")))


def described(**parts):
    """Return prepared data: the numbers of lists, and the labels, of the rows of each part."""

    def part(name):
        numbers, labels = parts[name]
        rows = len(labels)
        both = np.column_stack([labels, np.ones(rows)]).astype(np.float32)
        of_lists = None if numbers is None else np.array(numbers, np.int32)
        return Part(np.zeros((rows, 1), np.int32), np.zeros((rows, 0), np.float32), both, lists=of_lists)

    return SimpleNamespace(schema=SCHEMA, part=part)


NAN = float("nan")


def test_lists_are_counted_and_their_rows_and_those_with_both_classes():
    found = lists(
        described(
            train=([1, 1, 1, 0, 0, 2], [0, 1, 0, 1, 0, 1]),
            validation=([3, 3, 0, 4, 4], [1, 1, 0, 0, 1]),
            # Of list 6 one label is missing; list 7 follows rows without a list, and all its labels are 1.
            test=([5, 5, 6, 6, 0, 0, 7, 7], [1, 0, 1, NAN, 0, 1, 1, 1]),
        )
    )
    assert (found.lists, found.median, found.largest, found.alone) == (7, 2, 3, 5)
    assert found.several == pytest.approx(6 / 7)
    assert (found.mixed_validation, found.mixed_test) == ({"click": 1}, {"click": 1})


def test_data_without_lists_has_none_and_no_warning():
    data = described(**dict.fromkeys(("train", "validation", "test"), (None, [0, 1])))
    assert lists(data) is None
    assert not [*list_warnings(data)]


def test_rows_that_are_all_in_no_list():
    found = lists(described(**dict.fromkeys(("train", "validation", "test"), ([0, 0], [0, 1]))))
    assert (found.lists, found.several, found.alone) == (0, 0, 6)


def many(mixed, rows=2):
    """Return rows of lists, of which some have both classes, and 50 have one."""
    labels = np.zeros((mixed + 50, rows))
    labels[:mixed, 0] = 1
    return np.repeat(np.arange(1, mixed + 51), rows), labels.ravel()


def test_a_warning_where_lists_have_one_row_or_few_have_both_classes():
    assert not [*list_warnings(described(train=many(9), validation=many(100), test=many(9)))]
    (few,) = list_warnings(described(train=many(9), validation=many(99), test=many(9)))
    assert "fewer than 100 lists of validation rows have both classes (click 99)" in few
    (single,) = list_warnings(described(train=many(900, 1), validation=many(99, 1), test=many(100)))
    assert "88% of 1,249 lists have one row, and nothing to rank" in single
