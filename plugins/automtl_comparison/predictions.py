"""Predictions of any other system, in a file: aligned with the rows that they are of, as logits.

Letters: R rows, T tasks.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from automtl_core.dataset.schema import Task
from automtl_core.errors import DataError, UsageError, listing
from automtl_core.fields.encode import seconds, texts
from automtl_core.raw.find import listed_files
from automtl_core.raw.sql import one_file
from automtl_core.tasks.kind import Array
from automtl_core.tasks.kinds import plain_kind
from automtl_core.training.metrics import task_metrics

EXTENSIONS = (".csv", ".tsv", ".parquet")
"""Extensions of files of predictions."""
REVERSED = 0.45
"""An AUC that is below this with its whole interval is most often that of class 0."""


def is_file(name: str) -> bool:
    """Return whether a name is that of a file of predictions."""
    return Path(name).suffix in EXTENSIONS


def table_of(name: str, known: Collection[str]) -> pd.DataFrame:
    """Return the columns of files as texts, with names in lower case without outer blanks, or as `known`."""
    with duckdb.connect() as db:
        try:
            found = [
                db.read_parquet(one_file(path)) if path.suffix == ".parquet"
                else db.read_csv(one_file(path), header=True, all_varchar=True)
                for path in listed_files(name)[2]
            ]  # fmt: skip
            frames = [_named(name, one.project("COLUMNS(*)::VARCHAR").df(), known) for one in found]
        except duckdb.Error as error:
            what = str(error).splitlines()[0]
            raise DataError(f"{name}: {what}", "give a CSV, TSV or Parquet file") from None
    together: pd.DataFrame = pd.concat(frames, ignore_index=True)
    return together


def _named(path: str, table: pd.DataFrame, known: Collection[str]) -> pd.DataFrame:
    spelled = {name.lower(): name for name in known}
    names = [spelled.get(name, name) for name in (str(given).strip().lower() for given in table)]
    # DuckDB calls the second of two columns whose names differ in case NAME_1.
    again = {name for name in known if name not in table and name in names and f"{name}_1" in table}
    if twice := [name for name in names if name in again or names.count(name) > 1]:
        fix = "give each its own name; upper and lower case do not count"
        raise DataError(f"{path}: two columns are called {twice[0]!r}", fix)
    return table.set_axis(names, axis=1)


def logits_of(
    name: str, theirs: pd.DataFrame, rows: pd.DataFrame, tasks: Sequence[Task], notes: list[str]
) -> NDArray[np.float64]:
    """Return the predictions of another system as logits, [R, T], in the order of the rows.

    Args:
        name: The file of predictions.
        theirs: Its columns.
        rows: The columns of the rows that may identify them, numbers or texts, without labels.
        tasks: T tasks, with a column each.
        notes: Receives sentences for the user.

    Raises:
        DataError: a prediction is missing, or they do not belong to the rows.
        UsageError: the task is of a kind without an inverse of its link.

    """
    theirs = _aligned(name, theirs, rows, notes)
    return np.stack([_logits(name, task, theirs[task.name]) for task in tasks], axis=1)


def _aligned(path: str, theirs: pd.DataFrame, rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Return predictions in the order of the rows: by the columns that both have, or else by their order."""
    count, keys = len(rows), [name for name in map(str, theirs) if name in rows]
    if not keys:
        if len(theirs) != count:
            raise DataError(
                f"{path}: has {len(theirs):,} rows, and there are {count:,} rows to predict",
                "predict each row, in order, or keep columns that identify rows, as `predict --keep` does",
            )
        notes.append(f"{path} has no column of the rows: its predictions are matched by their order")
        return theirs
    mine, own = (pd.MultiIndex.from_frame(_keys(of, keys, rows)) for of in (rows, theirs))
    for where, index in (("the rows", mine), (path, own)):
        if (again := index.duplicated()).any():
            what = f"{_example(index[again])} is there {np.count_nonzero(index == index[again][0]):,} times"
            raise DataError(
                f"{path}: rows are not told apart by {listing(keys)}: in {where}, {what}",
                f"add a column that does it to both, or leave out {listing(keys)}: then the order counts",
            )
    places = own.get_indexer(mine)
    if missing := int((places < 0).sum()):
        such = f"such as that of {_example(mine[places < 0])}{_otherwise(mine, own)}"
        raise DataError(
            f"{path}: {missing:,} of {count:,} rows have no prediction, {such}",
            f"predict each row, and write {listing(keys)} as in the rows",
        )
    ordered: pd.DataFrame = theirs.iloc[places]
    return ordered


def _keys(table: pd.DataFrame, keys: Sequence[str], rows: pd.DataFrame) -> pd.DataFrame:
    """Return keys as texts; 9.0 is 9, and 1.50 is 1.5 where rows have numbers."""
    numeric = {key: pd.api.types.is_numeric_dtype(rows[key]) for key in keys}
    of = {key: pd.to_numeric(table[key], errors="coerce") if numeric[key] else table[key] for key in keys}
    return pd.DataFrame({key: [one.strip() for one in texts(column, False)] for key, column in of.items()})


def _example(index: pd.MultiIndex) -> str:
    return listing(f"{key} {value or '(blank)'}" for key, value in zip(index.names, index[0], strict=True))


def _otherwise(mine: pd.MultiIndex, own: pd.MultiIndex) -> str:
    """Return what predictions have in place of missing rows: equal times in another unit, or an example."""
    for key in mine.names:
        here, there = ({seconds(value): value for value in index.unique(key)} for index in (mine, own))
        for time in here.keys() & there.keys() - {None}:
            if here[time] != there[time]:
                return f": {key} {here[time]} is {there[time]} there, in another unit or form"
    return f"; the first one there is that of {_example(own)}" if len(own) else ""


def doubts(name: str, tasks: Sequence[Task], labels: Array, logits: Array, least: int) -> Iterator[str]:
    """Yield sentences on predictions, [R, T], of another class or unit, or that are no probabilities."""
    for task, y, z in zip(tasks, labels.T.astype(np.float64), logits.T, strict=True):
        plain, known = replace(task, kind=plain_kind(task.kind)), y[~np.isnan(y)]
        m = task_metrics(plain, y, z)
        if not m.is_informative(least):
            continue
        one = task_metrics(plain, known, np.full(len(known), plain.type.constant(known))).loss
        if (m.interval or (0.0, 1.0))[1] < REVERSED:
            yield f"{name}: the AUC of {task.name} is {m.score:.4f}: are its predictions those of class 0?"
        elif m.interval and m.interval[0] < 0.5 < m.interval[1]:
            yield f"{name}: the AUC of {task.name} is {m.score:.4f}, as by chance: are these the same rows?"
        elif m.loss and one and m.loss > one * (1 if task.type.probability else 1.5):  # a model may be weak
            what = "probabilities" if task.type.probability else "in the unit of the label"
            means = np.mean(task.predictions(z)), np.mean(known) * task.deviation + task.mean
            yield (
                f"{name}: are the predictions of {task.name} {what}? One value for all rows is better; "
                f"their mean is {means[0]:.4g}, that of the labels {means[1]:.4g}"
            )


def _logits(path: str, task: Task, column: pd.Series) -> NDArray[np.float64]:  # -> [R]
    """Return predictions of a task as logits."""
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
