"""Drift of rows: between the training and the test rows of a run, and between these and new rows.

Letters: R rows, T tasks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.encoder import Encoder
from automtl_core.data.frames import NewExamples, numbered
from automtl_core.data.new_rows import new_rows
from automtl_core.data.part import Part, joined, some_rows
from automtl_core.data.store import Prepared
from automtl_core.dataset.schema import Task
from automtl_core.errors import DataError
from automtl_core.raw.sql import Times
from automtl_core.system import seeds
from automtl_core.system.documents import Value
from automtl_core.training.drift import Column, Rows, Shift, shifts
from automtl_core.training.importance import sample
from automtl_core.training.significance import NORMAL, error_of_mean, losses_by_row
from automtl_core.workflow.trained import Trained, predictions

MOST = 50_000
"""Largest number of rows of each side whose columns are compared: a random sample of more."""
ROWS = 1 << 14
"""Approximate number of new rows that are encoded together, in whole batches."""
DAY = 86_400.0
YEARS = 946_684_800.0, 4_102_444_800.0
"""Seconds from 1970 to 2000 and 2100: a number between them is a date."""
UNSEEN = "unseen or missing"


@dataclass(frozen=True)
class Day(Value):
    """The scores of a network on the new rows of a day."""

    name: str
    rows: int
    scores: Mapping[str, tuple[float, float]]
    """Task with enough rows -> its score, and half of its 95 % interval."""


@dataclass(frozen=True)
class Drift(Value):
    """The drift of new rows."""

    old: str
    new: str
    rows: tuple[int, int]
    """Number of rows of both."""
    columns: int
    """Number of columns that were compared."""
    shifts: tuple[Shift, ...]
    """The largest difference in each column, those beyond chance first."""
    days: tuple[Day, ...] = ()
    """Scores by day, those of the test rows first; empty without a network, labels or times."""


def drift_within(prepared: Prepared, seed: int) -> list[Shift]:
    """Return the drift from the training rows to the test rows of prepared data."""
    encoder = prepared.encoder
    return shifts(*(_rows(encoder, sample(prepared.part(name), MOST, seed)) for name in ("train", "test")))


def drift_since(made: Trained, prepared: Prepared, reading: NewExamples, names: tuple[str, str]) -> Drift:
    """Return the drift from the test rows of a run to new rows.

    Args:
        made: The network of the run.
        prepared: Its data.
        reading: The new rows; with labels and times, the result has scores by day.
        names: Names of the run and of the new rows.

    Raises:
        DataError: no row is valid, or as `new_rows` raises it.

    """
    test, encoder = prepared.part("test"), prepared.encoder
    outputs = made.predict_logits(test)
    part, times, later = _new(made, reading)
    days = []
    if reading.labelled:
        days = [_day("test rows", made.tasks, test, outputs)]
        for name, rows in _days(times, float(prepared.manifest["time_unit"])):
            days.append(_day(name, made.tasks, part.some(rows), later[rows]))
    random, sides = seeds.generator(0, "drift"), []
    for of, logits in ((test, outputs), (part, later)):
        some = some_rows(len(of), MOST, random)
        sides.append(_rows(encoder, of.some(some), predictions(made.tasks, logits[some])))
    found = shifts(*sides)
    columns = len({*sides[0].columns, *sides[0].means})
    return Drift(*names, (len(test), len(part)), columns, tuple(found), tuple(days))


def _new(made: Trained, reading: NewExamples) -> tuple[Part, Times | None, NDArray[Any]]:
    """Return new rows, without bags and events, their times, and the output of the network."""
    user, numbers = reading.dataset.user, dict[str, int]()
    parts, outputs = list[Part](), list[NDArray[Any]]()
    with new_rows(reading) as rows:
        for chunk in rows.chunks(max(1, ROWS // made.batch_size) * made.batch_size):
            part = made.encoder.encode(chunk, labelled=reading.labelled)
            outputs.append(made.predict_logits(part))
            users = None if user is None or user not in chunk else numbered(chunk[user], numbers)
            parts.append(replace(part, users=users, histories=(), bags={}, coded={}))
        if not parts:
            raise DataError("the new rows have no valid row", "give at least one valid row")
        whole = replace(joined(parts), lists=rows.lists)
        if known := [part.users for part in parts if part.users is not None]:
            whole = replace(whole, users=np.concatenate(known))
        return whole, rows.times, np.concatenate(outputs)


def _rows(encoder: Encoder, part: Part, scores: NDArray[np.float64] | None = None) -> Rows:
    """Return rows with their values, labels and, as columns too, scores [R, T]."""
    schema, columns = encoder.schema, dict[str, Column]()
    for place, field in enumerate(schema.sparse):
        if field.kind != "bag":
            values = encoder.fields[field.name].decode(np.asarray(part.ids[:, place]).tolist())
            columns[field.name] = np.array([UNSEEN if one is None else one for one in values], object)
    for place, number in enumerate(schema.dense):
        columns[number.name] = encoder.fields[number.name].inverse(part.dense[:, place])
    means = {}
    for t, task in enumerate(schema.tasks):
        means[task.name] = part.labels[:, t] * task.deviation + task.mean
        if scores is not None:
            columns[f"prediction of {task.name}"] = scores[:, t]
    return Rows(columns, means, part.users)


def _days(times: Times | None, unit: float) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Yield the name of each day (UTC) of new rows, and its rows; `unit` is that of times, in seconds."""
    if times is None:
        return
    days = np.floor(times.seconds * unit / DAY)
    for day in np.unique(days):
        of_date = times.form != "number" or YEARS[0] < day * DAY < YEARS[1]
        name = str(datetime.fromtimestamp(day * DAY, UTC).date()) if of_date else f"day {day:.0f}"
        yield name, np.flatnonzero(days == day)


def _day(name: str, tasks: Sequence[Task], part: Part, logits: NDArray[Any]) -> Day:
    """Return the scores of some rows."""
    scores = {}
    for t, task in enumerate(tasks):
        if losses := losses_by_row(task, part.labels[:, t], [logits[:, t]], part.groups):
            scores[task.name] = 1 - float(losses[0].mean()), NORMAL * error_of_mean(losses[0])
    return Day(name, len(part), scores)
