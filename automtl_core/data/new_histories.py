"""Histories of new rows: lists in the rows, or a log of events up to now.

A log is read by the functions of preparation, see `event_log`. Letters: E events, R rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.event_log import (
    OWNER,
    TIME,
    count_reads,
    event_key,
    events_of_file,
    joined,
    order_by_time,
    order_of,
    sorted_events,
    spans,
)
from automtl_core.data.raw.sql import own, quoted
from automtl_core.data.raw.times import TimeRange, as_seconds, check_comparable, form_of, typed_time
from automtl_core.dataset.dataset import Dataset, RawFile, columns_of_lists, time_column_of
from automtl_core.dataset.declarations import History
from automtl_core.errors import DataError
from automtl_core.fields.encode import OWN, event_columns

SORTED, PLACE = own("sorted events"), own("place")
"""Table of the events of new rows, and its column with their places."""


@dataclass(frozen=True)
class NewEvents:
    """The events of new rows."""

    history: History
    spans: NDArray[np.int64]  # [R, 2]
    now: NDArray[np.float64]  # [R]
    times: NDArray[np.float64]  # [E]
    values: Mapping[str, NDArray[Any]]
    """List column -> the values of all events, [E], without those of ages."""

    def lists(self, start: int, count: int) -> dict[str, list[list[Any]]]:
        """Return the list columns of some rows."""
        bounds = self.spans[start : start + count].tolist()
        found = {name: [of[a:b].tolist() for a, b in bounds] for name, of in self.values.items()}
        now = self.now[start : start + count]
        ages = event_columns(self.history.to_json())[-1]
        found[ages] = [(at - self.times[a:b]).tolist() for at, (a, b) in zip(now, bounds, strict=True)]
        return found

    @property
    def ages(self) -> NDArray[np.float64]:
        """Age of the newest event of each row that has one."""
        filled = self.spans[:, 1] > self.spans[:, 0]
        ages: NDArray[np.float64] = self.now[filled] - self.times[self.spans[filled, 1] - 1]
        return ages

    def sentence(self) -> str:
        """Return how many rows have events, and the age of the newest one."""
        return joined(self.history, len(self.spans), self.ages)


def with_events(file: RawFile, dataset: Dataset, histories: Sequence[History], logged: bool) -> RawFile:
    """Return the format of rows with histories: lists of events, or for a log an owner and a time.

    Raises:
        DataError: files of the dataset have no header, so that they cannot have lists.

    """
    if not logged:
        if histories and not file.header:
            raise DataError(
                f"{file.path}: files without a header cannot hold lists of events",
                "give the events by --history",
            )
        return replace(file, columns={**file.columns, **columns_of_lists(histories)})
    columns = dict(file.columns)
    for history in histories:
        declared = dataset.event_file("", history).columns
        for name in (history.by, time_column_of(dataset, history)):
            if name not in columns or columns[name].kind == "unused":
                columns[name] = declared[name]
    return replace(file, columns=columns)


def new_events(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, history: History, rows: str, log: str
) -> NewEvents:
    """Return the events of rows from a log, those of a row in the order of preparation.

    Args:
        db: A database.
        dataset: The dataset of the rows.
        history: The history.
        rows: Table of the rows, with their owner and time.
        log: Table of the events, in the format of `Dataset.event_file`.

    Raises:
        DataError: the times of rows, events and training rows cannot be compared.
        FaultyRowError: a time has another form than most others.

    """
    column = time_column_of(dataset, history)
    time = typed_time(db, column, f"FROM {quoted(rows)}", [rows])
    of_rows = db.sql(f"SELECT CAST({quoted(history.by)} AS VARCHAR), {time} AS time FROM {quoted(rows)}")
    kind = str(of_rows.types[1])
    owners, now = (of_rows.project(one).df().iloc[:, 0] for one in ("#1", as_seconds("time", kind)))
    numbers, names = pd.factorize(owners)  # -1 for a row without an owner
    events = events_of_file(db, dataset, history, log)
    kind_of_events = str(events.types[events.columns.index(history.time)])
    _sort(db, history, events, kind_of_events, names)
    found = db.execute(f"SELECT {OWNER} AS owner, {TIME} AS time FROM {SORTED} ORDER BY {PLACE}").df()
    known = [("the new rows", kind, now), ("the events", kind_of_events, found["time"])]
    ranges = [TimeRange(what, form_of(kind), of.min(), of.max()) for what, kind, of in known if len(of)]
    if facts := history.facts:
        ranges = [TimeRange("the training rows", facts.form, *facts.rows), *ranges]
    for pair in combinations(ranges, 2):
        check_comparable(column, *pair)
    times, moments = found["time"].to_numpy(np.float64), now.to_numpy(np.float64)
    starts = np.searchsorted(found["owner"], np.arange(max(len(names), 1) + 1))
    return _needed(db, history, spans(times, starts, numbers, moments, history), moments, times)


def _sort(
    db: duckdb.DuckDBPyConnection,
    history: History,
    events: duckdb.DuckDBPyRelation,
    kind: str,
    owners: "pd.Index[Any]",
) -> None:
    """Create the table of the events of some owners, sorted as in preparation, with their places."""
    db.register("events of a log", events)
    numbers = {f"{OWN}name": owners.astype(object), f"{OWN}number": range(len(owners))}
    db.register("owners of rows", pd.DataFrame(numbers))
    by = f"{own('name')} = CAST({quoted(history.by)} AS VARCHAR)"
    source = f'"events of a log" JOIN "owners of rows" ON {by}'
    values = {name: quoted(name) for name in history.shared}
    values |= {name: f"CAST({quoted(name)} AS DOUBLE)" for name in history.numeric}
    order = order_by_time(history, {name: order_of(history, name) for name in history.shared})
    query = sorted_events(
        history, source, own("number"), as_seconds(quoted(history.time), kind), values, order
    )
    numbered = f"SELECT *, row_number() OVER () - 1 AS {PLACE} FROM ({query})"
    db.execute(f"CREATE OR REPLACE TEMP TABLE {SORTED} AS {numbered}")
    for view in ("events of a log", "owners of rows"):
        db.unregister(view)


def _needed(
    db: duckdb.DuckDBPyConnection,
    history: History,
    places: NDArray[np.int64],
    now: NDArray[np.float64],
    times: NDArray[np.float64],
) -> NewEvents:
    """Return the events of rows without those that no row has."""
    changes = np.zeros(len(times) + 1, np.int64)
    count_reads(changes, places)
    wanted = changes.cumsum()[:-1] > 0
    before = np.concatenate([[0], wanted.cumsum()])
    values = [f"CAST(s.{event_key(name)} AS VARCHAR)" for name in history.shared]
    values += [f"s.{event_key(name)}" for name in history.numeric]
    chosen = [f"{sql} AS c{n}" for n, sql in enumerate(values)]
    db.register("needed", pd.DataFrame({"place": np.flatnonzero(wanted)}))
    joined = f"{SORTED} AS s JOIN needed AS n ON n.place = s.{PLACE}"
    found = db.execute(f"SELECT {', '.join(chosen)} FROM {joined} ORDER BY n.place").df()
    db.unregister("needed")
    db.execute(f"DROP TABLE {SORTED}")
    names = event_columns(history.to_json())[: len(chosen)]
    held = found.astype(object).where(found.notna(), None)
    columns = {name: held[f"c{n}"].to_numpy() for n, name in enumerate(names)}
    return NewEvents(history, before[places], now, times[wanted], columns)


def entries(value: Any, separator: str) -> list[Any]:
    """Return a list of events from a text with separators or from a list; blanks stay, for alignment."""
    if isinstance(value, str):
        return value.split(separator) if value else []
    if isinstance(value, list | tuple | np.ndarray):
        return list(value)
    return []
