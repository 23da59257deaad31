"""Parquet files and arrays of numpy (.npy) become tables with the types of tables from text files.

An array is a table with one column: of texts or integers, or of vectors.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.dataset.dataset import RawFile
from automtl_core.errors import DataError, did_you_mean, listing, printable
from automtl_core.raw.records import Fault, expected, shown
from automtl_core.raw.sql import create, literal, numbered, one_file, own, quoted, value_and_test

ROWS = 100_000
"""Number of rows of an array that are converted at a time."""


def load(db: duckdb.DuckDBPyConnection, table: str, path: Path, file: RawFile, most: int) -> list[Fault]:
    """Create a table from a file, and return the faulty rows, which are skipped.

    Args:
        db: Database that may read the file.
        table: Name of the table to create.
        path: The file.
        file: Its declaration.
        most: Largest number of faulty rows; with more of them, there is no table.

    Raises:
        DataError: the file is damaged or of another format, or a column is missing or of another type.

    """
    faults = list(faulty(db, path, file, most + 1))
    if len(faults) > most:
        return faults
    for place, (scan, _) in enumerate(_scans(db, path, file)):
        chosen, fine = _expressions(db, path, scan, file)
        columns = ", ".join(f"{value} AS {quoted(name)}" for name, value in chosen.items())
        every = " AND ".join(fine.values()) if faults else "true"
        rows = f"SELECT {columns or '1 AS nothing'} FROM {scan} WHERE {every}"
        with intact(path):
            if place:
                db.execute(f"INSERT INTO {quoted(table)} {rows}")
            else:
                create(db, table, db.sql(rows))
    return faults


def faulty(
    db: duckdb.DuckDBPyConnection, path: Path, file: RawFile, most: int, first: int | None = None
) -> Iterator[Fault]:
    """Yield the faulty rows of a file, each with its first faulty column; raises as `load` does.

    Args:
        db: Database that may read the file.
        path: The file.
        file: Its declaration.
        most: Largest number of faulty rows.
        first: Number of rows of the file to check; None for all.

    """
    for scan, start in _scans(db, path, file):
        _, fine = _expressions(db, path, scan, file)
        if not fine or most <= 0:
            return
        kinds = "".join(f" WHEN NOT ({test}) THEN {literal(name)}" for name, test in fine.items())
        values = "".join(
            f" WHEN NOT ({test}) THEN CAST({quoted(name)} AS VARCHAR)" for name, test in fine.items()
        )
        row, wrong = own("row"), f"NOT ({' AND '.join(fine.values())})"
        among = "" if first is None else f"AND {row} < {first - start}"
        with intact(path):
            if not db.execute(f"SELECT 1 FROM {scan} WHERE {wrong} LIMIT 1").fetchall():
                continue  # numbers of rows take time
            rows = db.execute(
                f"SELECT {row}, CASE{kinds} END, CASE{values} END FROM {numbered(scan)} "
                f"WHERE {wrong} {among} ORDER BY {row} LIMIT {most}"
            ).fetchall()
        most -= len(rows)
        for place, name, value in rows:
            fits = "a list of finite numbers"
            if file.columns[name].kind != "vector":
                fits = expected(value or "", file.columns[name]) or "another type"
            reason = f"{name}: expected {fits}, found {shown(value or '', 'a blank')}"
            yield Fault(start + place + 1, name, reason, value or "")


def rows_of(db: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Return the number of rows of a file."""
    if path.suffix == ".npy":
        return len(_array(path))
    return int(db.execute(f"SELECT count(*) FROM {_parquet(path)}").fetchall()[0][0])


@contextmanager
def intact(path: Path) -> Iterator[None]:
    """Name a damaged Parquet file in the error: DuckDB has many errors for such files."""
    try:
        yield
    except duckdb.Error as error:
        full = isinstance(error, duckdb.IOException) and "Could not write" in str(error)
        if full or isinstance(error, duckdb.OutOfMemoryException):
            raise
        words = printable(str(error).splitlines()[0])
        fix = "get a complete copy of the file, or write it again"
        raise DataError(f"{path}: not a Parquet file, or damaged: {words}", fix) from None


def _parquet(path: Path) -> str:
    return f"read_parquet({literal(one_file(path))})"


def _array(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path}: not an array of numbers or texts: {error}", "write it with numpy.save, without objects"
        ) from None
    return array


def _scans(db: duckdb.DuckDBPyConnection, path: Path, file: RawFile) -> Iterator[tuple[str, int]]:
    """Yield SQL for the rows of a file, part by part, and the number of rows before."""
    if path.suffix != ".npy":
        yield _parquet(path), 0
        return
    array = _array(path)
    [(name, column)] = ((name, column) for name, column in file.columns.items() if column.kind != "unused")
    vectors = column.kind == "vector"
    if array.ndim != 1 + vectors or array.dtype.kind not in ("fiu" if vectors else "UiuS"):
        shape = "[values, numbers] of numbers" if vectors else "[values] of texts or integers"
        raise DataError(
            f"{path}: an array {list(array.shape)} of {array.dtype}, expected {shape} for {name}",
            "write it again in this shape",
        )
    for start in range(0, max(len(array), 1), ROWS):
        some = np.asarray(array[start : start + ROWS])
        if vectors:
            values: list[Any] = list(some.astype(np.float64))
        else:
            values = [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in some.tolist()]
        db.register("rows of an array", pd.DataFrame({"value": pd.Series(values, dtype=object)}))
        kind = "DOUBLE[]" if vectors else "VARCHAR"
        yield f'(SELECT CAST(value AS {kind}) AS {quoted(name)} FROM "rows of an array")', start
        db.unregister("rows of an array")


def _expressions(
    db: duckdb.DuckDBPyConnection, path: Path, scan: str, file: RawFile
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return for each used column the SQL of its value, and of the test that a value fits the declaration."""
    with intact(path):
        described = db.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
        types = {name: kind for name, kind, *_ in described}
        names = set(types)
        if path.suffix == ".parquet":
            schema = f"SELECT name FROM parquet_schema({literal(one_file(path))})"
            names = {name for (name,) in db.execute(schema).fetchall()}
    for name in sorted(types.keys() - names):  # DuckDB adds a number to the second of two equal names
        if (twice := name.rpartition("_")[0].lower()) in map(str.lower, file.columns):
            raise DataError(
                f"{path}: two columns are called {twice!r}",
                "give each its own name; upper and lower case do not count",
            )
    lacking = [name for name, column in file.columns.items() if name not in types and not column.optional]
    if lacking:
        missing = ", ".join(f"{name!r}{did_you_mean(name, types)}" for name in lacking)
        columns = f"the columns are: {listing(types)}"
        settings = {setting for name in lacking if (setting := file.columns[name].setting)}
        raise DataError(
            f"{path}: lacks {missing}", f"correct {listing(settings)}: {columns}" if settings else columns
        )
    types = {name.lower(): kind for name, kind in types.items()}  # an optional column may be in another case
    chosen, fine = {}, {}
    for name, column in file.columns.items():
        if column.kind == "unused":
            continue
        kind = types.get(name.lower(), "VARCHAR")
        listed, others = kind.endswith("]"), ("STRUCT", "MAP", "UNION", "BLOB", "BIT", "VARIANT", "GEOMETRY")
        nested = kind.removesuffix("[]").startswith(others) or (listed and "[" in kind[: kind.rindex("[")])
        if nested or (listed and column.kind != "vector" and not column.separator):
            allowed = "single values or lists of them" if column.separator else "single values"
            raise DataError(
                f"{path}: column {name!r} is of the type {kind:.60}, expected {allowed}",
                "write the part of the value that counts as a column of its own",
            )
        chosen[name], test = value_and_test(quoted(name) if name.lower() in types else "NULL", kind, column)
        fine[name] = f"coalesce({test}, false)"
    return chosen, fine
