"""New examples: files are read in their order, chunk by chunk, and what is said of each row is written.

Memory does not grow with the rows: DuckDB keeps on disk what does not fit. Letters: R rows, T tasks.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.progress import Progress, silent
from automtl_core.data.raw.connection import connect
from automtl_core.data.raw.find import given, source_of
from automtl_core.data.raw.load import Rejected, load
from automtl_core.data.raw.sql import count, literal, quoted
from automtl_core.dataset.dataset import TEXT, Dataset, RawFile, Read, learned, reads_of
from automtl_core.disk.files import publish_file, scratch_folder
from automtl_core.errors import UsageError, did_you_mean, listing

MEMORY = "256MiB"
"""Of the database, where nothing is said."""
VECTORS = 8
"""Size of what is fetched at once, in DuckDB's vectors of 2048 rows."""
FORMATS = {".csv": "FORMAT csv, HEADER", ".parquet": "FORMAT parquet"}
"""How a file is written, by how its name ends."""
TABLE = "new rows"


@dataclass(frozen=True)
class NewRows:
    """New examples that have been read."""

    db: duckdb.DuckDBPyConnection
    work_dir: Path
    dataset: Dataset
    labelled: bool
    rejected: Sequence[Rejected]
    """Rows that are left out as faulty."""

    def __len__(self) -> int:
        return count(self.db, quoted(TABLE))

    def chunks(self, size: int) -> Iterator[pd.DataFrame]:
        """Yield the rows in their order, `size` at a time, as `Encoder.encode` takes them."""
        columns = {name: _value(name, read) for name, read in reads_of(self.dataset.fields).items()}
        if self.labelled:
            columns |= {
                label.name: f"CAST({quoted(label.name)} AS DOUBLE)" for label in learned(self.dataset)
            }
        chosen = ", ".join(f"{value} AS {quoted(name)}" for name, value in columns.items())
        relation = self.dataset.new_rows(self.db.table(quoted(TABLE)), self.labelled)
        self.db.register("new examples", relation)
        self.db.execute(f'SELECT {chosen} FROM "new examples"')
        left = pd.DataFrame()
        while len(fetched := self.db.fetch_df_chunk(VECTORS)):
            left = pd.concat([left, fetched], ignore_index=True) if len(left) else fetched
            full = len(left) // size * size
            for start in range(0, full, size):
                yield left.iloc[start : start + size]
            left = left.iloc[full:]
        if len(left):
            yield left

    @contextmanager
    def output(self, path: Path, tasks: Sequence[str], keep: Sequence[str]) -> Iterator["Output"]:
        """Give what takes predictions, row after row; the file is there when the block ends well.

        Args:
            path: Of the file, .csv or .parquet.
            tasks: Names of the columns of what is predicted.
            keep: Columns of the files that are written too, in front.

        """
        _check_names(tasks, keep)
        with publish_file(path) as draft:
            yield Output(self.db.cursor(), list(tasks))
            kept = [f"n.{quoted(name)}" for name in keep] + [f"p.{quoted(task)}" for task in tasks]
            written = self.work_dir / f"written{path.suffix}"
            self.db.execute(
                f"COPY (SELECT {', '.join(kept)} FROM {quoted(TABLE)} AS n POSITIONAL JOIN predictions AS p) "
                f"TO {literal(str(written.resolve()))} ({FORMATS[path.suffix]})"
            )
            written.replace(draft)


class Output:
    """Takes predictions.

    Args:
        db: Not the connection that rows are being read from, which can do one thing at a time.
        tasks: Names of the columns.

    """

    def __init__(self, db: duckdb.DuckDBPyConnection, tasks: Sequence[str]) -> None:
        self._db, self._tasks = db, tasks
        db.execute(f"CREATE TABLE predictions ({', '.join(f'{quoted(task)} DOUBLE' for task in tasks)})")

    def add(self, predictions: NDArray[np.float64]) -> None:
        """Take the predictions of the next rows, [R, T]."""
        self._db.register("more", pd.DataFrame(predictions, columns=list(self._tasks)))
        self._db.execute("INSERT INTO predictions FROM more")
        self._db.unregister("more")


@contextmanager
def new_rows(
    dataset: Dataset,
    files: Path,
    work_in: Path,
    labelled: bool = False,
    keep: Sequence[str] = (),
    memory_limit: str | None = None,
    progress: Progress = silent,
) -> Iterator[NewRows]:
    """Read files of new examples.

    Args:
        dataset: Whose examples they are; says what is done with faulty rows.
        files: A file, or a pattern of several, which are read in the order of their names.
        work_in: Folder that a hidden folder is made in for what does not fit in memory.
        labelled: Whether they have labels.
        keep: Further columns to keep, as they stand in the files.
        memory_limit: Most memory of the database, such as `512MiB`.
        progress: Told how far the reading is.

    Raises:
        InputMissingError: there is no such file.
        DataError: a file is not as declared, or there are too many faulty rows.
        UsageError: a column to keep cannot be had.

    """
    folder, _, paths = given(str(files))
    settings = dataset.settings
    most = settings.max_bad_rows if settings.bad_rows == "skip" else None
    with (
        scratch_folder(work_in) as work_dir,
        connect(folder, work_dir, memory_limit or MEMORY) as db,
    ):
        sources = []
        for place, path in enumerate(paths):
            progress("check", place / len(paths))
            declared = dataset.new_file(path.relative_to(folder).as_posix(), labelled)
            sources.append(source_of(path, _keeping(declared, keep), folder))
        progress("read", 0.0)
        rejected = load(db, TABLE, sources, work_dir, most)
        yield NewRows(db, work_dir, dataset, labelled, rejected)


def check_output(path: Path) -> None:
    """Check that a file of predictions can be written.

    Raises:
        UsageError: its name does not say how, or there is no such folder.

    """
    if path.suffix not in FORMATS:
        raise UsageError(f"{path}: the name ends in none of {listing(FORMATS)}", "name a file that does")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent}: no such folder", "make it first, or name another one")
    if path.is_dir():
        raise UsageError(f"{path}: is a folder", "name a file")


def _keeping(file: RawFile, keep: Sequence[str]) -> RawFile:
    """Return a declaration with further columns."""
    unknown = [name for name in keep if not file.others and name not in file.columns]
    if unknown:
        near = did_you_mean(unknown[0], file.columns)
        raise UsageError(
            f"--keep names {unknown[0]!r}, which is no column{near}", f"known: {listing(file.columns)}"
        )
    columns = dict(file.columns)
    for name in keep:
        if name not in columns or columns[name].kind == "unused":
            columns[name] = TEXT
    return replace(file, columns=columns)


def _check_names(tasks: Sequence[str], keep: Sequence[str]) -> None:
    lowered = [name.lower() for name in (*keep, *tasks)]
    if twice := [name for name in keep if lowered.count(name.lower()) > 1]:
        raise UsageError(
            f"--keep names {twice[0]!r}, and there is another column of that name in what is written",
            "leave it out: each task has a column of its own",
        )


def _value(column: str, read: Read) -> str:
    """Return SQL for what an encoder takes of a column."""
    name = quoted(column)
    if read.how == "number":
        return f"CAST({name} AS DOUBLE)"
    if read.how == "bag":
        parts = f"string_split(CAST({name} AS VARCHAR), {literal(read.separator)})"
        return f"list_filter(list_transform({parts}, lambda x: trim(x)), lambda x: x <> '')"
    return f"CAST({name} AS VARCHAR)"
