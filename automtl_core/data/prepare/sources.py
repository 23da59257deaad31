"""The raw files of a dataset: what they hold by their bytes, and as tables of a database."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from automtl_core.data.progress import Progress
from automtl_core.data.raw.connection import connect
from automtl_core.data.raw.find import Source, find, source_of
from automtl_core.data.raw.load import Rejected, load
from automtl_core.dataset.dataset import Dataset
from automtl_core.disk.files import scratch_folder

Sources = Mapping[str, Sequence[Source]]
"""Table -> the raw files that become it."""


def survey(dataset: Dataset, name: str, data_dir: Path | None, progress: Progress) -> Sources:
    """Return the raw files of a dataset, each with its size and digest; raises as `find` does."""
    found = find(data_dir, dataset, name)
    sources: dict[str, list[Source]] = {}
    for place, (table, files) in enumerate(found.items()):
        progress("check", place / len(found))
        sources[table] = [source_of(path, file, data_dir or Path()) for path, file in files]
    return sources


@contextmanager
def workshop(
    data_dir: Path | None, parent: Path, memory_limit: str | None
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Give a database, and the hidden folder in `parent` that it works in."""
    with scratch_folder(parent) as folder, connect(data_dir, folder, memory_limit) as db:
        yield db, folder


def read(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, sources: Sources, work_dir: Path, progress: Progress
) -> list[Rejected]:
    """Create the tables of a dataset, and return the rows that are left out; raises as `load` does."""
    chosen = dataset.settings
    rejected: list[Rejected] = []
    for place, (table, files) in enumerate(sources.items()):
        progress("read", place / len(sources))
        most = chosen.max_bad_rows - len(rejected) if chosen.bad_rows == "skip" else None
        rejected += load(db, table, files, work_dir, most)
    return rejected
