"""Parts of times as categorical fields."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from automtl_core.fields.encode import encode, seconds
from automtl_core.fields.source import source
from automtl_core.fields.time_parts import PartOfTime, TimePart

NOON = "2024-01-31 12:30:00"
"""A Wednesday."""


def ids(part, values):
    return encode("hour", PartOfTime("at", part), {"at": values}).tolist()


@pytest.mark.parametrize(
    "written",
    [
        *(
            NOON,
            "2024-01-31T12:30:00Z",
            "2024-01-31 14:30:00+02:00",
            "2024-01-31 10:00 -0230",
            "2024/1/31 12:30",
        ),
        *("1706704200", "1706704200.5", "1706704200000", "1706704200000000", "1706704200000000000"),
    ],
)
def test_times_in_every_form(written):
    assert seconds(written) == pytest.approx(1706704200, abs=1)
    assert ids("hour", [written]) == [13]
    assert ids("weekday", [written]) == [3]


@pytest.mark.parametrize("written", ["2024-01-31", "20240131", "20240131.0"])
def test_dates(written):
    assert seconds(written) == 1706659200
    assert (ids("hour", [written]), ids("weekday", [written])) == ([1], [3])


@pytest.mark.parametrize(
    "written", ["soon", "2024-02-30", "2024-01-31 25:00", "inf", "nan", "1_0", "1e39", ""]
)
def test_what_is_no_time(written):
    assert seconds(written) is None
    assert ids("hour", [written]) == [0]


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


def test_the_declaration():
    assert list(TimePart("hour").reads()) == ["hour"]
    assert list(TimePart("hour", "at").reads()) == ["at"]
    assert list(TimePart("hour", "at", "minute").faults())
    assert not list(TimePart("hour", "at", "weekday").faults())


def test_an_export_has_the_same_ids():
    names: dict[str, Any] = {"__name__": "encode"}
    exec(source([PartOfTime("at", "hour")]), names)  # noqa: S102 - the code of this project
    exported = names["PartOfTime"]("at", "hour")
    assert names["encode"]("hour", exported, {"at": [NOON, "1706704200000", None]}).tolist() == [13, 13, 0]
