"""Conversion of data frames, files and names to layers of a configuration."""

import tempfile
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from automtl_core.data.guess.peek import Glimpse, peek
from automtl_core.data.guess.settings import apart, settings, undecided
from automtl_core.data.raw.sql import literal
from automtl_core.disk.signed import sha256
from automtl_core.errors import UsageError, listing, printable
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import Layer
from automtl_core.run_dir.folders import prepared_folder

Labels = Sequence[str] | Mapping[str, Mapping[str, Any]]
"""Columns to predict, or a mapping to their settings, such as `{"rating": {"kind": "regression"}}`."""
FILES = (".csv", ".tsv", ".parquet", ".gz", ".zst")


def data_layers(data: object, labels: Labels, user_settings: Mapping[str, Any] | None) -> list[Layer]:
    """Return the layer of the data, and above it the layer of the settings.

    Args:
        data: A data frame, or any table that DuckDB reads, such as one of Arrow; a CSV, TSV or Parquet file,
            or a file pattern; the name of a dataset; or a configuration.
        labels: Labels of a table. Empty: the columns that look like labels.
        user_settings: Settings, as in a YAML file. With a data frame, `dataset.vectors` and
            `dataset.history.files` may hold data frames in place of file names.

    Raises:
        UsageError: the data is none of these, or a dataset with its own labels is combined with `labels`.

    """
    user_settings, labels = user_settings or {}, checked(labels)
    if isinstance(data, Mapping):
        return [_without_labels(dict(data), labels), user_settings]
    if isinstance(data, str) and data in load_registry().names(DATASETS):
        return [_without_labels({"dataset": data}, labels), user_settings]
    if isinstance(data, str | Path):
        if Path(data).suffix not in FILES:
            names = ", ".join(load_registry().names(DATASETS))
            raise UsageError(f"{data}: neither a dataset nor a table file", f"datasets are: {names}")
        return _layers_of(peek(str(data)), labels, user_settings)
    return _layers_of(peek(str(written(data))), labels, _with_files(user_settings))


def checked(labels: object) -> Labels:
    """Return labels as a user gives them; one name is one label.

    Raises:
        UsageError: they are neither names nor a mapping of names to settings.

    """
    if isinstance(labels, str):
        return [labels]
    names: list[Any] = list(labels) if isinstance(labels, Iterable) else [labels]
    if wrong := [name for name in names if not isinstance(name, str)]:
        fix = "give a list of columns, such as ['click'], or a mapping to their settings"
        raise UsageError(f"labels: {wrong[0]!r} is not the name of a column", fix)
    if not isinstance(labels, Mapping):
        return names
    for name, value in labels.items():
        if not isinstance(value, Mapping):
            fix = f"give settings, such as labels={{{name!r}: {{'kind': 'regression'}}}}"
            raise UsageError(f"labels: {name!r} has {value!r}, which is no mapping of settings", fix)
    return labels


def checked_path(value: object, name: str) -> Path:
    """Return an argument as a path.

    Raises:
        UsageError: it is neither text nor a path.

    """
    if not isinstance(value, str | Path):
        raise UsageError(f"{name}: expected a path, given {value!r}", f"give a folder, such as {name}='runs'")
    return Path(value)


def _layers_of(seen: Glimpse, labels: Labels, user_settings: Layer) -> list[Layer]:
    """Return the layers of a table, and warn about unused columns that may be labels or fields."""
    layer, given = settings(seen, labels), user_settings.get("dataset")
    of_dataset = given if isinstance(given, Mapping) else {}
    layer["dataset"] = apart(layer["dataset"], of_dataset)
    if names := undecided(seen, labels, of_dataset):
        warnings.warn(
            f"columns of 0 and 1 that may be labels are not used: {printable(listing(names))}. If one is "
            f"known beforehand, use settings={{'dataset': {{'sparse': {{{names[0]!r}: 'text'}}}}}}",
            UserWarning,
            stacklevel=4,
        )
    return [layer, user_settings]


def _with_files(layer: Layer) -> Layer:
    """Write data frames in settings beside the data, and return the settings with the names of the files."""
    dataset = layer.get("dataset")
    if not isinstance(dataset, Mapping):
        return layer
    dataset = dict(dataset)
    if isinstance(vectors := dataset.get("vectors"), Mapping):
        dataset["vectors"] = {column: _file(one) for column, one in vectors.items()}
    if isinstance(history := dataset.get("history"), Mapping) and "files" in history:
        dataset["history"] = {**history, "files": _file(history["files"])}
    return {**layer, "dataset": dataset}


def _file(value: Any) -> Any:
    return written(value).name if isinstance(value, pd.DataFrame) else value


def written(frame: object) -> Path:
    """Write a table to a Parquet file that is named by its content, and return the path.

    Raises:
        UsageError: DuckDB cannot read it as a table.

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
        UsageError: DuckDB cannot read it as a table.

    """
    table = pd.DataFrame(frame) if isinstance(frame, Mapping) else frame
    with duckdb.connect() as db:
        try:
            db.register("frame", table)
        except (duckdb.Error, TypeError) as error:
            raise UsageError(
                f"{type(frame).__name__} is not a readable table", "use a data frame or a file"
            ) from error
        db.execute(f"COPY (FROM frame) TO {literal(str(path))} (FORMAT parquet)")


def _without_labels(layer: Layer, labels: Labels) -> Layer:
    if labels:
        raise UsageError("labels are for tables: a dataset has its own", "choose some by dataset.tasks")
    return layer
