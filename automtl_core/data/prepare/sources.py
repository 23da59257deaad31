"""The raw files of a dataset as tables of a database."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from automtl_core.data.progress import Progress
from automtl_core.data.raw.connection import connect
from automtl_core.data.raw.find import Sources
from automtl_core.data.raw.load import Rejected, check_rows, load
from automtl_core.dataset.dataset import Dataset
from automtl_core.disk.files import scratch_folder


@contextmanager
def workshop(
    data_dir: Path | None, parent: Path, memory_limit: str | None
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Yield a database that leaves some of a memory limit to Python, and its hidden folder in `parent`."""
    limit = None if memory_limit is None else database_limit(bytes_of(memory_limit))
    how = (None, None) if limit is None else (f"{limit >> 10}KiB", threads_for(limit))
    with scratch_folder(parent) as folder, connect(data_dir, folder, *how) as db:
        yield db, folder


def bytes_of(size: str) -> int:
    """Return an amount of memory such as `512MiB` or `4GB` in bytes."""
    match = re.fullmatch(r"([0-9.]+) ?([kmgt])(i?)b", size.lower())
    assert match is not None  # noqa: S101 - the command line checks it
    power = "kmgt".index(match[2]) + 1
    return int(float(match[1]) * (1024 if match[3] else 1000) ** power)


def database_limit(limit: int) -> int:
    """Return the part of a memory limit in bytes that is for the database: all but 600 MiB, at least 40 %.

    100 million rows need the rest, for Python, and for memory that the database takes beyond its own limit.
    """
    return max(limit - (600 << 20), int(0.4 * limit))


def threads_for(limit: int) -> int:
    """Return the number of threads of a database with a memory limit in bytes.

    A thread needs 128 MiB, as the manual of DuckDB says.
    """
    return max(min(os.cpu_count() or 1, limit // (128 << 20)), 1)


def read(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, sources: Sources, work_dir: Path, progress: Progress
) -> list[Rejected]:
    """Create the tables of a dataset, and return the skipped rows; raises as `load` does."""
    chosen = dataset.settings
    rejected: list[Rejected] = []
    for place, (table, files) in enumerate(sources.items()):
        progress("read", place / len(sources))
        most = chosen.max_bad_rows - len(rejected) if chosen.bad_rows == "skip" else None
        rejected += load(db, table, files, work_dir, most)
        check_rows(db, table, files)
    return rejected
