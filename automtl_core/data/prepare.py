"""Preparing a dataset: raw files -> examples -> vocabularies and scales -> arrays on disk.

The result is named by all that it depends on, so it is made once and then found again.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb

from automtl_core.data import raw
from automtl_core.data.encode import Encoding, fit_scale, make_vocabulary, write_part
from automtl_core.data.examples import make_examples
from automtl_core.data.store import FORMAT, PARTS, Prepared, canonical, write_manifest, write_vocabulary
from automtl_core.dataset import Dataset
from automtl_core.files import publish_folder
from automtl_core.schema import DenseField, Schema, SparseField, Task

Progress = Callable[[str, float], None]
"""Called with a stage (`check`, `read`, `sort`, `encode`, `write`) and the share of it that is done."""


def silent(stage: str, done: float) -> None:
    """Show no progress."""


def prepare(
    dataset: Dataset, name: str, data_dir: Path | None, prepared_root: Path, progress: Progress = silent
) -> Prepared:
    """Return the prepared form of a dataset, from `prepared_root/<name>-<fingerprint>` where it exists.

    Args:
        dataset: The adapter, with its settings.
        name: The name it is registered under.
        data_dir: The folder of its raw files; None where it needs none.
        prepared_root: Holds all prepared datasets; nothing is left there when preparation fails.
        progress: Told how far the work is.

    Raises:
        InputMissingError: raw files are missing.
        DataError: raw files or the rows made from them are not as declared.
        ArtifactError: the folder exists and is damaged.
        StorageError: the disk is full, or failing.

    """
    origin = _origin(dataset, name, data_dir, progress)
    digest = hashlib.sha256(canonical({"format": FORMAT, **origin})).hexdigest()
    path = prepared_root / f"{name}-{digest[:12]}"
    if path.exists():
        return Prepared.open(path, reused=True)
    with publish_folder(path) as draft, _workshop(data_dir, prepared_root) as db:
        _read(db, dataset, data_dir, progress)
        progress("sort", 0.0)
        sizes = make_examples(db, dataset, name)
        content = _encode(db, dataset, sizes, draft, progress)
        write_manifest(draft, {**origin, "fingerprint": digest, **content, "truth": dict(dataset.truth())})
    return Prepared.open(path)


def _origin(dataset: Dataset, name: str, data_dir: Path | None, progress: Progress) -> dict[str, Any]:
    """Return all that the prepared data depends on."""
    files = dataset.files()
    raw.require(data_dir, files, name, dataset.source)
    found = {}
    for place, file in enumerate(files.values()):
        progress("check", place / len(files))
        found[file.path] = raw.fingerprint(Path(data_dir or ".") / file.path)
    settings = dataset.settings.model_dump(mode="json")
    return {"dataset": name, "version": dataset.version, "settings": settings, "raw": found}


@contextmanager
def _workshop(data_dir: Path | None, prepared_root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with (
        tempfile.TemporaryDirectory(prefix=".work.", dir=prepared_root) as folder,
        raw.connect(data_dir, Path(folder)) as db,
    ):
        yield db


def _read(db: duckdb.DuckDBPyConnection, dataset: Dataset, data_dir: Path | None, progress: Progress) -> None:
    files = dataset.files()
    for place, (table, file) in enumerate(files.items()):
        progress("read", place / len(files))
        raw.load(db, Path(data_dir or "."), table, file)


def _encode(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, sizes: list[int], draft: Path, progress: Progress
) -> dict[str, Any]:
    schema = Schema(
        tuple(_sparse_fields(db, dataset, draft, progress)),
        tuple(DenseField(field) for field in dataset.dense),
        tuple(Task(task, dataset.after.get(task)) for task in dataset.tasks),
    )
    scales = {field: fit_scale(db, field) for field in dataset.dense}
    positives = _write_parts(db, Encoding(schema, scales, dataset.oracle), sizes, draft, progress)
    return {
        "schema": schema.to_json(),
        "scales": {field: asdict(scale) for field, scale in scales.items()},
        "rows": dict(zip(PARTS, sizes, strict=True)),
        "positives": positives,
        "rates": {p: _rates(positives[p], n) for p, n in zip(PARTS, sizes, strict=True)},
    }


def _sparse_fields(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, draft: Path, progress: Progress
) -> list[SparseField]:
    folder = draft / "vocabulary"
    folder.mkdir()
    fields = []
    for place, field in enumerate(dataset.sparse):
        progress("encode", place / len(dataset.sparse))
        values = make_vocabulary(db, field)
        write_vocabulary(folder, field, values)
        fields.append(SparseField(field, len(values) + 1))
    return fields


def _write_parts(
    db: duckdb.DuckDBPyConnection, encoding: Encoding, sizes: list[int], draft: Path, progress: Progress
) -> dict[str, dict[str, int]]:
    written, positives = 0, {}

    def advance(rows: int) -> None:
        nonlocal written
        written += rows
        progress("write", written / sum(sizes))

    for place, (part, rows) in enumerate(zip(PARTS, sizes, strict=True)):
        (draft / part).mkdir()
        counts = write_part(db, encoding, place, rows, draft / part, advance)
        positives[part] = dict(zip([task.name for task in encoding.schema.tasks], counts, strict=True))
    return positives


def _rates(positives: Mapping[str, int], rows: int) -> dict[str, float]:
    return {task: count / rows for task, count in positives.items()}
