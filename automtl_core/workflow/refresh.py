"""Aggregates of a run that are brought up to date with new rows, without training.

Letters: R rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.frames import NewExamples, NewRows
from automtl_core.data.new_rows import new_rows
from automtl_core.data.part import Part
from automtl_core.errors import DataError, UsageError
from automtl_core.run_dir.facts import Data, Refreshed, Result
from automtl_core.run_dir.run import Run
from automtl_core.system.documents import Value
from automtl_core.system.files import check_free_folder
from automtl_core.workflow.new_rows import encoded, not_among, time_column
from automtl_core.workflow.trained import Trained


@dataclass(frozen=True)
class RefreshedRun(Value):
    """A run whose aggregates were brought up to date."""

    run: str
    """The new run."""
    parent: str
    rows: int
    """Number of rows that were added."""
    left_out: int
    """Number of rows that the aggregates have seen, or that are not later than the newest row before."""
    until: str | None
    """Time of the newest row; None without a split by time."""
    skipped: tuple[str, ...]
    """Places and faults of the skipped rows."""


def refresh(run: Run, made: Trained, reading: NewExamples, path: Path) -> RefreshedRun:
    """Copy a run with aggregates that have seen more rows.

    No row counts twice: under a split by time, rows up to the newest row of the aggregates are left out;
    else rows that they have seen, see `data.known`. Rows count by their weights, as in training.

    Args:
        run: The run, which stays as it is.
        made: Its network.
        reading: The rows.
        path: Folder of the new run.

    Raises:
        UsageError: the run has no aggregates.
        DataError: no row is new, valid and has a label, or as `new_rows` raises it.
        RunExistsError: the path exists, or cannot be created.

    """
    check_free_folder(path)
    if not made.encoder.aggregates.states:
        raise UsageError("the run has no aggregates to bring up to date", "train with features.aggregates")
    before, data = run.get(Refreshed) or Refreshed(str(run.path), 0), run.read(Data)
    column = time_column(run, reading)
    # Aggregates are of fields alone: rows need no history.
    plain = replace(made, encoder=made.encoder.of_run((), made.encoder.aggregates))
    how: dict[str, Any] = {"labelled": True, "histories": (), "rule": None, "time": column}
    how |= {"identified": True, "weights": made.encoder.schema.weights}
    how["unread"] = [name for name in made.unread if name not in how["weights"]]
    with new_rows(replace(reading, **how)) as rows:
        if data.times:
            last = "validation" if run.read(Result).refitted else "train"
            seen = made.encoder.aggregates.states[0].time or data.times[last][1]  # 0 in an earlier version
            newest = seen if before.newest is None else before.newest
            name = "the newest row that the aggregates have seen"
            later = rows.later_than(newest, data.times["train"][0], name)
            _note_gap(rows, later, newest, data)
        else:
            refitted = ("validation",) if run.read(Result).refitted else ()
            later = not_among(run, rows, ("train", *refitted, "refresh"))
        labelled = start = 0

        def parts() -> Iterator[tuple[Part, NDArray[np.float64] | None]]:
            nonlocal labelled, start
            for part in encoded(plain, rows):
                places = start + np.flatnonzero(later[start : start + len(part)])
                some, times = part.some(places - start), rows.times and rows.times.seconds[places]
                start, labelled = start + len(part), labelled + int((~np.isnan(some.labels)).any(1).sum())
                yield some, times

        aggregates = made.encoder.aggregates.with_rows(parts(), made.encoder.schema)
        encoder = replace(made.encoder, aggregates=aggregates)
        if not labelled:
            raise DataError("none of the new rows is valid and has a label", "give rows with labels")
        added = int(later.sum())
        latest = None if rows.times is None else float(rows.times.seconds.max())
        until = rows.times and rows.times.in_words(rows.times.seconds.max())
        fact = Refreshed(str(run.path), before.rows + added, latest, until)
        run.copied(path, encoder, fact, rows.digests[later])
        skipped = tuple(map(str, rows.rejected))
        return RefreshedRun(str(path), str(run.path), added, len(rows) - added, until, skipped)


def _note_gap(rows: NewRows, later: NDArray[np.bool_], newest: float, data: Data) -> None:
    """Warn if all new rows are later than the test rows, which the aggregates have not seen."""
    if rows.times is None or not len(rows) or not later.all():
        return
    if newest < data.times["test"][0] and rows.times.seconds.min() > data.times["test"][1]:
        fix = "give the raw files of the run too, whose training rows are left out"
        unseen = "validation and test rows" if newest < data.times["validation"][0] else "test rows"
        rows.reading.note(f"the aggregates have not seen the {unseen}: {fix}", True)
