"""Validation of raw files: the faulty rows with their places, and the number of valid ones."""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from automtl_core.dataset.dataset import Dataset
from automtl_core.errors import DataError, UsageError
from automtl_core.raw.columnar import faulty, rows_of
from automtl_core.raw.connection import connect
from automtl_core.raw.find import Source, find
from automtl_core.raw.load import PARQUET, Rejected
from automtl_core.raw.records import file_layout, records
from automtl_core.system.progress import Progress, silent


@dataclass
class Checked:
    """The result for one raw file."""

    file: str
    """Path relative to the folder of the dataset."""
    accepted: int = 0
    rejected: int = 0
    problem: str | None = None
    """Reason why the file cannot be read to its end; the counts are then those of the rows before."""
    fix: str | None = None
    """Remedy for this."""

    @property
    def records(self) -> int:
        """Rows of the file, without its header and a truncated last line."""
        return self.accepted + self.rejected


class Validation:
    """The validation of a dataset's raw files; `files` is complete after the last item of `rejected`.

    Args:
        dataset: The adapter, with its settings.
        name: Its registered name.
        data_dir: The folder of its raw files.
        first: Number of rows to check of each file, from its beginning; None for all.

    Raises:
        InputMissingError: raw files are missing.
        UsageError: the dataset has no raw files.

    """

    def __init__(self, dataset: Dataset, name: str, data_dir: Path | None, first: int | None = None) -> None:
        self._folder, self._first = data_dir, first
        self._sources = [source for files in find(data_dir, dataset, name).values() for source in files]
        if not self._sources:
            raise UsageError(f"dataset {name} has no raw files", "there is nothing to check")
        self.files: list[Checked] = []

    def rejected(self, progress: Progress = silent) -> Iterator[Rejected]:
        """Yield the faulty rows of all files; a file that cannot be read gets a `problem`."""
        for place, source in enumerate(self._sources):
            checked = Checked(source.name)
            self.files.append(checked)
            progress(checked.file, place / len(self._sources))
            try:
                columnar = source.path.suffix == PARQUET
                yield from (self._of_columns if columnar else self._of_text)(source, checked)
                if not checked.records:
                    checked.problem = f"{source.path}: holds no rows"
            except DataError as error:
                checked.problem, checked.fix = str(error), error.fix

    def _of_text(self, source: Source, checked: Checked) -> Iterator[Rejected]:
        for record in islice(records(file_layout(source.path, source.file)), self._first):
            if record.fault is None:
                checked.accepted += 1
            else:
                checked.rejected += 1
                yield Rejected(checked.file, record.fault)

    def _of_columns(self, source: Source, checked: Checked) -> Iterator[Rejected]:
        with tempfile.TemporaryDirectory() as work_dir, connect(self._folder, Path(work_dir)) as db:
            rows = min(rows_of(db, source.path), sys.maxsize if self._first is None else self._first)
            faults = list(faulty(db, source.path, source.file, rows, self._first))
        checked.accepted, checked.rejected = rows - len(faults), len(faults)
        yield from (Rejected(checked.file, fault) for fault in faults)
