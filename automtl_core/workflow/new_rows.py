"""New examples for a finished run: predictions in a file, or a test with later labels."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.encoder import Column
from automtl_core.data.frames import Examples, FrameRows, frame_rows
from automtl_core.data.new_rows import NewRows, check_output, new_rows
from automtl_core.data.part import Part
from automtl_core.data.progress import Progress, silent
from automtl_core.data.raw.load import Rejected
from automtl_core.dataset.dataset import Dataset
from automtl_core.dataset.history import History
from automtl_core.errors import UsageError, listing
from automtl_core.fields.encode import texts
from automtl_core.training.measuring import NONE, metrics_of
from automtl_core.training.metric import Metric
from automtl_core.training.metrics import Metrics
from automtl_core.workflow.trained import Trained, predictions

CHUNK = 1 << 14
"""Approximate number of rows that are encoded together, in whole batches."""


@dataclass(frozen=True)
class Reading:
    """New examples in files, with the options to read them."""

    dataset: Dataset
    """Dataset of the examples; its settings define the treatment of faulty rows."""
    files: Path
    """A file, or a pattern of several."""
    work_in: Path
    """Folder for data that does not fit in memory."""
    memory_limit: str | None = None
    progress: Progress = field(default=silent, compare=False)
    histories: tuple[History, ...] = ()
    """Histories of the examples, as lists in their rows or in `log`."""
    log: Path | None = None
    """A file, or a pattern of several, with the events up to now."""

    def rows(self, labelled: bool, keep: Sequence[str] = ()) -> AbstractContextManager[NewRows]:
        """Return the rows as a context manager; raises as `new_rows`."""
        how = (labelled, keep, self.memory_limit, self.progress, self.histories, self.log)
        return new_rows(self.dataset, self.files, self.work_in, *how)


@dataclass(frozen=True)
class InMemory:
    """New examples in memory."""

    dataset: Dataset
    """Dataset of the examples; its settings define the treatment of faulty rows."""
    examples: Examples
    progress: Progress = field(default=silent, compare=False)
    histories: tuple[History, ...] = ()
    """Histories of the examples, as lists in their columns or in `log`."""
    log: pd.DataFrame | None = None
    """The events up to now."""

    def rows(self, labelled: bool) -> AbstractContextManager[FrameRows]:
        """Return the rows as a context manager; raises as `frame_rows`."""
        return nullcontext(frame_rows(self.dataset, self.examples, labelled, self.histories, self.log))


def check_log(histories: Sequence[History], log: object) -> None:
    """Check that events are given only to a network that reads them.

    Raises:
        UsageError: they are given to another one.

    """
    if log is not None and not histories:
        raise UsageError("the network reads no history", "leave out --history")
    if log is not None and any(history.lists for history in histories):
        names = listing(name for history in histories for name in history.lists.values())
        raise UsageError(f"the rows hold their events as lists: {names}", "leave out --history")


def write_predictions(
    made: Trained, reading: Reading, output: Path, keep: Sequence[str] = ()
) -> tuple[int, int]:
    """Write predictions for new examples to a file, in order; return the numbers of rows and of skipped rows.

    Raises:
        InputMissingError: there is no such file.
        DataError: a file is not as declared, or there are too many faulty rows.
        UsageError: the file cannot be written, or a column to keep does not exist.

    """
    check_output(output)
    names = [task.name for task in made.tasks]
    with reading.rows(False, keep) as rows, rows.output(output, names, keep) as out:
        for part in _encoded(made, rows, reading.progress):
            out.add(predictions(made.tasks, made.predict_logits(part)))
        return len(rows), len(rows.rejected)


def predicted(made: Trained, reading: Reading | InMemory) -> tuple[np.ndarray, Sequence[Rejected]]:
    """Return predictions for new examples, [R, T], in order, and the skipped rows; raises as `new_rows`."""
    with reading.rows(False) as rows:
        logits = [made.predict_logits(part) for part in _encoded(made, rows, reading.progress)]
        return predictions(made.tasks, np.concatenate(logits)), rows.rejected


def measure(
    made: Trained, reading: Reading | InMemory, registered: Mapping[str, Metric] = NONE
) -> tuple[Metrics, int, int]:
    """Return the metrics of new labelled rows, and the numbers of all and skipped rows; raises likewise.

    The values of the user field are compared as text, so that users without training rows are told apart.
    """
    with reading.rows(True) as rows:
        parts = [
            (part.labels, made.predict_logits(part), part.users)
            for part in _encoded(made, rows, reading.progress)
        ]
        labels, logits = (np.concatenate([part[n] for part in parts]) for n in (0, 1))
        users = [part[2] for part in parts if part[2] is not None]
        found = metrics_of(made.tasks, labels, logits, np.concatenate(users) if users else None, registered)
        return found, len(rows), len(rows.rejected)


def _encoded(made: Trained, rows: NewRows | FrameRows, progress: Progress) -> Iterator[Part]:
    """Yield the encoded rows, whole batches at a time; labelled rows have their users."""
    total, done, numbers = len(rows), 0, dict[str, int]()
    for chunk in rows.chunks(max(1, CHUNK // made.batch_size) * made.batch_size):
        part, user = made.encoder.encode(chunk, labelled=rows.labelled), rows.dataset.user
        if rows.labelled and user is not None:
            part = replace(part, users=_numbered(chunk[user], numbers))
        yield part
        done += len(chunk)
        progress("predict", done / total)


def _numbered(column: Column, numbers: dict[str, int]) -> NDArray[np.int32]:
    """Return the number of each user, 0 for a blank, [R]; users without a number get the next ones."""
    known = (numbers.setdefault(user, len(numbers) + 1) if user else 0 for user in texts(column))
    return np.fromiter(known, np.int32, len(column))
