"""The rule by which rows form lists, and its settings."""

import numpy as np
import pytest

from automtl_core.dataset.dataset import DatasetSettings
from automtl_core.dataset.lists import Lists, in_units
from automtl_core.errors import UsageError


def parsed(value):
    return DatasetSettings.parse({"list": value}, "dataset").list


@pytest.mark.parametrize(
    ("value", "by", "gap", "every"),
    [
        ("page", ("page",), None, None),
        (["user", "page"], ("user", "page"), None, None),
        ({"user": None, "gap": "30m"}, ("user",), "30m", None),
        ({"page": None, "shop": None, "every": 5}, ("page", "shop"), None, 5),
        ({"by": ["page"], "gap": 1.5}, ("page",), 1.5, None),
    ],
)
def test_short_forms(value, by, gap, every):
    found = parsed(value)
    assert (found.by, found.gap, found.every) == (by, gap, every)
    assert found.timed == (gap is not None or every is not None)


@pytest.mark.parametrize("value", [{"user": None, "gap": "30x"}, {"user": None, "gap": 0}, [], 3])
def test_other_values_are_errors(value):
    with pytest.raises(UsageError, match=r"dataset\.list"):
        parsed(value)


def test_user_is_the_user_field():
    assert parsed(["user", "page"]).columns("uid") == ["uid", "page"]
    assert parsed(["user", "page"]).columns(None) == ["page"]


def test_durations_in_the_unit_of_times():
    assert [in_units(one, 0.001) for one in ("1.5s", "30m", "2h", "1d", 7)] == [1500, 1.8e6, 7.2e6, 8.64e7, 7]


def test_rows_without_an_owner_are_in_no_list():
    owners, times = np.array([1, 0, -1, 1, 0, 1]), np.array([5.0, 1, 2, 4, 9, 20])
    numbers, begin = Lists(("user",), "at", gap=5).form(owners, times)
    assert numbers.tolist() == [3, 1, 0, 3, 2, 4]
    assert begin.tolist() == [4, 1, 2, 4, 9, 20]
    assert Lists(("user",)).form(owners, None).numbers.tolist() == [2, 1, 0, 2, 1, 2]


def test_periods_begin_at_the_origin():
    found = Lists(("user",), "at", every=10, origin=3)
    numbers, begin = found.form(np.zeros(4, np.int64), np.array([2.0, 3, 12, 13]))
    assert numbers.tolist() == [1, 2, 2, 3]
    assert begin.tolist() == [-7, 3, 3, 13]
    assert found.of_periods
    assert found.timed
