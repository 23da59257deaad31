"""Events of histories: one log sorted by owner and time, and for each row the place of its events in it.

Events are the rows of the dataset, those of a log, or lists in rows. Each becomes a table with the columns
`OWNER` and `TIME`, and one for each column of events: see `event_log`.

Letters: E events, F shared fields, A numbers of an event, O owners, R rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.encoder import encoder_file
from automtl_core.data.event_log import (
    OWNER,
    PLACE,
    TIME,
    event_key,
    events_read,
    joined,
    newest_ages,
    order_by_time,
    order_of,
    sorted_events,
    spans,
)
from automtl_core.data.store import PARTS, events_folder, write_array
from automtl_core.dataset.dataset import LARGEST
from automtl_core.dataset.declarations import EventFacts, History, TimeForm
from automtl_core.dataset.layout import key_of
from automtl_core.errors import DataError
from automtl_core.fields.encode import INTEGER, FieldEncoder, file_name, filled, outside
from automtl_core.fields.field import Codes, FieldLearner, Floats, Ints
from automtl_core.prepare.encode import BEGIN, ROW, Encoding, chunks, rows_of
from automtl_core.prepare.split import TRAIN
from automtl_core.prepare.values import Examples, codes, fetched, number_values
from automtl_core.raw.sql import (
    DB,
    Relation,
    TimeRange,
    as_seconds,
    category,
    check_comparable,
    count,
    create,
    form_of,
    literal,
    numbered,
    own,
    quoted,
)

Chunk = Mapping[str, NDArray[Any]]
LAST = own("last")
"""Last place of an event, `PLACE`, in the list of its row, where the first one is 1."""


def event_table(history: History) -> str:
    """Return the name of the table of the events of a history, quoted for SQL."""
    return quoted(f"events of {history.name}")


def log_table(history: History) -> str:
    """Return the name of the table of a log, with values in place of codes, quoted for SQL."""
    return quoted(f"log of {history.name}")


def make_events(table: Examples, rows: Relation) -> tuple[tuple[History, ...], list[str]]:
    """Create a table of the events of each history, sorted by owner, time and all other columns.

    Values of shared fields are codes. Those that no row has get codes too, so that events with equal values
    can be recognised.

    Args:
        table: The examples.
        rows: The rows of the dataset.

    Returns:
        The histories with facts about their events, and warnings about logs with events that no row can read.

    Raises:
        DataError: a column is missing, a value is not as declared, or no event can be one of a row.

    """
    histories, warnings, db, layout = [], list[str](), table.db, table.layout
    for declared in layout.histories:
        history = replace(declared, facts=_facts(table, declared, rows))
        form: TimeForm | None = None
        if history.lists:
            query = _of_log(table, history, _unnested(table, history))
        elif history.of_rows:
            values = {field: quoted(field) for field in history.shared}
            values |= {column: quoted(key_of("outcome", column)) for column in history.numeric}
            owner, time = quoted(layout.owner(history.by)), quoted(key_of("time", history.time))
            query = sorted_events(history, "examples", owner, time, values, order_by_time(history, values))
        else:
            log, form = _log(table, history)
            query = _of_log(table, history, log)
        db.execute(f"CREATE TEMP TABLE {event_table(history)} AS {query}")
        db.execute(f"DROP TABLE IF EXISTS {log_table(history)}")
        histories.append(history)
        if form:
            warnings += _unread(db, history, form, f"dataset {table.name}: {layout.time_of(history)}")
    return tuple(histories), warnings


def _facts(table: Examples, history: History, rows: Relation) -> EventFacts:
    """Return the facts by which events of new rows are read."""
    db = table.db
    kinds = {
        f: db.execute(f"SELECT typeof(value) FROM {codes(f)} LIMIT 1").fetchall() for f in history.shared
    }
    integers = tuple(name for name, kind in kinds.items() if kind and kind[0][0] != "VARCHAR")
    buckets = {name: n for name, n in table.hashed.items() if name in history.shared}
    if history.lists:
        return EventFacts("number", (0.0, 0.0), integers, buckets)
    key = quoted(key_of("time", history.time))
    ends = db.execute(f"SELECT min({key}), max({key}) FROM examples").fetchall()[0]
    form = form_of(str(rows.types[rows.columns.index(history.time)]))
    return EventFacts(form, ends, integers, buckets)


def _of_log(table: Examples, history: History, log: str) -> str:
    """Return a query of the sorted events of a log, with codes in place of values.

    Events at one time are ordered by values, since codes of values that no row has follow all others, and
    would be another order than in the log of new rows.
    """
    owner, joins, values = f"l.{OWNER}", "", {}
    if not history.lists:  # of owners that a row has
        joins, owner = f" JOIN {codes(table.layout.owner(history.by))} AS o ON o.value = {owner}", "o.code"
    for n, name in enumerate(history.shared):
        value, buckets = f"l.{event_key(name)}", table.hashed.get(name)
        number_values(table.db, name, f"SELECT {value} AS value FROM {log} AS l", buckets, more=True)
        joins += f" LEFT JOIN {codes(name)} AS t{n} ON t{n}.value = {value}"
        values[name] = f"t{n}.code"
    order = {name: order_of(history, f"l.{event_key(name)}", name) for name in history.shared}
    values |= {name: f"l.{event_key(name)}" for name in history.numeric}
    by = [f"l.{PLACE}"] if history.lists else order_by_time(history, order)
    return sorted_events(history, f"{log} AS l{joins}", owner, f"l.{TIME}", values, by)


def _log(table: Examples, history: History) -> tuple[str, TimeForm]:
    """Create the table of a log; return its name, quoted, and the form of times."""
    db, name = table.db, table.name
    given = table.dataset.events(db, history.name)
    if missing := [column for column in history.columns() if column not in given.columns]:
        what = f"dataset {name}: the events of history {history.name!r} lack {missing[0]!r}"
        raise DataError(what, "add the column to `events`")
    kinds = dict(zip(given.columns, map(str, given.types), strict=True))
    chosen = {OWNER: category(quoted(history.by), kinds[history.by])}
    chosen[TIME] = as_seconds(quoted(history.time), kinds[history.time])
    chosen |= {event_key(name): category(quoted(name), kinds[name]) for name in history.shared}
    chosen |= {event_key(name): f"CAST({quoted(name)} AS DOUBLE)" for name in history.numeric}
    create(
        db,
        f"log of {history.name}",
        given.project(", ".join(f"{sql} AS {key}" for key, sql in chosen.items())),
    )
    hold = f"dataset {name}: the events of history {history.name!r} hold"
    tests = {history.time: (TIME, "coalesce(NOT isfinite({0}), true)", "numbers")}
    tests |= {one: (event_key(one), "{0} NOT IN (0, 1)", "0, 1 and null") for one in history.outcomes}
    finite = f"NOT abs({{0}}) <= {LARGEST}"
    tests |= {one.name: (event_key(one.name), finite, "numbers and null") for one in history.numbers}
    for column, test in tests.items():
        _refuse(db, history, *test, f"{hold} {column}", "correct the column")
    return log_table(history), form_of(kinds[history.time])


def _unnested(table: Examples, history: History) -> str:
    """Create the table of the events that rows hold as lists; return it as SQL. The owner is the row.

    Raises:
        DataError: lists differ in length, or an entry is not as declared.

    """
    db, name = table.db, table.name
    lists = {key: quoted(key_of("list", column)) for key, column in history.lists.items()}
    lengths = {history.lists[key]: f"coalesce(len({one}), 0)" for key, one in lists.items()}
    (first, length), *others = lengths.items()
    for column, other in others:
        wrong = f"SELECT {length}, {other} FROM examples WHERE {length} <> {other} LIMIT 1"
        if odd := db.execute(wrong).fetchall():
            what = f"dataset {name}: a row has {odd[0][0]} entries in {first}, and {odd[0][1]} in {column}"
            raise DataError(what, "give one entry for each event")
    blanks = ", ".join(map(literal, ("", *history.blanks)))
    known = f"lambda x: CASE WHEN x NOT IN ({blanks}) THEN x END"
    entries = [f"unnest(list_transform({of}, {known})) AS {event_key(key)}" for key, of in lists.items()]
    last = f"len({next(iter(lists.values()))})"
    places = f"unnest(range(1, {last} + 1)) AS {PLACE}, {last} AS {LAST}"
    rows = f"SELECT {own('row')} AS {OWNER}, {places}, {', '.join(entries)} FROM {numbered('examples')}"
    latest = db.sql(f"SELECT * FROM ({rows}) WHERE {PLACE} > {LAST} - {history.length}")
    create(db, f"log of {history.name}", latest)
    number = "TRY_CAST({0} AS DOUBLE)"
    integer = f"NOT regexp_full_match({{0}}, {literal(f'{INTEGER}([.]0+)?')})"
    flag = f"{{0}} IS NOT NULL AND coalesce({number} NOT IN (0, 1), true)"
    finite = f"{{0}} IS NOT NULL AND NOT coalesce(abs({number}) <= {LARGEST}, false)"
    age = f"NOT coalesce({number} >= 0 AND isfinite({number}), false)"
    integers = history.facts.integers if history.facts else ()
    tests = dict.fromkeys(integers, (integer, "integers and blanks"))
    tests |= dict.fromkeys(history.outcomes, (flag, "0, 1 and blanks"))
    tests |= {one.name: (finite, "numbers and blanks") for one in history.numbers}
    tests |= {history.age: (age, "numbers from 0 on")} if history.age in lists else {}
    for key, test in tests.items():
        text = f"take {key!r} as text: dataset.sparse.{key}: text"
        way = text if key in integers else f"name a categorical field in place of {key!r}"
        hold = f"dataset {name}: the list {history.lists[key]} of {key!r} holds"
        _refuse(db, history, event_key(key), *test, hold, f"correct the entry, or {way}")
    typed = {key: number.format(event_key(key)) for key in history.numeric}
    typed |= {key: f"CAST(regexp_extract({event_key(key)}, '^-?[0-9]+') AS BIGINT)" for key in integers}
    changes = ", ".join(f"{sql} AS {event_key(key)}" for key, sql in typed.items())
    time = f"-CAST({event_key(history.age)} AS DOUBLE)" if history.age in lists else f"{PLACE} - {LAST} - 1"
    columns = f"*{f' REPLACE ({changes})' if changes else ''}, CAST({time} AS DOUBLE) AS {TIME}"
    return f"(SELECT {columns} FROM {log_table(history)})"


def _refuse(db: DB, history: History, column: str, test: str, allowed: str, hold: str, fix: str) -> None:
    """Refuse a log with a value of a column for which the test is true."""
    wrong = f"SELECT {column} FROM {log_table(history)} WHERE {test.format(column)} LIMIT 1"
    if odd := db.execute(wrong).fetchall():
        raise DataError(f"{hold} {odd[0][0]!r}, allowed are {allowed}", fix)


def _unread(db: DB, history: History, form: TimeForm, column: str) -> Iterator[str]:
    """Yield a warning if events are later than the last row.

    Raises:
        DataError: no event is earlier than the last row, or the times cannot be compared with those of rows.

    """
    last = f"(SELECT max({quoted(key_of('time', history.time))}) FROM examples)"
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
        what = f"{column}: all times of {events} are later than the last row, so that no row has an event"
        raise DataError(what, "give earlier events, or correct the unit or the time zone of the times")
    if after:
        yield (
            f"{after:,} of {total:,} events of the history {history.name} are later than the last row, "
            "and are not read"
        )


@dataclass(frozen=True)
class EventLog:
    """The events of a history, for the search of the events of rows."""

    history: History
    owner: str
    """Key in a chunk of the owners of rows, from 1 on, 0 for none: a column, or the rows themselves."""
    times: Floats  # [E], of all events
    starts: Ints  # [O + 1]
    learners: Mapping[str, FieldLearner] = field(default_factory=dict)
    """Learners of the numbers of events."""

    @property
    def dtype(self) -> type[np.generic]:
        """Type of places in the log."""
        return np.int32 if len(self.times) < np.iinfo(np.int32).max else np.int64

    def spans(self, chunk: Chunk) -> Ints:
        """Return the first event of each row and the one after its last, [R, 2]."""
        owners = chunk[self.owner].astype(np.int64) - 1
        # Events of lists have the times -age, and all are before their row.
        now = np.full(len(owners), np.inf) if self.history.lists else self._now(chunk)
        return spans(self.times, self.starts, owners, now, self.history)

    def row_times(self, chunk: Chunk) -> NDArray[Any]:
        """Return the times at which rows see their events, [R, 1]; 0 if they have lists of events."""
        return (np.zeros(len(chunk[ROW])) if self.history.lists else self._now(chunk))[:, None]

    def _now(self, chunk: Chunk) -> Floats:
        """Return the time at which the list of each row begins, or else the row's own, [R]."""
        return chunk[BEGIN if BEGIN in chunk else key_of("time", self.history.time)]


def event_logs(
    table: Examples, histories: Sequence[History], encoders_in: Path
) -> tuple[list[EventLog], dict[str, FieldEncoder]]:
    """Return the events of all histories, and the encoders of their numbers.

    These are learned from the events of training rows.
    """
    logs, encoders, db = [], dict[str, FieldEncoder](), table.db
    for history in histories:
        owner = ROW if history.lists else table.layout.owner(history.by)
        owners = count(db, "examples" if history.lists else codes(owner))
        times, starts, done = np.empty(count(db, event_table(history))), np.zeros(owners + 1, np.int64), 0
        for chunk in _chunks(db, history, ()):
            rows = len(chunk[TIME])
            times[done : done + rows] = chunk[TIME]
            starts += np.bincount(chunk[OWNER] + 1, minlength=owners + 1)
            done += rows
        log = EventLog(history, owner, times, starts.cumsum())
        if history.numbers:
            log = replace(log, learners=_learners(table, log))
        logs.append(log)
        for number, learner in log.learners.items():
            key = f"{history.name}:{number}"
            encoders[key] = learner.learn(encoder_file(encoders_in, key))
    return logs, encoders


def _learners(table: Examples, log: EventLog) -> dict[str, FieldLearner]:
    """Return the learners of numbers, which have seen the events that training rows read."""
    spans_of = (log.spans(rows)[places == TRAIN] for rows, places in chunks(table))
    read = events_read(len(log.times), spans_of)
    learners = {number.name: number.learner(table) for number in log.history.numbers}
    done = 0
    for chunk in _chunks(table.db, log.history, learners):
        some = read[done : done + len(chunk[TIME])]
        for name, learner in learners.items():
            learner.see({name: chunk[name][some]})
        done += len(some)
    return learners


def _chunks(
    db: DB, history: History, columns: Sequence[str] | Mapping[str, Any]
) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield `OWNER`, `TIME` and some columns of sorted events: codes + 1, 0 where missing, or numbers."""
    chosen = {OWNER: OWNER, TIME: TIME}
    for name in columns:
        shared = name in history.shared
        key = event_key(name)
        chosen[name] = f"CAST(coalesce({key} + 1, 0) AS INTEGER)" if shared else f"CAST({key} AS DOUBLE)"
    missing = {number.name: number.reads()[number.name].missing for number in history.numbers}
    for chunk in fetched(db, chosen, event_table(history)):
        yield {name: filled(values, missing.get(name)) for name, values in chunk.items()}


def matched_values(encoding: Encoding, history: History, chunk: Chunk) -> Codes:
    """Return the values of shared fields, [R, F]: ids, or the numbers of `outside`; 0 is a missing value.

    The ids of the vectors of these values follow.
    """
    columns = []
    for name in encoding.event_fields(history):
        ids = encoding.learners[name].encode(chunk)
        if name in encoding.hashes:
            new = (ids == 0) & (chunk[name] > 0)
            ids[new] = outside(encoding.hashes[name][chunk[name][new]])
        columns.append(ids)
    return stacked(columns, chunk, np.int32)


def stacked(columns: Sequence[NDArray[Any]], chunk: Chunk, dtype: type[np.generic]) -> NDArray[Any]:
    """Return the columns of a chunk, [R] each, as one array, [R, width]."""
    return np.array(columns, dtype).reshape(len(columns), rows_of(chunk)).T


def write_events(db: DB, logs: Sequence[EventLog], encoding: Encoding, draft: Path) -> None:
    """Write the events of all histories; see `data.store`."""
    for log in logs:
        history, events = log.history, len(log.times)
        folder = events_folder(draft, history.name)
        folder.mkdir(parents=True)
        ids = (matched_values(encoding, history, chunk) for chunk in _chunks(db, history, history.shared))
        write_array(folder / "ids.npy", np.int32, (events, len(encoding.event_fields(history))), ids)
        kind = np.float32 if history.numbers else np.uint8
        shape = (events, len(history.numeric))
        write_array(folder / "numbers.npy", kind, shape, _numbers(db, log, kind))
        write_array(folder / "times.npy", np.float64, (events,), [log.times])


def _numbers(db: DB, log: EventLog, kind: type[np.generic]) -> Iterator[NDArray[Any]]:
    """Yield the outcomes and the encoded numbers of events, in blocks."""
    for chunk in _chunks(db, log.history, log.history.numeric):
        numbers = [chunk[name] for name in log.history.outcomes]
        numbers += [learner.encode(chunk) for learner in log.learners.values()]
        yield stacked(numbers, chunk, kind)


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
            rows += len(of_rows)
            ages.append(newest_ages(of_rows, now[:, 0], times))
        sentences.append(joined(history, rows, np.concatenate(ages)))
    return sentences
