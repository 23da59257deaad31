"""Events of histories: one log sorted by owner and time, and for each row the place of its events in it.

Letters: E events, F shared fields, A outcomes, O owners, R rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from automtl_core.data.event_log import OWNER, TIME, joined, outcome_key, sorted_events, spans
from automtl_core.data.prepare.encode import ROW, VECTORS, Encoding
from automtl_core.data.prepare.event_codes import coded, event_table, value_key
from automtl_core.data.prepare.event_lists import unnest
from automtl_core.data.prepare.examples import outcome_column, owner_key, time_key
from automtl_core.data.raw.sql import category, codes, count, create, quoted
from automtl_core.data.raw.times import TimeRange, as_seconds, check_comparable, form_of
from automtl_core.data.store import PARTS, events_folder, write_header
from automtl_core.dataset.dataset import Dataset, histories_of, time_column_of
from automtl_core.dataset.history import EventFacts, History, TimeForm
from automtl_core.errors import DataError
from automtl_core.fields.encode import file_name

Chunk = Mapping[str, NDArray[Any]]
SMALL = np.iinfo(np.uint32).max
"""Largest time that is stored in four bytes."""


def make_events(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, name: str, rows: duckdb.DuckDBPyRelation
) -> tuple[tuple[History, ...], list[str]]:
    """Create a table of the events of each history, sorted by owner, time and all other columns.

    Values of shared fields that no row has get codes too, so that events with equal values can be recognised.

    Args:
        db: Database with the table `examples`.
        dataset: The adapter.
        name: Its registered name.
        rows: The rows of the dataset.

    Returns:
        The histories with facts about their events, and warnings about logs with events that no row can read.

    Raises:
        DataError: a column is missing, a value is not as declared, or no event can be one of a row.

    """
    histories, warnings = [], list[str]()
    for history in histories_of(dataset):
        if history.lists:
            histories.append(_with_facts(db, dataset, history))
            unnest(db, dataset, histories[-1], name)
            continue
        form = form_of(str(rows.types[rows.columns.index(history.time)]))
        owner = quoted(owner_key(dataset, history))
        if history.of_rows:
            source, time = "examples", quoted(time_key(history))
            fields = {field: quoted(field) for field in history.shared}
            outcomes = [quoted(outcome_column(one)) for one in history.outcomes]
        else:
            source, form_of_log = _log(db, dataset, history, name)
            time = quoted(history.time)
            fields = {field: value_key(field, dataset) for field in history.shared}
            outcomes = [quoted(one) for one in history.outcomes]
        query = sorted_events(history, source, owner, time, fields, outcomes)
        db.execute(f"CREATE TEMP TABLE {event_table(history)} AS {query}")
        histories.append(_with_facts(db, dataset, history, form))
        if not history.of_rows:
            column = f"dataset {name}: {time_column_of(dataset, history)}"
            warnings += _unread(db, histories[-1], form_of_log, column)
    return tuple(histories), warnings


def _with_facts(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, history: History, form: TimeForm = "number"
) -> History:
    """Return a history with the facts by which events of new rows are read."""
    kinds = {
        f: db.execute(f"SELECT typeof(value) FROM {codes(f)} LIMIT 1").fetchall() for f in history.shared
    }
    integers = tuple(field for field, kind in kinds.items() if kind and kind[0][0] != "VARCHAR")
    buckets = {field: n for field, n in dataset.settings.hashed.items() if field in history.shared}
    if history.lists:
        return replace(history, facts=EventFacts(form, 0.0, (0.0, 0.0), integers, buckets))
    key = quoted(time_key(history))
    rows = db.execute(f"SELECT min({key}), max({key}) FROM examples").fetchall()[0]
    first = db.execute(f"SELECT min({TIME}) FROM {event_table(history)}").fetchall()[0][0]
    return replace(history, facts=EventFacts(form, first or 0.0, rows, integers, buckets))


def _unread(db: duckdb.DuckDBPyConnection, history: History, form: TimeForm, column: str) -> Iterator[str]:
    """Yield a warning if events are later than the last row.

    Raises:
        DataError: no event is earlier than the last row, or the times cannot be compared with those of rows.

    """
    last = f"(SELECT max({quoted(time_key(history))}) FROM examples)"
    late = f"count(*) FILTER ({TIME} > {last})"
    found = db.execute(f"SELECT {late}, count(*), min({TIME}), max({TIME}) FROM {event_table(history)}")
    after, total, *ends = found.fetchall()[0]
    facts, events = history.facts, f"the events of history {history.name!r}"
    if not total:
        yield f"no event of the history {history.name} has an owner that a row has too"
        return
    assert facts is not None  # noqa: S101 - facts come before
    check_comparable(column, TimeRange("rows", facts.form, *facts.rows), TimeRange(events, form, *ends))
    if ends[0] >= facts.rows[1]:
        raise DataError(
            f"{column}: all times of {events} are later than the last row, so that no row has an event",
            "give earlier events, or correct the unit or the time zone of the times",
        )
    if after:
        yield (
            f"{after:,} of {total:,} events of the history {history.name} are later than the last row, "
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
        return spans(self.times, self.starts, owners, chunk[time_key(self.history)], self.history)

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
    db: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    histories: Sequence[History],
    encoding: Encoding,
    draft: Path,
) -> list[EventLog]:
    """Write the events of all histories; see `data.store`."""
    return [
        _write(db, history, "" if history.lists else owner_key(dataset, history), encoding, draft)
        for history in histories
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
            outcomes = [chunk[one] for one in map(outcome_key, history.outcomes)]
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


def joined_histories(histories: Sequence[History], draft: Path) -> list[str]:
    """Return for each history from a log how many rows have events, and the age of the newest one."""
    sentences = []
    for history in histories:
        if history.lists or history.of_rows:
            continue
        rows, ages = 0, []
        times = np.load(events_folder(draft, history.name) / "times.npy", mmap_mode="r")
        for part in PARTS:
            stem = file_name(history.name)
            of_rows, now = (np.load(draft / part / f"{stem}.{one}.npy") for one in ("spans", "times"))
            filled = of_rows[:, 1] > of_rows[:, 0]
            rows += len(filled)
            ages.append(now[filled, 0].astype(np.float64) - times[of_rows[filled, 1] - 1])
        sentences.append(joined(history, rows, np.concatenate(ages)))
    return sentences


def _chunks(db: duckdb.DuckDBPyConnection, history: History) -> Iterator[dict[str, NDArray[Any]]]:
    chosen = [f"CAST(coalesce({quoted(f)} + 1, 0) AS INTEGER) AS {quoted(f)}" for f in history.shared]
    chosen += map(outcome_key, history.outcomes)
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


def _log(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, history: History, name: str
) -> tuple[str, TimeForm]:
    """Create the table of a log, with codes for values; return its name, quoted, and the form of times."""
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
    chosen += [f"{as_seconds(quoted(history.time), kinds[history.time])} AS {quoted(history.time)}"]
    chosen += [quoted(outcome) for outcome in history.outcomes]
    create(db, f"log of {history.name}", given.project(", ".join(chosen)))
    table = coded(db, dataset, history, list(valued), owner)
    _check(db, history, table, name)
    return table, form_of(kinds[history.time])


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
