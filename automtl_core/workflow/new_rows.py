"""What a finished run says of new examples: predictions in a file, or a test on labels that came later."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from automtl_core.data.frames import Examples, FrameRows, frame_rows
from automtl_core.data.new_rows import NewRows, check_output, new_rows
from automtl_core.data.part import Part
from automtl_core.data.progress import Progress, silent
from automtl_core.data.raw.load import Rejected
from automtl_core.dataset.dataset import Dataset
from automtl_core.training.metrics import Metrics, metrics_of
from automtl_core.workflow.trained import Trained, predictions

CHUNK = 1 << 14
"""Rows that are encoded together, about: whole batches."""


@dataclass(frozen=True)
class Reading:
    """How new examples are read from files."""

    dataset: Dataset
    """Whose examples they are; says what is done with faulty rows."""
    files: Path
    """A file, or a pattern of several."""
    work_in: Path
    """Folder for what does not fit in memory."""
    memory_limit: str | None = None
    progress: Progress = field(default=silent, compare=False)

    def rows(self, labelled: bool, keep: Sequence[str] = ()) -> AbstractContextManager[NewRows]:
        """Give the rows; raises as `new_rows`."""
        return new_rows(
            self.dataset, self.files, self.work_in, labelled, keep, self.memory_limit, self.progress
        )


@dataclass(frozen=True)
class InMemory:
    """New examples that need no reading."""

    dataset: Dataset
    """Whose examples they are; says what is done with faulty rows."""
    examples: Examples
    progress: Progress = field(default=silent, compare=False)

    def rows(self, labelled: bool) -> AbstractContextManager[FrameRows]:
        """Give the rows; raises as `frame_rows`."""
        return nullcontext(frame_rows(self.dataset, self.examples, labelled))


def write_predictions(
    made: Trained, reading: Reading, output: Path, keep: Sequence[str] = ()
) -> tuple[int, int]:
    """Write what is predicted of new examples to a file, in their order; return the rows, and those left out.

    Raises:
        InputMissingError: there is no such file.
        DataError: a file is not as declared, or there are too many faulty rows.
        UsageError: the file cannot be written, or a column to keep cannot be had.

    """
    check_output(output)
    names = [task.name for task in made.tasks]
    with reading.rows(False, keep) as rows, rows.output(output, names, keep) as out:
        for part in _encoded(made, rows, reading.progress):
            out.add(predictions(made.tasks, made.said(part)))
        return len(rows), len(rows.rejected)


def predicted(made: Trained, reading: Reading | InMemory) -> tuple[np.ndarray, Sequence[Rejected]]:
    """Return predictions for new examples, [R, T], in their order, and the rows left out; raises as above."""
    with reading.rows(False) as rows:
        said = [made.said(part) for part in _encoded(made, rows, reading.progress)]
        return predictions(made.tasks, np.concatenate(said)), rows.rejected


def measure(made: Trained, reading: Reading | InMemory) -> tuple[Metrics, int, int]:
    """Return the metrics of new labelled examples, the rows, and those left out; raises as above."""
    with reading.rows(True) as rows:
        pairs = [(part.labels, made.said(part)) for part in _encoded(made, rows, reading.progress)]
        labels, said = (np.concatenate(arrays) for arrays in zip(*pairs, strict=True))
        return metrics_of(made.tasks, labels, said), len(rows), len(rows.rejected)


def _encoded(made: Trained, rows: NewRows | FrameRows, progress: Progress) -> Iterator[Part]:
    """Yield the rows as the network takes them, whole batches at a time."""
    total, done = len(rows), 0
    for chunk in rows.chunks(max(1, CHUNK // made.batch_size) * made.batch_size):
        yield made.encoder.encode(chunk, labelled=rows.labelled)
        done += len(chunk)
        progress("predict", done / total)
