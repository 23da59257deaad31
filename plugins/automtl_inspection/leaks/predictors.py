"""Predictors in a common form, codes of rows: fields, and single earlier events of a row.

An outcome of an event that predicts the label of a row nearly perfectly suggests that the row reads its own
event, such as in a log of another time zone, or with the time at which a session began.

Letters: R rows, B rows of a chunk, L events of a row, C codes of a predictor.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.part import Bags, Padded, Part
from automtl_core.dataset.declarations import History
from automtl_core.dataset.schema import Schema
from automtl_core.fields.numeric import edges

Codes = NDArray[Any]
Kind = Literal["field", "event"]
SEEN = 1 << 14
"""Number of rows, spread over a part, whose events are read."""
CHUNK = 1 << 12
"""Number of rows whose events are read together."""


class Predictor(NamedTuple):
    """A field or earlier event that may predict a task."""

    name: str
    kind: Kind
    size: int
    codes: Callable[[Part], Codes]
    """Function that returns the code of each row, [R]; for a multi-valued field, the number of its bag."""
    blank: Codes | None = None
    """Codes of training rows without a value; None if unknown."""
    bags: Bags | None = None
    """Bags of a multi-valued field."""
    values: int = 0
    """Number of ids of a multi-valued field."""


def predictors(schema: Schema, train: Part) -> Iterator[Predictor]:
    """Yield the predictors for all sparse and dense fields."""
    for place, field in enumerate(schema.sparse):
        codes = column("ids", place)
        if field.kind == "bag":
            bags = train.bags[place]
            empty = np.flatnonzero(bags.starts[1:] == bags.starts[:-1])
            yield Predictor(field.name, "field", len(bags.starts) - 1, codes, empty, bags, field.size)
        else:
            yield Predictor(field.name, "field", field.size, codes, np.zeros(1, dtype=np.int64))
    for place, dense in enumerate(schema.dense):
        yield number(dense.name, "field", column("dense", place), train)


def column(array: Literal["ids", "dense"], place: int) -> Callable[[Part], Codes]:
    """Return a function that reads a column of an array of rows."""
    return lambda part: np.asarray(getattr(part, array)[:, place])


def number(name: str, kind: Kind, column: Callable[[Part], Codes], train: Part) -> Predictor:
    """Return the predictor for a number: codes of 64 buckets of equal frequency, 0 where it is missing.

    At most 100,000 training rows define the edges. Numbers that equal an edge have a separate bucket, since
    many rows share such a number.
    """
    step = max(1, len(train) // 100_000)
    some = column(Part(train.ids[::step], train.dense[::step], train.labels[::step]))
    bounds = edges(some, 64)

    def codes(part: Part) -> Codes:
        values = column(part)
        reached = np.searchsorted(bounds, values, side="left") + np.searchsorted(bounds, values, side="right")
        return np.where(np.isnan(values), 0, reached + 1)

    return Predictor(name, kind, 2 * len(bounds) + 2, codes)


def event_predictors(schema: Schema, train: Part, other: Part) -> tuple[list[Predictor], Part, Part]:
    """Return predictors from the events of a sample of rows, and the two parts that they read.

    Args:
        schema: The schema.
        train: Training rows.
        other: Rows of another part.

    """
    ages = []
    for of_rows in train.histories:  # the age that most events of training rows have
        events = of_rows.padded(spread_rows(len(of_rows.times), CHUNK))
        known, counts = np.unique(events.ages[events.known], return_counts=True)
        ages.append(float(known[counts.argmax()]) if len(known) else None)
    (codes, numbers, sample), (_, _, others) = (_sample(schema, ages, part) for part in (train, other))
    found = [Predictor(name, "event", size, column("ids", place)) for place, (name, size) in enumerate(codes)]
    found += [number(name, "event", column("dense", place), sample) for place, name in enumerate(numbers)]
    return found, sample, others


def spread_rows(rows: int, most: int) -> NDArray[np.int64]:
    """Return the places of at most so many rows, at equal distances."""
    return np.arange(0, rows, max(1, -(-rows // most)))


def _sample(
    schema: Schema, ages: Sequence[float | None], part: Part
) -> tuple[Sequence[tuple[str, int]], Sequence[str], Part]:
    """Return names and sizes of codes, names of numbers, and both for a sample of rows with their labels."""
    rows = spread_rows(len(part), SEEN)
    found: dict[tuple[str, int], list[NDArray[Any]]] = {}
    for start in range(0, max(len(rows), 1), CHUNK):
        some = rows[start : start + CHUNK]
        for history, of_rows, age in zip(schema.histories, part.histories, ages, strict=True):
            of = f" of the history {history.name}" if len(schema.histories) > 1 else ""
            for name, size, values in _values(schema, history, of_rows.padded(some), age):
                found.setdefault((name + of, size), []).append(values)
    codes, numbers = ([key for key in found if (key[1] > 0) is coded] for coded in (True, False))
    ids, dense = (
        np.array([np.concatenate(found[key]) for key in keys]).reshape(len(keys), len(rows)).T
        for keys in (codes, numbers)
    )
    made = Part(ids.astype(np.int32), dense.astype(np.float32), np.asarray(part.labels[rows]))
    return codes, [name for name, _ in numbers], made


def _values(
    schema: Schema, history: History, events: Padded, age: float | None
) -> Iterator[tuple[str, int, NDArray[Any]]]:
    """Yield what single events of rows say: its name, its number of codes or 0 for a number, values [B]."""
    sizes = {field.name: field.size for field in schema.sparse}
    ids, known, rows = events.ids[:, :, : len(history.shared)], events.known, np.arange(len(events.known))
    same = (ids == events.values[:, None, : len(history.shared)]) & (ids > 0) & known[:, :, None]
    marked = {"the newest event": known}
    for place, name in enumerate(history.shared):
        # Values outside of the vocabulary are alike.
        newest = np.where(known[:, 0], np.minimum(ids[:, 0, place], sizes[name]), 0)
        yield f"{name} of the newest event", sizes[name] + 1, newest
        marked[f"the newest event with the same {name}"] = same[:, :, place]
    if len(history.shared) > 1:
        marked[f"the newest event with the same {', '.join(history.shared)}"] = same.all(axis=2)
    yield "number of events", 0, known.sum(axis=1)
    numeric = {one.name: events.numbers[:, 0, history.numeric.index(one.name)] for one in history.numbers}
    if not history.lists or history.age in history.lists:
        numeric["age"] = events.ages[:, 0]
        if age is not None:
            marked[f"the event {age:,.6g} before the row"] = (events.ages == age) & known
    for name, newest in numeric.items():
        yield f"{name} of the newest event", 0, np.where(known[:, 0], newest, np.nan)
    for which, found in marked.items():
        latest = found.argmax(axis=1)
        there = found[rows, latest]
        for place, outcome in enumerate(history.outcomes):
            yield f"{outcome} of {which}", 3, np.where(there, 1 + events.numbers[rows, latest, place], 0)
        if not history.outcomes:
            yield f"presence of {which}", 2, there
