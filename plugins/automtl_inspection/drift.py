"""Drift of new rows, since the test rows of a run or between two tables. Letters: R rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.frames import NewExamples
from automtl_core.data.new_rows import new_rows
from automtl_core.dataset.dataset import Dataset, names_of, reads_of
from automtl_core.errors import DataError
from automtl_core.fields.encode import numbers, texts
from automtl_core.run_dir.folders import prepared_folder
from automtl_core.system import seeds
from automtl_core.training.drift import Column, Rows, shifts
from automtl_core.views.drift import differences
from automtl_core.views.values import Section, lines, next_commands, table
from automtl_core.workflow.drift import MOST, ROWS, Drift
from automtl_core.workflow.workflow import Workflow
from automtl_inspection.guess.guess import TableGuess, guess
from automtl_inspection.guess.peek import peek

SHOWN = 20
"""Largest number of columns that are shown."""


def drift_of_tables(flow: Workflow, old: Path, new: Path) -> Drift:
    """Return the drift between two tables, whose columns have the roles that `data init` guesses.

    Raises:
        InputMissingError: there is no such file.
        DataError: a table has no valid row, or the second one lacks a column of the first.

    """
    seen = peek(str(old))
    guessed = TableGuess(seen, guess(seen))
    dataset = flow.job([guessed.layer()]).dataset()
    sides = [_table(NewExamples(dataset, path, prepared_folder(), labelled=True)) for path in (old, new)]
    found = shifts(*(side for side, _ in sides))
    columns = len({*sides[0][0].columns, *sides[0][0].means})
    return Drift(str(old), str(new), (sides[0][1], sides[1][1]), columns, tuple(found))


def _table(reading: NewExamples) -> tuple[Rows, int]:
    """Return at most `MOST` random rows of a table, and the number of all rows."""
    dataset: Dataset = reading.dataset
    with new_rows(reading) as rows:
        if not len(rows):
            raise DataError(f"{reading.examples}: no valid row", "give a table with valid rows")
        chosen = seeds.generator(0, "drift").random(len(rows)) < MOST / len(rows)
        frames, start = [], 0
        for chunk in rows.chunks(ROWS):
            frames.append(chunk[chosen[start : start + len(chunk)]])
            start += len(chunk)
        frame = pd.concat(frames, ignore_index=True)
    reads = {name: read.how for name, read in reads_of(dataset.fields).items()}
    columns = {name: _column(frame[name], how) for name, how in reads.items() if how in ("code", "number")}
    means = {name: numbers(frame[name]) for name in names_of(dataset.labels)}
    users = None if dataset.user is None else pd.factorize(pd.Series(texts(frame[dataset.user])))[0] + 1
    return Rows(columns, means, users), start


def _column(values: "pd.Series[Any]", how: str) -> Column:
    found: NDArray[Any] = numbers(values) if how == "number" else np.array(texts(values), object)
    return found


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
        yield lines(*next_commands([f"automtl update {drift.old} --data {drift.new}"]))
