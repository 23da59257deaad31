"""Events of a history as rows of a database, for preparation and for new rows.

Both use these functions for the columns of events, for their order, and for the events of a row.

Letters: E events, O owners, R rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from automtl_core.data.raw.sql import literal, own, quoted
from automtl_core.data.raw.times import typed_time
from automtl_core.dataset.dataset import Dataset, Label, reads_of, time_column_of
from automtl_core.dataset.declarations import History, source_of
from automtl_core.errors import DataError

OWNER, TIME = own("owner"), own("time")
"""Columns of tables of events, quoted for SQL."""


def label_of(name: str, labels: Mapping[str, Label]) -> str:
    """Return SQL for a label from a column of a file: a number, null where it is blank or does not count.

    Texts that mean 1 become 1, and other texts 0. A label that is given another one is null where that one
    is not 1.
    """
    given = labels[name].given
    value = _plain_label(labels[name])
    return f"CASE WHEN {_plain_label(labels[given])} = 1 THEN {value} END" if given else value


def _plain_label(label: Label) -> str:
    positive = ", ".join(map(literal, label.positive))
    return f"CAST({quoted(label.source)} IN ({positive}) AS INTEGER)" if positive else quoted(label.source)


def outcome_of(name: str) -> str:
    """Return SQL for an outcome from a column of a file: 0, 1 or null."""
    column, text = source_of(name)
    return f"CAST({quoted(column)} AS VARCHAR) = {literal(text)}" if text is not None else quoted(column)


def events_of_file(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, history: History, table: str
) -> duckdb.DuckDBPyRelation:
    """Return the events of a log of new rows, with the columns of the history, as preparation reads them.

    Args:
        db: The database.
        dataset: The dataset of the rows.
        history: One of its histories.
        table: Table of a file in the format of `Dataset.event_file`.

    Raises:
        DataError: outcomes are written otherwise than in the training rows.
        FaultyRowError: a time has another form than most others.

    """
    declared = dataset.event_file("", history).columns
    labels = {one.name: one for one in dataset.labels if history.of_rows and one.source in declared}
    _check_texts(db, labels.values(), table)
    made = {name: label_of(name, labels) for name in labels}
    made |= {name: outcome_of(name) for name in history.outcomes if name not in made}
    made[history.time] = typed_time(db, time_column_of(dataset, history), f"FROM {quoted(table)}", [table])
    fields = {history.by, *history.fields, *reads_of(dataset.fields)} & {*declared}
    chosen = {**{name: quoted(name) for name in sorted(fields)}, **made}
    columns = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in chosen.items())
    events = db.sql(f"SELECT {columns} FROM {quoted(table)}")
    return events.distinct() if history.distinct else events


def _check_texts(db: duckdb.DuckDBPyConnection, labels: Iterable[Label], table: str) -> None:
    """Check that labels which are texts in the rows are not numbers in a log.

    Raises:
        DataError: one is.

    """
    for label in labels:
        name, positive = quoted(label.source), ", ".join(map(literal, label.positive))
        if not positive:
            continue
        bits = f"bool_and({name} IN ('0', '1', '0.0', '1.0')) AND NOT bool_or({name} IN ({positive}))"
        if db.execute(f"SELECT {bits} FROM {quoted(table)} WHERE {name} IS NOT NULL").fetchall()[0][0]:
            raise DataError(
                f"the events hold 0 and 1 as {label.name}, and the training rows texts: "
                f"{' or '.join(map(repr, label.positive))} means 1",
                "write the events as the training rows",
            )


def sorted_events(
    history: History, source: str, owner: str, time: str, values: Mapping[str, str], order: Sequence[str]
) -> str:
    """Return a query of the events of known owners, sorted by owner, time and all other columns.

    Its columns are `OWNER`, `TIME`, and `event_key` of each column of events; a missing outcome is 0.

    Args:
        history: The history.
        source: SQL of the events.
        owner: Column with the owner.
        time: SQL of the time as a number.
        values: Column of events -> SQL of its values.
        order: SQL of the order of events of an owner.

    """
    done = {name: f"CAST(coalesce({values[name]}, 0) AS UTINYINT)" for name in history.outcomes}
    chosen = {OWNER: owner, TIME: time, **{event_key(name): sql for name, sql in {**values, **done}.items()}}
    columns = ", ".join(f"{sql} AS {name}" for name, sql in chosen.items())
    return f"SELECT {columns} FROM {source} WHERE {owner} IS NOT NULL ORDER BY {', '.join([OWNER, *order])}"


def event_key(name: str) -> str:
    """Return the name of a column of events in tables, quoted."""
    return own(f"event {name}")


def order_by_time(history: History, fields: Mapping[str, str]) -> list[str]:
    """Return SQL of the order of events, from that of the values of each shared field."""
    return [TIME, *(fields[name] for name in history.shared), *map(event_key, history.numeric)]


def order_of(history: History, field: str) -> str:
    """Return SQL for the order of a value of a shared field in a log, as `History.facts` describes it."""
    facts, text = history.facts, f"CAST({quoted(field)} AS VARCHAR)"
    if facts and field in facts.buckets:
        return f"md5_number_lower({text}) % {facts.buckets[field]}"
    return f"TRY_CAST({text} AS BIGINT)" if facts and field in facts.integers else text


def spans(
    times: NDArray[np.float64],
    starts: NDArray[np.int64],
    owners: NDArray[np.int64],
    now: NDArray[np.float64],
    history: History,
) -> NDArray[np.int64]:
    """Return the first event of each row and the one after its last, [R, 2].

    Args:
        times: Times of events, sorted by owner and time, [E].
        starts: Place of the first event of each owner, and the number of events, [O + 1].
        owners: Number of the owner of each row, -1 where it is unknown, [R].
        now: Times of rows, [R].
        history: Its delay and length count.

    """
    known = owners >= 0
    owners = np.where(known, owners, 0)
    low = starts[owners]
    end = first_not_before(times, low, starts[owners + 1], now - history.delay)
    start = np.maximum(low, end - history.length)
    return np.stack([np.where(known, start, 0), np.where(known, end, 0)], axis=1)


def count_reads(counts: NDArray[np.int64], of_rows: NDArray[np.int64]) -> None:
    """Add to the changes of the number of rows that read an event, [E + 1], those of the spans of rows.

    The cumulative sum is the number of rows that read each event.
    """
    np.add.at(counts, of_rows[:, 0], 1)
    np.add.at(counts, of_rows[:, 1], -1)


def joined(history: History, rows: int, ages: NDArray[np.floating[Any]]) -> str:
    """Return how many rows have events, and the age of the newest one, as a sentence.

    Args:
        history: The history.
        rows: Number of rows.
        ages: Age of the newest event of each row that has one.

    """
    if not len(ages):
        return f"history {history.name}: none of {rows:,} rows has an event"
    unit = "" if history.facts is None or history.facts.form == "number" else " seconds"
    return (
        f"history {history.name}: {len(ages):,} of {rows:,} rows have events; the newest event is "
        f"{ages.min():,.6g}{unit} before its row (median {np.median(ages):,.6g}{unit})"
    )


def first_not_before(
    times: NDArray[np.float64], low: NDArray[np.int64], high: NDArray[np.int64], before: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return for each row the first place in [low, high) whose time is not before a time, else `high`.

    Binary search of all rows at once. Times between `low` and `high` are sorted.
    """
    low, high = low.copy(), high.copy()
    while (open_ := low < high).any():
        middle = (low + high) // 2
        earlier = open_ & (times[np.where(open_, middle, 0)] < before)
        low = np.where(earlier, middle + 1, low)
        high = np.where(open_ & ~earlier, middle, high)
    return low
