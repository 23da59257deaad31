"""Drift of new rows, since the test rows of a run. Letters: R rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.frames import NewExamples
from automtl_core.data.new_rows import new_rows
from automtl_core.data.part import Part, joined, some_rows
from automtl_core.data.store import Prepared
from automtl_core.dataset.schema import Task
from automtl_core.errors import DataError
from automtl_core.raw.sql import Times
from automtl_core.run_dir.facts import Environment
from automtl_core.run_dir.folders import prepared_folder
from automtl_core.run_dir.identity import check_data
from automtl_core.run_dir.run import Run
from automtl_core.system import seeds
from automtl_core.system.documents import Value
from automtl_core.training.significance import error_of_mean, half_interval, losses_by_row
from automtl_core.workflow.new_rows import time_column
from automtl_core.workflow.trained import Trained, of_finished, predictions
from automtl_core.workflow.workflow import Workflow
from automtl_inspection.sections import Section, lines, next_commands, table
from automtl_inspection.shifts import MOST, Shift, differences, rows_of, shifts

SHOWN = 20
"""Largest number of columns that are shown."""
DAY = 86_400.0
YEARS = 946_684_800.0, 4_102_444_800.0
"""Seconds from 1970 to 2000 and 2100: a number between them is a date."""


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
    """Scores by day, those of the test rows first; empty without labels or times."""


def drift_of_run(
    flow: Workflow, path: Path, files: Path, history: Path | None = None, labelled: bool = True
) -> Drift:
    """Return the drift from the test rows of a run to new rows; arguments as in `Workflow.predict`.

    Args:
        flow: The workflow.
        path: The run, whose prepared data or raw files are there.
        files: The new rows.
        history: Events up to now.
        labelled: Whether the new rows have labels, for scores by day.

    """
    run = Run.open(path)
    run.tested()
    with flow.registry.expecting(run.read(Environment).plugins):
        job = flow.job_of(of_finished(run))
        prepared = run.served(flow.prepare(job, run.config().prepared_dir, partial(check_data, run)))
    with flow.reading(path, files, prepared_folder(), history) as (_, made, examples):
        time = time_column(run, examples) if labelled else None
        reading = replace(examples, labelled=labelled, time=time)
        return drift_since(made, prepared, reading, (str(path), str(files)))


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
        sides.append(rows_of(encoder, of.some(some), predictions(made.tasks, logits[some])))
    found = shifts(*sides)
    columns = len({*sides[0].columns, *sides[0].means})
    return Drift(*names, (len(test), len(part)), columns, tuple(found), tuple(days))


def _new(made: Trained, reading: NewExamples) -> tuple[Part, Times | None, NDArray[Any]]:
    """Return new rows, without bags and events, their times, and the output of the network."""
    parts, outputs = list[Part](), list[NDArray[Any]]()
    with new_rows(reading) as rows:
        for _, part in rows.parts(made.encoder):
            outputs.append(made.predict_logits(part))
            parts.append(replace(part, histories=(), bags={}, coded={}))
        if not parts:
            raise DataError("the new rows have no valid row", "give at least one valid row")
        return joined(parts), rows.times, np.concatenate(outputs)


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
            error = error_of_mean(losses[0], part.units, part.labels[:, t])
            scores[task.name] = 1 - float(losses[0].mean()), half_interval(error)
    return Day(name, len(part), scores)


def view(drift: Drift) -> Iterator[Section]:
    """Yield the differences of columns, and the scores by day."""
    drifted = sum(shift.drifted for shift in drift.shifts)
    many = f"{drifted} of {drift.columns} columns" if drifted else "no column"
    what = f"{many} differ{'s' * (not drifted)} beyond chance"
    yield lines(f"{drift.new}, {drift.rows[1]:,} rows, against {drift.old}, {drift.rows[0]:,} rows: {what}")
    yield differences(drift.shifts, SHOWN)
    if drift.days:
        tasks = list(dict.fromkeys(task for day in drift.days for task in day.scores))
        rows = []
        for day in drift.days:
            scores = (day.scores.get(task) for task in tasks)
            words = (f"{one[0]:.4f} ± {one[1]:.4f}" if one else None for one in scores)
            rows.append([day.name, day.rows, *words])
        note = "score ± half of its 95 % interval, by days of UTC; a dash: too few rows of one class"
        yield table(["score of", "rows", *tasks], rows, "lr" + "r" * len(tasks), notes=[note])
    if drift.days and drifted:
        yield lines(*next_commands([f"automtl update {drift.old} {drift.new}"]))
