"""What a caller gives as data becomes a layer of a configuration."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from automtl_core.config.config import Layer
from automtl_core.config.folders import prepared_folder
from automtl_core.data.guess.peek import peek
from automtl_core.data.guess.settings import settings
from automtl_core.data.raw.sql import literal
from automtl_core.disk.signed import sha256
from automtl_core.errors import UsageError
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry

Labels = Sequence[str] | Mapping[str, Mapping[str, Any]]
"""Columns to predict; or with what they mean, such as `{"rating": {"kind": "regression"}}`."""
FILES = (".csv", ".tsv", ".parquet", ".gz", ".zst")


def data_layer(data: object, labels: Labels) -> Layer:
    """Return what says where the data is, and what it holds.

    Args:
        data: A data frame, or any table that DuckDB takes, such as one of Arrow; a CSV, TSV or Parquet
            file, or a pattern of such; the name of a dataset; or a configuration.
        labels: Of a table; where empty, columns that look like labels.

    Raises:
        UsageError: it is none of these, or labels are given for what has its own.

    """
    if isinstance(data, Mapping):
        return _without_labels(dict(data), labels)
    if isinstance(data, str) and data in load_registry().names(DATASETS):
        return _without_labels({"dataset": data}, labels)
    if isinstance(data, str | Path):
        if Path(data).suffix not in FILES:
            names = ", ".join(load_registry().names(DATASETS))
            raise UsageError(f"{data}: no dataset, and no file of a table", f"datasets are: {names}")
        return settings(peek(str(data)), labels)
    return settings(peek(str(written(data))), labels)


def written(frame: object) -> Path:
    """Return a Parquet file that holds a table, named by its content; the same table has the same file.

    Raises:
        UsageError: it is no table.

    """
    folder = prepared_folder().absolute() / "frames"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        draft = Path(work) / "frame.parquet"
        write(frame, draft)
        path = folder / f"{sha256(draft)}.parquet"
        draft.replace(path)
    return path


def write(frame: object, path: Path) -> None:
    """Write a table as Parquet.

    Raises:
        UsageError: it is no table.

    """
    table = pd.DataFrame(frame) if isinstance(frame, Mapping) else frame
    with duckdb.connect() as db:
        try:
            db.register("frame", table)
        except (duckdb.Error, TypeError) as error:
            raise UsageError(
                f"{type(frame).__name__} is no table that can be read", "give a data frame, or a file"
            ) from error
        db.execute(f"COPY (FROM frame) TO {literal(str(path))} (FORMAT parquet)")


def _without_labels(layer: Layer, labels: Labels) -> Layer:
    if labels:
        raise UsageError("labels are for tables: a dataset has its own", "choose among them: dataset.tasks")
    return layer
