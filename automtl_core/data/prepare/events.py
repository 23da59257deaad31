"""Events of histories: one log sorted by owner and time, and for each row the place of its events in it.

Letters: E events, F shared fields, A outcomes, O owners, R rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from automtl_core.data.prepare.encode import ROW, VECTORS, Encoding
from automtl_core.data.prepare.examples import list_key, owner_key, time_key
from automtl_core.data.raw.sql import category, codes, count, create, quoted
from automtl_core.data.store import events_folder, write_header
from automtl_core.dataset.dataset import Dataset, histories_of
from automtl_core.dataset.history import AGE, History
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
    warnings = []
    for history in histories_of(dataset):
        if history.lists:
            _unnest(db, dataset, history, name)
            continue
        source = "examples" if history.of_rows else _log(db, dataset, history, name)
        owner, time = (
            quoted(owner_key(dataset, history)),
            time_key(history) if history.of_rows else history.time,
        )
        outcomes = {o: f"outcome {o}" if history.of_rows else o for o in history.outcomes}
        chosen = [f"{owner} AS owner", f"{quoted(time)} AS time"]
        chosen += [f"{quoted(field)} AS {quoted(field)}" for field in history.shared]
        chosen += [
            f"CAST(coalesce({quoted(c)}, 0) AS UTINYINT) AS {quoted(_outcome(o))}"
            for o, c in outcomes.items()
        ]
        order = ["owner", "time", *map(quoted, history.shared), *(quoted(_outcome(o)) for o in outcomes)]
        db.execute(
            f"CREATE TEMP TABLE {_table(history)} AS SELECT {', '.join(chosen)} FROM {source} "
            f"WHERE {owner} IS NOT NULL ORDER BY {', '.join(order)}"
        )
        if not history.of_rows:
            warnings += _unread(db, history)
    return warnings


def _unread(db: duckdb.DuckDBPyConnection, history: History) -> Iterator[str]:
    """Yield a warning if events are not earlier than the last row."""
    last = f"(SELECT max({quoted(time_key(history))}) FROM examples)"
    late = f"count(*) FILTER (time >= {last} - {history.delay!r})"
    found = db.execute(f"SELECT {late}, count(*) FROM {_table(history)}").fetchall()[0]
    if found[0]:
        yield (
            f"{found[0]:,} of {found[1]:,} events of the history {history.name} are not earlier than the last "
            "row, and are not read"
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
    columns += [encoding.learners[field].encode(chunk) for field in encoding.vectors_of(history)]
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
    events = count(db, _table(history))
    owners = count(db, "examples" if history.lists else codes(owner))
    clock = _clock(db, history)
    shapes: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
        "ids": (np.int32, (events, len(history.shared) + len(encoding.vectors_of(history)))),
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
            rows = len(chunk["time"])
            outcomes = [chunk[_outcome(o)] for o in history.outcomes]
            blocks = {
                "ids": matched_values(encoding, history, chunk),
                "outcomes": np.stack(outcomes, axis=1) if outcomes else np.zeros((rows, 0)),
                "times": clock.stored(chunk["time"]),
            }
            for name, block in blocks.items():
                files[name].write(block.astype(shapes[name][0], copy=False).tobytes())
            times[done : done + rows] = chunk["time"]
            held += np.bincount(chunk["owner"] + 1, minlength=owners + 1)
            done += rows
    finally:
        for file in files.values():
            file.close()
    return (ListLog if history.lists else EventLog)(history, owner, times, held.cumsum(), clock)


def _chunks(db: duckdb.DuckDBPyConnection, history: History) -> Iterator[dict[str, NDArray[Any]]]:
    chosen = [f"CAST(coalesce({quoted(f)} + 1, 0) AS INTEGER) AS {quoted(f)}" for f in history.shared]
    chosen += [quoted(_outcome(o)) for o in history.outcomes]
    db.execute(f"SELECT {', '.join(['owner', 'time', *chosen])} FROM {_table(history)}")
    while len(frame := db.fetch_df_chunk(VECTORS)):
        yield {str(name): frame[name].to_numpy() for name in frame.columns}


def _clock(db: duckdb.DuckDBPyConnection, history: History) -> Times:
    """Return the storage of the times of events and rows."""
    key = "0.0" if history.lists else quoted(time_key(history))
    both = f"SELECT time FROM {_table(history)} UNION ALL SELECT {key} FROM examples"
    first = db.execute(f"SELECT min(time) FROM {_table(history)}").fetchall()[0][0] or 0.0
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
    table = _coded(db, dataset, history, list(valued), owner)
    _check(db, history, table, name)
    return table


def _coded(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, history: History, valued: Sequence[str], owner: str
) -> str:
    """Replace the table of a log by one with codes in place of values; return its name, quoted.

    Args:
        db: Database with the table `log of HISTORY`.
        dataset: The adapter.
        history: The history.
        valued: Columns with values.
        owner: The column of them whose values no row has are left out.

    """
    log, table = quoted(f"log of {history.name}"), quoted(f"coded log of {history.name}")
    for field in history.shared:
        _number_others(db, field, log, dataset.settings.hashed.get(field))
    joins = " ".join(
        f"{'' if c == owner else 'LEFT '}JOIN {codes(c)} AS t{n} ON t{n}.value = l.{quoted(c)}"
        for n, c in enumerate(valued)
    )
    replaced = ", ".join(f"t{n}.code AS {quoted(c)}" for n, c in enumerate(valued))
    change = f"REPLACE ({replaced})" if valued else ""
    db.execute(f"CREATE TEMP TABLE {table} AS SELECT l.* {change} FROM {log} AS l {joins}")
    db.execute(f"DROP TABLE {log}")
    return table


def _unnest(db: duckdb.DuckDBPyConnection, dataset: Dataset, history: History, name: str) -> None:
    """Create the table of the events that rows hold as lists, sorted by row, the earliest first.

    Raises:
        DataError: lists differ in length, or an entry is not as declared.

    """
    lists = {key: quoted(list_key(column)) for key, column in history.lists.items()}
    first, *others = lists.values()
    for key, other in zip(list(lists)[1:], others, strict=True):
        same = f"coalesce(len({other}), 0) <> coalesce(len({first}), 0)"
        found = (
            f"SELECT coalesce(len({first}), 0), coalesce(len({other}), 0) FROM examples WHERE {same} LIMIT 1"
        )
        if odd := db.execute(found).fetchall():
            columns = [history.lists[next(iter(lists))], history.lists[key]]
            raise DataError(
                f"dataset {name}: a row has {odd[0][0]} entries in {columns[0]} and {odd[0][1]} in {columns[1]}",
                "give one entry for each event",
            )
    typed = {f: f"nullif(unnest({lists[f]}), '')" for f in history.shared}
    for field in history.shared:
        kind = db.execute(f"SELECT typeof(value) FROM {codes(field)} LIMIT 1").fetchall()
        if kind and kind[0][0] != "VARCHAR":
            typed[field] = f"TRY_CAST({typed[field]} AS {kind[0][0]})"
    numbers = [*history.outcomes, *([AGE] if AGE in lists else [])]
    typed |= {n: f"nullif(unnest({lists[n]}), '')" for n in numbers}
    chosen = ", ".join(f"{value} AS {quoted(key)}" for key, value in typed.items())
    create(
        db,
        f"log of {history.name}",
        db.sql(
            f"SELECT * FROM (SELECT rowid AS owner, unnest(range(1, len({first}) + 1)) AS place, "
            f"len({first}) AS count, {chosen} FROM examples) WHERE place > count - {history.length}"
        ),
    )
    table = _coded(db, dataset, history, history.shared, "")
    allowed = {**dict.fromkeys(history.outcomes, "0, 1 and blanks"), AGE: "numbers from 0 on"}
    for key in numbers:
        number = f"TRY_CAST({quoted(key)} AS DOUBLE)"
        fits = f"{number} IN (0, 1)" if key != AGE else f"{number} >= 0 AND isfinite({number})"
        blank = f"{quoted(key)} IS NULL" if key != AGE else "false"
        wrong = f"SELECT {quoted(key)} FROM {table} WHERE NOT coalesce({fits}, false) AND NOT {blank} LIMIT 1"
        if odd := db.execute(wrong).fetchall():
            raise DataError(
                f"dataset {name}: the list {history.lists[key]} holds {odd[0][0]!r}, allowed are {allowed[key]}",
                "correct the entry",
            )
    time = f"-CAST({quoted(AGE)} AS DOUBLE)" if AGE in lists else "CAST(place - count - 1 AS DOUBLE)"
    outcomes = ", ".join(
        f"CAST(coalesce(TRY_CAST({quoted(o)} AS DOUBLE), 0) AS UTINYINT) AS {quoted(_outcome(o))}"
        for o in history.outcomes
    )
    kept = ", ".join(
        ["owner", f"{time} AS time", *map(quoted, history.shared), *([outcomes] if outcomes else [])]
    )
    db.execute(f"CREATE TEMP TABLE {_table(history)} AS SELECT {kept} FROM {table} ORDER BY owner, place")
    db.execute(f"DROP TABLE {table}")


def _number_others(db: duckdb.DuckDBPyConnection, field: str, log: str, buckets: int | None) -> None:
    """Add codes for the values of a field that no row has."""
    code = f"{count(db, codes(field))} + row_number() OVER (ORDER BY value) - 1"
    if buckets:
        code = f"md5_number_lower(CAST(value AS VARCHAR)) % {buckets}"
    db.execute(
        f"INSERT INTO {codes(field)} SELECT value, CAST({code} AS INTEGER) FROM (SELECT DISTINCT "
        f"{quoted(field)} AS value FROM {log} ANTI JOIN {codes(field)} AS c ON c.value = {quoted(field)} "
        f"WHERE {quoted(field)} IS NOT NULL)"
    )


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


def _table(history: History) -> str:
    return quoted(f"events of {history.name}")


def _outcome(name: str) -> str:
    """Return the name of an outcome in the table of events, which differs from those of fields."""
    return f"outcome {name}"


def _rows(chunk: Chunk) -> int:
    return len(next(iter(chunk.values())))
