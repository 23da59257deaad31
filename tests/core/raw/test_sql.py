"""Names, texts and tables; times as a type: their SQL, forms and ranges."""

import duckdb
import pytest

from automtl_core.dataset.dataset import Column
from automtl_core.errors import DataError, FaultyRowError
from automtl_core.fields.encode import seconds
from automtl_core.raw.sql import (
    TimeRange,
    as_seconds,
    check_comparable,
    count,
    create,
    date_of,
    form_of,
    literal,
    quoted,
    typed_time,
    value_and_test,
)


@pytest.fixture
def db():
    with duckdb.connect() as connection:
        yield connection


@pytest.mark.parametrize("name", ["plain", 'a "quoted" one', "it's", "a; DROP TABLE b", "select", "ü 漢"])
def test_any_name_and_any_text_passes_as_it_is(db, name):
    db.execute(f"CREATE TABLE t AS SELECT {literal(name)} AS {quoted(name)}")
    assert db.table("t").project(quoted(name)).fetchall() == [(name,)]
    assert db.table("t").columns == [name]


def test_a_table_is_made_of_rows_and_counted(db):
    create(db, "my rows", db.sql("SELECT * FROM range(7)"))
    assert count(db, quoted("my rows")) == 7
    create(db, "more", db.sql("SELECT * FROM range(2)"))
    assert count(db, "more") == 2


def read(*texts):
    """Return the form of times and their numbers."""
    with duckdb.connect() as db:
        db.execute("CREATE TABLE t AS SELECT unnest($1) AS at", [list(texts)])
        time = typed_time(db, "at", "FROM t", ["t"])
        typed = db.table("t").project(f"{time} AS time")
        kind = str(typed.types[0])
        found = typed.project(as_seconds("time", kind)).fetchall()
    return form_of(kind), [one for (one,) in found]


@pytest.mark.parametrize(
    ("texts", "form", "numbers"),
    [
        (["5", None, "-7"], "number", [5, None, -7]),
        (["5", "6.25"], "number", [5, 6.25]),
        (["1970-01-02", "1970/1/1 00:01"], "date", [86400, 60]),
        (["1970-01-01 00:00:00.25"], "date", [0.25]),
        (["1970-01-01T02:00Z", "1970-01-01 02:00 +01:00", "1970-01-01 02:00-05"], "date with offset",
         [7200, 3600, 25200]),
    ],
)  # fmt: skip
def test_texts_have_one_form(texts, form, numbers):
    assert read(*texts) == (form, numbers)


@pytest.mark.parametrize(
    ("texts", "odd"),
    [
        (["1", "2", "soon"], "soon"),
        (["2024-01-01 00:00+02:00", "2024-01-01 00:00+02:00", "2024-01-02"], "01-02"),
    ],
)
def test_a_time_of_another_form_is_named(texts, odd):
    with pytest.raises(FaultyRowError, match=f"the time at holds '.*{odd}', and most rows have") as caught:
        read(*texts)
    assert (caught.value.table, caught.value.row) == ("t", 2)


def test_dates_of_days_and_nanoseconds_are_dates():
    with duckdb.connect() as db:
        for sql in ("DATE '1970-01-02'", "TIMESTAMP_NS '1970-01-02 00:00:00'"):
            typed = db.sql(f"SELECT {sql} AS time")
            assert form_of(str(typed.types[0])) == "date"
            assert typed.project(as_seconds("time", str(typed.types[0]))).fetchall() == [(86400.0,)]


NAMED = {
    "May 14, 1996": 832_032_000, "may 4 1996": 831_168_000, "September 1, 2000": 967_766_400,
    "14-May-1996": 832_032_000, "1 June 1970": 13_046_400, "29 Feb 2024": 1_709_164_800,
    "Feb 30, 1996": None, "May 32, 1996": None, "Mai 14, 1996": None, "May 14, 96": None,
    "May, 14 1996": None,
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), NAMED.items())
def test_dates_with_the_name_of_a_month_are_read_alike_by_files_and_by_exports(db, text, expected):
    found = db.execute(
        f"SELECT epoch({date_of('$1')}), {value_and_test('$1', '', Column('time'))[1]}", [text]
    )
    assert found.fetchall() == [(expected, expected is not None)]
    assert seconds(text) == expected
    if expected is not None:
        assert read(text, None, "Jan 1, 1970") == ("date", [expected, None, 0])


def of(name, first=0.0, last=0.0, form="number"):
    return TimeRange(name, form, first, last)


def test_forms_that_differ_cannot_be_compared():
    check_comparable("at", of("rows", form="date"), of("events", form="date"))
    with pytest.raises(
        DataError, match="the times of events are numbers, and those of rows dates without an"
    ):
        check_comparable("at", of("rows", form="date"), of("events"))


@pytest.mark.parametrize("factor", [1000, 1_000_000, 60])
@pytest.mark.parametrize("turned", [False, True])
def test_times_in_other_units_are_refused(factor, turned):
    ends = [(1.60e9, 1.70e9), (1.65e9 / factor, 1.66e9 / factor)]
    first, second = reversed(ends) if turned else ends
    with pytest.raises(DataError, match=r"the times of rows go from .*, and those of events from"):
        check_comparable("at", of("rows", *first), of("events", *second))


@pytest.mark.parametrize(
    ("rows", "events"),
    [
        ((1.6e9, 1.7e9), (0.9e9, 1.0e9)),
        ((0, 90), (900, 10_000)),
        ((0, 0), (5, 5)),
        ((20_000, 20_010), (19_000, 1e5)),
    ],
)
def test_times_that_are_apart_may_be_in_one_unit(rows, events):
    check_comparable("at", of("rows", *rows), of("events", *events))
    check_comparable("at", of("events", *events), of("rows", *rows))
