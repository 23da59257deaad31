"""SQL of names, texts and times; a connection reaches its own folders alone."""

from contextlib import nullcontext
from pathlib import Path

import duckdb
import pytest

from automtl_core.dataset.dataset import Column
from automtl_core.errors import DataError, FaultyRowError, StorageError
from automtl_core.fields.encode import seconds
from automtl_core.raw.connection import connect
from automtl_core.raw.sql import (
    TimeRange,
    as_seconds,
    check_comparable,
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


@pytest.mark.parametrize("sql", ["DATE '1970-01-02'", "TIMESTAMP_NS '1970-01-02 00:00:00'"])
def test_dates_of_days_and_nanoseconds_are_dates(db, sql):
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
    test = value_and_test("$1", "", Column("time"))[1]
    found = db.execute(f"SELECT epoch({date_of('$1')}), {test}", [text])
    assert found.fetchall() == [(expected, expected is not None)]
    assert seconds(text) == expected
    if expected is not None:
        assert read(text, None, "Jan 1, 1970") == ("date", [expected, None, 0])


@pytest.mark.parametrize(
    ("rows", "events", "comparable"),
    [
        (("date", 0, 0), ("date", 0, 0), True),
        (("date", 0, 0), ("number", 0, 0), False),
        (("number", 1.60e9, 1.70e9), ("number", 1.65e6, 1.66e6), False),
        (("number", 1.60e9, 1.70e9), ("number", 1.65e3, 1.66e3), False),
        (("number", 1.60e9, 1.70e9), ("number", 2.75e7, 2.76e7), False),
        (("number", 1.6e9, 1.7e9), ("number", 0.9e9, 1.0e9), True),
        (("number", 0, 90), ("number", 900, 10_000), True),
        (("number", 0, 0), ("number", 5, 5), True),
        (("number", 20_000, 20_010), ("number", 19_000, 1e5), True),
    ],
)
def test_times_of_other_forms_or_units_cannot_be_compared(rows, events, comparable):
    for one, other in ((rows, events), (events, rows)):
        refusal = nullcontext() if comparable else pytest.raises(DataError, match="at: the times of ")
        with refusal:
            check_comparable("at", TimeRange("rows", *one), TimeRange("events", *other))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('{outside}/secret.csv')",
        "SELECT * FROM read_text('{data}/../secret.csv')",
        "COPY (SELECT 1) TO '{outside}/new.csv'",
        "ATTACH '{outside}/new.duckdb'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
    ],
)
def test_the_connection_reaches_its_own_folders_and_nothing_else(tmp_path, statement):
    data, work = tmp_path / "it is data", tmp_path / "it's work"
    data.mkdir()
    work.mkdir()
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (data / "a.csv").write_text("x\n1\n")
    with connect(data, work) as db:
        db.read_csv(str(data / "a.csv")).write_csv(str(work / "b.csv"))
        with pytest.raises((duckdb.PermissionException, duckdb.InvalidInputException)):
            db.execute(statement.format(outside=tmp_path, data=data))
    assert (work / "b.csv").read_text() == "x\n1\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it is data", "it's work", "secret.csv"]


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (duckdb.ConversionException, DataError),
        (duckdb.OutOfRangeException, DataError),
        (duckdb.InvalidInputException, DataError),
        (duckdb.TransactionException, StorageError),
        (duckdb.ParserException, duckdb.ParserException),
        (duckdb.InternalException, duckdb.InternalException),
    ],
)
def test_every_error_that_files_or_disks_can_cause_is_translated(tmp_path, raised, expected):
    with pytest.raises(expected, match="x"), connect(None, tmp_path):
        raise raised("x\ny")


def test_a_folder_called_as_the_home_folder_is_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    work = Path("~") / "work"
    work.mkdir(parents=True)
    with connect(None, work):
        assert (tmp_path / "~" / "work" / "raw.duckdb").exists()
    assert not (tmp_path / "home").exists()
