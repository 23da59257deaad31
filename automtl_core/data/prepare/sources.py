"""The raw files of a dataset as tables of a database."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from automtl_core.data.progress import Progress
from automtl_core.data.raw.connection import connect
from automtl_core.data.raw.find import Sources
from automtl_core.data.raw.load import Rejected, load
from automtl_core.dataset.dataset import Dataset
from automtl_core.disk.files import scratch_folder


@contextmanager
def workshop(
    data_dir: Path | None, parent: Path, memory_limit: str | None
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Yield a database, and its hidden working folder in `parent`."""
    with scratch_folder(parent) as folder, connect(data_dir, folder, memory_limit) as db:
        yield db, folder


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
    return rejected
