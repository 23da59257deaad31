"""Parquet files become tables with the types of tables from text files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb

from automtl_core.data.raw.records import Fault, expected, shown_or_blank
from automtl_core.data.raw.remedies import MORE, REPAIR
from automtl_core.data.raw.sql import (
    all_finite,
    create,
    is_time,
    literal,
    numbered,
    one_file,
    own,
    quoted,
    whole,
    without_blanks,
)
from automtl_core.dataset.dataset import LARGEST, Column, RawFile
from automtl_core.errors import DataError, did_you_mean, listing, printable

NESTED = ("STRUCT", "MAP", "UNION", "BLOB", "BIT", "VARIANT", "GEOMETRY")
"""Types whose values are no single texts or numbers."""


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
        vector = file.columns[name].kind == "vector"
        wanted = (
            "a list of finite numbers"
            if vector
            else expected(value or "", file.columns[name]) or "another type"
        )
        yield Fault(place + 1, name, f"{name}: expected {wanted}, found {shown_or_blank(value)}", value or "")


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
        name: _value_and_test(quoted(name) if name in types else "NULL", types.get(name, "VARCHAR"), column)
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
    nested = kind.removesuffix("[]").startswith(NESTED) or (listed and "[" in kind[: kind.rindex("[")])
    if nested or (listed and column.kind != "vector" and not column.separator):
        wanted = "single values or lists of them" if column.separator else "single values"
        raise DataError(
            f"{path}: column {name!r} is of the type {kind:.60}, expected {wanted}",
            "write the part of the value that counts as a column of its own",
        )


def _value_and_test(name: str, kind: str, column: Column) -> tuple[str, str]:
    """Return SQL for a value, and for the test that it fits the declaration."""
    if column.required:
        value, fine = _value_and_test(name, kind, replace(column, required=False))
        return value, f"({fine}) AND {value} IS NOT NULL"
    if column.kind == "vector":
        numbers = f"TRY_CAST({name} AS FLOAT[])" if kind.endswith("]") else "CAST(NULL AS FLOAT[])"
        return numbers, f"({name} IS NULL OR {all_finite(numbers)})"
    if kind.endswith("[]") and column.separator:
        separator = literal(column.separator)
        holds = f"list_bool_or(list_transform({name}, lambda x: contains(CAST(x AS VARCHAR), {separator})))"
        # `array_to_string` leaves nulls out, and lists of events have to stay aligned.
        aligned = f"list_transform({name}, lambda x: coalesce(CAST(x AS VARCHAR), ''))"
        return f"array_to_string({aligned}, {separator})", f"NOT coalesce({holds}, false)"
    if kind in ("FLOAT", "DOUBLE"):  # NaN is a missing value in these columns
        # `nullif` is folded by statistics of the file.
        blank = " OR ".join([f"isnan({name})", *(f"{name} = '{n!r}'::{kind}" for n in column.blank_numbers)])
        known = f"CASE WHEN NOT ({blank}) THEN {name} END"
        number = f"CAST({known} AS BIGINT)"
        if column.kind == "integer":
            # Integers with gaps become floats in a data frame.
            fine = f"({known} IS NULL OR ({known} = trunc({known}) AND abs({known}) < 9e18))"
            return (
                f"CASE WHEN {fine} THEN {number} END",
                f"{fine}{_allowed(f'CAST({number} AS VARCHAR)', column)}",
            )
        if column.kind == "number":
            fine = f"({known} IS NULL OR abs({known}) <= {LARGEST})"
            return f"CAST({known} AS DOUBLE)", fine + _allowed(f"CAST({known} AS VARCHAR)", column)
        text = f"CAST({known} AS VARCHAR)"
        return text, _is_time_or_blank(text) if column.kind == "time" else "true"
    if kind == "VARCHAR":
        name = without_blanks(f"nullif({name}, '')", column)  # an empty text is a blank in delimited text
    if column.blanks and kind != "BOOLEAN":
        name = without_blanks(f"CAST({name} AS VARCHAR)", column)
    text = f"CAST(CAST({name} AS INTEGER) AS VARCHAR)" if kind == "BOOLEAN" else f"CAST({name} AS VARCHAR)"
    if column.kind == "integer":
        value = whole(text)
        fine = f"({name} IS NULL OR {value} IS NOT NULL)"
        return value, fine + _allowed(f"CAST({value} AS VARCHAR)", column)
    if column.kind == "number":
        value = f"TRY_CAST({name} AS DOUBLE)"
        fine = f"({name} IS NULL OR coalesce(abs({value}) <= {LARGEST}, false))"
        return value, fine + _allowed(text, column)
    if column.kind == "time":
        return text, _is_time_or_blank(text)
    return text, "true" + _allowed(text, column)


def _is_time_or_blank(text: str) -> str:
    return f"({text} IS NULL OR {is_time(text)})"


def _allowed(text: str, column: Column) -> str:
    tests = ["true"]
    if column.among:
        tests.append(f"{text} IN ({', '.join(map(literal, column.among))})")
    if column.matching:
        tests.append(f"regexp_full_match({text}, {literal(column.matching)})")
    return f" AND ({text} IS NULL OR ({' AND '.join(tests)}))"
