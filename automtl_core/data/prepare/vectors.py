"""Pretrained vectors of values: a checked table for each field that has them. V: values."""

from collections.abc import Iterator, Sequence

import duckdb
import numpy as np
from numpy.typing import NDArray

from automtl_core.data.raw.sql import create, quoted
from automtl_core.dataset.dataset import Dataset, Vectors
from automtl_core.errors import DataError, UsageError, printable


def make_vectors(db: duckdb.DuckDBPyConnection, dataset: Dataset, name: str) -> None:
    """Create a table of the values and vectors of each field of kind `Vectors`.

    Raises:
        DataError: a value is there twice, or vectors are not lists of numbers of equal length.
        UsageError: the values are hashed.

    """
    for field in dataset.fields:
        if isinstance(field, Vectors):
            if field.column in dataset.settings.hashed:
                raise UsageError(
                    f"dataset.hashed names {field.column!r}, whose values have vectors",
                    "take it out: hashed values cannot be found among vectors",
                )
            _make(db, dataset, field, name)


def blocks(db: duckdb.DuckDBPyConnection, field: str) -> Iterator[tuple[Sequence[str], NDArray[np.float64]]]:
    """Yield the values of a field that have vectors, and these, [V, P], sorted by value."""
    db.execute(f"SELECT id, vector FROM {_table(field)} ORDER BY id")
    while rows := db.fetchmany(10_000):
        values, vectors = zip(*rows, strict=True)
        yield values, np.array(vectors, np.float64)


def _make(db: duckdb.DuckDBPyConnection, dataset: Dataset, field: Vectors, name: str) -> None:
    given, where = dataset.vectors(db, field.name), f"dataset {name}: the vectors of {field.name!r}"
    for column in ("id", "vector"):
        if column not in given.columns:
            raise DataError(f"{where} lack the column {column!r}", "add it to `vectors`")
    chosen = given.project("CAST(id AS VARCHAR) AS id, CAST(vector AS FLOAT[]) AS vector")
    create(db, f"vectors of {field.name}", chosen.filter("id IS NOT NULL AND vector IS NOT NULL"))
    table = _table(field.name)
    first = f"(SELECT len(vector) FROM {table} LIMIT 1)"
    numbers = "list_bool_and(list_transform(vector, lambda x: coalesce(isfinite(x), false)))"
    faults = {
        "is empty": f"SELECT 'the table' WHERE NOT EXISTS (FROM {table})",
        "has several vectors": f"SELECT id FROM {table} GROUP BY id HAVING count(*) > 1 LIMIT 1",
        "has a vector of another length": f"SELECT id FROM {table} WHERE len(vector) <> {first} LIMIT 1",
        "has a vector with other values than finite numbers": f"SELECT id FROM {table} WHERE NOT {numbers}",
    }
    for problem, query in faults.items():
        if found := db.execute(query).fetchall():
            raise DataError(f"{where}: {printable(str(found[0][0]))} {problem}", "correct the vectors")


def _table(field: str) -> str:
    return quoted(f"vectors of {field}")
