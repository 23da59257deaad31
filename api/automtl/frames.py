"""Conversion of data frames, files and names to layers of a configuration."""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from automtl.interface import Labels, frames_folder, warn
from automtl_core.errors import StorageError, UsageError, did_you_mean, listing, one_line, printable
from automtl_core.raw.sql import literal
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import Layer, Shared, merge
from automtl_core.system.documents import sha256
from automtl_inspection.guess.guess import Guess, TableGuess, guess
from automtl_inspection.guess.peek import peek

Names = Sequence[str] | Mapping[str, Mapping[str, Any] | None]
"""Names of labels, or a mapping to their settings."""
NONE: Layer = {}
"""No other parts."""


def data_layers(
    data: object, labels: Labels, user_settings: Layer | None, time: str | None = None, parts: Layer = NONE
) -> list[Layer]:
    """Return the layer of the data, and above it the layer of the settings.

    Args:
        data: A data frame, or any table that DuckDB reads, such as one of Arrow; a CSV, TSV or Parquet file,
            or a file pattern; the name of a dataset; or a configuration.
        labels: Labels of a table. Empty: the columns that look like labels.
        user_settings: Settings, as in a YAML file. With a data frame, `dataset.vectors` and
            `dataset.history.files` may hold data frames in place of file names.
        time: Column of the time of a table. None: the one that looks like it.
        parts: `validation` or `test` -> its rows, a table or a file. Other parts are split from `data`.

    Raises:
        UsageError: the data is none of these, the settings name another dataset, or a dataset with its own
            labels is combined with what is for tables.

    """
    user_settings, names = user_settings or {}, (labels,) if isinstance(labels, str) else labels or ()
    if not isinstance(data, Mapping):
        _check_dataset(data, user_settings)
    of_dataset = isinstance(data, str) and data in load_registry().names(DATASETS)
    if of_dataset or isinstance(data, Mapping):
        if names or time or parts:
            what = "labels, a time, and other parts are for tables: a dataset has its own"
            raise UsageError(what, "choose some labels by dataset.tasks")
        return [Shared(data) if isinstance(data, Mapping) else {"dataset": data}, user_settings]
    if isinstance(data, np.ndarray):
        raise UsageError("data: an array has no names of columns", "give a data frame: pandas.DataFrame(...)")
    if not isinstance(data, str | Path):
        data, user_settings = written(data), _with_files(user_settings)
    elif Path(data).suffix not in (".csv", ".tsv", ".parquet", ".gz", ".zst"):
        datasets = ", ".join(load_registry().names(DATASETS))
        raise UsageError(f"{data}: neither a dataset nor a table file", f"datasets are: {datasets}")
    return [_layer_of(data, names, user_settings, time, parts), user_settings]


def _check_dataset(data: object, user_settings: Layer) -> None:
    """Refuse settings that name another dataset than the data."""
    given = user_settings.get("dataset")
    name = given.get("name") if isinstance(given, Mapping) else given
    own = data if isinstance(data, str) and data in load_registry().names(DATASETS) else "table"
    if name is not None and name != own:
        what = f"settings: dataset.name is {name!r:.100}, but the data is {'a ' * (own == 'table')}{own}"
        raise UsageError(what, "leave the name out, or give it as the data")


def _layer_of(path: str | Path, labels: Names, user_settings: Layer, time: str | None, parts: Layer) -> Layer:
    """Return the layer of a table, and warn about unused columns that may be labels or fields."""
    given = user_settings.get("dataset")
    of_dataset = given if isinstance(given, Mapping) else {}
    columns = of_dataset.get("columns")
    seen = peek(str(path), [*map(str, columns)] if isinstance(columns, list | tuple) else ())
    guesses, own = guess(seen, labels), dict[str, Any]()
    if time is not None:
        guesses, own = _timed(guesses, time), {"split": "time"}
    if parts:
        files = {"train": Path(path).absolute(), **{part: file_of(rows) for part, rows in parts.items()}}
        folder = os.path.commonpath([file.parent for file in files.values()])
        own["files"] = {part: str(file.relative_to(folder)) for part, file in files.items()}
    guessed = TableGuess(seen, guesses).apart(of_dataset)
    if not guessed.of("labels") and not of_dataset.get("labels"):
        raise UsageError("no column looks like a label", "name the columns to predict: labels=[...]")
    for remark in guessed.remarks({**own, **of_dataset}):
        warn(printable(remark))
    return merge(guessed.layer(), {"dataset": own}, {"data_dir": folder} if parts else {})


def _timed(columns: Sequence[Guess], time: str) -> list[Guess]:
    """Return the guesses of columns with this one as the time of the rows."""
    names = [each.name for each in columns]
    if time not in names:
        near = did_you_mean(time, names)
        raise UsageError(f"time: {time!r} is not a column{near}", f"the columns are: {listing(names)}")
    others = [replace(one, role="unused", reason="") if one.role == "time" else one for one in columns]
    return [replace(one, role="time", reason="", doubt="") if one.name == time else one for one in others]


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
    folder = frames_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        draft = Path(work) / "frame.parquet"
        write(frame, draft)
        path = folder / f"{sha256(draft)}.parquet"
        draft.replace(path)
    return path


def file_of(table: object) -> Path:
    """Return the path of a table, which is written to a file unless it is one."""
    return Path(table).absolute() if isinstance(table, str | Path) else written(table)


def write(frame: object, path: Path) -> None:
    """Write a table as Parquet.

    Raises:
        UsageError: DuckDB cannot read it as a table, or two of its columns have one name.

    """
    if isinstance(frame, pd.DataFrame):
        _check_names(frame.columns)
    with duckdb.connect() as db:
        try:
            db.register("frame", pd.DataFrame(frame) if isinstance(frame, Mapping) else frame)
            db.execute(f"COPY (FROM frame) TO {literal(str(path))} (FORMAT parquet)")
        except duckdb.IOException as error:
            raise StorageError(f"{path}: {one_line(error)}", "check the disk and the permissions") from error
        except (duckdb.Error, TypeError, ValueError) as error:
            if isinstance(frame, pd.DataFrame) and (mixed := _mixed(frame)):
                raise UsageError(mixed, "convert the column to one type") from error
            why = one_line(error)
            # Of an object that is no table, DuckDB prints signatures and advice about its own functions.
            foreign = isinstance(error, TypeError) or "replacement scan" in why
            what = f"{type(frame).__name__} is not a readable table{'' if foreign else f': {why}'}"
            raise UsageError(what, "use a data frame or a file") from error


def _mixed(frame: pd.DataFrame) -> str | None:
    """Return a sentence about the first column with values of several types; None if there is none."""
    for name, column in frame.items():
        if column.dtype == object and len(types := set(map(type, column.dropna()))) > 1:
            return f"column {name!r} holds values of several types: {listing(t.__name__ for t in types)}"
    return None


def _check_names(columns: Iterable[object]) -> None:
    """Refuse columns of one name, which DuckDB would rename; it does not distinguish cases."""
    named: dict[str, str] = {}
    for column in map(str, columns):
        if (key := column.lower()) in named:
            what = f"two columns of the frame are called {named[key]!r} and {column!r}"
            raise UsageError(what, "give each column its own name; upper and lower case do not count")
        named[key] = column


def with_labels(table: object, y: Any, labels: Labels) -> Any:
    """Return a table with labels that are given apart, as scikit-learn does; None: the table has them.

    Raises:
        UsageError: the table is no data frame, or the labels do not fit it.

    """
    if y is None:
        return table
    apart, names = pd.DataFrame(y), [labels] if isinstance(labels, str) else [*(labels or ())]
    if not isinstance(table, pd.DataFrame) or len(table) != len(apart):
        raise UsageError("y: expected a label for each row of a data frame", "give a frame with all labels")
    if isinstance(apart.columns, pd.RangeIndex) and len(names) == len(apart.columns):
        apart.columns = pd.Index(names)  # of an array
    return table.assign(**{str(name): apart[name].to_numpy() for name in apart})
