"""TimeRange as a type: numbers, dates, or dates with an offset from UTC.

Preparation and new rows read them by the same functions, and compare the form and the range of the times of
rows and events.
"""

from collections.abc import Iterable
from typing import NamedTuple

import duckdb

from automtl_core.data.raw.sql import literal, numbered, own, quoted
from automtl_core.dataset.declarations import TimeForm
from automtl_core.errors import DataError, FaultyRowError, printable


def typed_time(db: duckdb.DuckDBPyConnection, column: str, rows: str, tables: Iterable[str]) -> str:
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
    whole, number = (f"TRY_CAST({text} AS {kind})" for kind in ("BIGINT", "DOUBLE"))
    joined = f"regexp_replace({text}, ' ([+-])', '\\1')"  # DuckDB reads no offset after a space
    offset = r"[0-9] ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)$"  # behind a time of the day
    zoned = f"(contains({text}, ':') AND regexp_matches({text}, {literal(offset)}))"
    ways = [
        f"CASE WHEN CAST({whole} AS VARCHAR) = {text} THEN {whole} END",  # doubles have too few digits
        f"CASE WHEN isfinite({number}) THEN {number} END",
        f"CASE WHEN NOT {zoned} THEN TRY_CAST({text} AS TIMESTAMP) END",
        f"CASE WHEN {zoned} THEN TRY_CAST({joined} AS TIMESTAMPTZ) END",
    ]
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
        form = _plural(times.form)
        raise DataError(
            f"{column}: the times of {other} are {_plural(others.form)}, and those of {one} {form}",
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


def _plural(form: TimeForm) -> str:
    forms = {"number": "numbers", "date": "dates without an offset"}
    return forms.get(form, "dates with an offset, such as +02:00 or Z")
