"""Events of a history as rows of a database: for preparation, and from a log for new rows.

Both use these functions for the columns of events, for their order, and for the events of a row.

Letters: E events, O owners, R rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.lists import lists_of_rows
from automtl_core.dataset.dataset import Dataset, Label
from automtl_core.dataset.declarations import History, source_of
from automtl_core.dataset.lists import Lists
from automtl_core.errors import DataError
from automtl_core.fields.encode import OWN, event_columns
from automtl_core.fields.field import Bools, Floats, Ints
from automtl_core.raw.sql import (
    DB,
    Relation,
    TimeRange,
    as_seconds,
    check_comparable,
    form_of,
    literal,
    own,
    quoted,
    times_of,
    typed_time,
)

OWNER, TIME, PLACE = own("owner"), own("time"), own("place")
"""Columns of tables of events, quoted for SQL."""
SORTED = own("sorted events")
"""Table of the events of new rows."""


def label_of(name: str, labels: Mapping[str, Label]) -> str:
    """Return SQL for a label from a column of a file: a number, null where it is blank or does not count.

    Texts that mean 1 become 1, and other texts 0. A label that is given another one is null where that one
    is not 1.
    """
    label = labels[name]
    positive = ", ".join(map(literal, label.positive))
    value = f"CAST({quoted(label.source)} IN ({positive}) AS INTEGER)" if positive else quoted(label.source)
    if not label.given:
        return value
    condition = label_of(label.given, {**labels, label.given: replace(labels[label.given], given=None)})
    return f"CASE WHEN {condition} = 1 THEN {value} END"


def outcome_of(name: str) -> str:
    """Return SQL for an outcome from a column of a file: 0, 1 or null."""
    column, text = source_of(name)
    return f"CAST({quoted(column)} AS VARCHAR) = {literal(text)}" if text is not None else quoted(column)


def events_of_file(db: DB, dataset: Dataset, history: History, table: str) -> Relation:
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
    for label in (one for one in labels.values() if one.positive):
        name, positive = quoted(label.source), ", ".join(map(literal, label.positive))
        bits = f"bool_and({name} IN ('0', '1', '0.0', '1.0')) AND NOT bool_or({name} IN ({positive}))"
        if db.execute(f"SELECT {bits} FROM {quoted(table)} WHERE {name} IS NOT NULL").fetchall()[0][0]:
            raise DataError(
                f"the events hold 0 and 1 as {label.name}, and the training rows texts: "
                f"{' or '.join(map(repr, label.positive))} means 1",
                "write the events as the training rows",
            )
    made = {name: label_of(name, labels) for name in labels}
    made |= {name: outcome_of(name) for name in history.outcomes if name not in made}
    made[history.time] = typed_time(db, dataset.layout.time_of(history), f"FROM {quoted(table)}", [table])
    fields = {history.by, *history.fields, *dataset.layout.reads} & {*declared}
    if history.distinct:  # rows that differ in another column, such as that of lists, are different events
        used = {name for name, column in declared.items() if column.kind != "unused"}
        made_from = {one.source for one in labels.values()} | {source_of(o)[0] for o in history.outcomes}
        fields |= used - made_from - {dataset.layout.time_of(history)}
    chosen = {**{name: quoted(name) for name in sorted(fields)}, **made}
    columns = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in chosen.items())
    events = db.sql(f"SELECT {columns} FROM {quoted(table)}")
    return events.distinct() if history.distinct else events


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


def order_of(history: History, value: str, field: str) -> str:
    """Return SQL for the order of a value of a shared field in a log, as `History.facts` describes it."""
    facts, text = history.facts, f"CAST({value} AS VARCHAR)"
    if facts and field in facts.buckets:
        return f"md5_number_lower({text}) % {facts.buckets[field]}"
    return f"TRY_CAST({text} AS BIGINT)" if facts and field in facts.integers else text


def spans(times: Floats, starts: Ints, owners: Ints, now: Floats, history: History) -> Ints:
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
    before, end, above = now - history.delay, low.copy(), starts[owners + 1]
    while (open_ := end < above).any():  # binary search of all rows at once for the first event not before
        middle = (end + above) // 2
        earlier = open_ & (times[np.where(open_, middle, 0)] < before)
        end = np.where(earlier, middle + 1, end)
        above = np.where(open_ & ~earlier, middle, above)
    start = np.maximum(low, end - history.length)
    return np.stack([np.where(known, start, 0), np.where(known, end, 0)], axis=1)


def events_read(events: int, of_rows: Iterable[Ints]) -> Bools:
    """Return whether a row reads each event, [E], from the spans of rows, [R, 2] each."""
    changes = np.zeros(events + 1, np.int64)  # of the number of rows that read an event
    for bounds in of_rows:
        np.add.at(changes, bounds[:, 0], 1)
        np.add.at(changes, bounds[:, 1], -1)
    read: Bools = changes.cumsum()[:-1] > 0
    return read


def newest_ages(spans: NDArray[np.integer[Any]], now: Floats, times: Floats) -> Floats:
    """Return the age of the newest event of each row that has one, from spans [R, 2] and row times [R]."""
    filled = spans[:, 1] > spans[:, 0]
    ages: Floats = now[filled] - times[spans[filled, 1] - 1]
    return ages


def joined(history: History, rows: int, ages: Floats) -> str:
    """Return how many rows have events, and the age of the newest one, from `newest_ages`, as a sentence."""
    if not len(ages):
        return f"history {history.name}: none of {rows:,} rows has an event"
    unit = "" if history.facts is None or history.facts.form == "number" else " seconds"
    return (
        f"history {history.name}: {len(ages):,} of {rows:,} rows have events; the newest event is "
        f"{ages.min():,.6g}{unit} before its row (median {np.median(ages):,.6g}{unit})"
    )


@dataclass(frozen=True)
class NewEvents:
    """The events of new rows."""

    history: History
    spans: Ints  # [R, 2]
    now: Floats  # [R]
    times: Floats  # [E]
    values: Mapping[str, NDArray[Any]]
    """List column -> the values of all events, [E], without those of ages."""
    apart: bool = False
    """Whether rows form lists, and the log has no rows of lists: each list then begins with a new row."""

    def lists(self, start: int, count: int) -> dict[str, list[list[Any]]]:
        """Return the list columns of some rows."""
        bounds = self.spans[start : start + count].tolist()
        found = {name: [of[a:b].tolist() for a, b in bounds] for name, of in self.values.items()}
        now = self.now[start : start + count]
        ages = event_columns(self.history.to_json())[-1]
        found[ages] = [(at - self.times[a:b]).tolist() for at, (a, b) in zip(now, bounds, strict=True)]
        return found

    @property
    def ages(self) -> Floats:
        """Age of the newest event of each row that has one."""
        return newest_ages(self.spans, self.now, self.times)

    def sentence(self) -> str:
        """Return how many rows have events, and the age of the newest one."""
        return joined(self.history, len(self.spans), self.ages)


def new_events(
    db: DB, dataset: Dataset, history: History, rows: str, log: str, lists: Lists | None = None
) -> NewEvents:
    """Return the events of rows from a log, those of a row in the order of preparation.

    Args:
        db: A database.
        dataset: The dataset of the rows.
        history: The history.
        rows: Table of the rows, with their owner and time.
        log: Table of the events, in the format of `Dataset.event_file`. Where these are rows, they have the
            columns of the rule too: a list may begin among them.
        lists: The rule by which rows form lists; None without lists.

    Raises:
        DataError: the times of rows, events and training rows cannot be compared.
        FaultyRowError: a time has another form than most others.

    """
    column = dataset.layout.time_of(history)
    form, now = times_of(db, column, rows)
    apart = False
    if lists is not None and lists.time is not None:
        formed = lists_of_rows(db, lists, *((rows, log) if history.of_rows else (rows,)))
        apart = not lists.of_periods and not formed.numbers[len(now) :].any()
        now = np.asarray(formed.begin)[: len(now)]
    owners = db.sql(f"SELECT CAST({quoted(history.by)} AS VARCHAR) FROM {quoted(rows)}").df().iloc[:, 0]
    numbers, names = pd.factorize(owners)  # -1 for a row without an owner
    events = events_of_file(db, dataset, history, log)
    kind_of_events = str(events.types[events.columns.index(history.time)])
    _sort(db, history, events, kind_of_events, names)
    found = db.execute(f"SELECT {OWNER} AS owner, {TIME} AS time FROM {SORTED} ORDER BY {PLACE}").df()
    times = found["time"].to_numpy(np.float64)
    known = [("the new rows", form, now), ("the events", form_of(kind_of_events), times)]
    ranges = [TimeRange(what, form, of.min(), of.max()) for what, form, of in known if len(of)]
    if facts := history.facts:
        ranges = [TimeRange("the training rows", facts.form, *facts.rows), *ranges]
    for pair in combinations(ranges, 2):
        check_comparable(column, *pair)
    starts = np.searchsorted(found["owner"], np.arange(max(len(names), 1) + 1))
    needed = _needed(db, history, spans(times, starts, numbers, now, history), now, times)
    return replace(needed, apart=apart)


def _sort(db: DB, history: History, events: Relation, kind: str, owners: "pd.Index[Any]") -> None:
    """Create the table of the events of some owners, sorted as in preparation, with their places."""
    db.register("events of a log", events)
    numbers = {f"{OWN}name": owners.astype(object), f"{OWN}number": range(len(owners))}
    db.register("owners of rows", pd.DataFrame(numbers))
    by = f"{own('name')} = CAST({quoted(history.by)} AS VARCHAR)"
    source = f'"events of a log" JOIN "owners of rows" ON {by}'
    values = {name: quoted(name) for name in history.shared}
    values |= {name: f"CAST({quoted(name)} AS DOUBLE)" for name in history.numeric}
    order = order_by_time(history, {name: order_of(history, quoted(name), name) for name in history.shared})
    query = sorted_events(
        history, source, own("number"), as_seconds(quoted(history.time), kind), values, order
    )
    numbered = f"SELECT *, row_number() OVER () - 1 AS {PLACE} FROM ({query})"
    db.execute(f"CREATE OR REPLACE TEMP TABLE {SORTED} AS {numbered}")
    for view in ("events of a log", "owners of rows"):
        db.unregister(view)


def _needed(db: DB, history: History, places: Ints, now: Floats, times: Floats) -> NewEvents:
    """Return the events of rows without those that no row has."""
    needed = events_read(len(times), [places])
    before = np.concatenate([[0], needed.cumsum()])
    values = [f"CAST(s.{event_key(name)} AS VARCHAR)" for name in history.shared]
    values += [f"s.{event_key(name)}" for name in history.numeric]
    chosen = [f"{sql} AS c{n}" for n, sql in enumerate(values)]
    db.register("needed", pd.DataFrame({"place": np.flatnonzero(needed)}))
    joined = f"{SORTED} AS s JOIN needed AS n ON n.place = s.{PLACE}"
    found = db.execute(f"SELECT {', '.join(chosen)} FROM {joined} ORDER BY n.place").df()
    db.unregister("needed")
    db.execute(f"DROP TABLE {SORTED}")
    names = event_columns(history.to_json())[: len(chosen)]
    held = found.astype(object).where(found.notna(), None)
    columns = {name: held[f"c{n}"].to_numpy() for n, name in enumerate(names)}
    return NewEvents(history, before[places], now, times[needed], columns)
