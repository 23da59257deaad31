"""Shared SQL: quoted names, tables, typed values, and times of rows and events, with their form and range."""

import glob
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np

from automtl_core.dataset.dataset import LARGEST, Column
from automtl_core.dataset.declarations import TimeForm
from automtl_core.errors import DataError, FaultyRowError, printable
from automtl_core.fields.encode import NAMED_DATES, OWN, TIME, as_number
from automtl_core.fields.field import Floats

DB = duckdb.DuckDBPyConnection
Relation = duckdb.DuckDBPyRelation


def quoted(column: str) -> str:
    """Return the name of a column, quoted for SQL."""
    return '"' + column.replace('"', '""') + '"'


def own(name: str) -> str:
    """Return a name for a column of the program itself, quoted for SQL; raw files cannot have it."""
    return quoted(OWN + name)


def check_names(names: Iterable[str], where: object) -> None:
    """Check that no column has a name of `own`.

    Raises:
        DataError: one has.

    """
    if reserved := [name for name in names if name.lower().startswith(OWN)]:
        raise DataError(f"{where}: no column may be called {reserved[0]!r}", f"rename it: without {OWN!r}")


def numbered(table: str) -> str:
    """Return SQL for the rows of a table with their numbers from 0, `own("row")`.

    Not `rowid`, which a column of this name hides.
    """
    return f"(SELECT *, row_number() OVER () - 1 AS {own('row')} FROM {table})"


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def one_file(path: Path) -> str:
    """Return the path of a file for DuckDB's readers, with `[`, `*` and `?`, which form patterns, escaped."""
    return glob.escape(str(path.resolve()))


def typed(value: str, column: Column) -> str:
    """Return SQL for the typed value of a text expression, which raises for a text that does not fit."""
    found, fine = value_and_test(value, "", column)
    wrong = "error('not as declared')"
    if column.kind == "integer" and not column.among and not column.matching and not column.required:
        return f"coalesce({found}, CASE WHEN NOT {fine} THEN {wrong} END)"  # twice as fast
    return f"CASE WHEN {fine} THEN {found} ELSE {wrong} END"


def value_and_test(value: str, kind: str, column: Column) -> tuple[str, str]:
    """Return SQL for the typed value of an expression, and for the test that it fits the declaration.

    Args:
        value: SQL of the value.
        kind: Its SQL type; empty for a text of a delimited file, in which blanks are null.
        column: The declaration.

    """
    if column.required:
        found, fine = value_and_test(value, kind, replace(column, required=False))
        return found, f"({fine}) AND {found} IS NOT NULL"
    if kind.endswith("[]") and column.separator and column.kind != "vector":
        separator = literal(column.separator)
        holds = f"list_bool_or(list_transform({value}, lambda x: contains(CAST(x AS VARCHAR), {separator})))"
        # `array_to_string` leaves nulls out, and lists of events have to stay aligned.
        aligned = f"list_transform({value}, lambda x: coalesce(CAST(x AS VARCHAR), ''))"
        return f"array_to_string({aligned}, {separator})", f"NOT coalesce({holds}, false)"
    text = value if kind in ("", "VARCHAR") else f"CAST({value} AS VARCHAR)"
    if kind in ("FLOAT", "DOUBLE"):  # NaN is a missing value in these columns
        # `nullif` is folded by statistics of the file.
        numbers = [number for number in map(as_number, column.blanks) if number is not None]
        blank = " OR ".join([f"isnan({value})", *(f"{value} = '{n!r}'::{kind}" for n in numbers)])
        value = f"CASE WHEN NOT ({blank}) THEN {value} END"
        text = f"CAST({value} AS VARCHAR)"
    elif kind == "BOOLEAN":
        text = f"CAST(CAST({value} AS INTEGER) AS VARCHAR)"
    elif kind == "VARCHAR":
        value = text = without_blanks(f"nullif({value}, '')", column)  # as in delimited text
    elif not kind or column.blanks:
        value = text = without_blanks(text, column)
    plain, found, fits = text, text, "true"
    match column.kind:
        case "integer" if kind in ("FLOAT", "DOUBLE"):  # integers with gaps become floats in a data frame
            fits = f"{value} = trunc({value}) AND abs({value}) < 9e18"
            found = f"CASE WHEN {fits} THEN CAST({value} AS BIGINT) END"
            plain = f"CAST({found} AS VARCHAR)"
        case "integer":
            found = whole(text)
            plain = f"CAST({found} AS VARCHAR)"
            fits = "true" if column.among else f"{found} IS NOT NULL"
        case "number":
            found = f"TRY_CAST({value} AS DOUBLE)"
            fits = is_number(text) if kind in ("", "VARCHAR") else f"abs({found}) <= {LARGEST}"
        case "time":
            # As `fields.encode.seconds` reads it.
            fits = f"coalesce({is_number(text)}, {date_of(text)} IS NOT NULL)"
        case "vector":
            split = f"string_split({text}, {literal(column.separator)})"
            found = f"TRY_CAST({value if kind.endswith(']') else 'NULL' if kind else split} AS FLOAT[])"
            odd = "false" if kind else f"contains({text}, '_') OR contains({text}, '+-')"
            finite = f"list_transform({found}, lambda x: coalesce(abs(x) <= {LARGEST}, false))"
            fits = f"coalesce(list_bool_and({finite}), false) AND NOT ({odd})"
    tests = [fits] if fits != "true" else []
    if column.among:
        tests.append(f"{plain} IN ({', '.join(map(literal, column.among))})")
    if column.matching:
        tests.append(f"regexp_full_match({plain}, {literal(column.matching)})")
    return found, f"({value} IS NULL OR coalesce({' AND '.join(tests)}, false))" if tests else "true"


def whole(value: str) -> str:
    """Return SQL for the integer that a text writes, also as 9.0; null for other texts.

    It must equal its printed form in DuckDB: a cast alone would accept 9.5 as 10.
    """
    number = f"TRY_CAST({value} AS BIGINT)"
    equals = f"THEN {number} WHEN ends_with({value}, '0') AND CAST({number} AS VARCHAR)"
    plain = rf"regexp_replace({value}, '\.0+$', '')"
    return f"CASE WHEN CAST({number} AS VARCHAR) = {value} {equals} = {plain} THEN {number} END"


def without_blanks(value: str, column: Column) -> str:
    """Return SQL for a text that is null where it is one of the blanks of its column."""
    if not column.blanks:
        return value
    texts = f"IN ({', '.join(map(literal, column.blanks))})"
    also = rf" OR regexp_replace({value}, '\.0+$', '') {texts}" if column.kind == "integer" else ""
    return f"CASE WHEN {value} {texts}{also} THEN NULL ELSE {value} END"


def date_of(value: str) -> str:
    """Return SQL for the timestamp that a text writes, with or without a time of the day; null for others."""
    written = f"CASE WHEN regexp_full_match({value}, {literal(TIME.pattern)})"
    return f"coalesce({written} THEN TRY_CAST({value} AS TIMESTAMP) END, {named_date(value)})"


def named_date(value: str) -> str:
    """Return SQL for the timestamp of a date with the name of a month; null for other texts."""
    words = f"regexp_replace({value}, '[ ,-]+', ' ', 'g')"
    forms = "['%b %d %Y', '%B %d %Y', '%d %b %Y', '%d %B %Y']"
    fits = f"regexp_full_match({value}, {literal('|'.join(NAMED_DATES))})"
    return f"CASE WHEN {fits} THEN try_strptime({words}, {forms}) END"


def is_number(value: str) -> str:
    """Return SQL for the test that a text is a number; null for other texts."""
    # A cast accepts '+-5', and '1_000', but not all that Python accepts with underscores.
    odd = f"starts_with({value}, '+-') OR contains({value}, '_')"
    return f"(abs(TRY_CAST({value} AS DOUBLE)) <= {LARGEST} AND NOT ({odd}))"


def category(value: str, kind: str) -> str:
    """Return SQL for a value of a sparse field from a column of some type; an empty text is null.

    Integral numbers and booleans become integers. It raises for a number that is not integral, since its text
    differs between file formats.
    """
    match kind:
        case "VARCHAR":
            return f"nullif({value}, '')"
        case "BOOLEAN":
            return f"CAST({value} AS INTEGER)"
        case "DOUBLE" | "FLOAT":
            wrong = f"{value} IS NOT NULL THEN error('not a whole number')"
            return f"CASE WHEN {value} = floor({value}) THEN CAST({value} AS BIGINT) WHEN {wrong} END"
    return value


def create(db: DB, table: str, rows: Relation) -> None:
    """Create a temporary table, which DuckDB writes faster than a persistent one."""
    db.register("rows to keep", rows)
    try:
        db.execute(f'CREATE TEMP TABLE {quoted(table)} AS FROM "rows to keep"')
    finally:
        db.unregister("rows to keep")


def count(db: DB, table: str) -> int:
    """Return the number of rows of a table."""
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def typed_time(db: DB, column: str, rows: str, tables: Iterable[str]) -> str:
    """Return SQL for a time, of the first type that reads all its texts: BIGINT, DOUBLE or a timestamp.

    Args:
        db: The database.
        column: The column; it may hold blanks.
        rows: SQL of the rows.
        tables: The tables of these rows, for the place of a faulty one.

    Raises:
        FaultyRowError: a time has another form than most others.

    """
    text = f"CAST({quoted(column)} AS VARCHAR)"
    ways = [way for way, _ in _ways_to_read(text)]
    misread = [f"count(*) FILTER ({way} IS NULL), min({text}) FILTER ({way} IS NULL)" for way in ways]
    query = f"SELECT {', '.join(misread)} FROM ({rows}) WHERE {quoted(column)} IS NOT NULL"
    counts = db.execute(query).fetchall()[0]
    for way, wrong in zip(ways, counts[::2], strict=True):
        if not wrong:
            return way
    _, odd = min(zip(counts[::2], counts[1::2], strict=True))
    for table in tables:
        row, source = own("row"), numbered(quoted(table))
        found = f"SELECT {row} FROM {source} WHERE {text} = {literal(odd)} ORDER BY {row} LIMIT 1"
        if at := db.execute(found).fetchall():
            break
    raise FaultyRowError(
        f"the time {column} holds {printable(repr(odd))}, and most rows have another format",
        "write all of them as numbers, or all as dates such as 2024-01-31 or 2024-01-31 23:59:59; dates with "
        "an offset such as +02:00 do not go with dates without one",
        table,
        at[0][0],
    )


def _ways_to_read(text: str) -> list[tuple[str, str]]:
    """Return SQL for the time that a text may write, null for other texts, and its type, for each type."""
    whole, number = (f"TRY_CAST({text} AS {kind})" for kind in ("BIGINT", "DOUBLE"))
    joined = f"regexp_replace({text}, ' ([+-])', '\\1')"  # DuckDB reads no offset after a space
    offset = r"[0-9] ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)$"  # behind a time of the day
    zoned = f"(contains({text}, ':') AND regexp_matches({text}, {literal(offset)}))"
    return [
        (f"CASE WHEN CAST({whole} AS VARCHAR) = {text} THEN {whole} END", "BIGINT"),  # doubles lack digits
        (f"CASE WHEN isfinite({number}) THEN {number} END", "DOUBLE"),
        (f"CASE WHEN NOT {zoned} THEN TRY_CAST({text} AS TIMESTAMP) END", "TIMESTAMP"),
        (f"CASE WHEN {zoned} THEN TRY_CAST({joined} AS TIMESTAMPTZ) END", "TIMESTAMP WITH TIME ZONE"),
        (named_date(text), "TIMESTAMP"),
    ]


def any_time(value: str, kind: str) -> str:
    """Return SQL for a time as a number, see `as_seconds`; null for a text that writes no time."""
    if kind != "VARCHAR":
        return as_seconds(value, kind)
    return f"coalesce({', '.join(as_seconds(way, of) for way, of in _ways_to_read(value))})"


def form_of(kind: str) -> TimeForm:
    """Return the form of times of an SQL type."""
    if kind == "TIMESTAMP WITH TIME ZONE":
        return "date with offset"
    return "date" if kind.startswith(("TIMESTAMP", "DATE")) else "number"


def as_seconds(value: str, kind: str) -> str:
    """Return SQL for a time as a number; for dates the seconds since 1970 (UTC)."""
    match form_of(kind):
        case "number":
            return f"CAST({value} AS DOUBLE)"
        case "date":
            return f"epoch(CAST({value} AS TIMESTAMP))"
    return f"epoch({value})"


class Times(NamedTuple):
    """The times of rows."""

    form: TimeForm
    seconds: Floats
    """As numbers, see `as_seconds`, [R]."""

    def in_words(self, seconds: float) -> str:
        """Return a time of this form as a text."""
        if self.form == "number":
            return f"{seconds:.15g}"
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}{' UTC' * (self.form != 'date')}"


def times_of(db: DB, column: str, table: str) -> Times:
    """Return the times in a column of a table; raises as `typed_time`."""
    time = typed_time(db, column, f"FROM {quoted(table)}", [table])
    rows = db.sql(f"SELECT {time} AS time FROM {quoted(table)}")
    kind = str(rows.types[0])
    seconds = rows.project(as_seconds("time", kind)).df().iloc[:, 0]
    return Times(form_of(kind), seconds.to_numpy(np.float64))


class TimeRange(NamedTuple):
    """The times of some rows or events."""

    name: str
    """Name of the rows or events in messages, such as `the new rows`."""
    form: TimeForm
    first: float
    last: float


def check_comparable(column: str, times: TimeRange, others: TimeRange) -> None:
    """Check that times have the form of other ones, and can be in the same unit.

    Times that count from their own first one, such as days from 0 to 90, may have any ratio to later ones.

    Raises:
        DataError: they have another form, or are so far apart that they have another unit.

    """
    one, other = times.name, others.name
    if times.form != others.form:
        forms = {
            "number": "numbers",
            "date": "dates without an offset",
            "date with offset": "dates with an offset, such as +02:00 or Z",
        }
        form = forms[times.form]
        raise DataError(
            f"{column}: the times of {other} are {forms[others.form]}, and those of {one} {form}",
            f"write the times of {other} as {form}",
        )
    # Seconds and minutes differ by a factor of 60.
    ends = [sorted((abs(some.first), abs(some.last))) for some in (times, others)]
    (least, low), (_, high) = sorted(ends, key=max)
    if high > 50 * low and least > low / 2:
        raise DataError(
            f"{column}: the times of {one} go from {times.first:.15g} to {times.last:.15g}, and those of "
            f"{other} from {others.first:.15g} to {others.last:.15g}",
            "write both in the same unit: seconds and milliseconds differ by a factor of 1,000",
        )
