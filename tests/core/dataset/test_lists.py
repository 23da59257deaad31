"""Settings of lists in their short forms, and the rule by which rows form lists."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from automtl_core.dataset.lists import Lists, ListSettings, Named, in_units

READ = TypeAdapter(Named).validate_python


@pytest.mark.parametrize(
    ("given", "by", "gap", "every"),
    [
        ("page", ("page",), None, None),
        (["user", "page"], ("user", "page"), None, None),
        ({"user": None, "gap": "30m"}, ("user",), "30m", None),
        ({"user": None, "every": "1d"}, ("user",), None, "1d"),
        ({"session": None, "gap": 5}, ("session",), 5.0, None),
        ({"by": ["x"], "every": "2d", "gap": "1h"}, ("x",), "1h", "2d"),
    ],
)
def test_short_forms(given, by, gap, every):
    found = READ(given)
    assert found == ListSettings(by=by, gap=gap, every=every)
    assert READ(found.model_dump(mode="json")) == found


@pytest.mark.parametrize(
    "given", [5, [], {"user": 3}, {"user": None, "gap": "30x"}, {"by": ["a"], "gap": -1}]
)
def test_other_forms_are_faults(given):
    with pytest.raises(ValidationError):
        READ(given)


def test_durations_are_in_the_unit_of_times():
    assert [in_units(one, 1.0) for one in ("90s", "1.5m", "2h", "1d", 7)] == [90, 90, 7200, 86400, 7]
    assert in_units("30m", 0.001) == pytest.approx(1_800_000)


def test_a_gap_that_is_just_as_long_divides_no_list():
    times, owners = np.array([0.0, 10.0, 21.0, 5.0]), np.array([0, 0, 0, 1])
    numbers, begin = Lists(("u",), "t", gap=10.0).form(owners, times)
    assert numbers.tolist() == [1, 1, 2, 3]
    assert begin.tolist() == [0, 0, 21, 5]


def test_periods_have_an_origin_and_rows_without_a_list_begin_with_theirs():
    times, owners = np.array([3.0, 12.0, 13.0, -1.0]), np.array([0, 0, -1, 0])
    rule = Lists(("u",), "t", every=10.0, origin=2.0)
    numbers, begin = rule.form(owners, times)
    assert numbers.tolist() == [2, 3, 0, 1]
    assert begin.tolist() == [2, 12, 12, -8]
    assert rule.of_periods
    numbers, begin = Lists(("u",)).form(owners, None)
    assert (numbers.tolist(), begin) == ([1, 1, 0, 1], None)
