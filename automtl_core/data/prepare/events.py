"""Events of histories: one log sorted by owner and time, and for each row the place of its events in it.

Letters: E events, F shared fields, A outcomes, O owners, R rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from automtl_core.data.prepare.encode import ROW, VECTORS, Encoding
from automtl_core.data.prepare.event_codes import OWNER, TIME, coded, event_table, outcome_key
from automtl_core.data.prepare.event_lists import unnest
from automtl_core.data.prepare.examples import owner_key, time_key
from automtl_core.data.raw.sql import category, codes, count, create, quoted
from automtl_core.data.store import events_folder, write_header
from automtl_core.dataset.dataset import Dataset, histories_of
from automtl_core.dataset.history import History
from automtl_core.errors import DataError

Chunk = Mapping[str, NDArray[Any]]
SMALL = np.iinfo(np.uint32).max
"""Largest time that is stored in four bytes."""


def make_events(db: duckdb.DuckDBPyConnection, dataset: Dataset, name: str) -> list[str]:
    """Create a table of the events of each history, sorted by owner, time and all other columns.

    Values of shared fields that no row has get codes too, so that events with equal values can be recognised.

    Returns:
        Warnings about logs with events that no row can read.

    Raises:
        DataError: a column is missing, or a value is not as declared.

    """
    warnings: list[str] = []
    for history in histories_of(dataset):
        if history.lists:
            unnest(db, dataset, history, name)
            continue
        source = "examples" if history.of_rows else _log(db, dataset, history, name)
        owner, time = (
            quoted(owner_key(dataset, history)),
            time_key(history) if history.of_rows else history.time,
        )
        outcomes = {o: outcome_key(o) if history.of_rows else o for o in history.outcomes}
        chosen = [f"{owner} AS {OWNER}", f"{quoted(time)} AS {TIME}"]
        chosen += [f"{quoted(field)} AS {quoted(field)}" for field in history.shared]
        chosen += [
            f"CAST(coalesce({quoted(c)}, 0) AS UTINYINT) AS {quoted(outcome_key(o))}"
            for o, c in outcomes.items()
        ]
        order = [OWNER, TIME, *map(quoted, history.shared), *(quoted(outcome_key(o)) for o in outcomes)]
        db.execute(
            f"CREATE TEMP TABLE {event_table(history)} AS SELECT {', '.join(chosen)} FROM {source} "
            f"WHERE {owner} IS NOT NULL ORDER BY {', '.join(order)}"
        )
        if not history.of_rows:
            warnings += _unread(db, history)
    return warnings


def _unread(db: duckdb.DuckDBPyConnection, history: History) -> Iterator[str]:
    """Yield a warning if events are later than the last row."""
    last = f"(SELECT max({quoted(time_key(history))}) FROM examples)"
    late = f"count(*) FILTER ({TIME} > {last})"
    found = db.execute(f"SELECT {late}, count(*) FROM {event_table(history)}").fetchall()[0]
    if found[0]:
        yield (
            f"{found[0]:,} of {found[1]:,} events of the history {history.name} are later than the last row, "
            "and are not read"
        )


@dataclass(frozen=True)
class Times:
    """Storage of times: since the first event, in four bytes if all are integers and small enough."""

    first: float
    dtype: type[np.generic]

    def stored(self, times: NDArray[np.float64]) -> NDArray[Any]:
        """Return times as they are stored. Rows before the first event have no events, so 0 does for them."""
        return np.maximum(times - self.first, 0).astype(self.dtype)


@dataclass(frozen=True)
class EventLog:
    """The stored events of a history, for the search of the events of rows."""

    history: History
    owner: str
    """Column of `examples` with the owners of rows."""
    times: NDArray[np.float64]  # [E], of all events
    starts: NDArray[np.int64]  # [O + 1]
    clock: Times

    @property
    def dtype(self) -> type[np.generic]:
        """Type of places in the log."""
        return np.int32 if len(self.times) < np.iinfo(np.int32).max else np.int64

    def spans(self, chunk: Chunk) -> NDArray[np.int64]:
        """Return the first event of each row and the one after its last, [R, 2]."""
        owners = chunk[self.owner].astype(np.int64) - 1
        known = owners >= 0
        owners = np.where(known, owners, 0)
        before = chunk[time_key(self.history)] - self.history.delay
        low = self.starts[owners]
        end = first_not_before(self.times, low, self.starts[owners + 1], before)
        start = np.maximum(low, end - self.history.length)
        return np.stack([np.where(known, start, 0), np.where(known, end, 0)], axis=1)

    def row_times(self, chunk: Chunk) -> NDArray[Any]:
        """Return the stored times of rows, [R, 1]."""
        return self.clock.stored(chunk[time_key(self.history)])[:, None]


class ListLog(EventLog):
    """The stored events of rows that hold them as lists; the owner of an event is its row."""

    def spans(self, chunk: Chunk) -> NDArray[np.int64]:
        """Return the first event of each row and the one after its last, [R, 2]."""
        rows = chunk[ROW]
        return np.stack([self.starts[rows], self.starts[rows + 1]], axis=1)

    def row_times(self, chunk: Chunk) -> NDArray[Any]:
        """Return the stored time 0 of each row, [R, 1]: that of an event is minus its age."""
        return self.clock.stored(np.zeros((len(chunk[ROW]), 1)))


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


def matched_values(encoding: Encoding, history: History, chunk: Chunk) -> NDArray[np.int32]:
    """Return the values of shared fields, [R, F]: ids, or numbers above them outside of the vocabulary.

    Equal values have equal numbers, whether training rows have them or not; 0 is a missing value. The ids of
    the vectors of these values follow.
    """
    columns = []
    for field in history.shared:
        ids, places = encoding.learners[field].encode(chunk), chunk[field]
        outside = (ids == 0) & (places > 0)
        columns.append(np.where(outside, encoding.encoders[field].size - 1 + places, ids))
    vectors = encoding.event_fields(history)[len(history.shared) :]
    columns += [encoding.learners[field].encode(chunk) for field in vectors]
    return np.stack(columns, axis=1).astype(np.int32) if columns else np.zeros((_rows(chunk), 0), np.int32)


def write_events(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, encoding: Encoding, draft: Path
) -> list[EventLog]:
    """Write the events of all histories; see `data.store`."""
    return [
        _write(db, history, "" if history.lists else owner_key(dataset, history), encoding, draft)
        for history in histories_of(dataset)
    ]


def _write(
    db: duckdb.DuckDBPyConnection, history: History, owner: str, encoding: Encoding, draft: Path
) -> EventLog:
    folder = events_folder(draft, history.name)
    folder.mkdir(parents=True)
    events = count(db, event_table(history))
    owners = count(db, "examples" if history.lists else codes(owner))
    clock = _clock(db, history)
    shapes: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
        "ids": (np.int32, (events, len(encoding.event_fields(history)))),
        "outcomes": (np.uint8, (events, len(history.outcomes))),
        "times": (clock.dtype, (events,)),
    }
    held = np.zeros(owners + 1, np.int64)
    files = {name: (folder / f"{name}.npy").open("wb") for name in shapes}
    times = np.empty(events)
    try:
        for name, (dtype, shape) in shapes.items():
            write_header(files[name], dtype, shape)
        done = 0
        for chunk in _chunks(db, history):
            rows = len(chunk[TIME])
            outcomes = [chunk[outcome_key(o)] for o in history.outcomes]
            blocks = {
                "ids": matched_values(encoding, history, chunk),
                "outcomes": np.stack(outcomes, axis=1) if outcomes else np.zeros((rows, 0)),
                "times": clock.stored(chunk[TIME]),
            }
            for name, block in blocks.items():
                files[name].write(block.astype(shapes[name][0], copy=False).tobytes())
            times[done : done + rows] = chunk[TIME]
            held += np.bincount(chunk[OWNER] + 1, minlength=owners + 1)
            done += rows
    finally:
        for file in files.values():
            file.close()
    return (ListLog if history.lists else EventLog)(history, owner, times, held.cumsum(), clock)


def _chunks(db: duckdb.DuckDBPyConnection, history: History) -> Iterator[dict[str, NDArray[Any]]]:
    chosen = [f"CAST(coalesce({quoted(f)} + 1, 0) AS INTEGER) AS {quoted(f)}" for f in history.shared]
    chosen += [quoted(outcome_key(o)) for o in history.outcomes]
    db.execute(f"SELECT {', '.join([OWNER, TIME, *chosen])} FROM {event_table(history)}")
    names = [OWNER, TIME, *history.shared, *map(outcome_key, history.outcomes)]
    while len(frame := db.fetch_df_chunk(VECTORS)):
        yield {name: frame.iloc[:, n].to_numpy() for n, name in enumerate(names)}


def _clock(db: duckdb.DuckDBPyConnection, history: History) -> Times:
    """Return the storage of the times of events and rows."""
    key = "0.0" if history.lists else quoted(time_key(history))
    both = f"SELECT {TIME} AS time FROM {event_table(history)} UNION ALL SELECT {key} FROM examples"
    first = db.execute(f"SELECT min({TIME}) FROM {event_table(history)}").fetchall()[0][0] or 0.0
    last, whole = db.execute(f"SELECT max(time), bool_and(time = floor(time)) FROM ({both})").fetchall()[0]
    return Times(first, np.uint32 if whole and last - first <= SMALL else np.float64)


def _log(db: duckdb.DuckDBPyConnection, dataset: Dataset, history: History, name: str) -> str:
    """Create the table of the events of a log, with codes for values; return its name, quoted."""
    given = dataset.events(db, history.name)
    if missing := [column for column in history.columns() if column not in given.columns]:
        raise DataError(
            f"dataset {name}: the events of history {history.name!r} lack {missing[0]!r}",
            "add the column to `events`",
        )
    kinds = dict(zip(given.columns, map(str, given.types), strict=True))
    owner = owner_key(dataset, history)
    valued = {owner: history.by, **{field: field for field in history.shared if field != owner}}
    chosen = [f"{category(quoted(c), kinds[c])} AS {quoted(key)}" for key, c in valued.items()]
    chosen += [f"CAST({quoted(history.time)} AS DOUBLE) AS {quoted(history.time)}"]
    chosen += [quoted(outcome) for outcome in history.outcomes]
    create(db, f"log of {history.name}", given.project(", ".join(chosen)))
    table = coded(db, dataset, history, list(valued), owner)
    _check(db, history, table, name)
    return table


def _check(db: duckdb.DuckDBPyConnection, history: History, table: str, name: str) -> None:
    time = quoted(history.time)
    faults = {history.time: (f"{time} IS NULL OR NOT isfinite({time})", "numbers")}
    faults |= {o: (f"{quoted(o)} NOT IN (0, 1)", "0, 1 and null") for o in history.outcomes}
    for column, (wrong, allowed) in faults.items():
        if found := db.execute(f"SELECT {quoted(column)} FROM {table} WHERE {wrong} LIMIT 1").fetchall():
            raise DataError(
                f"dataset {name}: the events of history {history.name!r} hold {column} {found[0][0]!r}, "
                f"allowed are {allowed}",
                "correct the column",
            )


def _rows(chunk: Chunk) -> int:
    return len(next(iter(chunk.values())))
