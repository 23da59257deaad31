"""Predictions of any other system, in a file: aligned with the rows that they are of, as logits.

Letters: R rows, T tasks.
"""

from collections.abc import Collection, Sequence
from functools import reduce
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from automtl_core.dataset.schema import Task
from automtl_core.errors import DataError, UsageError, listing
from automtl_core.raw.find import listed_files
from automtl_core.tasks.kinds import plain_kind

EXTENSIONS = (".csv", ".tsv", ".parquet")
"""Extensions of files of predictions."""


def is_file(name: str) -> bool:
    """Return whether a name is that of a file of predictions."""
    return Path(name).suffix in EXTENSIONS


def table_of(name: str) -> pd.DataFrame:
    """Return the columns of files as texts."""
    with duckdb.connect() as db:
        try:
            found = [
                db.read_parquet(str(path)) if path.suffix == ".parquet"
                else db.read_csv(str(path), header=True, all_varchar=True)
                for path in listed_files(name)[2]
            ]  # fmt: skip
            frames = [one.project("COLUMNS(*)::VARCHAR").df() for one in found]
        except duckdb.Error as error:
            what = str(error).splitlines()[0]
            raise DataError(f"{name}: {what}", "give a CSV, TSV or Parquet file") from None
    together: pd.DataFrame = pd.concat(frames, ignore_index=True)
    return together


def logits_of(
    name: str,
    theirs: pd.DataFrame,
    rows: pd.DataFrame,
    tasks: Sequence[Task],
    labels: Collection[str],
    notes: list[str],
) -> NDArray[np.float64]:
    """Return the predictions of another system as logits, [R, T], in the order of the rows.

    Args:
        name: The file of predictions.
        theirs: Its columns.
        rows: The columns of the rows that may identify them, numbers or texts.
        tasks: T tasks, with a column each.
        labels: Columns of the rows that are labels, and do not identify a row.
        notes: Receives sentences for the user.

    Raises:
        DataError: a prediction is missing, or they do not belong to the rows.
        UsageError: the task is of a kind without an inverse of its link.

    """
    theirs = _aligned(name, theirs, rows, labels, notes)
    return np.stack([_logits(name, task, theirs[task.name]) for task in tasks], axis=1)


def _aligned(
    path: str, theirs: pd.DataFrame, rows: pd.DataFrame, labels: Collection[str], notes: list[str]
) -> pd.DataFrame:
    """Return predictions in the order of the rows: by the columns that both have, or else by their order."""
    count = len(rows)
    keys = [str(name) for name in theirs if name in rows and name not in labels]
    if not keys:
        if len(theirs) != count:
            raise DataError(
                f"{path}: has {len(theirs):,} rows, and there are {count:,} rows to predict",
                "predict each row, in order, or keep columns that identify rows, as `predict --keep` does",
            )
        notes.append(f"{path} has no column of the rows: its predictions are matched by their order")
        return theirs
    numeric = [name for name in keys if pd.api.types.is_numeric_dtype(rows[name])]
    theirs = theirs.assign(**{name: pd.to_numeric(theirs[name], errors="coerce") for name in numeric})
    texts = (
        frame[keys].astype(object).where(frame[keys].notna(), "").astype(str) for frame in (rows, theirs)
    )
    mine, own = (reduce(lambda left, right: left + "\x1f" + right, [of[key] for key in keys]) for of in texts)
    if len(mine) == len(own) and (mine.to_numpy() == own.to_numpy()).all():
        return theirs
    for name, of in ((path, own), ("the rows", mine)):
        if of.duplicated().any():
            raise DataError(
                f"{path}: is in another order than the rows, and {listing(keys)} do not identify {name}",
                "write the predictions in the order of the rows, or keep a column that identifies each row",
            )
    places = pd.Index(own).get_indexer(pd.Index(mine))
    if missing := int((places < 0).sum()):
        what = dict(zip(keys, mine[int(np.argmax(places < 0))].split("\x1f"), strict=True))
        example = listing(f"{key} {value}" for key, value in what.items())
        raise DataError(
            f"{path}: {missing:,} of {count:,} rows have no prediction, such as that of {example}",
            "predict each row",
        )
    ordered: pd.DataFrame = theirs.iloc[places]
    return ordered


def _logits(path: str, task: Task, column: pd.Series) -> NDArray[np.float64]:  # -> [R]
    """Return predictions of a task as logits.

    Raises:
        DataError: one is missing, or is no number, or no probability.
        UsageError: the kind of the task has no inverse of its link.

    """
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    bad = ~np.isfinite(values)
    if task.type.probability:
        bad |= (values < 0) | (values > 1)
    if bad.any():
        row = int(np.argmax(bad))
        what = "a probability" if task.type.probability else "a number"
        where = f"{path}: {task.name!r} of row {int(column.index[row]) + 1}"
        example = ", such as 1 / (1 + exp(-score))" if task.type.probability else ""
        raise DataError(
            f"{where}: expected {what}, found {column.iloc[row]!r}", f"write one for each row{example}"
        )
    if task.type.probability:
        return np.asarray(logit(np.clip(values, 1e-12, 1 - 1e-12)))
    if task.type.standardised:
        return (values - task.mean) / task.deviation
    kind = plain_kind(task.kind)
    raise UsageError(
        f"{path}: predictions of {task.name!r}, of kind {kind}, cannot be compared from a file",
        "compare runs, or tasks of other kinds",
    )
