"""The rows of a dataset as one checked table, in an order of its own, each given to a part."""

from collections.abc import Iterable

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.store import PARTS
from automtl_core.dataset import Dataset
from automtl_core.errors import DataError
from automtl_core.seeds import generator
from automtl_core.text import did_you_mean, printable

PART = "__part"
"""Column of `examples` that holds the place of the row's part in `PARTS`."""


def quoted(column: str) -> str:
    """Return a column's name as SQL takes it."""
    return '"' + column.replace('"', '""') + '"'


def make_examples(db: duckdb.DuckDBPyConnection, dataset: Dataset, name: str) -> list[int]:
    """Create the table `examples` from the rows of `dataset`, and return the rows of each part.

    Rows are sorted by all their columns before the split is drawn, so that neither the order of the raw
    files nor the number of threads matters.

    Raises:
        DataError: columns or labels break the contract of `Dataset.rows`, or too few rows are left.

    """
    rows = dataset.rows(db)
    relation = db.from_df(rows) if isinstance(rows, pd.DataFrame) else rows
    _check_columns(relation, dataset, name)
    columns = _columns(dataset)
    types = dict.fromkeys(dataset.sparse, "VARCHAR") | dict.fromkeys(_numbers(dataset), "DOUBLE")
    cast = [f"CAST({quoted(c)} AS {types[c]}) AS {quoted(c)}" if c in types else quoted(c) for c in columns]
    relation.project(", ".join(cast)).order(", ".join(map(quoted, columns))).create("sorted_rows")
    table = db.table("sorted_rows")
    _check_values(table, dataset, name)
    chosen = dataset.settings
    parts = split(_count(table), chosen.validation_fraction, chosen.test_fraction, chosen.split_seed)
    sizes = [int(size) for size in np.bincount(parts, minlength=len(PARTS))]
    _check_sizes(sizes, dataset, name)
    db.register("parts", pd.DataFrame({PART: parts}))
    db.execute("CREATE TABLE examples AS SELECT * FROM sorted_rows POSITIONAL JOIN parts")
    db.execute("DROP TABLE sorted_rows")
    return sizes


def split(rows: int, validation_fraction: float, test_fraction: float, seed: int) -> NDArray[np.int8]:
    """Return the place in `PARTS` of each row [R]: a random split with exact sizes."""
    validation, test = round(rows * validation_fraction), round(rows * test_fraction)
    order = generator(seed, "split").permutation(rows)
    parts = np.zeros(rows, dtype=np.int8)
    parts[order[:validation]] = PARTS.index("validation")
    parts[order[validation : validation + test]] = PARTS.index("test")
    return parts


def _columns(dataset: Dataset) -> list[str]:
    return [*dataset.sparse, *dataset.dense, *dataset.tasks, *dataset.oracle.values()]


def _numbers(dataset: Dataset) -> list[str]:
    return [*dataset.dense, *dataset.oracle.values()]


def _count(relation: duckdb.DuckDBPyRelation) -> int:
    return int(relation.aggregate("count(*)").fetchall()[0][0])


def _check_columns(relation: duckdb.DuckDBPyRelation, dataset: Dataset, name: str) -> None:
    wanted = _columns(dataset)
    if twice := sorted({column for column in wanted if wanted.count(column) > 1}):
        raise DataError(
            f"dataset {name}: {twice[0]!r} is named twice", "give each field and task a name of its own"
        )
    missing = [f"{c!r}" + did_you_mean(c, relation.columns) for c in wanted if c not in relation.columns]
    if missing:
        raise DataError(f"dataset {name}: its rows lack {', '.join(missing)}", "add the columns to `rows`")


def _check_values(table: duckdb.DuckDBPyRelation, dataset: Dataset, name: str) -> None:
    for task in dataset.tasks:
        if wrong := _first(table, task, f"coalesce(TRY_CAST({quoted(task)} AS DOUBLE), -1) NOT IN (0, 1)"):
            raise DataError(
                f"dataset {name}: label {task} holds {wrong}, allowed are 0 and 1", "repair the raw file"
            )
    for column in dataset.sparse:
        if _first(table, column, f"{quoted(column)} IS NULL"):
            raise DataError(
                f"dataset {name}: field {column} has rows without a value", "drop or fill them in `rows`"
            )
    for column in _numbers(dataset):
        if wrong := _first(table, column, f"NOT isfinite({quoted(column)})"):
            raise DataError(f"dataset {name}: {column} holds {wrong}", "use null for an unknown number")


def _first(table: duckdb.DuckDBPyRelation, column: str, condition: str) -> str | None:
    found = table.filter(condition).project(quoted(column)).limit(1).fetchall()
    return printable(repr(found[0][0])) if found else None


def _check_sizes(sizes: Iterable[int], dataset: Dataset, name: str) -> None:
    if all(sizes):
        return
    thresholds = [f"{key} (now {value})" for key, value in dataset.settings if key.startswith("min_")]
    raise DataError(
        f"dataset {name}: {sum(sizes) or 'no'} rows are left, too few for {', '.join(PARTS)}",
        f"lower {' or '.join(thresholds)}" if thresholds else "check that the raw files are complete",
    )
