"""What a finished run says of new examples: predictions in a file, or a test on labels that came later."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from automtl_core.data.new_rows import NewRows, check_output, new_rows
from automtl_core.data.part import Part
from automtl_core.data.progress import Progress, silent
from automtl_core.dataset.dataset import Dataset
from automtl_core.training.metrics import Metrics, metrics_of
from automtl_core.workflow.trained import Trained, predictions

CHUNK = 1 << 14
"""Rows that are encoded together, about: whole batches."""


@dataclass(frozen=True)
class Reading:
    """How new examples are read."""

    dataset: Dataset
    """Whose examples they are; says what is done with faulty rows."""
    files: Path
    """A file, or a pattern of several."""
    work_in: Path
    """Folder for what does not fit in memory."""
    memory_limit: str | None = None
    progress: Progress = field(default=silent, compare=False)


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
    with _read(reading, False, keep) as rows, rows.output(output, names, keep) as out:
        for part in _encoded(made, rows, reading.progress):
            out.add(predictions(made.tasks, made.said(part)))
        return len(rows), len(rows.rejected)


def predicted(made: Trained, reading: Reading) -> np.ndarray:
    """Return what is predicted of new examples, [R, T], in their order; raises as above."""
    with _read(reading, False) as rows:
        said = [made.said(part) for part in _encoded(made, rows, reading.progress)]
        return predictions(made.tasks, np.concatenate(said))


def measure(made: Trained, reading: Reading) -> tuple[Metrics, int, int]:
    """Return the metrics of new labelled examples, the rows, and those left out; raises as above."""
    with _read(reading, True) as rows:
        pairs = [(part.labels, made.said(part)) for part in _encoded(made, rows, reading.progress)]
        labels, said = (np.concatenate(arrays) for arrays in zip(*pairs, strict=True))
        return metrics_of(made.tasks, labels, said), len(rows), len(rows.rejected)


def _read(reading: Reading, labelled: bool, keep: Sequence[str] = ()) -> AbstractContextManager[NewRows]:
    r = reading
    return new_rows(r.dataset, r.files, r.work_in, labelled, keep, r.memory_limit, r.progress)


def _encoded(made: Trained, rows: NewRows, progress: Progress) -> Iterator[Part]:
    """Yield the rows as the network takes them, whole batches at a time."""
    total, done = len(rows), 0
    for chunk in rows.chunks(max(1, CHUNK // made.batch_size) * made.batch_size):
        yield made.encoder.encode(chunk, labelled=rows.labelled)
        done += len(chunk)
        progress("predict", done / total)
