"""New rows that no choice of a run has seen: later ones, or those of other files."""

from collections.abc import Sequence
from pathlib import Path

from automtl_core.data.frames import NewExamples
from automtl_core.errors import DataError
from automtl_core.raw.find import listed_files
from automtl_core.raw.sql import TimeRange, Times, check_comparable
from automtl_core.run_dir.facts import Data, Refreshed
from automtl_core.run_dir.run import Run
from automtl_core.system.documents import sha256


def time_column(run: Run, reading: NewExamples) -> str | None:
    """Return the column with the times of new rows; None if the run is not split by time."""
    dataset = reading.dataset
    return (dataset.time_column or dataset.time) if run.read(Data).times else None


def newest_seen(run: Run) -> float:
    """Return the time of the newest row that trained the network, chose it, or is in its aggregates."""
    refreshed = run.get(Refreshed)
    after = [refreshed.newest] if refreshed and refreshed.newest is not None else []
    return max([run.read(Data).times["validation"][1], *after])


def unseen_files(run: Run, reading: NewExamples) -> Sequence[str]:
    """Return the SHA-256 of the files of new rows, none of rows in memory.

    Raises:
        DataError: the run has seen one of them.

    """
    paths = listed_files(str(reading.examples))[2] if isinstance(reading.examples, Path) else ()
    refreshed = run.get(Refreshed) or Refreshed(str(run.path), 0)
    known = {*refreshed.files, *(raw["sha256"] for raw in run.read(Data).raw.values())}
    digests = [str(sha256(path)) for path in paths]
    for path, digest in zip(paths, digests, strict=True):
        if digest in known:
            raise DataError(f"{path}: {run.path} has seen this file", "give a file of new rows")
    return digests


def check_unseen(run: Run, reading: NewExamples, times: Times | None) -> bool:
    """Check that a run has seen none of new rows; return whether that is certain.

    With times, rows have to be later than the newest row that the run has seen. Without them, files must not
    be those of the run, and the result is not certain.

    Raises:
        DataError: the run has seen rows, or a file; or times are in another unit than those of its rows.

    """
    if times is None:
        unseen_files(run, reading)
        return False
    data = run.read(Data)
    column, newest = str(reading.time), newest_seen(run)
    first, last = float(times.seconds.min()), float(times.seconds.max())
    seen = TimeRange(f"the rows of {run.path}", times.form, *data.times["train"])
    check_comparable(column, seen, TimeRange("the new rows", times.form, first, last))
    if early := int((times.seconds <= newest).sum()):
        raise DataError(
            f"{early:,} of {len(times.seconds):,} rows are not later than {column} {times.in_words(newest)}, "
            f"the newest row that {run.path} was trained or chosen on",
            "leave them out",
        )
    return True
