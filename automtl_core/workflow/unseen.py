"""New rows that no choice of a run has seen."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.frames import NewExamples, NewRows
from automtl_core.dataset.recorded import RecordedDataset
from automtl_core.run_dir.facts import SEEN, Data, Refreshed
from automtl_core.run_dir.run import Run


def time_column(run: Run, reading: NewExamples) -> str | None:
    """Return the column with the times of new rows; None if the run is not split by time."""
    return reading.moment if run.read(Data).times else None


def newest_seen(run: Run) -> float:
    """Return the time of the newest row that trained the network, chose it, or is in its aggregates."""
    refreshed = run.get(Refreshed)
    after = [refreshed.newest] if refreshed and refreshed.newest is not None else []
    return max([run.read(Data).times["validation"][1], *after])


def unseen(run: Run, rows: NewRows) -> NDArray[np.bool_]:
    """Return whether a run has not seen rows, [R]: in training, in a choice or in its aggregates.

    With the times of rows, those up to the newest row that it has seen are left out too. A sentence names the
    number of rows that are left out, or says that it cannot be told.

    Raises:
        DataError: none is left, or times are in another unit than those of its rows.

    """
    if rows.times is not None:
        first, newest = run.read(Data).times["train"][0], newest_seen(run)
        return rows.later_than(newest, first, f"the newest row that {run.path} has seen")
    return not_among(run, rows)


def not_among(run: Run, rows: NewRows, parts: Sequence[str] = (*SEEN, "refresh")) -> NDArray[np.bool_]:
    """Return whether rows are not among those of parts of a run, [R]; raises as `unseen` does."""
    known = run.rows(*parts)
    if known is None or isinstance(rows.reading.dataset, RecordedDataset):
        why = "the run is of an earlier version" if known is None else "the plugin of its dataset is missing"
        rows.reading.note(f"whether {run.path} has seen the rows cannot be told: {why}", True)
        return np.ones(len(rows), bool)
    return rows.beyond(known, str(run.path))
