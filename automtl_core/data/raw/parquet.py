"""Parquet files become tables with the types of tables from text files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from automtl_core.data.raw.records import Fault, expected, shown
from automtl_core.data.raw.remedies import MORE, REPAIR
from automtl_core.data.raw.sql import create, literal, numbered, one_file, own, quoted, value_and_test
from automtl_core.dataset.dataset import Column, RawFile
from automtl_core.errors import DataError, did_you_mean, listing, printable


@contextmanager
def intact(path: Path) -> Iterator[None]:
    """Name a damaged Parquet file in the error: DuckDB has many errors for such files.

    Raises:
        DataError: it is not a Parquet file, or damaged.

    """
    try:
        yield
    except duckdb.Error as error:
        full = isinstance(error, duckdb.IOException) and "Could not write" in str(error)
        if full or isinstance(error, duckdb.OutOfMemoryException):
            raise
        words = printable(str(error).splitlines()[0])
        fix = "get a complete copy of the file, or write it again"
        raise DataError(f"{path}: not a Parquet file, or damaged: {words}", fix) from None


def load(
    db: duckdb.DuckDBPyConnection, table: str, path: Path, file: RawFile, most: int | None
) -> list[Fault]:
    """Create a table from a file, and return the skipped rows.

    Args:
        db: Database that may read the file.
        table: Name of the table to create.
        path: The file.
        file: Its declaration.
        most: Largest number of rows to skip; None if a faulty row is an error.

    Raises:
        DataError: a column is missing, or there are (too many) faulty rows, named by number.

    """
    chosen, fine = _expressions(db, path, file)
    faults = list(faulty(db, path, file, (most or 0) + 1))
    if len(faults) > (most or 0):
        fix = REPAIR if most is None else f"repair such rows, or allow more than {most}: {MORE}"
        raise DataError(f"{path}: row {faults[0].line}: {faults[0].reason}", fix)
    columns = ", ".join(f"{value} AS {quoted(name)}" for name, value in chosen.items())
    every = " AND ".join(fine.values()) if faults else "true"
    chosen_rows = f"SELECT {columns or '1 AS nothing'} FROM {_scan(path)} WHERE {every}"
    with intact(path):
        create(db, table, db.sql(chosen_rows))
    return faults


def faulty(
    db: duckdb.DuckDBPyConnection, path: Path, file: RawFile, most: int, first: int | None = None
) -> Iterator[Fault]:
    """Yield the faulty rows of a file, each with its first faulty column.

    Args:
        db: Database that may read the file.
        path: The file.
        file: Its declaration.
        most: Largest number of faulty rows.
        first: Number of rows of the file to check; None for all.

    """
    _, fine = _expressions(db, path, file)
    kinds = "".join(f" WHEN NOT ({test}) THEN {literal(name)}" for name, test in fine.items())
    if not kinds:
        return
    values = "".join(
        f" WHEN NOT ({test}) THEN CAST({quoted(name)} AS VARCHAR)" for name, test in fine.items()
    )
    row, wrong = own("row"), f"NOT ({' AND '.join(fine.values())})"
    among = "" if first is None else f"AND {row} < {first}"
    with intact(path):
        if not db.execute(f"SELECT 1 FROM {_scan(path)} WHERE {wrong} LIMIT 1").fetchall():
            return  # numbers of rows take time
        rows = db.execute(
            f"SELECT {row}, CASE{kinds} END, CASE{values} END FROM {numbered(_scan(path))} "
            f"WHERE {wrong} {among} ORDER BY {row} LIMIT {most}"
        ).fetchall()
    for place, name, value in rows:
        fits = expected(value or "", file.columns[name]) or "another type"
        fits = "a list of finite numbers" if file.columns[name].kind == "vector" else fits
        yield Fault(
            place + 1, name, f"{name}: expected {fits}, found {shown(value or '', 'a blank')}", value or ""
        )


def _scan(path: Path) -> str:
    return f"read_parquet({literal(one_file(path))})"


def _expressions(
    db: duckdb.DuckDBPyConnection, path: Path, file: RawFile
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return for each used column the SQL of its value, and of the test that a value fits the declaration."""
    place = literal(one_file(path))
    with intact(path):
        described = db.execute(f"DESCRIBE SELECT * FROM {_scan(path)}").fetchall()
        names = {name for (name,) in db.execute(f"SELECT name FROM parquet_schema({place})").fetchall()}
    types = {name: kind for name, kind, *_ in described}
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
        settings = {file.named_by[name] for name in lacking if name in file.named_by}
        raise DataError(
            f"{path}: lacks {missing}", f"correct {listing(settings)}: {columns}" if settings else columns
        )
    used = {name: column for name, column in file.columns.items() if column.kind != "unused"}
    for name, column in used.items():
        _check_type(path, name, types.get(name, "VARCHAR"), column)
    pairs = {
        name: value_and_test(quoted(name) if name in types else "NULL", types.get(name, "VARCHAR"), column)
        for name, column in used.items()
    }
    return {n: value for n, (value, _) in pairs.items()}, {
        n: f"coalesce({test}, false)" for n, (_, test) in pairs.items()
    }


def _check_type(path: Path, name: str, kind: str, column: Column) -> None:
    """Check that values of a column are single values, or lists where lists are expected.

    Raises:
        DataError: they are not.

    """
    listed = kind.endswith("]")
    others = ("STRUCT", "MAP", "UNION", "BLOB", "BIT", "VARIANT", "GEOMETRY")
    nested = kind.removesuffix("[]").startswith(others) or (listed and "[" in kind[: kind.rindex("[")])
    if nested or (listed and column.kind != "vector" and not column.separator):
        wanted = "single values or lists of them" if column.separator else "single values"
        raise DataError(
            f"{path}: column {name!r} is of the type {kind:.60}, expected {wanted}",
            "write the part of the value that counts as a column of its own",
        )
