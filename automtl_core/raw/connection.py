"""A DuckDB connection with access to a dataset's folder and its working folder only."""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from automtl_core.errors import AutoMTLError, DataError, OutOfMemoryError, StorageError, printable
from automtl_core.raw.sql import DB, literal
from automtl_core.system.files import scratch_folder


@contextmanager
def connect(
    data_dir: Path | None,
    work_dir: Path,
    memory_limit: str | None = None,
    threads: int | None = None,
    more: Sequence[Path] = (),
) -> Iterator[DB]:
    """Open a database in `work_dir`; it can read and write there and in `data_dir`, and nowhere else.

    Tables are on disk, and queries spill to disk, so that data may be larger than memory.

    Args:
        data_dir: Folder of the raw files; may be None.
        work_dir: Folder of the database and its spill files.
        memory_limit: Memory limit of the database, such as `512MiB`; None for most of the machine's memory.
        threads: Number of threads; None for all threads of the machine.
        more: Further folders to read.

    Raises:
        DataError: a value cannot be converted.
        OutOfMemoryError: a query needs more memory than the limit.
        StorageError: the disk is full, or failing.

    """
    try:
        # DuckDB takes what follows a `?` for options, so that its journal would be in another folder.
        # It also takes a `~` at the start of a relative path for the home folder.
        file = ":memory:" if "?" in str(work_dir.resolve()) else work_dir.resolve() / "raw.duckdb"
        with duckdb.connect(file) as db:
            allowed = [folder.resolve() for folder in (data_dir, work_dir, *more) if folder]
            # Names of files are escaped, see `one_file`: DuckDB compares them with the folders as they are.
            names = [name for folder in allowed for name in (str(folder), glob.escape(str(folder)))]
            folders = ", ".join(literal(f"{name}/") for name in dict.fromkeys(names))
            with suppress(duckdb.InvalidInputException):  # fails in a notebook without widgets
                db.execute("SET enable_progress_bar = false")
            db.execute(f"SET temp_directory = {literal(str(work_dir.resolve()))}")
            if memory_limit:
                db.execute(f"SET memory_limit = {literal(memory_limit)}")
                # Memory that the allocator keeps comes on top of the limit: by default up to 128 MiB.
                db.execute("SET allocator_flush_threshold = '16MiB'")
            if threads:
                db.execute(f"SET threads = {threads}")
            # The text of a time with a zone must not depend on the machine.
            db.execute("SET TimeZone = 'UTC'")
            db.execute(f"SET allowed_directories = [{folders}]")
            db.execute("SET enable_external_access = false")
            db.execute("SET lock_configuration = true")
            yield db
    except duckdb.Error as error:
        if known := _translated(error):
            raise known from None
        raise


@contextmanager
def workshop(data_dir: Path | None, parent: Path, memory_limit: str | None) -> Iterator[tuple[DB, Path]]:
    """Yield a database that leaves some of a memory limit to Python, and its hidden folder in `parent`."""
    how = (None, None) if memory_limit is None else limits(memory_limit)
    with scratch_folder(parent) as folder, connect(data_dir, folder, *how) as db:
        yield db, folder


def limits(memory: str) -> tuple[str, int]:
    """Return the memory limit and the number of threads of a database from an amount of memory in all.

    The database has all but 600 MiB, and at least 40 %. 100 million rows need the rest, for Python, and for
    memory that the database takes beyond its own limit. A thread needs 128 MiB, as the manual of DuckDB says.

    Args:
        memory: Such as `512MiB` or `4GB`.

    """
    match = re.fullmatch(r"([0-9.]+) ?([kmgt])(i?)b", memory.lower())
    assert match is not None  # noqa: S101 - the command line checks it
    total = int(float(match[1]) * (1024 if match[3] else 1000) ** ("kmgt".index(match[2]) + 1))
    limit = max(total - (600 << 20), int(0.4 * total))
    return f"{limit >> 10}KiB", max(min(os.cpu_count() or 1, limit // (128 << 20)), 1)


def _translated(error: duckdb.Error) -> AutoMTLError | None:
    """Return an error that the user can correct; None for a mistake in a statement, which is a bug."""
    words = printable(str(error).splitlines()[0])
    if isinstance(error, duckdb.OutOfMemoryException):
        return OutOfMemoryError(
            f"preparing data: {words}", "allow more memory by AUTOMTL_MEMORY_LIMIT, or use another machine"
        )
    if isinstance(error, duckdb.ConversionException):
        return DataError(f"raw data: {words}", "repair the value in the raw file")
    if isinstance(error, duckdb.IOException) and ("GZIP" in str(error) or "ZSTD" in str(error)):
        return DataError(f"raw data: {words}", "get a complete copy of the file")
    if isinstance(error, duckdb.OperationalError | duckdb.FatalException):
        return StorageError(f"preparing data: {words}", "free some space and try again")
    if isinstance(error, duckdb.DataError | duckdb.InvalidInputException | duckdb.NotSupportedError):
        return DataError(f"raw data: {words}", "repair the files; `automtl check` lists faulty rows")
    return None
