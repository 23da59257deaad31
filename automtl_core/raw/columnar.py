"""Parquet files become tables with the types of tables from text files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from automtl_core.dataset.dataset import RawFile
from automtl_core.errors import DataError, did_you_mean, listing, printable
from automtl_core.raw.records import Fault, expected, shown
from automtl_core.raw.sql import DB, create, literal, numbered, one_file, own, quoted, value_and_test


def load(db: DB, table: str, path: Path, file: RawFile, most: int) -> list[Fault]:
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
    chosen, fine = _expressions(db, path, file)
    columns = ", ".join(f"{value} AS {quoted(name)}" for name, value in chosen.items())
    every = " AND ".join(fine.values()) if faults else "true"
    with intact(path):
        create(db, table, db.sql(f"SELECT {columns or '1 AS nothing'} FROM {_parquet(path)} WHERE {every}"))
    return faults


def faulty(db: DB, path: Path, file: RawFile, most: int, first: int | None = None) -> Iterator[Fault]:
    """Yield the faulty rows of a file, each with its first faulty column; raises as `load` does.

    Args:
        db: Database that may read the file.
        path: The file.
        file: Its declaration.
        most: Largest number of faulty rows.
        first: Number of rows of the file to check; None for all.

    """
    scan, (_, fine) = _parquet(path), _expressions(db, path, file)
    if not fine or most <= 0:
        return
    kinds = "".join(f" WHEN NOT ({test}) THEN {literal(name)}" for name, test in fine.items())
    values = "".join(
        f" WHEN NOT ({test}) THEN CAST({quoted(name)} AS VARCHAR)" for name, test in fine.items()
    )
    row, wrong = own("row"), f"NOT ({' AND '.join(fine.values())})"
    among = "" if first is None else f"AND {row} < {first}"
    with intact(path):
        if not db.execute(f"SELECT 1 FROM {scan} WHERE {wrong} LIMIT 1").fetchall():
            return  # numbers of rows take time
        rows = db.execute(
            f"SELECT {row}, CASE{kinds} END, CASE{values} END FROM {numbered(scan)} "
            f"WHERE {wrong} {among} ORDER BY {row} LIMIT {most}"
        ).fetchall()
    for place, name, value in rows:
        fits = "a list of finite numbers"
        if file.columns[name].kind != "vector":
            fits = expected(value or "", file.columns[name]) or "another type"
        reason = f"{name}: expected {fits}, found {shown(value or '', 'a blank')}"
        yield Fault(place + 1, name, reason, value or "")


def types_of(db: DB, path: Path) -> dict[str, str]:
    """Return the type of each column of a file."""
    return {name: kind for name, kind, *_ in db.execute(f"DESCRIBE FROM {_parquet(path)}").fetchall()}


def rows_of(db: DB, path: Path) -> int:
    """Return the number of rows of a file."""
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


def _expressions(db: DB, path: Path, file: RawFile) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return for each used column the SQL of its value, and of the test that a value fits the declaration."""
    with intact(path):
        types = types_of(db, path)
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
            what = f"{path}: column {name!r} is of the type {kind:.60}, expected {allowed}"
            raise DataError(what, "write the part of the value that counts as a column of its own")
        chosen[name], test = value_and_test(quoted(name) if name.lower() in types else "NULL", kind, column)
        fine[name] = f"coalesce({test}, false)"
    return chosen, fine
