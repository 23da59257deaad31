"""A DuckDB connection that can read a dataset's folder, write its own, and reach nothing else."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from automtl_core.data.raw.sql import literal
from automtl_core.errors import AutoMTLError, DataError, OutOfMemoryError, StorageError, printable


@contextmanager
def connect(
    data_dir: Path | None, work_dir: Path, memory_limit: str | None = None, threads: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in `work_dir` that can read and write there and in `data_dir`, and nowhere else.

    Tables live on disk, and what a query cannot hold in memory is spilled there too, so that data may be
    larger than memory.

    Args:
        data_dir: Folder of the raw files.
        work_dir: Holds the database and what is spilled.
        memory_limit: Most memory of the database, such as `512MiB`; most of the machine's where None.
        threads: Threads; those of the machine where None.

    Raises:
        DataError: a value cannot be converted.
        OutOfMemoryError: a query needs more memory than there is.
        StorageError: the disk is full, or failing.

    """
    try:
        with duckdb.connect(work_dir / "raw.duckdb") as db:
            folders = [folder.resolve() for folder in (data_dir, work_dir) if folder]
            _lock_down(db, folders, work_dir, memory_limit, threads)
            yield db
    except duckdb.Error as error:
        if known := _translated(error):
            raise known from None
        raise


def _lock_down(
    db: duckdb.DuckDBPyConnection,
    allowed: Iterable[Path],
    work_dir: Path,
    memory_limit: str | None,
    threads: int | None,
) -> None:
    folders = ", ".join(literal(f"{folder}/") for folder in allowed)
    with suppress(duckdb.InvalidInputException):  # a notebook without widgets has none, and cannot say so
        db.execute("SET enable_progress_bar = false")
    db.execute(f"SET temp_directory = {literal(str(work_dir.resolve()))}")
    if memory_limit:
        db.execute(f"SET memory_limit = {literal(memory_limit)}")
        # What the allocator keeps of freed memory comes on top of the limit: by default up to 128 MiB.
        db.execute("SET allocator_flush_threshold = '16MiB'")
    if threads:
        db.execute(f"SET threads = {threads}")
    # Texts of moments with a time zone must not depend on the machine.
    db.execute("SET TimeZone = 'UTC'")
    db.execute(f"SET allowed_directories = [{folders}]")
    db.execute("SET enable_external_access = false")
    db.execute("SET lock_configuration = true")


def _translated(error: duckdb.Error) -> AutoMTLError | None:
    words = printable(str(error).splitlines()[0])
    if isinstance(error, duckdb.OutOfMemoryException):
        return OutOfMemoryError(
            f"preparing data: {words}",
            "allow more memory by --memory-limit or $AUTOMTL_MEMORY_LIMIT, or use another machine",
        )
    if isinstance(error, duckdb.ConversionException):
        return DataError(f"raw data: {words}", "repair the value in the raw file")
    if isinstance(error, duckdb.IOException):
        if "GZIP" in str(error) or "ZSTD" in str(error):
            return DataError(f"raw data: {words}", "get a complete copy of the file")
        return StorageError(f"preparing data: {words}", "free some space and try again")
    return None
