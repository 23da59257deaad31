"""New examples: files are read in order, chunk by chunk, and their predictions are written.

Memory does not grow with the rows: DuckDB spills to disk. Letters: R rows, T tasks.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from automtl_core.data.frames import NewExamples, NewRows, frame_rows, in_tables, with_columns
from automtl_core.dataset.dataset import TEXT, RawFile, columns_of_lists
from automtl_core.dataset.declarations import History
from automtl_core.errors import DataError, FaultyRowError, RunExistsError, UsageError, did_you_mean, listing
from automtl_core.fields.field import Floats
from automtl_core.raw.connection import connect
from automtl_core.raw.find import listed_files, source_of
from automtl_core.raw.load import load, place_of
from automtl_core.raw.sql import DB, count, literal, quoted
from automtl_core.system.files import publish_file, remove_stale, scratch_folder

FORMATS = {".csv": "FORMAT csv, HEADER", ".parquet": "FORMAT parquet"}
"""File extension -> format of the output."""
TABLE, LOG = "new rows", "events of new rows"


@contextmanager
def new_rows(reading: NewExamples) -> Iterator[NewRows]:
    """Read new examples, from files or in memory.

    Raises:
        InputMissingError: there is no such file.
        DataError: a file is not as declared, or there are too many faulty rows.
        UsageError: a column to keep does not exist.

    """
    if not isinstance(reading.examples, Path):
        yield frame_rows(reading)
        return
    log = reading.log
    folder, _, paths = listed_files(str(reading.examples))
    logged, _, log_paths = listed_files(str(log)) if log is not None else (folder, "", [])
    with (
        scratch_folder(reading.work_in) as work_dir,
        connect(folder, work_dir, reading.memory_limit or "256MiB", more=[logged]) as db,
    ):
        sources = []
        for place, path in enumerate(paths):
            reading.progress("check", place / len(paths))
            declared = reading.file(path.relative_to(folder).as_posix())
            sources.append(source_of(path, _keeping(declared, reading.keep), folder))
        reading.progress("read", 0.0)
        try:
            rejected = load(db, TABLE, sources, work_dir, reading.most)
        except DataError as error:
            of_log = columns_of_lists(history for history in reading.histories if not history.lists)
            if log is None and any(repr(name) in str(error) for name in of_log):
                fix = f"give the events up to now by --history, or {error.fix}"
                raise DataError(str(error), fix) from None
            of_lists = reading.lists.by if reading.lists is not None else ()
            if any(repr(name) in str(error) for name in of_lists):
                raise DataError(f"{error}: rows form lists by {listing(of_lists)}", error.fix) from None
            raise
        files = {TABLE: sources}

        def log_of(history: History) -> str:
            db.execute(f"DROP TABLE IF EXISTS {quoted(LOG)}")
            files[LOG] = [source_of(p, reading.log_file(p.name, history), logged) for p in log_paths]
            left = None if reading.most is None else reading.most - len(rejected)
            rejected.extend(load(db, LOG, files[LOG], work_dir, left))
            return LOG

        try:
            found = in_tables(db, reading, TABLE, log_of)
        except FaultyRowError as fault:
            where = place_of(db, files[fault.table], fault.row)
            raise DataError(f"{where}: {fault}", fault.fix) from None
        yield NewRows(reading, count(db, quoted(TABLE)), partial(_tables, db), rejected, db=db, **found)


def _tables(db: DB, size: int) -> Iterator[pd.DataFrame]:
    """Yield the rows of files in order, `size` at a time."""
    table = db.table(quoted(TABLE))
    kinds = dict(zip(table.columns, map(str, table.types), strict=True))
    chosen = ", ".join(
        quoted(name) if kind == "DOUBLE" else f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}"
        for name, kind in kinds.items()
    )
    db.execute(f"SELECT {chosen} FROM {quoted(TABLE)}")
    left = pd.DataFrame()
    while len(fetched := db.fetch_df_chunk(8)):  # of 2048 rows each
        left = pd.concat([left, fetched], ignore_index=True) if len(left) else fetched
        full = len(left) // size * size
        for start in range(0, full, size):
            yield left.iloc[start : start + size]
        left = left.iloc[full:]
    if len(left):
        yield left


@contextmanager
def predictions_file(rows: NewRows, path: Path, tasks: Sequence[str]) -> Iterator[Callable[[Floats], None]]:
    """Yield a function that receives the predictions of the next rows, [R, T].

    The file is created when the block ends without an error.

    Args:
        rows: The rows of files.
        path: Output file, .csv or .parquet; the kept columns of the input are its first ones.
        tasks: Columns of the predictions.

    Raises:
        UsageError: a kept column has the name of another one.

    """
    assert rows.db is not None  # noqa: S101 - of files
    keep = rows.reading.keep
    lowered = [name.lower() for name in (*keep, *tasks)]
    if twice := [name for name in keep if lowered.count(name.lower()) > 1]:
        what = f"--keep names {twice[0]!r}, but another column of the output has this name"
        raise UsageError(what, "leave it out: the output has a column for each task")
    db = rows.db.cursor()  # a connection that reads rows cannot insert at the same time
    db.execute(f"CREATE TABLE predictions ({', '.join(f'{quoted(task)} DOUBLE' for task in tasks)})")

    def add(predictions: Floats) -> None:
        db.register("more", pd.DataFrame(predictions, columns=list(tasks)))
        db.execute("INSERT INTO predictions FROM more")
        db.unregister("more")

    with publish_file(path) as draft:
        yield add
        kept = [f"n.{quoted(name)}" for name in keep] + [f"p.{quoted(task)}" for task in tasks]
        [folder] = rows.db.execute("SELECT current_setting('temp_directory')").fetchall()[0]
        written = Path(folder) / f"written{path.suffix}"
        rows.db.execute(
            f"COPY (SELECT {', '.join(kept)} FROM {quoted(TABLE)} AS n POSITIONAL JOIN predictions AS p) "
            f"TO {literal(str(written))} ({FORMATS[path.suffix]})"
        )
        written.replace(draft)


def check_output(path: Path) -> None:
    """Check that a file of predictions can be written.

    Raises:
        UsageError: its extension is not supported, or its folder does not exist.
        RunExistsError: it exists.

    """
    if path.suffix not in FORMATS:
        raise UsageError(f"{path}: the extension is not one of {listing(FORMATS)}", "use one of these")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent}: no such folder", "create the folder first, or give another one")
    if os.path.lexists(path):
        remove_stale(path.parent)  # of a process that was killed after it wrote the file
        raise RunExistsError(f"{path}: exists already, and is not replaced", "choose another file")


def _keeping(file: RawFile, keep: Sequence[str]) -> RawFile:
    """Return a declaration with further columns, as texts."""
    unknown = [name for name in keep if not file.others and name not in file.columns]
    if unknown:
        near = did_you_mean(unknown[0], file.columns)
        raise UsageError(
            f"--keep names {unknown[0]!r}, which is not a column{near}", f"known: {listing(file.columns)}"
        )
    return with_columns(file, dict.fromkeys(keep, replace(TEXT, setting="--keep")))
