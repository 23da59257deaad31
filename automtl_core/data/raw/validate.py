"""Validation of raw files: the faulty rows with their places, and the number of valid ones."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from automtl_core.data.progress import Progress, silent
from automtl_core.data.raw import arrays, parquet
from automtl_core.data.raw.connection import connect
from automtl_core.data.raw.find import find
from automtl_core.data.raw.load import Rejected
from automtl_core.data.raw.records import layout, records
from automtl_core.data.raw.sql import count, literal, one_file
from automtl_core.dataset.dataset import Dataset, RawFile
from automtl_core.errors import DataError, UsageError


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
        first: Number of rows to check of each file, from its beginning; None for all. An array of numpy is
            always checked completely.

    Raises:
        InputMissingError: raw files are missing.
        UsageError: the dataset has no raw files.

    """

    def __init__(self, dataset: Dataset, name: str, data_dir: Path | None, first: int | None = None) -> None:
        self._folder, self._first = data_dir, first
        self._found = [each for files in find(data_dir, dataset, name).values() for each in files]
        if not self._found:
            raise UsageError(f"dataset {name} has no raw files", "there is nothing to check")
        self.files: list[Checked] = []

    def rejected(self, progress: Progress = silent) -> Iterator[Rejected]:
        """Yield the faulty rows of all files; a file that cannot be read gets a `problem`."""
        for place, (path, name, file) in enumerate(self._found):
            checked = Checked(name)
            self.files.append(checked)
            progress(checked.file, place / len(self._found))
            try:
                if path.suffix == ".npy":
                    checked.accepted = len(arrays.opened(path, file))
                else:
                    check = self._in_parquet if path.suffix == ".parquet" else self._in_text
                    yield from check(path, file, checked)
                if not checked.records:
                    checked.problem = f"{path}: holds no rows"
            except DataError as error:
                checked.problem, checked.fix = str(error), error.fix

    def _in_text(self, path: Path, file: RawFile, checked: Checked) -> Iterator[Rejected]:
        for record in islice(records(layout(path, file)), self._first):
            if record.fault is None:
                checked.accepted += 1
            else:
                checked.rejected += 1
                yield Rejected(checked.file, record.fault)

    def _in_parquet(self, path: Path, file: RawFile, checked: Checked) -> Iterator[Rejected]:
        with tempfile.TemporaryDirectory() as work_dir, connect(self._folder, Path(work_dir)) as db:
            faults = list(parquet.faulty(db, path, file, 1 << 62, self._first))
            rows = count(db, f"read_parquet({literal(one_file(path))})")
        rows = rows if self._first is None else min(rows, self._first)
        checked.accepted, checked.rejected = rows - len(faults), len(faults)
        yield from (Rejected(checked.file, fault) for fault in faults)
