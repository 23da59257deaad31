"""Predictors from the earlier events of a row: outcomes, values and ages of single events.

An outcome that predicts the label of a row nearly perfectly suggests that the row reads its own event, such
as in a log of another time zone, or with the time at which a session began.

Letters: R rows, B rows of a chunk, L events of a row, A outcomes, C codes, M numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.leaks.predictors import Predictor, column, number
from automtl_core.data.part import Histories, Padded, Part
from automtl_core.dataset.history import History
from automtl_core.dataset.schema import Schema

SEEN = 1 << 14
"""Number of rows, spread over a part, whose events are read."""
CHUNK = 1 << 12
"""Number of rows whose events are read together."""

Array = NDArray[Any]
Find = Callable[[Padded], NDArray[np.bool_]]
"""Function that marks events, [B, L]; the latest marked event of a row counts."""


class Reading(NamedTuple):
    """Columns that are read from the events of a history."""

    names: Sequence[str]
    sizes: Sequence[int]
    """Number of codes of each column; empty for numbers."""
    read: Callable[[Padded], Array]
    """Function that returns codes, or numbers with NaN where there is none, [B, columns]."""


def event_predictors(schema: Schema, train: Part, other: Part) -> tuple[list[Predictor], Part, Part]:
    """Return predictors from the events of a sample of rows, and the two parts that they read.

    Args:
        schema: The schema.
        train: Training rows.
        other: Rows of another part.

    """
    readings = [
        list(_readings(schema, history, of_rows))
        for history, of_rows in zip(schema.histories, train.histories, strict=True)
    ]
    sample, others = _sample(readings, train), _sample(readings, other)
    every = [reading for of_history in readings for reading in of_history]
    codes = [(name, size) for one in every for name, size in zip(one.names, one.sizes, strict=False)]
    numbers = [name for one in every if not one.sizes for name in one.names]
    found = [Predictor(name, "event", size, column("ids", place)) for place, (name, size) in enumerate(codes)]
    found += [number(name, "event", column("dense", place), sample) for place, name in enumerate(numbers)]
    return found, sample, others


def spread_rows(rows: int, most: int) -> NDArray[np.int64]:
    """Return the places of at most so many rows, at equal distances."""
    return np.arange(0, rows, max(1, -(-rows // most)))


def _sample(readings: Sequence[Sequence[Reading]], part: Part) -> Part:
    """Return the codes [R, C] and the numbers [R, M] of a sample of rows, with their labels."""
    rows = spread_rows(len(part), SEEN)
    codes, numbers = [np.zeros((len(rows), 0))], [np.zeros((len(rows), 0))]
    for of_history, of_rows in zip(readings, part.histories, strict=True):
        chunks = [of_rows.padded(rows[start : start + CHUNK]) for start in range(0, len(rows), CHUNK)]
        for reading in of_history:
            read = np.concatenate([reading.read(chunk) for chunk in chunks])
            (codes if reading.sizes else numbers).append(read)
    ids, dense = np.concatenate(codes, axis=1), np.concatenate(numbers, axis=1)
    return Part(ids.astype(np.int32), dense.astype(np.float32), np.asarray(part.labels[rows]))


def _readings(schema: Schema, history: History, of_rows: Histories) -> Iterator[Reading]:
    """Yield what is read of the events of a history; `of_rows` are those of the training rows."""
    of = f" of the history {history.name}" if len(schema.histories) > 1 else ""
    sizes = {field.name: field.size for field in schema.sparse}
    bounds = np.array([sizes[field] for field in history.shared], np.int32)
    timed = not history.lists or history.age in history.lists
    shared = list(enumerate(history.shared))
    marked: list[tuple[str, Find]] = [("the newest event", lambda events: events.known)]
    marked += [(f"the newest event with the same {field}", _same([place])) for place, field in shared]
    if len(shared) > 1:
        every = _same([place for place, _ in shared])
        marked.append((f"the newest event with the same {', '.join(history.shared)}", every))
    if timed and (age := _most_frequent_age(of_rows)) is not None:
        marked.append(
            (f"the event {age:,.6g} before the row", lambda events: (events.ages == age) & events.known)
        )

    def values(events: Padded) -> Array:
        newest = np.minimum(
            events.ids[:, 0, : len(bounds)], bounds
        )  # those outside of the vocabulary are alike
        return np.where(events.known[:, :1], newest, 0)

    def ages(events: Padded) -> Array:
        counts = events.known.sum(axis=1)
        newest = np.where(events.known[:, 0], events.ages[:, 0], np.nan)
        return np.stack([counts, newest][: 1 + timed], axis=1)

    yield Reading(
        [f"{field} of the newest event{of}" for field in history.shared], (bounds + 1).tolist(), values
    )
    yield Reading(
        [f"{name}{of}" for name in ("number of events", "age of the newest event")][: 1 + timed], (), ages
    )
    for which, find in marked:
        if history.outcomes:
            names = [f"{outcome} of {which}{of}" for outcome in history.outcomes]
            yield Reading(names, [3] * len(names), _outcomes(find))
        else:
            yield Reading([f"presence of {which}{of}"], [2], _present(find))


def _outcomes(find: Find) -> Callable[[Padded], Array]:
    """Return a function: 0 without such an event, 1 if the outcome is 0, 2 if it is 1, [B, A]."""

    def read(events: Padded) -> Array:
        found, rows = find(events), np.arange(len(events.known))
        place = found.argmax(axis=1)
        return np.where(found[rows, place][:, None], 1 + events.outcomes[rows, place], 0)

    return read


def _present(find: Find) -> Callable[[Padded], Array]:
    """Return a function: 0 without such an event, else 1, [B, 1]."""
    return lambda events: find(events).max(axis=1, keepdims=True)


def _same(fields: Sequence[int]) -> Find:
    """Return a function that marks events with the row's values of some shared fields."""

    def find(events: Padded) -> NDArray[np.bool_]:
        ids = events.ids[:, :, fields]
        marked: NDArray[np.bool_] = ((ids == events.values[:, None, fields]) & (ids > 0)).all(axis=2)
        return marked & events.known

    return find


def _most_frequent_age(of_rows: Histories) -> float | None:
    """Return the age that most events of training rows have; None without events."""
    events = of_rows.padded(spread_rows(len(of_rows.times), CHUNK))
    ages, counts = np.unique(events.ages[events.known], return_counts=True)
    return float(ages[counts.argmax()]) if len(ages) else None
