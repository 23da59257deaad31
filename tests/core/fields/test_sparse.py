"""Values have ids by a vocabulary or by their hash; preparation is tested in tests/core/prepare."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from automtl_core.fields.encode import encode, seconds
from automtl_core.fields.sparse import BagEncoder, Hashed, PartOfTime, TimePart, Vocabulary
from automtl_export.encoder import source


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


def test_a_bag_holds_known_values_once_in_the_order_of_their_ids():
    bags, one = BagEncoder(Hashed(1000)), Hashed(1000)
    starts, values = bags.encode([["b", "a", "b", None, ""], [], ["c"]])
    assert starts.tolist() == [0, 2, 2, 3]
    assert values.tolist() == [*sorted(one.encode(["a", "b"]).tolist()), *one.encode(["c"]).tolist()]
    assert [array.tolist() for array in bags.encode([])] == [[0], []]


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
            "2024-01-31 14:30+02:00",
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
    names = {"__name__": "encode"}
    exec(source([PartOfTime("at", "hour")]), names)  # noqa: S102 - the code of this project
    exported = names["PartOfTime"]("at", "hour")
    assert names["encode"]("hour", exported, {"at": [NOON, "1706704200000", None]}).tolist() == [13, 13, 0]
